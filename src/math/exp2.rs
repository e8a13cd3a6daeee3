//! Weights `2^(x * rate - reference)` with a whole-number reference.
//!
//! # Method
//! 1. `z = x * rate + (MAGIC - reference)` in one rounding: adding 1.5 * 2^20
//!    (2^49 for `f64`) leaves the nearest eighth `k / 8` in the low bits of `z`,
//!    already less the reference. No shift by the row's maximum comes first: that
//!    subtraction would round, and cost an operation.
//! 2. `f = x * rate - k / 8`, with the product's error kept and, if `EXACT`, the
//!    part of the rate that the lane type lacks added, lies in [-1/16, 1/16].
//! 3. `2^(k / 8)` from a table of eight, the exponent by integer addition.
//! 4. `2^f = 1 + f q(f)` by a polynomial of minimal relative error: 0.45 units of
//!    2^-24 for degree 3 (linear programme on a grid), 0.05 units of 2^-53 for
//!    degree 7 (Chebyshev nodes).
//!
//! Logits whose exponent lies below [`Exp2::LEAST`] (-inf among them) are raised to
//! it first ([`Weigher::raised`]): one operation, where a mask takes one on the
//! weight and one on all that is multiplied with it. Sums that consist of such
//! weights alone are for the caller to take as nothing. NaN gives NaN.
//!
//! A polynomial of degree 6 on [-1/2, 1/2] without a table was the first form: it
//! takes two multiplications more, and its chain of dependent operations is half
//! as long again, which kept the multipliers waiting. On a Zen 5 core the table
//! made the entropy pass a quarter faster (1.33 against 1.78 ns for 16 logits).
//!
//! # Error
//! At most [`Exp2::MAX_ULP`] ulp for `|x * rate| <= LIMIT`; beyond that the
//! whole number no longer fits and the caller shifts `x` first (see
//! `row::accumulator`).

use crate::element::Real;
use crate::simd::{Lanes, processor};

/// The constants of the method for one float type.
pub trait Exp2: Sized + 'static {
    /// 1.5 * 2^(mantissa bits - 3): adding it rounds to a whole number of eighths.
    const MAGIC: f64;
    /// `q`: `2^f = 1 + f q(f)` on [-1/16, 1/16], lowest term first.
    const POLYNOMIAL: &'static [Self];
    /// Largest magnitude of `x * rate` for which the method holds.
    const LIMIT: f64;
    /// Exponents below this one are raised to it. All weights are normal.
    const LEAST: f64;
    /// How far the exponent of a weight may lie above the reference before sums
    /// (of weight times squared distance) could overflow.
    const HEADROOM: f64;
    /// Largest magnitude of a reference that the table can hold beside its powers.
    const NEAR: f64;
    /// Largest error of a weight, in units of its last place; tests assert it.
    const MAX_ULP: f64;
}

impl Exp2 for f32 {
    const MAGIC: f64 = 1_572_864.0;
    const POLYNOMIAL: &'static [f32] = &[0.693_147_24, 0.240_257_64, 0.055_496_223];
    const LIMIT: f64 = 131_072.0;
    const LEAST: f64 = -125.0;
    const HEADROOM: f64 = 64.0;
    const NEAR: f64 = 96.0;
    const MAX_ULP: f64 = 3.0;
}

impl Exp2 for f64 {
    const MAGIC: f64 = 844_424_930_131_968.0;
    const POLYNOMIAL: &'static [f64] = &[
        std::f64::consts::LN_2,
        0.240_226_506_959_109_33,
        0.055_504_108_664_822_24,
        0.009_618_129_089_982_224,
        0.001_333_355_813_283_802_6,
        0.000_154_044_338_469_188_83,
        0.000_015_253_429_607_731_12,
    ];
    const LIMIT: f64 = 35_184_372_088_832.0;
    const LEAST: f64 = -1021.0;
    const HEADROOM: f64 = 256.0;
    const NEAR: f64 = 512.0;
    const MAX_ULP: f64 = 2.5;
}

/// Whether weights about a reference had better [saturate](Lanes::SATURATES): the
/// reference is [near](Exp2::NEAR), and the processor quick at it.
pub(crate) fn may_saturate<R: Exp2>(reference: f64) -> bool {
    reference.abs() <= R::NEAR && processor::scales_in_one()
}

/// `2^(x * rate - reference)`, its constants spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct Weigher<V: Lanes> {
    simd: V::Simd,
    rate: V,
    rate_low: V,
    shifted_reference: V,
    floor: V,
    scaled_powers: V,
}

/// A weight as `power * 2^f`, with `f` in [-1/16, 1/16].
#[derive(Clone, Copy)]
pub(crate) struct Factors<V> {
    pub(crate) power: V,
    f: V,
}

impl<V: Copy> Factors<V> {
    /// Of a weight of 0.
    #[inline(always)]
    pub(crate) fn none(zero: V) -> Self {
        Self { power: zero, f: zero }
    }
}

impl<V: Lanes<Scalar: Real>> Weigher<V> {
    /// Weights with this rate (`log2(e) / temperature`, > 0) and reference (a
    /// whole number, at most `LIMIT` in magnitude).
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, rate: f64, reference: f64) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let rate_high = V::Scalar::from_f64(rate).to_f64();
        let near = reference.clamp(-V::Scalar::NEAR, V::Scalar::NEAR);
        Self {
            simd,
            rate: splat(rate_high),
            rate_low: splat(rate - rate_high),
            shifted_reference: splat(V::Scalar::MAGIC - reference),
            floor: splat((reference + V::Scalar::LEAST) / rate),
            scaled_powers: V::scaled_powers(simd, V::Scalar::from_f64((-near).exp2())),
        }
    }

    /// `x`, but no less than what has the least weight; NaN stays.
    #[inline(always)]
    pub(crate) fn raised(&self, x: V) -> V {
        self.floor.max(x)
    }

    /// The lanes that [`Self::raised`] leaves alone.
    #[inline(always)]
    pub(crate) fn is_above_least(&self, x: V) -> V::Mask {
        self.floor.not_ge(x)
    }

    /// The weight of `x`, which has been [`Self::raised`], in factors.
    ///
    /// * Without `EXACT` the rate is rounded to the lane type: a relative change of
    ///   the temperature by up to 2^-25, for the caller to correct.
    /// * With `LOW` the argument is `x + low`, `low` being far smaller.
    /// * With `SATURATE` the reference is at most [`Exp2::NEAR`] in magnitude, and a
    ///   register type that [saturates](Lanes::SATURATES) makes too large a weight
    ///   +inf. Otherwise no exponent may lie beyond the range of the lane type. What is in
    ///   range has the same bits with it and without.
    #[inline(always)]
    pub(crate) fn factors<const EXACT: bool, const LOW: bool, const SATURATE: bool>(
        &self,
        x: V,
        low: V,
    ) -> Factors<V> {
        let z = x.mul_add(self.rate, self.shifted_reference);
        let eighths = z.sub(self.shifted_reference);
        let f = x.fused_mul_sub(self.rate, eighths);
        let f = if EXACT { x.mul_add(self.rate_low, f) } else { f };
        let f = if LOW { low.mul_add(self.rate, f) } else { f };
        let power = if SATURATE && V::SATURATES {
            z.saturating_power_of_eighths(eighths, self.scaled_powers)
        } else {
            z.power_of_eighths()
        };
        Factors { power, f }
    }

    /// The weight.
    #[inline(always)]
    pub(crate) fn weight(&self, Factors { power, f }: Factors<V>) -> V {
        power.mul(f).mul_add(self.q(f), power)
    }

    /// `sum` and the weight: an operation less than adding the weight once made.
    #[inline(always)]
    pub(crate) fn add_weight(&self, Factors { power, f }: Factors<V>, sum: V) -> V {
        let one = V::splat(self.simd, V::Scalar::from_f64(1.0));
        self.q(f).mul_add(f, one).mul_add(power, sum)
    }

    #[inline(always)]
    fn q(&self, f: V) -> V {
        let coefficients = V::Scalar::POLYNOMIAL;
        let mut q = V::splat(self.simd, coefficients[coefficients.len() - 1]);
        for &c in coefficients[..coefficients.len() - 1].iter().rev() {
            q = q.mul_add(f, V::splat(self.simd, c));
        }
        q
    }
}
