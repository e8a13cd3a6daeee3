//! What a pass needs to know besides the block, and a token's log-ratio by that.

use crate::element::Real;
use crate::math::excess::Excess;
use crate::math::exp2::{Exp2, Weigher};
use crate::row::pair::basis::Basis;
use crate::simd::Lanes;

const LOG2_E: f64 = std::f64::consts::LOG2_E;

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
    /// `1 / T` and the shift, and what the lane type lacks of them.
    inverse: V,
    inverse_low: V,
    shift: V,
    shift_low: V,
    /// The same over [`Excess::NARROW_UNIT`].
    narrow_inverse: V,
    narrow_shift: V,
    narrow_shift_low: V,
    /// Logits of the second row below this one count as this one. Those of the first
    /// have such a floor too, and where both are below theirs `r` is next to 0.
    pub(super) q_floor: V,
    /// What the weight of the second row is short of `q`, as a factor.
    pub(super) factor: V,
    /// `e^x`
    pub(super) exponential: Weigher<V>,
}

impl<V: Lanes<Scalar: Real>> DifferenceFrame<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, basis: &Basis) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let rate = basis.rate();
        let shift = V::Scalar::from_f64(basis.shift).to_f64();
        let inverse = V::Scalar::from_f64(1.0 / basis.temperature).to_f64();
        let q_reference = basis.q_reference();
        let exponent = basis.shift * LOG2_E - basis.reference + q_reference;
        let floor = (basis.reference + V::Scalar::LEAST) / rate;
        Self {
            simd,
            careful: basis.takes_care::<V::Scalar>(),
            p: Weigher::new(simd, rate, basis.reference),
            p_in_sums: Weigher::new(simd, rate, basis.reference),
            q: Weigher::new(simd, rate, q_reference),
            inverse: splat(inverse),
            inverse_low: splat(1.0 / basis.temperature - inverse),
            shift: splat(shift),
            shift_low: splat(basis.shift - shift),
            narrow_inverse: splat(inverse / V::Scalar::NARROW_UNIT),
            narrow_shift: splat(shift / V::Scalar::NARROW_UNIT),
            narrow_shift_low: splat((basis.shift - shift) / V::Scalar::NARROW_UNIT),
            q_floor: splat(floor - basis.shift * basis.temperature),
            factor: splat(exponent.exp2()),
            exponential: Weigher::new(simd, LOG2_E, 0.0),
        }
    }

    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    pub(super) fn uniform(&self) -> Self {
        Self {
            p: self.p.uniform(),
            p_in_sums: self.p_in_sums.uniform(),
            q: self.q.uniform(),
            inverse: self.inverse.uniform(),
            inverse_low: self.inverse_low.uniform(),
            shift: self.shift.uniform(),
            shift_low: self.shift_low.uniform(),
            narrow_inverse: self.narrow_inverse.uniform(),
            narrow_shift: self.narrow_shift.uniform(),
            narrow_shift_low: self.narrow_shift_low.uniform(),
            q_floor: self.q_floor.uniform(),
            factor: self.factor.uniform(),
            exponential: self.exponential.uniform(),
            ..*self
        }
    }

    #[inline(always)]
    pub(super) fn splat(&self, x: f64) -> V {
        V::splat(self.simd, V::Scalar::from_f64(x))
    }

    /// `r`; `x` has been raised, and so has `y` if `CAREFUL`. With `FIRST` the shift is a
    /// value of the lane type.
    #[inline(always)]
    pub(super) fn log_ratio<const CAREFUL: bool, const FIRST: bool>(&self, x: V, y: V) -> V {
        let apart = x.sub(y);
        let r = apart.fused_mul_sub(self.inverse, self.shift);
        if CAREFUL {
            // What the difference lost (Knuth's two-sum).
            let undone = apart.sub(x);
            let lost = x.sub(apart.sub(undone)).sub(y.add(undone));
            let low = apart.fused_mul_sub(self.inverse_low, self.shift_low);
            r.add(lost.mul_add(self.inverse, low))
        } else if FIRST {
            r
        } else {
            r.sub(self.shift_low)
        }
    }

    /// `r` over [`Excess::NARROW_UNIT`], for tokens whose `r` may be narrow.
    #[inline(always)]
    pub(super) fn narrow_ratio<const FIRST: bool>(&self, x: V, y: V) -> V {
        let t = x.sub(y).fused_mul_sub(self.narrow_inverse, self.narrow_shift);
        if FIRST { t } else { t.sub(self.narrow_shift_low) }
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
}
