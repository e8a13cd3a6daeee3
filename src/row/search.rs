//! How a row that is being read is searched for its largest logits.

use super::blocks::{BLOCK, Block};
use crate::element::{Element, Real};
use crate::select::{Catch, LanesOfPieces, LookAgain, Selection, Settle, Span, Wanted};
use crate::simd::Simd;

/// Blocks of a row that can't be read where it lies that are kept to be read again: 64
/// KiB of `f32`, so that those of the rows gathered together fit the second-level cache.
const KEPT: usize = 8;

/// The search in one row.
#[derive(Clone, Debug)]
pub(crate) struct Search<R: Real> {
    pub(crate) selection: Selection<R>,
    /// Blocks gathered.
    kept: Vec<u8>,
}

impl<R: Real> Search<R> {
    pub(crate) fn new() -> Self {
        Self { selection: Selection::new(), kept: Vec::new() }
    }

    /// Starts with another row, of `len` logits, one or more of which are wanted.
    pub(crate) fn restart(&mut self, wanted: Wanted, len: usize) {
        self.selection.restart(wanted, len);
        self.kept.clear();
    }

    /// Searches a block of a row that can be read again, until [`Self::settle`]. What is above
    /// the [threshold](Selection::threshold), if there is one, stands in these `lanes`, if
    /// that is known: it is caught in place of looking at the block.
    #[inline(always)]
    pub(crate) fn push<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        block: Block,
        lanes: Option<LanesOfPieces>,
    ) {
        let (selection, Block { bytes: block, start }) = (&mut self.selection, block);
        if selection.threshold().is_some() {
            simd.apart(Catch::<E> { selection, block, start, lanes });
        } else {
            simd.apart(LookAgain::<E> { selection, block, start });
        }
    }

    /// Looks at a block that is in the cache for now; `end` is that of the stretch.
    #[inline(always)]
    pub(crate) fn push_gathered<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        block: Block,
        end: usize,
    ) {
        self.selection.expect_short_spans();
        self.push::<S, E>(simd, block, None);
        self.kept.extend_from_slice(block.bytes);
        let next = block.start + BLOCK;
        if next >= end || next.is_multiple_of(KEPT * BLOCK) {
            let start = (next - 1) / (KEPT * BLOCK) * (KEPT * BLOCK);
            let len = end.min(next) - start;
            let whole = len / BLOCK * BLOCK * E::SIZE;
            let (blocks, last) = self.kept.split_at(whole);
            let span = Span { blocks, last, start, len };
            simd.apart(Settle::<E> { selection: &mut self.selection, span });
            self.selection.forget_spans();
            self.kept.clear();
        }
    }

    /// Takes what counts of the blocks pushed.
    #[inline(always)]
    pub(crate) fn settle<S: Simd, E: Element<Lane = R>>(&mut self, simd: S, span: Span) {
        simd.apart(Settle::<E> { selection: &mut self.selection, span });
    }

    /// What has been found, taken out.
    pub(crate) fn take_found(&mut self) -> Vec<R::Packed> {
        self.selection.take_found()
    }
}
