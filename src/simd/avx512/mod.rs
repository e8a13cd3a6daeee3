//! AVX-512: a virtual register is one `zmm`.
//!
//! F, BW, DQ and VL are what every AVX-512 server since Skylake-SP has; nothing
//! newer is asked for.

use std::arch::asm;
use std::arch::x86_64::*;

use super::isa::define_token;
use super::{Kernel, Simd};

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

/// Defines a function that gives back a register of which the compiler knows nothing.
macro_rules! define_opaque {
    ($name:ident: $register:ty) => {
        /// The same register, from which the compiler can't tell any more where its lanes came
        /// from: it has to keep it.
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn $name(mut register: $register) -> $register {
            // SAFETY: there is no instruction in it.
            unsafe {
                asm!(
                    "/* {0} */",
                    inout(zmm_reg) register,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            register
        }
    };
}

define_opaque!(opaque_ps: __m512);
define_opaque!(opaque_pd: __m512d);

mod f32;
mod f64;

pub(crate) use f32::F32;
pub(crate) use f64::F64;

define_token! {
    /// Proof that AVX-512 F, BW, DQ and VL are there, and what counts and finds bits, which
    /// every processor with them has.
    Avx512: "avx512f" "avx512bw" "avx512dq" "avx512vl" "popcnt" "bmi1" "bmi2"
}

/// Numbers rounded to the nearest bfloat16, in the upper halves of their bits; what the lower
/// halves hold is of no use.
#[inline(always)]
fn rounded_to_bf16(x: F32) -> __m512i {
    with_token!({
        let bits = _mm512_castps_si512(x.0);
        let is_odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
        let half = _mm512_add_epi32(is_odd, _mm512_set1_epi32(0x7fff));
        let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x.0, x.0);
        let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x40_0000));
        _mm512_mask_mov_epi32(_mm512_add_epi32(bits, half), nan, quiet)
    })
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
    fn store_f32(self, values: [F32; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 128, "32 f32 take 128 bytes");
        let at = bytes.as_mut_ptr().cast::<f32>();
        // SAFETY: token as in `with_token`; 128 bytes are writeable by the assertion,
        // and `storeu` takes any alignment.
        unsafe {
            _mm512_storeu_ps(at, values[0].0);
            _mm512_storeu_ps(at.add(16), values[1].0);
        }
    }

    #[inline(always)]
    fn store_f64(self, values: [F64; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 128, "16 f64 take 128 bytes");
        let at = bytes.as_mut_ptr().cast::<f64>();
        // SAFETY: as in `store_f32`.
        unsafe {
            _mm512_storeu_pd(at, values[0].0);
            _mm512_storeu_pd(at.add(8), values[1].0);
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
            _mm512_stream_ps(at, values[0].0);
            _mm512_stream_ps(at.add(16), values[1].0);
        }
    }

    #[inline(always)]
    fn stream_f64(self, [x, y]: [F64; 2], bytes: &mut [u8]) {
        // SAFETY: token as in `with_token`; the bits stay, they are stored as others are.
        let bits = unsafe { [F32(_mm512_castpd_ps(x.0)), F32(_mm512_castpd_ps(y.0))] };
        self.stream_f32(bits, bytes);
    }

    #[inline(always)]
    fn store_f16(self, values: [F32; 2], bytes: &mut [u8]) {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        assert!(bytes.len() >= 64, "32 f16 take 64 bytes");
        let at = bytes.as_mut_ptr().cast::<__m256i>();
        // SAFETY: token as in `with_token`; 64 bytes are writeable by the assertion,
        // and `storeu` takes any alignment.
        unsafe {
            _mm256_storeu_si256(at, _mm512_cvtps_ph::<NEAREST>(values[0].0));
            _mm256_storeu_si256(at.add(1), _mm512_cvtps_ph::<NEAREST>(values[1].0));
        }
    }

    #[inline(always)]
    fn store_bf16(self, [even, odd]: [F32; 2], bytes: &mut [u8]) {
        assert!(bytes.len() >= 64, "32 bf16 take 64 bytes");
        // SAFETY: token as in `with_token`; 64 bytes are writeable by the assertion,
        // and `storeu` takes any alignment.
        unsafe {
            let high = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            let odd = _mm512_and_si512(rounded_to_bf16(odd), high);
            let even = _mm512_srli_epi32::<16>(rounded_to_bf16(even));
            _mm512_storeu_si512(bytes.as_mut_ptr().cast(), _mm512_or_si512(even, odd));
        }
    }

    #[inline(always)]
    fn in_order(self, [even, odd]: [F32; 2]) -> [F32; 2] {
        with_token!({
            // Bit 4 of a place chooses the register.
            let places =
                _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
            let later = _mm512_add_epi32(places, _mm512_set1_epi32(8));
            [
                F32(_mm512_permutex2var_ps(even.0, places, odd.0)),
                F32(_mm512_permutex2var_ps(even.0, later, odd.0)),
            ]
        })
    }

    #[inline(always)]
    fn places(self, bits: u32, start: u32, places: &mut [u32]) -> usize {
        assert!(places.len() >= 32, "there may be 32 places");
        let lowest = (bits & 0xffff).count_ones() as usize;
        // SAFETY: token as in `with_token`; 16 numbers are written behind at most 16 others,
        // and there is room for 32 by the assertion; `storeu` takes any alignment.
        unsafe {
            let own = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            let first = _mm512_add_epi32(own, _mm512_set1_epi32(start as i32));
            let second = _mm512_add_epi32(first, _mm512_set1_epi32(16));
            let at = places.as_mut_ptr().cast::<i32>();
            let chosen = _mm512_maskz_compress_epi32(bits as u16, first);
            _mm512_storeu_epi32(at, chosen);
            let chosen = _mm512_maskz_compress_epi32((bits >> 16) as u16, second);
            _mm512_storeu_epi32(at.add(lowest), chosen);
        }
        bits.count_ones() as usize
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
