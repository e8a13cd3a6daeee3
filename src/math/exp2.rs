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
//! # Sums
//! Weights that are only added up, a whole row of them, may be less exact one by one. For
//! `f32` they have 32 steps from one exponent to the next, and a polynomial of degree 2,
//! `LEADING ((f + OFFSET)^2 + REST)`: the table holds the factor, the offset is part of
//! what step 2 subtracts, and two operations are left of four. The offset has to be a
//! whole number of steps for that. The best one, 1 / ln 2, is 46.17 of them; with 46 the
//! polynomial is within 2.4 units of 2^-24, and its error is 0 on average. KL of two rows
//! has such weights where their log-ratio is small: all of its terms are multiples of them.
//!
//! The loop over a row's entropy takes 1.66 ns for 16 logits on a Zen 4 core then, where
//! eighths take 2.09 (AVX-512). AVX2 looks up 32 powers as products of eight and four:
//! there log-sum-exp takes a ninth less time, and entropy a twenty-fifth more.
//!
//! # Small ones
//! Logits whose exponent lies below [`Exp2::LEAST`] (-inf among them) are raised to
//! it first ([`Weigher::raised`]): one operation, where a mask takes one on the
//! weight and one on all that is multiplied with it. Sums that consist of such
//! weights alone are for the caller to take as nothing. NaN gives NaN.
//!
//! # Tried before
//! A polynomial of degree 6 on [-1/2, 1/2] without a table was the first form: it
//! takes two multiplications more, and its chain of dependent operations is half
//! as long again, which kept the multipliers waiting. On a Zen 5 core the table
//! made the entropy pass a quarter faster (1.33 against 1.78 ns for 16 logits).
//!
//! Short steps for all weights: softmax of a single logit is not 1 then, and some
//! divergences are not within 1e-6. For sums: the best offset, within 0.9 units, takes an
//! operation more (1.92 ns), and so does degree 3 with its cube completed, by sixteenths
//! within 0.04 units (1.81 ns, but 17 operations for 16 with AVX2).
//!
//! # Error
//! At most [`Exp2::MAX_ULP`] ulp, [`Exp2::MAX_ULP_IN_SUMS`] for sums, for
//! `|x * rate| <= LIMIT`; beyond that the whole number no longer fits and the caller
//! shifts `x` first (see `row::accumulator`).

use super::polynomial::Spread;
use crate::element::Real;
use crate::simd::two::{InStep, Two};
use crate::simd::{Lanes, processor};

/// The constants of the method for one float type.
pub trait Exp2: Sized + 'static {
    /// 1.5 * 2^(mantissa bits - 3): adding it rounds to a whole number of eighths.
    const MAGIC: f64;
    /// `q`: `2^f = 1 + f q(f)` on [-1/16, 1/16], lowest term first.
    const POLYNOMIAL: &'static [Self];
    /// For sums: steps from one exponent to the next.
    const STEPS: f64;
    /// As [`Self::MAGIC`], for steps.
    const STEPS_MAGIC: f64;
    /// What powers of steps are multiplied with in their table.
    const LEADING: f64;
    /// What is added to `f`, a whole number of steps.
    const OFFSET: f64;
    /// Of steps that are shorter than eighths.
    const REST: Option<Self>;
    /// Largest magnitude of `x * rate` for which the method holds.
    const LIMIT: f64;
    /// Exponents below this one are raised to it. All weights are normal, and all powers.
    const LEAST: f64;
    /// How far the exponent of a weight may lie above the reference before sums
    /// (of weight times squared distance) could overflow.
    const HEADROOM: f64;
    /// Exponents this far above the reference, which are of no use any more, are
    /// [lowered](Weigher::lowered) to it.
    const MOST: f64;
    /// Largest magnitude of a reference that the table can hold beside its powers.
    const NEAR: f64;
    /// Largest error of a weight, in units of its last place; tests assert it.
    const MAX_ULP: f64;
    /// The same in sums.
    const MAX_ULP_IN_SUMS: f64;
}

impl Exp2 for f32 {
    const MAGIC: f64 = 1_572_864.0;
    const POLYNOMIAL: &'static [f32] = &[0.693_147_24, 0.240_257_64, 0.055_496_223];
    const STEPS: f64 = 32.0;
    const STEPS_MAGIC: f64 = 393_216.0;
    /// With the rest: of the least largest error that has a mean of 0 on [-1/64, 1/64].
    const LEADING: f64 = 0.241_099_422_5;
    const OFFSET: f64 = 46.0 / 32.0;
    const REST: Option<f32> = Some(2.081_26);
    const LIMIT: f64 = 32_768.0;
    const LEAST: f64 = -123.0;
    const HEADROOM: f64 = 64.0;
    const MOST: f64 = 96.0;
    const NEAR: f64 = 96.0;
    const MAX_ULP: f64 = 3.0;
    const MAX_ULP_IN_SUMS: f64 = 6.5;
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
    const STEPS: f64 = 8.0;
    const STEPS_MAGIC: f64 = Self::MAGIC;
    const LEADING: f64 = 1.0;
    const OFFSET: f64 = 0.0;
    const REST: Option<f64> = None;
    const LIMIT: f64 = 35_184_372_088_832.0;
    const LEAST: f64 = -1021.0;
    const HEADROOM: f64 = 256.0;
    const MOST: f64 = 512.0;
    const NEAR: f64 = 512.0;
    const MAX_ULP: f64 = 2.5;
    const MAX_ULP_IN_SUMS: f64 = Self::MAX_ULP;
}

/// Numbers of the longer polynomial.
const LONGEST: usize = <f64 as Exp2>::POLYNOMIAL.len();

/// `2^(x * rate - reference)`, its constants spread over registers. With `SUMS` its weights
/// are for sums.
#[derive(Clone, Copy)]
pub(crate) struct Weigher<V: Lanes, const SUMS: bool = false> {
    simd: V::Simd,
    rate: V,
    rate_low: V,
    shifted_reference: V,
    offset_reference: V,
    floor: V,
    ceiling: V,
    powers: V::Powers,
    /// See [`Self::may_saturate`].
    saturates: bool,
    /// `q`, or where steps are shorter the rest alone.
    polynomial: Spread<V, LONGEST>,
}

/// A weight as a power from the table, and `f`, for sums `f + OFFSET`.
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

impl<V: Lanes<Scalar: Real>, const SUMS: bool> Weigher<V, SUMS> {
    /// Weights with this rate (`log2(e) / temperature`, > 0) and reference (a
    /// whole number, at most `LIMIT` in magnitude).
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, rate: f64, reference: f64) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let rate_high = V::Scalar::from_f64(rate).to_f64();
        let near = reference.clamp(-V::Scalar::NEAR, V::Scalar::NEAR);
        let scale = V::Scalar::from_f64((-near).exp2());
        let (magic, offset) = if SUMS {
            (V::Scalar::STEPS_MAGIC, V::Scalar::OFFSET)
        } else {
            (V::Scalar::MAGIC, 0.0)
        };
        Self {
            simd,
            rate: splat(rate_high),
            rate_low: splat(rate - rate_high),
            shifted_reference: splat(magic - reference),
            offset_reference: splat(magic - reference + offset),
            floor: splat((reference + V::Scalar::LEAST) / rate),
            ceiling: splat((reference + V::Scalar::MOST) / rate),
            powers: if SUMS {
                V::scaled_steps(simd, scale)
            } else {
                V::scaled_eighths(simd, scale)
            },
            saturates: near == reference && processor::scales_in_one(),
            polynomial: match &V::Scalar::REST {
                Some(rest) if SUMS => Spread::new(simd, std::slice::from_ref(rest)),
                _ => Spread::new(simd, V::Scalar::POLYNOMIAL),
            },
        }
    }

    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Self {
        Self {
            rate: self.rate.uniform(),
            rate_low: self.rate_low.uniform(),
            shifted_reference: self.shifted_reference.uniform(),
            offset_reference: self.offset_reference.uniform(),
            floor: self.floor.uniform(),
            ceiling: self.ceiling.uniform(),
            polynomial: self.polynomial.uniform(),
            ..*self
        }
    }

    /// The same for two registers in step.
    #[inline(always)]
    pub(crate) fn in_step(&self) -> Weigher<Two<V>, SUMS> {
        let Self { simd, powers, saturates, .. } = *self;
        Weigher {
            simd,
            rate: Two::of(self.rate),
            rate_low: Two::of(self.rate_low),
            shifted_reference: Two::of(self.shifted_reference),
            offset_reference: Two::of(self.offset_reference),
            floor: Two::of(self.floor),
            ceiling: Two::of(self.ceiling),
            powers,
            saturates,
            polynomial: self.polynomial.in_step(),
        }
    }

    /// Whether weights had better [saturate](Lanes::SATURATES): the table can hold the
    /// reference, and the processor is quick at it.
    #[inline(always)]
    pub(crate) fn may_saturate(&self) -> bool {
        V::SATURATES && self.saturates
    }

    /// `x`, but no less than what has the least weight; NaN stays.
    #[inline(always)]
    pub(crate) fn raised(&self, x: V) -> V {
        self.floor.max(x)
    }

    /// `x`, but no more than what has the most weight; NaN stays.
    #[inline(always)]
    pub(crate) fn lowered(&self, x: V) -> V {
        self.ceiling.min(x)
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
        let origin = if SUMS { self.offset_reference } else { self.shifted_reference };
        let exponent = z.sub(origin);
        let f = x.fused_mul_sub(self.rate, exponent);
        let f = if EXACT { x.mul_add(self.rate_low, f) } else { f };
        let f = if LOW { low.mul_add(self.rate, f) } else { f };
        let power = match (SUMS, SATURATE && V::SATURATES) {
            (false, false) => z.power_of_eighths(),
            (false, true) => z.saturating_power_of_eighths(exponent, self.powers),
            (true, false) => z.power_of_steps(),
            (true, true) => z.saturating_power_of_steps(exponent, self.powers),
        };
        Factors { power, f }
    }

    /// The weight.
    #[inline(always)]
    pub(crate) fn weight(&self, Factors { power, f }: Factors<V>) -> V {
        match V::Scalar::REST {
            Some(_) if SUMS => power.mul(f.mul_add(f, self.polynomial.first())),
            _ => power.mul(f).mul_add(self.q(f), power),
        }
    }

    /// `sum` and the weight: an operation less than adding the weight once made.
    #[inline(always)]
    pub(crate) fn add_weight<A: Lanes>(&self, Factors { power, f }: Factors<V>, sum: A) -> A
    where
        V: InStep<A>,
    {
        let factor = match V::Scalar::REST {
            Some(_) if SUMS => f.mul_add(f, self.polynomial.first()),
            _ => self.q(f).mul_add(f, V::splat(self.simd, V::Scalar::from_f64(1.0))),
        };
        factor.mul_add_to(power, sum)
    }

    #[inline(always)]
    fn q(&self, f: V) -> V {
        self.polynomial.in_chain(V::Scalar::POLYNOMIAL.len(), f)
    }
}
