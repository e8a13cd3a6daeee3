//! More of the largest logits of a row, some of which are known.

use super::bound::count_above;
use super::packed::Packed;
use super::{Selection, Settle, Span, order};
use crate::element::Element;
use crate::simd::{Kernel, Simd};

/// Looks for the `k` largest logits of a row, fewer of which have been put in order, by the
/// maxima of its groups: what is known is neither sketched nor sorted again.
pub(crate) struct More<'a, E: Element> {
    pub(crate) selection: &'a mut Selection<E::Lane>,
    /// All of the row.
    pub(crate) row: Span<'a>,
    pub(crate) k: usize,
}

impl<E: Element> Kernel for More<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { selection, row, k } = self;
        let mut known = std::mem::take(&mut selection.found);
        std::mem::swap(&mut selection.found, &mut selection.others);
        selection.found.clear();
        (selection.k, selection.is_haul, selection.floor) = (k, false, None);
        selection.maxima.join_spans();
        selection.net.leave();
        let last = known.last().copied();
        // What the next rows are likely to be like is another question.
        let guess = selection.guess;
        if let Some(last) = last {
            selection.guess.value = last.value();
        }
        Settle::<E> { selection: &mut *selection, span: row }.run(simd);
        selection.guess = guess;
        if let Some(last) = last {
            drop_known(&mut selection.found, last);
        }
        let missing = k - known.len();
        selection.shrink(missing);
        order::sort(&mut selection.found, &mut selection.spare);
        selection.found.truncate(missing);
        known.extend_from_slice(&selection.found);
        selection.others = std::mem::replace(&mut selection.found, known);
    }
}

/// Counts the logits above a value.
pub(crate) struct CountAbove<'a, E: Element> {
    pub(crate) row: Span<'a>,
    pub(crate) x: E::Lane,
}

impl<E: Element> Kernel for CountAbove<'_, E> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let Self { row, x } = self;
        count_above::<S, E>(simd, [row.blocks, row.last], x)
    }
}

/// Drops what does not come after `last`. Without a branch: which those are is as good as
/// random.
#[inline(always)]
fn drop_known<P: Packed>(found: &mut Vec<P>, last: P) {
    let mut kept = 0;
    for i in 0..found.len() {
        let item = found[i];
        found[kept] = item;
        kept += usize::from(item > last);
    }
    found.truncate(kept);
}
