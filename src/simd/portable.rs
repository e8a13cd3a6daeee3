//! Plain arrays that the compiler vectorises for the target's baseline; the
//! path of every processor without a hand-written one (Arm among them).
//!
//! The arrays have the width of the virtual register, not one lane: a scalar
//! token was twenty times slower than this.

use super::{Bits, EIGHTHS_ROUNDING, Kernel, Lanes, Simd, powers};
use crate::math::exp2::Exp2;

/// The token that every machine has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(crate) struct F32([f32; 16]);

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(crate) struct F64([f64; 8]);

/// Whether the target itself, without a run-time check, fuses `a * b + c`.
const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

#[inline(always)]
fn array<T: Copy, const N: usize>(f: impl Fn(usize) -> T) -> [T; N] {
    std::array::from_fn(f)
}

/// `f32` from a half-precision code: exact for every code. The product moves the
/// exponent's bias and makes subnormal codes normal in one step.
#[inline(always)]
pub(crate) fn widen_f16(code: u16) -> f32 {
    let magnitude = u32::from(code & 0x7fff) << 13;
    let rebiased = f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23);
    let not_finite = if code & 0x7c00 == 0x7c00 { 0xff << 23 } else { 0 };
    let sign = u32::from(code & 0x8000) << 16;
    f32::from_bits(rebiased.to_bits() | not_finite | sign)
}

/// `f32` from a bfloat16 code: its upper half.
#[inline(always)]
pub(crate) fn widen_bf16(code: u16) -> f32 {
    f32::from_bits(u32::from(code) << 16)
}

/// The nearest half-precision code, ties to even.
#[inline(always)]
pub(crate) fn narrow_f16(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16 & 0x8000) as u16;
    let magnitude = x.to_bits() & 0x7fff_ffff;
    // 65520, half-way between the largest number and the next power of two.
    let code = if magnitude > 0x7f80_0000 {
        0x7e00
    } else if magnitude >= 0x477f_f000 {
        0x7c00
    } else if magnitude >= 0x3880_0000 {
        (magnitude - (112 << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13
    } else {
        // Subnormal: the addition leaves a whole number of 2^-24.
        (f32::from_bits(magnitude) + 0.5).to_bits() - 0.5_f32.to_bits()
    };
    sign | code as u16
}

/// The nearest bfloat16 code, ties to even.
#[inline(always)]
pub(crate) fn narrow_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    ((if x.is_nan() { bits | 0x40_0000 } else { rounded }) >> 16) as u16
}

#[inline(always)]
fn read<const SIZE: usize>(bytes: &[u8], i: usize) -> [u8; SIZE] {
    array(|k| bytes[i * SIZE + k])
}

impl Simd for Portable {
    type F32 = F32;
    type F64 = F64;

    #[inline(always)]
    fn load_f32(self, bytes: &[u8]) -> [F32; 2] {
        let bytes = &bytes[..128];
        let at = |from| F32(array(|i| f32::from_ne_bytes(read(bytes, from + i))));
        [at(0), at(16)]
    }

    #[inline(always)]
    fn load_f64(self, bytes: &[u8]) -> [F64; 2] {
        let bytes = &bytes[..128];
        let at = |from| F64(array(|i| f64::from_ne_bytes(read(bytes, from + i))));
        [at(0), at(8)]
    }

    #[inline(always)]
    fn load_f16(self, bytes: &[u8]) -> [F32; 2] {
        let bytes = &bytes[..64];
        let at = |from| F32(array(|i| widen_f16(u16::from_ne_bytes(read(bytes, from + i)))));
        [at(0), at(16)]
    }

    #[inline(always)]
    fn load_bf16(self, bytes: &[u8]) -> [F32; 2] {
        let bytes = &bytes[..64];
        let at =
            |odd| F32(array(|i| widen_bf16(u16::from_ne_bytes(read(bytes, 2 * i + odd)))));
        [at(0), at(1)]
    }

    #[inline(always)]
    fn store_f32(self, values: [F32; 2], bytes: &mut [u8]) {
        for (out, x) in bytes[..128].chunks_exact_mut(4).zip(values.iter().flat_map(|v| v.0)) {
            out.copy_from_slice(&x.to_ne_bytes());
        }
    }

    #[inline(always)]
    fn store_f64(self, values: [F64; 2], bytes: &mut [u8]) {
        for (out, x) in bytes[..128].chunks_exact_mut(8).zip(values.iter().flat_map(|v| v.0)) {
            out.copy_from_slice(&x.to_ne_bytes());
        }
    }

    #[inline(always)]
    fn stream_f32(self, values: [F32; 2], bytes: &mut [u8]) {
        self.store_f32(values, bytes);
    }

    #[inline(always)]
    fn stream_f64(self, values: [F64; 2], bytes: &mut [u8]) {
        self.store_f64(values, bytes);
    }

    #[inline(always)]
    fn store_f16(self, values: [F32; 2], bytes: &mut [u8]) {
        for (out, x) in bytes[..64].chunks_exact_mut(2).zip(values.iter().flat_map(|v| v.0)) {
            out.copy_from_slice(&narrow_f16(x).to_ne_bytes());
        }
    }

    #[inline(always)]
    fn store_bf16(self, [even, odd]: [F32; 2], bytes: &mut [u8]) {
        for (out, (even, odd)) in bytes[..64].chunks_exact_mut(4).zip(even.0.iter().zip(odd.0))
        {
            out[..2].copy_from_slice(&narrow_bf16(*even).to_ne_bytes());
            out[2..].copy_from_slice(&narrow_bf16(odd).to_ne_bytes());
        }
    }

    #[inline(always)]
    fn in_order(self, [even, odd]: [F32; 2]) -> [F32; 2] {
        let at = |i: usize| if i.is_multiple_of(2) { even.0[i / 2] } else { odd.0[i / 2] };
        [F32(array(at)), F32(array(|i| at(16 + i)))]
    }

    /// Nothing: there is no portable prefetch, and hardware does most of it.
    #[inline(always)]
    fn prefetch(self, _: &[u8], _: usize) {}

    /// Nothing, as above.
    #[inline(always)]
    fn prefetch_to_second_level(self, _: &[u8], _: usize) {}

    #[inline(never)]
    fn apart<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

/// What `f32` and `f64` share to the letter.
macro_rules! lanes {
    ($scalar:ident, $bits:ident, $len:literal, $mantissa:literal, $powers:path) => {
        type Simd = Portable;
        type Scalar = $scalar;
        type Mask = [$bits; $len];
        type Counter = [$bits; $len];
        type Powers = ();
        const LEN: usize = $len;

        #[inline(always)]
        fn splat(_: Portable, value: $scalar) -> Self {
            Self([value; $len])
        }
        #[inline(always)]
        fn add(self, b: Self) -> Self {
            Self(array(|i| self.0[i] + b.0[i]))
        }
        #[inline(always)]
        fn sub(self, b: Self) -> Self {
            Self(array(|i| self.0[i] - b.0[i]))
        }
        #[inline(always)]
        fn mul(self, b: Self) -> Self {
            Self(array(|i| self.0[i] * b.0[i]))
        }
        #[inline(always)]
        fn div(self, b: Self) -> Self {
            Self(array(|i| self.0[i] / b.0[i]))
        }
        #[inline(always)]
        fn mul_add(self, b: Self, c: Self) -> Self {
            if FUSED {
                Self(array(|i| self.0[i].mul_add(b.0[i], c.0[i])))
            } else {
                Self(array(|i| self.0[i] * b.0[i] + c.0[i]))
            }
        }
        #[inline(always)]
        fn max(self, acc: Self) -> Self {
            Self(array(|i| if self.0[i] > acc.0[i] { self.0[i] } else { acc.0[i] }))
        }
        #[inline(always)]
        fn min(self, acc: Self) -> Self {
            Self(array(|i| if self.0[i] < acc.0[i] { self.0[i] } else { acc.0[i] }))
        }
        #[inline(always)]
        fn abs(self) -> Self {
            Self(array(|i| self.0[i].abs()))
        }
        /// A product of three choices: a look-up would not be vectorised.
        #[inline(always)]
        fn power_of_eighths(self) -> Self {
            const STEP: u32 = $mantissa - 3;
            let power = |i: usize| $scalar::from_bits($powers[i] + ((i as $bits) << STEP));
            Self(array(|lane| {
                let eighths = self.0[lane].to_bits();
                let choose = |bit| if eighths & bit != 0 { power(bit as usize) } else { 1.0 };
                let fraction: $scalar = choose(4) * choose(2) * choose(1);
                let whole = (eighths & !7) << STEP;
                $scalar::from_bits(fraction.to_bits().wrapping_add(whole))
            }))
        }
        #[inline(always)]
        fn scaled_eighths(_: Portable, _: $scalar) {}
        #[inline(always)]
        fn not_ge(self, bound: Self) -> Self::Mask {
            array(|i| if self.0[i] >= bound.0[i] { 0 } else { $bits::MAX })
        }
        #[inline(always)]
        fn keep(self, mask: Self::Mask) -> Self {
            Self(array(|i| $scalar::from_bits(self.0[i].to_bits() & mask[i])))
        }
        #[inline(always)]
        fn choose(self, mask: Self::Mask, other: Self) -> Self {
            Self(array(|i| {
                let bits = self.0[i].to_bits() & mask[i] | other.0[i].to_bits() & !mask[i];
                $scalar::from_bits(bits)
            }))
        }
        #[inline(always)]
        fn any_ge(self, bound: Self) -> bool {
            (0..$len).any(|i| self.0[i] >= bound.0[i])
        }
        #[inline(always)]
        fn any_not_lt(self, bound: Self) -> bool {
            !(0..$len).all(|i| self.0[i] < bound.0[i])
        }
        #[inline(always)]
        fn any_nan(self) -> bool {
            (0..$len).any(|i| self.0[i].is_nan())
        }
        #[inline(always)]
        fn bits_eq(self, bound: Self) -> u32 {
            (0..$len).fold(0, |bits, i| bits | u32::from(self.0[i] == bound.0[i]) << i)
        }
        #[inline(always)]
        fn bits_gt(self, bound: Self) -> u32 {
            (0..$len).fold(0, |bits, i| bits | u32::from(self.0[i] > bound.0[i]) << i)
        }
        #[inline(always)]
        fn counter(_: Portable) -> Self::Counter {
            [0; $len]
        }
        #[inline(always)]
        fn count_gt(self, bound: Self, counter: Self::Counter) -> Self::Counter {
            array(|i| counter[i] + $bits::from(self.0[i] > bound.0[i]))
        }
        #[inline(always)]
        fn counted(counter: Self::Counter) -> u64 {
            counter.iter().map(|&n| u64::from(n)).sum()
        }
        #[inline(always)]
        fn largest(self) -> $scalar {
            self.0.iter().fold($scalar::NEG_INFINITY, |m, &x| if x > m { x } else { m })
        }
    };
}

impl Lanes for F32 {
    lanes!(f32, u32, 16, 23, powers::F32);

    #[inline(always)]
    fn power_of_steps(self) -> Self {
        Self(array(|lane| {
            let steps = self.0[lane].to_bits();
            f32::from_bits(powers::STEPS[steps as usize % 32].wrapping_add(steps << 18))
        }))
    }

    /// Through `f64`, which holds the product of two `f32` exactly.
    #[inline(always)]
    fn fused_mul_sub(self, b: Self, c: Self) -> Self {
        if FUSED {
            Self(array(|i| self.0[i].mul_add(b.0[i], -c.0[i])))
        } else {
            Self(array(|i| {
                (f64::from(self.0[i]) * f64::from(b.0[i]) - f64::from(c.0[i])) as f32
            }))
        }
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        F64(array(|i| f64::from(self.0[i]) + f64::from(self.0[i + 8]))).sum()
    }
}

impl Lanes for F64 {
    lanes!(f64, u64, 8, 52, powers::F64);

    /// The product with its error (Dekker 1971, after Veltkamp's splitting), so
    /// that `product - c` may cancel. Overflows beyond 2^996, where no caller
    /// needs the result (`row::moments` masks such lanes or shifts them first).
    #[inline(always)]
    fn fused_mul_sub(self, b: Self, c: Self) -> Self {
        if FUSED {
            return Self(array(|i| self.0[i].mul_add(b.0[i], -c.0[i])));
        }
        let split = |x: f64| {
            let scaled = x * 134_217_729.0; // 2^27 + 1
            let high = scaled - (scaled - x);
            (high, x - high)
        };
        Self(array(|i| {
            let (a, b, c) = (self.0[i], b.0[i], c.0[i]);
            let (a_high, a_low) = split(a);
            let (b_high, b_low) = split(b);
            let product = a * b;
            let error = a_low * b_low
                - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
            (product - c) + error
        }))
    }

    #[inline(always)]
    fn sum(self) -> f64 {
        let four: [f64; 4] = array(|i| self.0[i] + self.0[i + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}

impl Bits for F64 {
    #[inline(always)]
    fn eighths(self) -> Self {
        let magic = f64::MAGIC.to_bits();
        Self(array(|i| {
            f64::from_bits((self.0[i].to_bits().wrapping_add(EIGHTHS_ROUNDING) >> 49) | magic)
        }))
    }
    #[inline(always)]
    fn or(self, b: Self) -> Self {
        Self(array(|i| f64::from_bits(self.0[i].to_bits() | b.0[i].to_bits())))
    }
    #[inline(always)]
    fn any_sign(self) -> bool {
        self.0.iter().fold(0, |all, x| all | x.to_bits()) >> 63 != 0
    }
}
