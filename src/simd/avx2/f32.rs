//! Sixteen `f32` in two registers.

use std::arch::x86_64::*;

use super::{Avx2, F64, before_ps};
use crate::simd::{Lanes, powers};

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32(pub(super) __m256, pub(super) __m256);

/// [`Lanes::power_of_eighths`] of eight `f32`.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn power_of_eighths_ps(v: __m256) -> __m256 {
    // SAFETY: AVX2 by the caller's promise; the table has 32 bytes, at any alignment.
    unsafe {
        let eighths = _mm256_castps_si256(v);
        let powers = _mm256_loadu_si256(powers::F32.as_ptr().cast());
        let power = _mm256_permutevar8x32_epi32(powers, eighths);
        _mm256_castsi256_ps(_mm256_add_epi32(power, _mm256_slli_epi32::<20>(eighths)))
    }
}

/// [`Lanes::power_of_steps`] of eight `f32`.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn power_of_steps_ps(v: __m256) -> __m256 {
    // SAFETY: AVX2 by the caller's promise; the tables have 32 and 16 bytes, at any
    // alignment.
    unsafe {
        let coarse = _mm256_srli_epi32::<2>(_mm256_castps_si256(v));
        let powers = _mm256_loadu_si256(powers::COARSE.as_ptr().cast());
        let power = _mm256_permutevar8x32_epi32(powers, coarse);
        let power = _mm256_add_epi32(power, _mm256_slli_epi32::<20>(coarse));
        let fine = _mm256_broadcast_ps(&_mm_loadu_ps(powers::FINE.as_ptr()));
        let fine = _mm256_permutevar_ps(fine, _mm256_castps_si256(v));
        _mm256_mul_ps(_mm256_castsi256_ps(power), fine)
    }
}

/// Eight `f32` as `f64`.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn widen(v: __m256) -> F64 {
    with_token!(F64(
        _mm256_cvtps_pd(_mm256_castps256_ps128(v)),
        _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(v)),
    ))
}

impl Lanes for F32 {
    type Simd = Avx2;
    type Scalar = f32;
    type Mask = (__m256, __m256);
    type Counter = (__m256i, __m256i);
    type Powers = ();
    const LEN: usize = 16;
    const FEW_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(_: Avx2, value: f32) -> Self {
        let eight = with_token!(_mm256_set1_ps(value));
        Self(eight, eight)
    }
    #[inline(always)]
    fn uniform(self) -> Self {
        Self(self.0, self.0)
    }
    #[inline(always)]
    fn before(self, bytes: &[u8]) -> &[u8] {
        with_token!(before_ps(self.0, self.1, bytes))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        halves!(Self, _mm256_add_ps, self, b)
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        halves!(Self, _mm256_sub_ps, self, b)
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        halves!(Self, _mm256_mul_ps, self, b)
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        halves!(Self, _mm256_div_ps, self, b)
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        halves!(Self, _mm256_fmadd_ps, self, b, c)
    }
    #[inline(always)]
    fn fused_mul_sub(self, b: Self, c: Self) -> Self {
        halves!(Self, _mm256_fmsub_ps, self, b, c)
    }
    #[inline(always)]
    fn max(self, acc: Self) -> Self {
        halves!(Self, _mm256_max_ps, self, acc)
    }
    #[inline(always)]
    fn min(self, acc: Self) -> Self {
        halves!(Self, _mm256_min_ps, self, acc)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let sign = with_token!(_mm256_set1_ps(-0.0));
        Self(
            with_token!(_mm256_andnot_ps(sign, self.0)),
            with_token!(_mm256_andnot_ps(sign, self.1)),
        )
    }
    #[inline(always)]
    fn power_of_eighths(self) -> Self {
        halves!(Self, power_of_eighths_ps, self)
    }
    #[inline(always)]
    fn scaled_eighths(_: Avx2, _: f32) {}
    #[inline(always)]
    fn power_of_steps(self) -> Self {
        halves!(Self, power_of_steps_ps, self)
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> Self::Mask {
        (
            with_token!(_mm256_cmp_ps::<_CMP_NGE_UQ>(self.0, bound.0)),
            with_token!(_mm256_cmp_ps::<_CMP_NGE_UQ>(self.1, bound.1)),
        )
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        halves!(Self, _mm256_and_ps, self, mask)
    }
    #[inline(always)]
    fn choose(self, mask: Self::Mask, other: Self) -> Self {
        halves!(Self, _mm256_blendv_ps, other, self, mask)
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        with_token!({
            let low = _mm256_cmp_ps::<_CMP_GE_OQ>(self.0, bound.0);
            let high = _mm256_cmp_ps::<_CMP_GE_OQ>(self.1, bound.1);
            _mm256_movemask_ps(_mm256_or_ps(low, high)) != 0
        })
    }
    #[inline(always)]
    fn any_not_lt(self, bound: Self) -> bool {
        with_token!({
            let low = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.0, bound.0);
            let high = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.1, bound.1);
            _mm256_movemask_ps(_mm256_or_ps(low, high)) != 0
        })
    }
    #[inline(always)]
    fn any_nan(self) -> bool {
        with_token!(_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.1)) != 0)
    }
    #[inline(always)]
    fn bits_eq(self, bound: Self) -> u32 {
        with_token!({
            let low = _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, bound.0);
            let high = _mm256_cmp_ps::<_CMP_EQ_OQ>(self.1, bound.1);
            (_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8) as u32
        })
    }
    #[inline(always)]
    fn bits_gt(self, bound: Self) -> u32 {
        with_token!({
            let low = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, bound.0);
            let high = _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, bound.1);
            (_mm256_movemask_ps(low) | _mm256_movemask_ps(high) << 8) as u32
        })
    }
    #[inline(always)]
    fn counter(_: Avx2) -> Self::Counter {
        let zero = with_token!(_mm256_setzero_si256());
        (zero, zero)
    }
    #[inline(always)]
    fn count_gt(self, bound: Self, counter: Self::Counter) -> Self::Counter {
        with_token!({
            let low = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, bound.0);
            let high = _mm256_cmp_ps::<_CMP_GT_OQ>(self.1, bound.1);
            (
                _mm256_sub_epi32(counter.0, _mm256_castps_si256(low)),
                _mm256_sub_epi32(counter.1, _mm256_castps_si256(high)),
            )
        })
    }
    #[inline(always)]
    fn counted(counter: Self::Counter) -> u64 {
        with_token!({
            let eight = _mm256_add_epi32(counter.0, counter.1);
            let high = _mm256_extracti128_si256::<1>(eight);
            let four = _mm_add_epi32(_mm256_castsi256_si128(eight), high);
            let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
            let one = _mm_add_epi32(two, _mm_shuffle_epi32::<1>(two));
            _mm_cvtsi128_si32(one) as u64
        })
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        let (low, high) = with_token!((widen(self.0), widen(self.1)));
        low.add(high).sum()
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        with_token!({
            let eight = _mm256_max_ps(self.0, self.1);
            let high = _mm256_extractf128_ps::<1>(eight);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), high);
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        })
    }
}
