//! The passes over one block that weigh nothing: maximum, places, counts.

use super::blocks::{Block, turns};
use crate::element::{Element, Real, Vector};
use crate::simd::{Lanes, Simd, ahead};

/// The largest logit of a block, NaN aside; -inf if there is none. With `FIRST` the block
/// may come from memory, and the lines ahead are asked for.
#[inline(always)]
pub(crate) fn largest<S: Simd, E: Element, const FIRST: bool>(
    simd: S,
    block: Block,
) -> E::Lane {
    let start = Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY);
    let mut max = [start; 2];
    for turn in turns::<E>(block.bytes) {
        if FIRST {
            ahead::prefetch_light(simd, turn);
        }
        for pair in turn.chunks_exact(E::PAIR * E::SIZE) {
            let [x0, x1] = E::load_pair(simd, pair);
            max = [x0.max(max[0]), x1.max(max[1])];
        }
    }
    max[0].max(max[1]).largest()
}

/// Index in the row of the first logit equal to `value`, and how many there are.
#[inline(always)]
pub(crate) fn locate<S: Simd, E: Element>(
    simd: S,
    block: Block,
    value: E::Lane,
) -> (usize, u64) {
    let value = Vector::<E, S>::splat(simd, value);
    let half = <Vector<E, S> as Lanes>::LEN;
    let mut first = usize::MAX;
    let mut count = 0;
    let mut pair_start = block.start;
    for bytes in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
        let [x0, x1] = E::load_pair(simd, bytes);
        let (bits0, bits1) = (x0.bits_eq(value), x1.bits_eq(value));
        if bits0 | bits1 != 0 {
            count += u64::from(bits0.count_ones() + bits1.count_ones());
            let (at0, at1) =
                (bits0.trailing_zeros() as usize, bits1.trailing_zeros() as usize);
            let within = match (E::INTERLEAVED, bits0 != 0, bits1 != 0) {
                (false, true, _) => at0,
                (false, false, _) => half + at1,
                (true, true, true) => (2 * at0).min(2 * at1 + 1),
                (true, true, false) => 2 * at0,
                (true, false, _) => 2 * at1 + 1,
            };
            first = first.min(pair_start + within);
        }
        pair_start += E::PAIR;
    }
    (first, count)
}

/// How many logits of a block are above `threshold`.
#[inline(always)]
pub(crate) fn count_greater<S: Simd, E: Element>(
    simd: S,
    block: Block,
    threshold: Vector<E, S>,
) -> u64 {
    let mut greater = [<Vector<E, S> as Lanes>::counter(simd); 2];
    for bytes in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
        let [x0, x1] = E::load_pair(simd, bytes);
        greater = [x0.count_gt(threshold, greater[0]), x1.count_gt(threshold, greater[1])];
    }
    <Vector<E, S> as Lanes>::counted(greater[0]) + <Vector<E, S> as Lanes>::counted(greater[1])
}

/// Whether a block holds NaN. The first pass where there are no sums, so it asks
/// for the lines ahead.
#[inline(always)]
pub(crate) fn has_nan<S: Simd, E: Element>(simd: S, block: Block) -> bool {
    let mut found = false;
    for turn in turns::<E>(block.bytes) {
        ahead::prefetch_light(simd, turn);
        for pair in turn.chunks_exact(E::PAIR * E::SIZE) {
            let [x0, x1] = E::load_pair(simd, pair);
            found |= x0.any_nan() | x1.any_nan();
        }
    }
    found
}

/// [`count_greater`] of a block that comes from memory, and whether it may hold NaN: as
/// with [`sketch`](crate::select::sketch::sketch) the sum tells, which may be wrong of
/// infinities and huge numbers.
#[inline(always)]
pub(crate) fn count_greater_first<S: Simd, E: Element>(
    simd: S,
    block: Block,
    threshold: Vector<E, S>,
) -> (u64, bool) {
    let mut greater = [<Vector<E, S> as Lanes>::counter(simd); 2];
    let mut sum = [Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0)); 2];
    for turn in turns::<E>(block.bytes) {
        ahead::prefetch_light(simd, turn);
        for pair in turn.chunks_exact(E::PAIR * E::SIZE) {
            let x = E::load_pair(simd, pair);
            for i in 0..2 {
                greater[i] = x[i].count_gt(threshold, greater[i]);
                sum[i] = sum[i].add(x[i]);
            }
        }
    }
    let counted = greater.map(<Vector<E, S> as Lanes>::counted);
    (counted[0] + counted[1], sum[0].add(sum[1]).any_nan())
}
