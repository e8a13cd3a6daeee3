//! Eight `f64` in one register.

use std::arch::x86_64::*;

use super::{Avx512, opaque_pd};
use crate::math::exp2::Exp2;
use crate::simd::{Bits, EIGHTHS_ROUNDING, Lanes, powers};

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64(pub(super) __m512d);

impl Lanes for F64 {
    type Simd = Avx512;
    type Scalar = f64;
    type Mask = __mmask8;
    type Counter = __m512i;
    type Powers = Self;
    const LEN: usize = 8;
    const SATURATES: bool = true;
    const WAITS: bool = true;

    #[inline(always)]
    fn splat(_: Avx512, value: f64) -> Self {
        Self(with_token!(_mm512_set1_pd(value)))
    }
    #[inline(always)]
    fn uniform(self) -> Self {
        Self(with_token!(opaque_pd(self.0)))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(with_token!(_mm512_add_pd(self.0, b.0)))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(with_token!(_mm512_sub_pd(self.0, b.0)))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(with_token!(_mm512_mul_pd(self.0, b.0)))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        Self(with_token!(_mm512_div_pd(self.0, b.0)))
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(with_token!(_mm512_fmadd_pd(self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn fused_mul_sub(self, b: Self, c: Self) -> Self {
        Self(with_token!(_mm512_fmsub_pd(self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn max(self, acc: Self) -> Self {
        Self(with_token!(_mm512_max_pd(self.0, acc.0)))
    }
    #[inline(always)]
    fn min(self, acc: Self) -> Self {
        Self(with_token!(_mm512_min_pd(self.0, acc.0)))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(with_token!(_mm512_abs_pd(self.0)))
    }
    #[inline(always)]
    fn power_of_eighths(self) -> Self {
        let eighths = with_token!(_mm512_castpd_si512(self.0));
        // SAFETY: token as in `with_token`; the table has 64 bytes, at any alignment.
        let powers = unsafe { _mm512_loadu_si512(powers::F64.as_ptr().cast()) };
        Self(with_token!({
            let power = _mm512_permutexvar_epi64(eighths, powers);
            _mm512_castsi512_pd(_mm512_add_epi64(power, _mm512_slli_epi64::<49>(eighths)))
        }))
    }
    /// One operation for the exponent, where the bits take a shift and an addition.
    #[inline(always)]
    fn saturating_power_of_eighths(self, eighths: Self, powers: Self) -> Self {
        Self(with_token!({
            let power = _mm512_permutexvar_pd(_mm512_castpd_si512(self.0), powers.0);
            _mm512_scalef_pd(power, eighths.0)
        }))
    }
    #[inline(always)]
    fn saturating_power_of_steps(self, exponent: Self, powers: Self) -> Self {
        self.saturating_power_of_eighths(exponent, powers)
    }
    #[inline(always)]
    fn scaled_eighths(simd: Avx512, scale: f64) -> Self {
        let place = Self::splat(simd, f64::MAGIC);
        let eighths =
            with_token!(_mm512_set_pd(0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0));
        place.add(Self(eighths)).power_of_eighths().mul(Self::splat(simd, scale))
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> __mmask8 {
        with_token!(_mm512_cmp_pd_mask::<_CMP_NGE_UQ>(self.0, bound.0))
    }
    #[inline(always)]
    fn keep(self, mask: __mmask8) -> Self {
        Self(with_token!(_mm512_maskz_mov_pd(mask, self.0)))
    }
    #[inline(always)]
    fn choose(self, mask: __mmask8, other: Self) -> Self {
        Self(with_token!(_mm512_mask_blend_pd(mask, other.0, self.0)))
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        with_token!(_mm512_cmp_pd_mask::<_CMP_GE_OQ>(self.0, bound.0)) != 0
    }
    #[inline(always)]
    fn any_not_lt(self, bound: Self) -> bool {
        with_token!(_mm512_cmp_pd_mask::<_CMP_NLT_UQ>(self.0, bound.0)) != 0
    }
    #[inline(always)]
    fn any_nan(self) -> bool {
        with_token!(_mm512_cmp_pd_mask::<_CMP_UNORD_Q>(self.0, self.0)) != 0
    }
    #[inline(always)]
    fn bits_eq(self, bound: Self) -> u32 {
        u32::from(with_token!(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, bound.0)))
    }
    #[inline(always)]
    fn bits_gt(self, bound: Self) -> u32 {
        u32::from(with_token!(_mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, bound.0)))
    }
    #[inline(always)]
    fn counter(_: Avx512) -> __m512i {
        with_token!(_mm512_setzero_si512())
    }
    #[inline(always)]
    fn count_gt(self, bound: Self, counter: __m512i) -> __m512i {
        with_token!({
            let greater = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, bound.0);
            _mm512_mask_sub_epi64(counter, greater, counter, _mm512_set1_epi64(-1))
        })
    }
    #[inline(always)]
    fn counted(counter: __m512i) -> u64 {
        with_token!(_mm512_reduce_add_epi64(counter)) as u64
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        with_token!({
            let low = _mm512_castpd512_pd256(self.0);
            let four = _mm256_add_pd(low, _mm512_extractf64x4_pd::<1>(self.0));
            let high = _mm256_extractf128_pd::<1>(four);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), high);
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        })
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        with_token!(_mm512_reduce_max_pd(self.0))
    }
}

impl Bits for F64 {
    #[inline(always)]
    fn eighths(self) -> Self {
        Self(with_token!({
            let rounding = _mm512_set1_epi64(EIGHTHS_ROUNDING as i64);
            let rounded = _mm512_add_epi64(_mm512_castpd_si512(self.0), rounding);
            let magic = _mm512_set1_epi64(f64::MAGIC.to_bits() as i64);
            _mm512_castsi512_pd(_mm512_or_si512(_mm512_srli_epi64::<49>(rounded), magic))
        }))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Self(with_token!(_mm512_or_pd(self.0, b.0)))
    }
    #[inline(always)]
    fn any_sign(self) -> bool {
        with_token!(_mm512_movepi64_mask(_mm512_castpd_si512(self.0))) != 0
    }
}
