//! The passes over one block: weights and their moments, maximum, places,
//! counts. All that touches every logit is here.

use super::blocks::{BLOCK, Block, halves, turns};
use super::scaling::Shifter;
use crate::element::{Element, Real, Vector};
use crate::math::exp2::{Factors, Weigher};
use crate::simd::{Lanes, Simd, ahead};

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
    /// Sums of weights below this one are sums without that logit.
    pub(crate) max_weight: f64,
    /// `greater` counts the logits above this one.
    pub(crate) threshold: V,
    /// As `max_weight` for the threshold.
    pub(crate) threshold_weight: f64,
    /// For rows out of the plain range.
    pub(crate) shifter: Shifter<V>,
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
    /// The largest logit, if it may be as large as the maximum known.
    pub(crate) largest: Option<f64>,
    /// Whether some logit may be as large as the threshold.
    pub(crate) above: bool,
    /// Logits above the threshold, if asked for.
    pub(crate) greater: u64,
}

impl Sums {
    /// Whether so much of `second` is distance between centre and mean that taking
    /// that away would amplify rounding, to 1.7 times what it is or more.
    #[inline(always)]
    pub(crate) fn is_off_centre(&self) -> bool {
        self.first * self.first > 0.4 * self.weight * self.second
    }
}

/// The moments of a block: 0 for the weights alone, 1 and 2 for more.
///
/// * `COUNT`: also count the logits above `frame.threshold`.
/// * `BELOW`: leave out logits equal to `frame.max`; without it the sums are of
///   no use if the largest logit is as large.
/// * `SHIFTED`: apply `frame.shift`.
/// * `SATURATE`: as [`Weigher::factors`] has it.
///
/// Where weights saturate their sum tells that no logit is large, and the largest is
/// looked for only where it may matter; otherwise it is found along with the sums.
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
    const SATURATE: bool,
>(
    simd: S,
    block: Block,
    frame: &Frame<Vector<E, S>>,
) -> Sums {
    let weighs_instead = SATURATE && <Vector<E, S> as Lanes>::SATURATES;
    let watches = !BELOW && !weighs_instead;
    let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
    let (mut weight, mut first, mut second) = (zero, zero, zero);
    let mut max = Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY);
    let mut greater = <Vector<E, S> as Lanes>::counter(simd);
    // One register for each sum of a half: two of them at once are more than AVX2 has
    // room for.
    for half in halves::<E>(block.bytes) {
        let (mut half_weight, mut half_first, mut half_second) = (zero, zero, zero);
        for turn in turns::<E>(half) {
            if BELOW {
                ahead::prefetch_behind(simd, turn, BLOCK * E::SIZE);
            } else {
                ahead::prefetch(simd, turn);
            }
            for pair in turn.chunks_exact(E::PAIR * E::SIZE) {
                for x in E::load_pair(simd, pair) {
                    let (y, factors) = weigh::<_, MOMENTS, BELOW, SHIFTED, SATURATE>(x, frame);
                    if watches {
                        max = x.max(max);
                    }
                    if COUNT {
                        greater = x.count_gt(frame.threshold, greater);
                    }
                    if MOMENTS == 0 {
                        half_weight = frame.weigher.add_weight(factors, half_weight);
                        continue;
                    }
                    let own = frame.weigher.weight(factors);
                    let gap = y.sub(frame.centre);
                    half_weight = half_weight.add(own);
                    if MOMENTS == 1 {
                        half_first = own.mul_add(gap, half_first);
                    } else {
                        let own_first = own.mul(gap);
                        half_first = half_first.add(own_first);
                        half_second = own_first.mul_add(gap, half_second);
                    }
                }
            }
        }
        weight = weight.add(half_weight);
        first = first.add(half_first);
        second = second.add(half_second);
    }
    let mut sums = Sums {
        weight: weight.sum(),
        first: if MOMENTS >= 1 { first.sum() } else { 0.0 },
        second: if MOMENTS >= 2 { second.sum() } else { 0.0 },
        largest: None,
        above: false,
        greater: if COUNT { <Vector<E, S> as Lanes>::counted(greater) } else { 0 },
    };
    if watches {
        sums.largest = max.any_ge(frame.max).then(|| max.largest().to_f64());
        sums.above = max.any_ge(frame.threshold);
    } else if weighs_instead {
        // Of NaN nothing is known.
        let nan = sums.weight.is_nan();
        sums.above = nan || sums.weight >= frame.threshold_weight;
        if nan || sums.weight >= frame.max_weight {
            sums.largest = Some(largest::<S, E, false>(simd, block).to_f64());
        }
    }
    if sums.weight < nothing::<E::Lane>() {
        (sums.weight, sums.first, sums.second) = (0.0, 0.0, 0.0);
    }
    sums
}

/// Less than a block's worth of the least weight is nothing: -inf throughout.
pub(crate) const fn nothing<R: Real>() -> f64 {
    let exponent = R::LEAST as i64 + BLOCK.ilog2() as i64 + 1;
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// A register of logits as the sums are to have them, and their weights.
#[inline(always)]
fn weigh<
    V: Lanes<Scalar: Real>,
    const MOMENTS: u8,
    const BELOW: bool,
    const SHIFTED: bool,
    const SATURATE: bool,
>(
    x: V,
    frame: &Frame<V>,
) -> (V, Factors<V>) {
    let (mut y, mut lost) = (x, x);
    if SHIFTED {
        let (shifted, error) = frame.shifter.shifted(x);
        // Of -inf it is NaN.
        (y, lost) = (shifted, error.keep(frame.weigher.is_above_least(shifted)));
    }
    y = frame.weigher.raised(y);
    // With moments, these tell what the exact rate would have changed.
    let mut factors = if MOMENTS == 0 {
        frame.weigher.factors::<true, SHIFTED, SATURATE>(y, lost)
    } else {
        frame.weigher.factors::<false, SHIFTED, SATURATE>(y, lost)
    };
    if BELOW {
        factors.power = factors.power.keep(x.not_ge(frame.max));
    }
    (y, factors)
}

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
            ahead::prefetch(simd, turn);
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
        ahead::prefetch(simd, turn);
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
        ahead::prefetch(simd, turn);
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
