//! The passes over one block: weights and their moments, maximum, places,
//! counts. All that touches every logit is here.

use super::blocks::Block;
use crate::element::{Element, Real};
use crate::math::exp2::Weigher;
use crate::simd::{Lanes, Simd};

/// How far ahead of the arithmetic the cache lines are asked for. On a Zen 5 core
/// entropy ran at 0.75 of the read bandwidth with 1 KiB, 0.81 with 4, 0.84 with 8,
/// 0.95 with 16 and 0.90 with 24; into the second-level cache only, at 32 or 64
/// KiB, at 0.89; with the non-temporal hint no better than the plain one.
const AHEAD: usize = 16384;
const CACHE_LINE: usize = 64;

/// `y = (x * before - shift) * after`: the identity unless a row is out of the
/// plain range (see [`super::accumulator`]). What rounding takes from `y` goes into
/// the weight.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    pub(crate) before: f64,
    pub(crate) shift: f64,
    pub(crate) after: f64,
}

/// What a pass needs to know besides the block, spread over registers: made once
/// for many blocks.
#[derive(Clone, Copy)]
pub(crate) struct Frame<V: Lanes> {
    /// Weights are `2^(y * rate - reference)`.
    pub(crate) weigher: Weigher<V>,
    /// Moments are about this value of `y`.
    pub(crate) centre: V,
    /// The largest logit known; a pass below it leaves its equals out.
    pub(crate) max: V,
    /// `greater` counts the logits above this one.
    pub(crate) threshold: V,
    /// The terms of [`Shift`].
    pub(crate) before: V,
    pub(crate) shift: V,
    pub(crate) after: V,
}

/// What a pass finds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// Sum of the weights `w`.
    pub(crate) weight: f64,
    /// Sum of `w (y - centre)`.
    pub(crate) first: f64,
    /// Sum of `w (y - centre)^2`.
    pub(crate) second: f64,
    /// The largest logit, if it is at least as large as the maximum known.
    pub(crate) reached: Option<f64>,
    /// Whether some logit is at least as large as the threshold.
    pub(crate) above: bool,
    /// Logits above the threshold, if asked for.
    pub(crate) greater: u64,
}

impl Sums {
    /// Whether most of `second` is distance between centre and mean, so that
    /// taking that away would amplify rounding more than four-fold.
    #[inline(always)]
    pub(crate) fn is_off_centre(&self) -> bool {
        self.first * self.first > 0.75 * self.weight * self.second
    }
}

/// What a register of logits adds to the sums.
#[derive(Clone, Copy)]
struct Terms<V: Lanes> {
    weight: V,
    gap: V,
    /// Weight times gap.
    first: V,
}

/// The moments of a block: 0 for the weights alone, 1 and 2 for more.
///
/// * `COUNT`: also count the logits above `frame.threshold`.
/// * `BELOW`: leave out logits equal to `frame.max`; without it the sums are of
///   no use if the result says `reached`.
/// * `SHIFTED`: apply `frame.shift`.
///
/// No closures here and below: they would not be inlined for certain, and would
/// then be compiled without the instruction set.
#[inline(always)]
pub(crate) fn moments<
    S: Simd,
    E: Element,
    const MOMENTS: u8,
    const COUNT: bool,
    const BELOW: bool,
    const SHIFTED: bool,
>(
    simd: S,
    block: Block,
    frame: &Frame<E::Vector<S>>,
) -> Sums {
    let zero = E::Vector::splat(simd, E::Lane::from_f64(0.0));
    let (mut weight, mut first, mut second) = (zero, zero, [zero; 2]);
    let mut max = E::Vector::splat(simd, E::Lane::NEG_INFINITY);
    let mut greater = <E::Vector<S> as Lanes>::counter(simd);
    for bytes in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
        if !BELOW {
            prefetch::<S, E>(simd, bytes);
        }
        let [x0, x1] = E::load_pair(simd, bytes);
        let t0 = terms::<_, MOMENTS, BELOW, SHIFTED>(x0, frame);
        let t1 = terms::<_, MOMENTS, BELOW, SHIFTED>(x1, frame);
        weight = weight.add(t0.weight.add(t1.weight));
        if MOMENTS >= 1 {
            first = first.add(t0.first.add(t1.first));
        }
        if MOMENTS >= 2 {
            second[0] = t0.first.mul_add(t0.gap, second[0]);
            second[1] = t1.first.mul_add(t1.gap, second[1]);
        }
        if !BELOW {
            max = x1.max(x0.max(max));
        }
        if COUNT {
            greater = x1.count_gt(frame.threshold, x0.count_gt(frame.threshold, greater));
        }
    }
    Sums {
        weight: weight.sum(),
        first: if MOMENTS >= 1 { first.sum() } else { 0.0 },
        second: if MOMENTS >= 2 { second[0].add(second[1]).sum() } else { 0.0 },
        reached: if !BELOW && max.any_ge(frame.max) {
            Some(max.largest().to_f64())
        } else {
            None
        },
        above: !BELOW && max.any_ge(frame.threshold),
        greater: if COUNT { <E::Vector<S> as Lanes>::counted(greater) } else { 0 },
    }
}

/// Asks for the cache lines that are to follow a pair of registers.
#[inline(always)]
fn prefetch<S: Simd, E: Element>(simd: S, bytes: &[u8]) {
    for line in 0..E::PAIR * E::SIZE / CACHE_LINE {
        simd.prefetch(bytes, AHEAD + line * CACHE_LINE);
    }
}

/// The terms of one register.
#[inline(always)]
fn terms<V: Lanes<Scalar: Real>, const MOMENTS: u8, const BELOW: bool, const SHIFTED: bool>(
    x: V,
    frame: &Frame<V>,
) -> Terms<V> {
    let (mut y, mut lost) = (x, x);
    if SHIFTED {
        // The difference and what its rounding lost (Knuth's two-sum): with logits
        // near the maximum nothing is, but temperatures far from 1 let others count.
        let scaled = x.mul(frame.before);
        let difference = scaled.sub(frame.shift);
        let undone = difference.sub(scaled);
        let error = scaled.sub(difference.sub(undone)).sub(frame.shift.add(undone));
        (y, lost) = (difference.mul(frame.after), error.mul(frame.after));
    }
    let mut kept = frame.weigher.weighty(y);
    if BELOW {
        kept = V::both(kept, x.not_ge(frame.max));
    }
    if MOMENTS == 0 {
        let weight = frame.weigher.weigh::<true, SHIFTED>(y, lost, kept);
        return Terms { weight, gap: weight, first: weight };
    }
    // The moments tell what the exact rate would have changed.
    let weight = frame.weigher.weigh::<false, SHIFTED>(y, lost, kept);
    let gap = y.sub(frame.centre).keep(kept);
    Terms { weight, gap, first: weight.mul(gap) }
}

/// The largest logit of a block, NaN aside; -inf if there is none.
#[inline(always)]
pub(crate) fn largest<S: Simd, E: Element>(simd: S, block: Block) -> E::Lane {
    let start = E::Vector::<S>::splat(simd, E::Lane::NEG_INFINITY);
    let mut max = [start; 2];
    for bytes in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
        let [x0, x1] = E::load_pair(simd, bytes);
        max = [x0.max(max[0]), x1.max(max[1])];
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
    let value = E::Vector::<S>::splat(simd, value);
    let half = <E::Vector<S> as Lanes>::LEN;
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
    threshold: E::Vector<S>,
) -> u64 {
    let mut greater = [<E::Vector<S> as Lanes>::counter(simd); 2];
    for bytes in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
        let [x0, x1] = E::load_pair(simd, bytes);
        greater = [x0.count_gt(threshold, greater[0]), x1.count_gt(threshold, greater[1])];
    }
    <E::Vector<S> as Lanes>::counted(greater[0]) + <E::Vector<S> as Lanes>::counted(greater[1])
}

/// Whether a block holds NaN. The first pass where there are no sums, so it asks
/// for the lines ahead.
#[inline(always)]
pub(crate) fn has_nan<S: Simd, E: Element>(simd: S, block: Block) -> bool {
    let mut found = false;
    for bytes in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
        prefetch::<S, E>(simd, bytes);
        let [x0, x1] = E::load_pair(simd, bytes);
        found |= x0.any_nan() | x1.any_nan();
    }
    found
}
