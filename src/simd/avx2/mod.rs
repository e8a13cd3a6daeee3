//! AVX2 with FMA and F16C: a virtual register is two `ymm`, low lanes first.

use std::arch::asm;
use std::arch::x86_64::*;

use super::isa::define_token;
use super::{Kernel, Simd};

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

/// Defines a function that keeps the compiler from reading bytes before registers are there.
macro_rules! define_before {
    ($name:ident: $register:ty) => {
        /// The same bytes, whose place the compiler can't tell before it has both registers.
        #[inline]
        #[target_feature(enable = "avx")]
        #[allow(clippy::pointers_in_nomem_asm_block, reason = "nothing is read through it")]
        fn $name(low: $register, high: $register, bytes: &[u8]) -> &[u8] {
            let mut start = bytes.as_ptr();
            // SAFETY: there is no instruction in it, so that the start is what it was.
            unsafe {
                asm!(
                    "/* {0} {1} {2} */",
                    inout(reg) start,
                    in(ymm_reg) low,
                    in(ymm_reg) high,
                    options(pure, nomem, nostack, preserves_flags),
                );
                std::slice::from_raw_parts(start, bytes.len())
            }
        }
    };
}

define_before!(before_ps: __m256);
define_before!(before_pd: __m256d);

mod f32;
mod f64;

pub(crate) use f32::F32;
pub(crate) use f64::F64;

define_token! {
    /// Proof that AVX2, FMA and F16C are there, and what counts and finds bits, which every
    /// processor with them has.
    Avx2: "avx2" "fma" "f16c" "popcnt" "bmi1" "bmi2"
}

/// Numbers rounded to the nearest bfloat16, in the upper halves of their bits; what the lower
/// halves hold is of no use.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn rounded_to_bf16(x: __m256) -> __m256i {
    with_token!({
        let bits = _mm256_castps_si256(x);
        let is_odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
        let half = _mm256_add_epi32(is_odd, _mm256_set1_epi32(0x7fff));
        let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x));
        let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x40_0000));
        _mm256_blendv_epi8(_mm256_add_epi32(bits, half), quiet, nan)
    })
}

/// Eight bits patterns of bfloat16 pairs: the nearest ones to `even` and `odd`.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn joined_bf16(even: __m256, odd: __m256) -> __m256i {
    with_token!({
        let high = _mm256_set1_epi32(0xffff_0000_u32 as i32);
        let odd = _mm256_and_si256(rounded_to_bf16(odd), high);
        _mm256_or_si256(_mm256_srli_epi32::<16>(rounded_to_bf16(even)), odd)
    })
}

/// Sixteen values in order, of the even and the odd ones.
///
/// # Safety
/// * AVX2 is there.
#[inline(always)]
unsafe fn in_order_ps(even: __m256, odd: __m256) -> [__m256; 2] {
    with_token!({
        let (low, high) = (_mm256_unpacklo_ps(even, odd), _mm256_unpackhi_ps(even, odd));
        [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
    })
}

/// The places of the bits that are set, of each byte that there is.
const PLACES: [[u8; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut place, mut count) = (0, 0);
        while place < 8 {
            if byte >> place & 1 == 1 {
                places[byte][count] = place;
                count += 1;
            }
            place += 1;
        }
        byte += 1;
    }
    places
};

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
    fn store_f32(self, values: [F32; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 128, "32 f32 take 128 bytes");
        let at = bytes.as_mut_ptr().cast::<f32>();
        // SAFETY: token as in `with_token`; 128 bytes are writeable by the assertion,
        // and `storeu` takes any alignment.
        unsafe {
            _mm256_storeu_ps(at, values[0].0);
            _mm256_storeu_ps(at.add(8), values[0].1);
            _mm256_storeu_ps(at.add(16), values[1].0);
            _mm256_storeu_ps(at.add(24), values[1].1);
        }
    }

    #[inline(always)]
    fn store_f64(self, values: [F64; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 128, "16 f64 take 128 bytes");
        let at = bytes.as_mut_ptr().cast::<f64>();
        // SAFETY: as in `store_f32`.
        unsafe {
            _mm256_storeu_pd(at, values[0].0);
            _mm256_storeu_pd(at.add(4), values[0].1);
            _mm256_storeu_pd(at.add(8), values[1].0);
            _mm256_storeu_pd(at.add(12), values[1].1);
        }
    }

    #[inline(always)]
    fn stream_f32(self, values: [F32; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 128, "two registers take 128 bytes");
        let at = bytes.as_mut_ptr().cast::<f32>();
        if !at.addr().is_multiple_of(64) {
            return self.store_f32(values, bytes);
        }
        // SAFETY: as in `store_f32`, and the address is aligned to a register.
        unsafe {
            _mm256_stream_ps(at, values[0].0);
            _mm256_stream_ps(at.add(8), values[0].1);
            _mm256_stream_ps(at.add(16), values[1].0);
            _mm256_stream_ps(at.add(24), values[1].1);
        }
    }

    #[inline(always)]
    fn stream_f64(self, [x, y]: [F64; 2], bytes: &mut [u8]) {
        // SAFETY: token as in `with_token`; the bits stay, they are stored as others are.
        let bits = unsafe {
            [
                F32(_mm256_castpd_ps(x.0), _mm256_castpd_ps(x.1)),
                F32(_mm256_castpd_ps(y.0), _mm256_castpd_ps(y.1)),
            ]
        };
        self.stream_f32(bits, bytes);
    }

    #[inline(always)]
    fn store_f16(self, values: [F32; 2], bytes: &mut [u8]) {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT;
        assert!(bytes.len() >= 64, "32 f16 take 64 bytes");
        let at = bytes.as_mut_ptr().cast::<__m128i>();
        // SAFETY: token as in `with_token`; 64 bytes are writeable by the assertion,
        // and `storeu` takes any alignment.
        unsafe {
            _mm_storeu_si128(at, _mm256_cvtps_ph::<NEAREST>(values[0].0));
            _mm_storeu_si128(at.add(1), _mm256_cvtps_ph::<NEAREST>(values[0].1));
            _mm_storeu_si128(at.add(2), _mm256_cvtps_ph::<NEAREST>(values[1].0));
            _mm_storeu_si128(at.add(3), _mm256_cvtps_ph::<NEAREST>(values[1].1));
        }
    }

    #[inline(always)]
    fn store_bf16(self, [even, odd]: [F32; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 64, "32 bf16 take 64 bytes");
        let at = bytes.as_mut_ptr().cast::<__m256i>();
        // SAFETY: token as in `with_token`; 64 bytes are writeable by the assertion,
        // and `storeu` takes any alignment.
        unsafe {
            _mm256_storeu_si256(at, joined_bf16(even.0, odd.0));
            _mm256_storeu_si256(at.add(1), joined_bf16(even.1, odd.1));
        }
    }

    #[inline(always)]
    fn in_order(self, [even, odd]: [F32; 2]) -> [F32; 2] {
        with_token!({
            let [first, second] = in_order_ps(even.0, odd.0);
            let [third, fourth] = in_order_ps(even.1, odd.1);
            [F32(first, second), F32(third, fourth)]
        })
    }

    #[inline(always)]
    fn places(self, bits: u32, start: u32, places: &mut [u32]) -> usize {
        assert!(places.len() >= 32, "there may be 32 places");
        let mut count = 0;
        for (byte, start) in bits.to_le_bytes().into_iter().zip((start..).step_by(8)) {
            let own = &PLACES[usize::from(byte)];
            // SAFETY: token as in `with_token`; eight bytes are read of an array of eight,
            // and eight numbers are written behind those of the bytes before, eight each at
            // most, where there is room for 32 by the assertion. Any alignment will do.
            unsafe {
                let own = _mm256_cvtepu8_epi32(_mm_loadl_epi64(own.as_ptr().cast()));
                let own = _mm256_add_epi32(own, _mm256_set1_epi32(start as i32));
                _mm256_storeu_si256(places.as_mut_ptr().add(count).cast(), own);
            }
            count += byte.count_ones() as usize;
        }
        count
    }

    #[inline(always)]
    fn prefetch(self, bytes: &[u8], ahead: usize) {
        with_token!(_mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(ahead).cast()));
    }

    #[inline(always)]
    fn prefetch_to_second_level(self, bytes: &[u8], ahead: usize) {
        with_token!(_mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().wrapping_add(ahead).cast()));
    }

    #[inline(always)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        self.run(kernel)
    }
}
