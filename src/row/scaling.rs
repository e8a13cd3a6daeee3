//! How logits become exponents: the rate, and for rows out of the plain range of the
//! arithmetic a shift and a power of two.

use crate::element::Real;
use crate::math::exp2::Exp2;
use crate::simd::Lanes;
use crate::simd::two::Two;

/// Temperatures in this range need no scaling of the logits.
pub(crate) const PLAIN_TEMPERATURES: std::ops::RangeInclusive<f64> = 9.5e-7..=1_048_576.0;

/// `y = (x * before - shift) * after`, the identity in the plain range. What rounding
/// takes from `y` goes into the weight.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    pub(crate) before: f64,
    pub(crate) shift: f64,
    pub(crate) after: f64,
}

/// What a temperature makes of the logits before any of them is known.
pub(crate) struct Scaling {
    /// Whether the temperature needs no scaling.
    pub(crate) plain: bool,
    /// log2(e) / temperature, in units of `y`.
    pub(crate) rate: f64,
    /// With a shift of 0.
    pub(crate) shift: Shift,
}

impl Scaling {
    pub(crate) fn new<R: Real>(temperature: f64) -> Self {
        let plain = PLAIN_TEMPERATURES.contains(&temperature);
        // Beyond these temperatures any difference of logits is all or nothing.
        let limit = 2.0_f64.powi(2 * R::MAX_SCALE);
        let temperature = temperature.clamp(1.0 / limit, limit);
        // A power of two that brings the temperature near 1. Applied before the
        // shift if it shrinks, after it if it grows: neither then overflows.
        let scale = if plain { 1.0 } else { scale_for::<R>(temperature) };
        Self {
            plain,
            rate: std::f64::consts::LOG2_E / (temperature * scale),
            shift: Shift { before: scale.min(1.0), shift: 0.0, after: scale.max(1.0) },
        }
    }

    /// Whether a row with this maximum is in the plain range.
    pub(crate) fn is_plain_for<R: Real>(&self, max: f64) -> bool {
        self.plain && (max * self.rate).abs() <= <R as Exp2>::LIMIT
    }
}

/// The power of two nearest to `1 / temperature`, as far as the lane type goes.
fn scale_for<R: Real>(temperature: f64) -> f64 {
    let exponent = (-temperature.log2()).round() as i32;
    2.0_f64.powi(exponent.clamp(-R::MAX_SCALE, R::MAX_SCALE))
}

/// A [`Shift`], spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct Shifter<V> {
    before: V,
    shift: V,
    after: V,
}

impl<V: Lanes<Scalar: Real>> Shifter<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, shift: Shift) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        Self {
            before: splat(shift.before),
            shift: splat(shift.shift),
            after: splat(shift.after),
        }
    }

    /// The same for two registers in step.
    #[inline(always)]
    pub(crate) fn in_step(&self) -> Shifter<Two<V>> {
        let Self { before, shift, after } = *self;
        Shifter { before: Two::of(before), shift: Two::of(shift), after: Two::of(after) }
    }

    /// The difference and what its rounding lost (Knuth's two-sum): with logits
    /// near the maximum nothing is, but temperatures far from 1 let others count.
    #[inline(always)]
    pub(crate) fn shifted(&self, x: V) -> (V, V) {
        let scaled = x.mul(self.before);
        let difference = scaled.sub(self.shift);
        let undone = difference.sub(scaled);
        let error = scaled.sub(difference.sub(undone)).sub(self.shift.add(undone));
        (difference.mul(self.after), error.mul(self.after))
    }
}
