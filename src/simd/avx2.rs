//! AVX2 with FMA and F16C: a virtual register is two `ymm`, low lanes first.

use std::arch::x86_64::*;

use super::isa::define_token;
use super::{Lanes, Simd, powers};

define_token! {
    /// Proof that AVX2, FMA and F16C are there.
    Avx2: "avx2" "fma" "f16c"
}

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32(__m256, __m256);

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64(__m256d, __m256d);

/// Runs intrinsics in a place where the token, or a register made through it,
/// is at hand.
macro_rules! with_token {
    ($body:expr) => {{
        // SAFETY: the intrinsics need AVX2, FMA, F16C. The caller holds an `Avx2`,
        // or a register that only an `Avx2` can make, and that exists only where
        // the features were detected.
        unsafe { $body }
    }};
}

/// The same intrinsic on both halves.
macro_rules! halves {
    ($make:expr, $op:path, $($arg:expr),+) => {
        $make(
            with_token!($op($($arg.0),+)),
            with_token!($op($($arg.1),+)),
        )
    };
}

/// `2^(k / 8)` for eight `f32` with `k` in their low bits.
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

/// `2^(k / 8)` for four `f64` with `k` in their low bits.
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

impl Simd for Avx2 {
    type F32 = F32;
    type F64 = F64;

    #[inline(always)]
    fn load_f32(self, bytes: &[u8]) -> [F32; 2] {
        assert!(bytes.len() >= 128, "32 f32 take 128 bytes");
        let at = bytes.as_ptr().cast::<f32>();
        // SAFETY: token as in `with_token`; 128 bytes are readable by the assertion,
        // and `loadu` takes any alignment.
        unsafe {
            [
                F32(_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(8))),
                F32(_mm256_loadu_ps(at.add(16)), _mm256_loadu_ps(at.add(24))),
            ]
        }
    }

    #[inline(always)]
    fn load_f64(self, bytes: &[u8]) -> [F64; 2] {
        assert!(bytes.len() >= 128, "16 f64 take 128 bytes");
        let at = bytes.as_ptr().cast::<f64>();
        // SAFETY: as in `load_f32`.
        unsafe {
            [
                F64(_mm256_loadu_pd(at), _mm256_loadu_pd(at.add(4))),
                F64(_mm256_loadu_pd(at.add(8)), _mm256_loadu_pd(at.add(12))),
            ]
        }
    }

    #[inline(always)]
    fn load_f16(self, bytes: &[u8]) -> [F32; 2] {
        assert!(bytes.len() >= 64, "32 f16 take 64 bytes");
        let at = bytes.as_ptr().cast::<__m128i>();
        // SAFETY: token as in `with_token`; 64 bytes are readable by the assertion,
        // and `loadu` takes any alignment.
        unsafe {
            [
                F32(
                    _mm256_cvtph_ps(_mm_loadu_si128(at)),
                    _mm256_cvtph_ps(_mm_loadu_si128(at.add(1))),
                ),
                F32(
                    _mm256_cvtph_ps(_mm_loadu_si128(at.add(2))),
                    _mm256_cvtph_ps(_mm_loadu_si128(at.add(3))),
                ),
            ]
        }
    }

    #[inline(always)]
    fn load_bf16(self, bytes: &[u8]) -> [F32; 2] {
        assert!(bytes.len() >= 64, "32 bf16 take 64 bytes");
        let at = bytes.as_ptr().cast::<__m256i>();
        // SAFETY: token as in `with_token`; 64 bytes are readable by the assertion,
        // and `loadu` takes any alignment.
        unsafe {
            let (low, high) = (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)));
            let odd = _mm256_set1_epi32(0xffff_0000_u32 as i32);
            [
                F32(
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)),
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high)),
                ),
                F32(
                    _mm256_castsi256_ps(_mm256_and_si256(low, odd)),
                    _mm256_castsi256_ps(_mm256_and_si256(high, odd)),
                ),
            ]
        }
    }

    #[inline(always)]
    fn prefetch(self, bytes: &[u8], ahead: usize) {
        with_token!(_mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(ahead).cast()));
    }
}

impl Lanes for F32 {
    type Simd = Avx2;
    type Scalar = f32;
    type Mask = (__m256, __m256);
    type Counter = (__m256i, __m256i);
    const LEN: usize = 16;

    #[inline(always)]
    fn splat(_: Avx2, value: f32) -> Self {
        let eight = with_token!(_mm256_set1_ps(value));
        Self(eight, eight)
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
    fn power_of_eighths(self) -> Self {
        halves!(Self, power_of_eighths_ps, self)
    }
    #[inline(always)]
    fn mul_add_where(self, b: Self, c: Self, mask: Self::Mask) -> Self {
        self.mul_add(b, c).keep(mask)
    }
    #[inline(always)]
    fn not_le(self, bound: Self) -> Self::Mask {
        (
            with_token!(_mm256_cmp_ps::<_CMP_NLE_UQ>(self.0, bound.0)),
            with_token!(_mm256_cmp_ps::<_CMP_NLE_UQ>(self.1, bound.1)),
        )
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> Self::Mask {
        (
            with_token!(_mm256_cmp_ps::<_CMP_NGE_UQ>(self.0, bound.0)),
            with_token!(_mm256_cmp_ps::<_CMP_NGE_UQ>(self.1, bound.1)),
        )
    }
    #[inline(always)]
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (with_token!(_mm256_and_ps(a.0, b.0)), with_token!(_mm256_and_ps(a.1, b.1)))
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        halves!(Self, _mm256_and_ps, self, mask)
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

impl Lanes for F64 {
    type Simd = Avx2;
    type Scalar = f64;
    type Mask = (__m256d, __m256d);
    type Counter = (__m256i, __m256i);
    const LEN: usize = 8;

    #[inline(always)]
    fn splat(_: Avx2, value: f64) -> Self {
        let four = with_token!(_mm256_set1_pd(value));
        Self(four, four)
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
    fn power_of_eighths(self) -> Self {
        halves!(Self, power_of_eighths_pd, self)
    }
    #[inline(always)]
    fn mul_add_where(self, b: Self, c: Self, mask: Self::Mask) -> Self {
        self.mul_add(b, c).keep(mask)
    }
    #[inline(always)]
    fn not_le(self, bound: Self) -> Self::Mask {
        (
            with_token!(_mm256_cmp_pd::<_CMP_NLE_UQ>(self.0, bound.0)),
            with_token!(_mm256_cmp_pd::<_CMP_NLE_UQ>(self.1, bound.1)),
        )
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> Self::Mask {
        (
            with_token!(_mm256_cmp_pd::<_CMP_NGE_UQ>(self.0, bound.0)),
            with_token!(_mm256_cmp_pd::<_CMP_NGE_UQ>(self.1, bound.1)),
        )
    }
    #[inline(always)]
    fn both(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (with_token!(_mm256_and_pd(a.0, b.0)), with_token!(_mm256_and_pd(a.1, b.1)))
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        halves!(Self, _mm256_and_pd, self, mask)
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
