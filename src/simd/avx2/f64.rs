//! Eight `f64` in two registers.

use std::arch::x86_64::*;

use super::{Avx2, before_pd};
use crate::math::exp2::Exp2;
use crate::simd::{Bits, EIGHTHS_ROUNDING, Lanes, powers};

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64(pub(super) __m256d, pub(super) __m256d);

/// [`Lanes::power_of_eighths`] of four `f64`.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn power_of_eighths_pd(v: __m256d) -> __m256d {
    // SAFETY: AVX2 by the caller's promise; each half of the table has 32 bytes,
    // at any alignment.
    unsafe {
        let eighths = _mm256_castpd_si256(v);
        let low = _mm256_loadu_si256(powers::F64.as_ptr().cast());
        let high = _mm256_loadu_si256(powers::F64.as_ptr().add(4).cast());
        // Places of the 32-bit halves of entry k mod 4; then bit 2 of k chooses the
        // half of the table. A gather took twice as long.
        let twice = _mm256_slli_epi32::<1>(_mm256_shuffle_epi32::<0b10_10_00_00>(eighths));
        let places = _mm256_add_epi32(twice, _mm256_set1_epi64x(1 << 32));
        let power = _mm256_castpd_si256(_mm256_blendv_pd(
            _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(low, places)),
            _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(high, places)),
            _mm256_castsi256_pd(_mm256_slli_epi64::<61>(eighths)),
        ));
        _mm256_castsi256_pd(_mm256_add_epi64(power, _mm256_slli_epi64::<49>(eighths)))
    }
}

/// [`Bits::eighths`] of four `f64`.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn eighths_pd(x: __m256d) -> __m256d {
    with_token!({
        let rounding = _mm256_set1_epi64x(EIGHTHS_ROUNDING as i64);
        let rounded = _mm256_add_epi64(_mm256_castpd_si256(x), rounding);
        let magic = _mm256_set1_epi64x(f64::MAGIC.to_bits() as i64);
        _mm256_castsi256_pd(_mm256_or_si256(_mm256_srli_epi64::<49>(rounded), magic))
    })
}

impl Lanes for F64 {
    type Simd = Avx2;
    type Scalar = f64;
    type Mask = (__m256d, __m256d);
    type Counter = (__m256i, __m256i);
    type Powers = ();
    const LEN: usize = 8;
    const FEW_REGISTERS: bool = true;

    #[inline(always)]
    fn splat(_: Avx2, value: f64) -> Self {
        let four = with_token!(_mm256_set1_pd(value));
        Self(four, four)
    }
    #[inline(always)]
    fn uniform(self) -> Self {
        Self(self.0, self.0)
    }
    #[inline(always)]
    fn before(self, bytes: &[u8]) -> &[u8] {
        with_token!(before_pd(self.0, self.1, bytes))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        halves!(Self, _mm256_add_pd, self, b)
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        halves!(Self, _mm256_sub_pd, self, b)
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        halves!(Self, _mm256_mul_pd, self, b)
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        halves!(Self, _mm256_div_pd, self, b)
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        halves!(Self, _mm256_fmadd_pd, self, b, c)
    }
    #[inline(always)]
    fn fused_mul_sub(self, b: Self, c: Self) -> Self {
        halves!(Self, _mm256_fmsub_pd, self, b, c)
    }
    #[inline(always)]
    fn max(self, acc: Self) -> Self {
        halves!(Self, _mm256_max_pd, self, acc)
    }
    #[inline(always)]
    fn min(self, acc: Self) -> Self {
        halves!(Self, _mm256_min_pd, self, acc)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let sign = with_token!(_mm256_set1_pd(-0.0));
        Self(
            with_token!(_mm256_andnot_pd(sign, self.0)),
            with_token!(_mm256_andnot_pd(sign, self.1)),
        )
    }
    #[inline(always)]
    fn power_of_eighths(self) -> Self {
        halves!(Self, power_of_eighths_pd, self)
    }
    #[inline(always)]
    fn scaled_eighths(_: Avx2, _: f64) {}
    #[inline(always)]
    fn not_ge(self, bound: Self) -> Self::Mask {
        (
            with_token!(_mm256_cmp_pd::<_CMP_NGE_UQ>(self.0, bound.0)),
            with_token!(_mm256_cmp_pd::<_CMP_NGE_UQ>(self.1, bound.1)),
        )
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        halves!(Self, _mm256_and_pd, self, mask)
    }
    #[inline(always)]
    fn choose(self, mask: Self::Mask, other: Self) -> Self {
        halves!(Self, _mm256_blendv_pd, other, self, mask)
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        with_token!({
            let low = _mm256_cmp_pd::<_CMP_GE_OQ>(self.0, bound.0);
            let high = _mm256_cmp_pd::<_CMP_GE_OQ>(self.1, bound.1);
            _mm256_movemask_pd(_mm256_or_pd(low, high)) != 0
        })
    }
    #[inline(always)]
    fn any_not_lt(self, bound: Self) -> bool {
        with_token!({
            let low = _mm256_cmp_pd::<_CMP_NLT_UQ>(self.0, bound.0);
            let high = _mm256_cmp_pd::<_CMP_NLT_UQ>(self.1, bound.1);
            _mm256_movemask_pd(_mm256_or_pd(low, high)) != 0
        })
    }
    #[inline(always)]
    fn any_nan(self) -> bool {
        with_token!(_mm256_movemask_pd(_mm256_cmp_pd::<_CMP_UNORD_Q>(self.0, self.1)) != 0)
    }
    #[inline(always)]
    fn bits_eq(self, bound: Self) -> u32 {
        with_token!({
            let low = _mm256_cmp_pd::<_CMP_EQ_OQ>(self.0, bound.0);
            let high = _mm256_cmp_pd::<_CMP_EQ_OQ>(self.1, bound.1);
            (_mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4) as u32
        })
    }
    #[inline(always)]
    fn bits_gt(self, bound: Self) -> u32 {
        with_token!({
            let low = _mm256_cmp_pd::<_CMP_GT_OQ>(self.0, bound.0);
            let high = _mm256_cmp_pd::<_CMP_GT_OQ>(self.1, bound.1);
            (_mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4) as u32
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
            let low = _mm256_cmp_pd::<_CMP_GT_OQ>(self.0, bound.0);
            let high = _mm256_cmp_pd::<_CMP_GT_OQ>(self.1, bound.1);
            (
                _mm256_sub_epi64(counter.0, _mm256_castpd_si256(low)),
                _mm256_sub_epi64(counter.1, _mm256_castpd_si256(high)),
            )
        })
    }
    #[inline(always)]
    fn counted(counter: Self::Counter) -> u64 {
        with_token!({
            let four = _mm256_add_epi64(counter.0, counter.1);
            let high = _mm256_extracti128_si256::<1>(four);
            let two = _mm_add_epi64(_mm256_castsi256_si128(four), high);
            _mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))) as u64
        })
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        with_token!({
            let four = _mm256_add_pd(self.0, self.1);
            let high = _mm256_extractf128_pd::<1>(four);
            let two = _mm_add_pd(_mm256_castpd256_pd128(four), high);
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        })
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        with_token!({
            let four = _mm256_max_pd(self.0, self.1);
            let high = _mm256_extractf128_pd::<1>(four);
            let two = _mm_max_pd(_mm256_castpd256_pd128(four), high);
            _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)))
        })
    }
}

impl Bits for F64 {
    #[inline(always)]
    fn eighths(self) -> Self {
        halves!(Self, eighths_pd, self)
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        halves!(Self, _mm256_or_pd, self, b)
    }
    #[inline(always)]
    fn any_sign(self) -> bool {
        with_token!(_mm256_movemask_pd(_mm256_or_pd(self.0, self.1)) != 0)
    }
}
