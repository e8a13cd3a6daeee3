//! What entropy and cross-entropy are made of, without cancellation.
//!
//! With `m` the largest weight of `q`, `rest` the sum of those below it, `n` how many
//! equal it, the surprisal of an outcome is
//!
//! ```text
//! -ln q = ln(m / w) + ln(1 + ((n - 1) m + rest) / m)
//! ```
//!
//! where neither term is negative, and the first is 0 for the largest. So a distribution
//! that is nearly certain keeps the digits of its entropy if the others are summed
//! apart. Of these, the mean of `ln(m / w)` may be taken as a difference, `ln m` times
//! the sum of weights less that of `w ln w`: what is lost is an ulp of `ln m`, which is
//! small (`weights::scale`), times `rest`, of which the entropy is a multiple.

use super::scale::in_units;
use super::source::{PAIR_BYTES, weights};
use crate::math::log::Log;
use crate::simd::{Kernel, Lanes, Simd};

/// Sums over the outcomes whose weight in `q` is below its largest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SurprisalSums {
    /// How many are not below it.
    pub(crate) count: f64,
    /// Sum of weights of `q`.
    pub(crate) rest: f64,
    /// Sum of weights of `p`.
    pub(crate) mass: f64,
    /// Sum of `p ln q`.
    pub(crate) log: f64,
}

impl SurprisalSums {
    pub(crate) fn merge(self, later: Self) -> Self {
        Self {
            count: self.count + later.count,
            rest: self.rest + later.rest,
            mass: self.mass + later.mass,
            log: self.log + later.log,
        }
    }

    /// The mean surprisal, where `max` is the largest weight of `q` and `total` the sum
    /// of those of `p`.
    pub(crate) fn mean(&self, max: f64, total: f64) -> f64 {
        let others = (self.count - 1.0) * max + self.rest;
        let gap = if self.mass > 0.0 { self.mass * max.ln() - self.log } else { 0.0 };
        // Rounding may leave next to nothing with the wrong sign.
        (others / max).ln_1p() + gap.max(0.0) / total
    }
}

/// Sums over a block of one row: `p` is `q`. With `BELOW` without the weights that are
/// not below `max`; without it none may be.
pub(crate) struct OfOne<'a, const BELOW: bool> {
    pub(crate) block: &'a [u8],
    pub(crate) max: f64,
}

impl<const BELOW: bool> Kernel for OfOne<'_, BELOW> {
    type Output = SurprisalSums;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> SurprisalSums {
        let log = Log::<S::F64>::new(simd);
        let bound = S::F64::splat(simd, self.max);
        let one = S::F64::splat(simd, 1.0);
        let zero = S::F64::splat(simd, 0.0);
        let (mut below, mut rest, mut sum) = ([zero; 2], [zero; 2], [zero; 2]);
        for bytes in self.block.chunks_exact(PAIR_BYTES) {
            let w = simd.load_f64(bytes);
            for i in 0..2 {
                let mut kept = w[i];
                if BELOW {
                    let is_below = w[i].not_ge(bound);
                    kept = kept.keep(is_below);
                    below[i] = below[i].add(one.keep(is_below));
                }
                rest[i] = rest[i].add(kept);
                sum[i] = kept.mul_add(log.ln(w[i]), sum[i]);
            }
        }
        let rest = rest[0].add(rest[1]).sum();
        let outcomes = (self.block.len() / 8) as f64;
        SurprisalSums {
            count: if BELOW { outcomes - below[0].add(below[1]).sum() } else { 0.0 },
            rest,
            mass: rest,
            log: sum[0].add(sum[1]).sum(),
        }
    }
}

/// Sums over a block of two rows, both in units: without the weights of `q` that are
/// not below `max`. `None` if a weight of `q` that is 0 or nearly so has one in `p`.
pub(crate) struct OfTwo<'a> {
    pub(crate) p: &'a [u8],
    pub(crate) q: &'a [u8],
    pub(crate) max: f64,
}

impl Kernel for OfTwo<'_> {
    type Output = Option<SurprisalSums>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<SurprisalSums> {
        let log = Log::<S::F64>::new(simd);
        let bound = S::F64::splat(simd, self.max);
        let least = S::F64::splat(simd, f64::MIN_POSITIVE);
        let one = S::F64::splat(simd, 1.0);
        let zero = S::F64::splat(simd, 0.0);
        let (mut below, mut rest) = (zero, zero);
        let (mut mass, mut sum) = (zero, zero);
        let mut excluded = zero;
        for (p, q) in self.p.chunks_exact(PAIR_BYTES).zip(self.q.chunks_exact(PAIR_BYTES)) {
            let (p, q) = (simd.load_f64(p), simd.load_f64(q));
            for i in 0..2 {
                let is_below = q[i].not_ge(bound);
                let kept = p[i].keep(is_below);
                below = below.add(one.keep(is_below));
                rest = rest.add(q[i].keep(is_below));
                mass = mass.add(kept);
                sum = kept.mul_add(log.ln(q[i]), sum);
                excluded = kept.keep(q[i].not_ge(least)).max(excluded);
            }
        }
        (excluded.largest() == 0.0).then(|| SurprisalSums {
            count: (self.p.len() / 8) as f64 - below.sum(),
            rest: rest.sum(),
            mass: mass.sum(),
            log: sum.sum(),
        })
    }
}

/// As [`OfTwo`], one by one: `p` in its units, `q` as it is, which has units of
/// `2^exponent`.
pub(crate) fn one_by_one(p: &[u8], q: &[u8], max: f64, exponent: i32) -> SurprisalSums {
    let mut sums = SurprisalSums::default();
    let unit = f64::from(exponent) * std::f64::consts::LN_2;
    for (p, q) in weights(p).zip(weights(q)) {
        if q >= max {
            sums.count += 1.0;
            continue;
        }
        sums.rest += in_units(q, exponent);
        sums.mass += p;
        if p > 0.0 {
            sums.log += p * (q.ln() - unit);
        }
    }
    sums
}
