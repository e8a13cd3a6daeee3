//! AVX2 with FMA and F16C: a virtual register is two `ymm`, low lanes first.

use std::arch::x86_64::*;

use super::Simd;
use super::isa::define_token;

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

mod f32;
mod f64;

pub(crate) use f32::F32;
pub(crate) use f64::F64;

define_token! {
    /// Proof that AVX2, FMA and F16C are there.
    Avx2: "avx2" "fma" "f16c"
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

    #[inline(always)]
    fn prefetch_to_second_level(self, bytes: &[u8], ahead: usize) {
        with_token!(_mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().wrapping_add(ahead).cast()));
    }
}
