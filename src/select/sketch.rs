//! Maxima of groups of logits: the first pass over them.

use crate::element::{Element, Real, Vector};
use crate::simd::{Kernel, Lanes, Simd, ahead};

/// Logits of a group: one of each register of this many pairs. Of 8 the candidates for
/// `k = 1000` of 128,256 would be 1033 instead of 1069, and the pass that looks for
/// their groups twice as long.
pub(crate) const STEP: usize = 16;

/// Bytes of the two registers of maxima that a step leaves, of any type.
pub(crate) const MAXIMA: usize = 128;

/// Adds the maxima of a block's groups to `maxima`, NaN aside.
///
/// With `FIRST` the block comes from memory: the lines ahead are asked for, and the
/// result tells whether the block may hold NaN. It may be wrong if both infinities or
/// numbers near the limit of the type are among the logits, and is never wrong
/// otherwise; it takes one addition, where a comparison and the collection of its
/// outcomes take two operations.
#[inline(always)]
pub(crate) fn sketch<S: Simd, E: Element, const FIRST: bool>(
    simd: S,
    bytes: &[u8],
    maxima: &mut Vec<u8>,
) -> bool {
    let least = Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY);
    let mut sum = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
    for step in bytes.chunks(STEP * E::PAIR * E::SIZE) {
        let mut max = [least; 2];
        for pair in step.chunks_exact(E::PAIR * E::SIZE) {
            if FIRST {
                ahead::prefetch(simd, pair);
            }
            let [x0, x1] = E::load_pair(simd, pair);
            max = [x0.max(max[0]), x1.max(max[1])];
            if FIRST {
                sum = sum.add(x0.add(x1));
            }
        }
        let end = maxima.len();
        maxima.resize(end + MAXIMA, 0);
        <E::Lane as Real>::Own::store_pair(simd, max, &mut maxima[end..]);
    }
    FIRST && sum.any_nan()
}

/// [`sketch`] of a block that has been read before.
pub(crate) struct SketchAgain<'a, E> {
    pub(crate) bytes: &'a [u8],
    pub(crate) maxima: &'a mut Vec<u8>,
    pub(crate) element: std::marker::PhantomData<E>,
}

impl<E: Element> Kernel for SketchAgain<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        sketch::<S, E, false>(simd, self.bytes, self.maxima);
    }
}
