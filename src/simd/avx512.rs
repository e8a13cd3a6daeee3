//! AVX-512: a virtual register is one `zmm`.
//!
//! F, BW, DQ and VL are what every AVX-512 server since Skylake-SP has; nothing
//! newer is asked for.

use std::arch::x86_64::*;

use super::isa::define_token;
use super::{Lanes, Simd, powers};

define_token! {
    /// Proof that AVX-512 F, BW, DQ and VL are there.
    Avx512: "avx512f" "avx512bw" "avx512dq" "avx512vl"
}

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32(__m512);

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64(__m512d);

/// Runs intrinsics in a place where the token, or a register made through it,
/// is at hand.
macro_rules! with_token {
    ($body:expr) => {{
        // SAFETY: the intrinsics need AVX-512 F, BW, DQ, VL. The caller holds an
        // `Avx512`, or a register that only an `Avx512` can make, and that
        // exists only where the features were detected.
        unsafe { $body }
    }};
}

impl Simd for Avx512 {
    type F32 = F32;
    type F64 = F64;

    #[inline(always)]
    fn load_f32(self, bytes: &[u8]) -> [F32; 2] {
        assert!(bytes.len() >= 128, "32 f32 take 128 bytes");
        let at = bytes.as_ptr().cast::<f32>();
        // SAFETY: token as in `with_token`; 128 bytes are readable by the assertion,
        // and `loadu` takes any alignment.
        unsafe { [F32(_mm512_loadu_ps(at)), F32(_mm512_loadu_ps(at.add(16)))] }
    }

    #[inline(always)]
    fn load_f64(self, bytes: &[u8]) -> [F64; 2] {
        assert!(bytes.len() >= 128, "16 f64 take 128 bytes");
        let at = bytes.as_ptr().cast::<f64>();
        // SAFETY: as in `load_f32`.
        unsafe { [F64(_mm512_loadu_pd(at)), F64(_mm512_loadu_pd(at.add(8)))] }
    }

    #[inline(always)]
    fn load_f16(self, bytes: &[u8]) -> [F32; 2] {
        assert!(bytes.len() >= 64, "32 f16 take 64 bytes");
        let at = bytes.as_ptr().cast::<__m256i>();
        // SAFETY: token as in `with_token`; 64 bytes are readable by the assertion,
        // and `loadu` takes any alignment.
        unsafe {
            let (low, high) = (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)));
            [F32(_mm512_cvtph_ps(low)), F32(_mm512_cvtph_ps(high))]
        }
    }

    #[inline(always)]
    fn load_bf16(self, bytes: &[u8]) -> [F32; 2] {
        assert!(bytes.len() >= 64, "32 bf16 take 64 bytes");
        // SAFETY: token as in `with_token`; 64 bytes are readable by the assertion,
        // and `loadu` takes any alignment.
        unsafe {
            let pairs = _mm512_loadu_si512(bytes.as_ptr().cast());
            let odd = _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff_0000_u32 as i32));
            let even = _mm512_slli_epi32::<16>(pairs);
            [F32(_mm512_castsi512_ps(even)), F32(_mm512_castsi512_ps(odd))]
        }
    }

    #[inline(always)]
    fn prefetch(self, bytes: &[u8], ahead: usize) {
        with_token!(_mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(ahead).cast()));
    }
}

impl Lanes for F32 {
    type Simd = Avx512;
    type Scalar = f32;
    type Mask = __mmask16;
    type Counter = __m512i;
    const LEN: usize = 16;

    #[inline(always)]
    fn splat(_: Avx512, value: f32) -> Self {
        Self(with_token!(_mm512_set1_ps(value)))
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
    #[inline(always)]
    fn mul_add_where(self, b: Self, c: Self, mask: __mmask16) -> Self {
        Self(with_token!(_mm512_maskz_fmadd_ps(mask, self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn not_le(self, bound: Self) -> __mmask16 {
        with_token!(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(self.0, bound.0))
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> __mmask16 {
        with_token!(_mm512_cmp_ps_mask::<_CMP_NGE_UQ>(self.0, bound.0))
    }
    #[inline(always)]
    fn both(a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn keep(self, mask: __mmask16) -> Self {
        Self(with_token!(_mm512_maskz_mov_ps(mask, self.0)))
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        with_token!(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(self.0, bound.0)) != 0
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

impl Lanes for F64 {
    type Simd = Avx512;
    type Scalar = f64;
    type Mask = __mmask8;
    type Counter = __m512i;
    const LEN: usize = 8;

    #[inline(always)]
    fn splat(_: Avx512, value: f64) -> Self {
        Self(with_token!(_mm512_set1_pd(value)))
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
    fn power_of_eighths(self) -> Self {
        let eighths = with_token!(_mm512_castpd_si512(self.0));
        // SAFETY: token as in `with_token`; the table has 64 bytes, at any alignment.
        let powers = unsafe { _mm512_loadu_si512(powers::F64.as_ptr().cast()) };
        Self(with_token!({
            let power = _mm512_permutexvar_epi64(eighths, powers);
            _mm512_castsi512_pd(_mm512_add_epi64(power, _mm512_slli_epi64::<49>(eighths)))
        }))
    }
    #[inline(always)]
    fn mul_add_where(self, b: Self, c: Self, mask: __mmask8) -> Self {
        Self(with_token!(_mm512_maskz_fmadd_pd(mask, self.0, b.0, c.0)))
    }
    #[inline(always)]
    fn not_le(self, bound: Self) -> __mmask8 {
        with_token!(_mm512_cmp_pd_mask::<_CMP_NLE_UQ>(self.0, bound.0))
    }
    #[inline(always)]
    fn not_ge(self, bound: Self) -> __mmask8 {
        with_token!(_mm512_cmp_pd_mask::<_CMP_NGE_UQ>(self.0, bound.0))
    }
    #[inline(always)]
    fn both(a: __mmask8, b: __mmask8) -> __mmask8 {
        a & b
    }
    #[inline(always)]
    fn keep(self, mask: __mmask8) -> Self {
        Self(with_token!(_mm512_maskz_mov_pd(mask, self.0)))
    }
    #[inline(always)]
    fn any_ge(self, bound: Self) -> bool {
        with_token!(_mm512_cmp_pd_mask::<_CMP_GE_OQ>(self.0, bound.0)) != 0
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
