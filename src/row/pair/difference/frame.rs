//! What a pass needs to know besides the block, and a token's log-ratio by that.

use super::KL_ALONE;
use crate::element::Real;
use crate::math::exp2::{Exp2, Weigher};
use crate::math::narrow::{Narrow, NarrowTerms};
use crate::row::pair::basis::Basis;
use crate::simd::Lanes;
use crate::simd::two::Two;

const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// Log-ratios in some unit: `1 / T` and the shift, and what the lane type lacks of that.
#[derive(Clone, Copy)]
pub(super) struct Ratio<V> {
    inverse: V,
    shift: V,
    shift_low: V,
}

impl<V: Lanes<Scalar: Real>> Ratio<V> {
    #[inline(always)]
    fn new(simd: V::Simd, inverse: f64, [shift, shift_low]: [f64; 2]) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        Self { inverse: splat(inverse), shift: splat(shift), shift_low: splat(shift_low) }
    }

    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    fn uniform(&self) -> Self {
        Self {
            inverse: self.inverse.uniform(),
            shift: self.shift.uniform(),
            shift_low: self.shift_low.uniform(),
        }
    }

    /// That of two logits, the first of which has been raised. With `FIRST` the shift is a
    /// value of the lane type.
    #[inline(always)]
    pub(super) fn of<const FIRST: bool>(&self, x: V, y: V) -> V {
        let r = x.sub(y).fused_mul_sub(self.inverse, self.shift);
        if FIRST { r } else { r.sub(self.shift_low) }
    }
}

/// A [`Basis`], spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct DifferenceFrame<V: Lanes> {
    pub(super) simd: V::Simd,
    /// [`Basis::takes_care`]
    pub(super) careful: bool,
    pub(super) p: Weigher<V>,
    /// For sums of nothing but its weights times what differences of logits tell.
    pub(super) p_in_sums: Weigher<V, true>,
    pub(super) q: Weigher<V>,
    /// `r`, and what the lane type lacks of `1 / T`.
    pub(super) ratio: Ratio<V>,
    inverse_low: V,
    /// `r` over [`Narrow::UNIT`].
    pub(super) narrow_ratio: Ratio<V>,
    /// Logits of the second row below this one count as this one. Those of the first
    /// have such a floor too, and where both are below theirs `r` is next to 0.
    pub(super) q_floor: V,
    /// What the weight of the second row is short of `q`, as a factor.
    pub(super) factor: V,
    /// `e^x`
    pub(super) exponential: Weigher<V>,
    pub(super) narrow_terms: NarrowTerms<V>,
}

impl<V: Lanes<Scalar: Real>> DifferenceFrame<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, basis: &Basis) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let rate = basis.rate();
        let shift = V::Scalar::from_f64(basis.shift).to_f64();
        let inverse = V::Scalar::from_f64(1.0 / basis.temperature).to_f64();
        let q_reference = basis.q_reference();
        // By the rate as rounded, which the weights have, and with all digits where the shift or
        // the references are large.
        let apart = basis.shift * basis.temperature;
        let lost = basis.shift.mul_add(basis.temperature, -apart);
        let exponent = apart.mul_add(rate, q_reference - basis.reference) + lost * rate;
        let shifts = [shift, basis.shift - shift];
        let unit = V::Scalar::UNIT;
        let floor = (basis.reference + V::Scalar::LEAST) / rate;
        Self {
            simd,
            careful: basis.takes_care::<V::Scalar>(),
            p: Weigher::new(simd, rate, basis.reference),
            p_in_sums: Weigher::new(simd, rate, basis.reference),
            q: Weigher::new(simd, rate, q_reference),
            ratio: Ratio::new(simd, inverse, shifts),
            inverse_low: splat(1.0 / basis.temperature - inverse),
            narrow_ratio: Ratio::new(simd, inverse / unit, shifts.map(|shift| shift / unit)),
            q_floor: splat(floor - basis.shift * basis.temperature),
            factor: splat(exponent.exp2()),
            exponential: Weigher::new(simd, LOG2_E, 0.0),
            narrow_terms: NarrowTerms::new(simd),
        }
    }

    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    pub(super) fn uniform(&self) -> Self {
        Self {
            p: self.p.uniform(),
            p_in_sums: self.p_in_sums.uniform(),
            q: self.q.uniform(),
            ratio: self.ratio.uniform(),
            inverse_low: self.inverse_low.uniform(),
            narrow_ratio: self.narrow_ratio.uniform(),
            q_floor: self.q_floor.uniform(),
            factor: self.factor.uniform(),
            exponential: self.exponential.uniform(),
            narrow_terms: self.narrow_terms.uniform(),
            ..*self
        }
    }

    #[inline(always)]
    pub(super) fn splat(&self, x: f64) -> V {
        V::splat(self.simd, V::Scalar::from_f64(x))
    }

    /// `r`; `x` has been raised, and so has `y` if `CAREFUL`. `FIRST` as in [`Ratio::of`].
    #[inline(always)]
    pub(super) fn log_ratio<const CAREFUL: bool, const FIRST: bool>(&self, x: V, y: V) -> V {
        if !CAREFUL {
            return self.ratio.of::<FIRST>(x, y);
        }
        let Ratio { inverse, shift, shift_low } = self.ratio;
        let apart = x.sub(y);
        let r = apart.fused_mul_sub(inverse, shift);
        // What the difference lost (Knuth's two-sum).
        let undone = apart.sub(x);
        let lost = x.sub(apart.sub(undone)).sub(y.add(undone));
        let low = apart.fused_mul_sub(self.inverse_low, shift_low);
        r.add(lost.mul_add(inverse, low))
    }

    /// The weight of a logit that has been raised.
    #[inline(always)]
    pub(super) fn weigh<const CAREFUL: bool>(&self, weigher: &Weigher<V>, x: V) -> V {
        weigher.weight(if CAREFUL {
            weigher.factors::<true, false, false>(x, x)
        } else {
            weigher.factors::<true, false, true>(x, x)
        })
    }

    /// What is needed for narrow tokens.
    #[inline(always)]
    pub(super) fn narrow(&self) -> NarrowFrame<V> {
        let Self { simd, p, p_in_sums, narrow_terms: terms, .. } = *self;
        NarrowFrame { simd, p, p_in_sums, terms }
    }
}

/// What a pass needs to know for narrow tokens.
#[derive(Clone, Copy)]
pub(super) struct NarrowFrame<V: Lanes> {
    simd: V::Simd,
    p: Weigher<V>,
    p_in_sums: Weigher<V, true>,
    pub(super) terms: NarrowTerms<V>,
}

impl<V: Lanes<Scalar: Real>> NarrowFrame<V> {
    /// The same for two registers in step.
    #[inline(always)]
    pub(super) fn in_step(&self) -> NarrowFrame<Two<V>> {
        NarrowFrame {
            simd: self.simd,
            p: self.p.in_step(),
            p_in_sums: self.p_in_sums.in_step(),
            terms: self.terms.in_step(),
        }
    }

    #[inline(always)]
    pub(super) fn zero(&self) -> V {
        V::splat(self.simd, V::Scalar::from_f64(0.0))
    }

    /// The weight of a logit that has been raised.
    #[inline(always)]
    pub(super) fn weight<const TERMS: u8>(&self, x: V) -> V {
        if TERMS == KL_ALONE {
            self.p_in_sums.weight(self.p_in_sums.factors::<true, false, true>(x, x))
        } else {
            self.p.weight(self.p.factors::<true, false, true>(x, x))
        }
    }
}
