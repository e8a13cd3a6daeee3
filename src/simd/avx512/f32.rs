//! Sixteen `f32` in one register.

use std::arch::x86_64::*;

use super::{Avx512, F64, opaque_ps};
use crate::math::exp2::Exp2;
use crate::simd::{Lanes, powers};

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32(pub(super) __m512);

impl Lanes for F32 {
    type Simd = Avx512;
    type Scalar = f32;
    type Mask = __mmask16;
    type Counter = __m512i;
    type Powers = (Self, Self);
    const LEN: usize = 16;
    const SATURATES: bool = true;
    const WAITS: bool = true;

    #[inline(always)]
    fn splat(_: Avx512, value: f32) -> Self {
        Self(with_token!(_mm512_set1_ps(value)))
    }
    #[inline(always)]
    fn uniform(self) -> Self {
        Self(with_token!(opaque_ps(self.0)))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(with_token!(_mm512_add_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(with_token!(_mm512_sub_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(with_token!(_mm512_mul_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        Self(with_token!(_mm512_div_ps(self.0, b.0)))
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(with_token!(_mm512_fmadd_ps(self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn fused_mul_sub(self, b: Self, c: Self) -> Self {
        Self(with_token!(_mm512_fmsub_ps(self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn max(self, acc: Self) -> Self {
        Self(with_token!(_mm512_max_ps(self.0, acc.0)))
    }
    #[inline(always)]
    fn min(self, acc: Self) -> Self {
        Self(with_token!(_mm512_min_ps(self.0, acc.0)))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(with_token!(_mm512_abs_ps(self.0)))
    }
    #[inline(always)]
    fn power_of_eighths(self) -> Self {
        let eighths = with_token!(_mm512_castps_si512(self.0));
        // SAFETY: token as in `with_token`; the table has 32 bytes, at any alignment.
        let powers = unsafe { _mm256_loadu_si256(powers::F32.as_ptr().cast()) };
        Self(with_token!({
            // Twice the table: the permutation takes four bits of the index.
            let power = _mm512_permutexvar_epi32(eighths, _mm512_broadcast_i32x8(powers));
            _mm512_castsi512_ps(_mm512_add_epi32(power, _mm512_slli_epi32::<20>(eighths)))
        }))
    }
    /// One operation for the exponent, where the bits take a shift and an addition.
    #[inline(always)]
    fn saturating_power_of_eighths(self, eighths: Self, powers: (Self, Self)) -> Self {
        Self(with_token!({
            let power = _mm512_permutexvar_ps(_mm512_castps_si512(self.0), powers.0.0);
            _mm512_scalef_ps(power, eighths.0)
        }))
    }
    /// Twice the table, in both registers.
    #[inline(always)]
    fn scaled_eighths(simd: Avx512, scale: f32) -> (Self, Self) {
        let place = Self::splat(simd, f32::MAGIC as f32);
        let eighths = with_token!(_mm512_set_ps(
            0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0.0, 0.875, 0.75, 0.625, 0.5, 0.375,
            0.25, 0.125, 0.0
        ));
        let powers = place.add(Self(eighths)).power_of_eighths().mul(Self::splat(simd, scale));
        (powers, powers)
    }
    #[inline(always)]
    fn power_of_steps(self) -> Self {
        let steps = with_token!(_mm512_castps_si512(self.0));
        let table = powers::STEPS.as_ptr();
        // SAFETY: token as in `with_token`; the table has 128 bytes, at any alignment.
        let (low, high) = unsafe {
            (_mm512_loadu_si512(table.cast()), _mm512_loadu_si512(table.add(16).cast()))
        };
        Self(with_token!({
            let power = _mm512_permutex2var_epi32(low, steps, high);
            _mm512_castsi512_ps(_mm512_add_epi32(power, _mm512_slli_epi32::<18>(steps)))
        }))
    }
    #[inline(always)]
    fn saturating_power_of_steps(self, exponent: Self, powers: (Self, Self)) -> Self {
        Self(with_token!({
            let steps = _mm512_castps_si512(self.0);
            let power = _mm512_permutex2var_ps(powers.0.0, steps, powers.1.0);
            _mm512_scalef_ps(power, exponent.0)
        }))
    }
    #[inline(always)]
    fn scaled_steps(simd: Avx512, scale: f32) -> (Self, Self) {
        let table = powers::FROM_OFFSET.as_ptr();
        // SAFETY: token as in `with_token`; the table has 128 bytes, at any alignment.
        let (low, high) =
            unsafe { (Self(_mm512_loadu_ps(table)), Self(_mm512_loadu_ps(table.add(16)))) };
        let (place, scale) =
            (Self::splat(simd, f32::STEPS_MAGIC as f32), Self::splat(simd, scale));
        let low = place.add(low).power_of_steps().mul(scale);
        (low, place.add(high).power_of_steps().mul(scale))
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> __mmask16 {
        with_token!(_mm512_cmp_ps_mask::<_CMP_NGE_UQ>(self.0, bound.0))
    }
    #[inline(always)]
    fn keep(self, mask: __mmask16) -> Self {
        Self(with_token!(_mm512_maskz_mov_ps(mask, self.0)))
    }
    #[inline(always)]
    fn choose(self, mask: __mmask16, other: Self) -> Self {
        Self(with_token!(_mm512_mask_blend_ps(mask, other.0, self.0)))
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        with_token!(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, bound.0)) != 0
    }
    #[inline(always)]
    fn any_not_lt(self, bound: Self) -> bool {
        with_token!(_mm512_cmp_ps_mask::<_CMP_NLT_UQ>(self.0, bound.0)) != 0
    }
    #[inline(always)]
    fn any_nan(self) -> bool {
        with_token!(_mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0)) != 0
    }
    #[inline(always)]
    fn bits_eq(self, bound: Self) -> u32 {
        u32::from(with_token!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, bound.0)))
    }
    #[inline(always)]
    fn bits_gt(self, bound: Self) -> u32 {
        u32::from(with_token!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, bound.0)))
    }
    #[inline(always)]
    fn counter(_: Avx512) -> __m512i {
        with_token!(_mm512_setzero_si512())
    }
    #[inline(always)]
    fn count_gt(self, bound: Self, counter: __m512i) -> __m512i {
        with_token!({
            let greater = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, bound.0);
            _mm512_mask_sub_epi32(counter, greater, counter, _mm512_set1_epi32(-1))
        })
    }
    #[inline(always)]
    fn counted(counter: __m512i) -> u64 {
        with_token!(_mm512_reduce_add_epi32(counter)) as u64
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        let halves = with_token!({
            let low = _mm512_castps512_ps256(self.0);
            let high = _mm512_extractf32x8_ps::<1>(self.0);
            _mm512_add_pd(_mm512_cvtps_pd(low), _mm512_cvtps_pd(high))
        });
        F64(halves).sum()
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        with_token!(_mm512_reduce_max_ps(self.0))
    }
}
