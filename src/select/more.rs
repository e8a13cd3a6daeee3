//! More of the largest logits of a row, some of which are known.

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
        (selection.k, selection.floor) = (k, None);
        selection.maxima.join_spans();
        selection.net.lift();
        Settle::<E> { selection: &mut *selection, span: row }.run(simd);
        if let Some(&last) = known.last() {
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
