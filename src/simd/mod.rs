//! The SIMD layer: the one folder with `unsafe` and `std::arch`.
//!
//! Kernels are written once over two traits. [`Simd`] is a token: a value of it
//! proves that the processor has the instruction set, because only the run-time
//! check in [`isa`] makes one. [`Lanes`] is a *virtual register* with the same
//! number of lanes on every set (16 of `f32`, 8 of `f64`): one AVX-512 register,
//! two AVX2 ones, or a plain array. Fixed lanes and fixed reduction trees are
//! what makes AVX2 and AVX-512 give the same bits.
//!
//! # Contract of the operations
//! * `mul_add`, `mul_sub`: one rounding on AVX2 and AVX-512. The portable set
//!   rounds twice where the target has no fused instruction (x86-64 baseline),
//!   never calling a library routine; `fused_mul_sub` is for the place where the
//!   error of the product must not be lost, and keeps it on every set.
//! * `max(self, acc)` gives `acc` where either is NaN: a NaN in the data leaves
//!   the maximum alone (it is found through the sums).
//! * Comparisons are named for what they do with NaN.
//! * Loads take bytes, at any alignment, in native byte order.
//!
//! An operation enters these traits only together with a kernel that uses it.
#![allow(
    unsafe_code,
    reason = "this folder is where unsafe lives; each block says why it holds"
)]

pub(crate) mod ahead;
pub(crate) mod cells;
pub(crate) mod fill;
pub(crate) mod isa;
pub(crate) mod pages;
pub(crate) mod portable;
mod powers;
pub(crate) mod processor;
pub mod strided;
pub(crate) mod two;

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

#[cfg(test)]
pub(crate) mod tests;

pub use isa::Isa;

/// A token for an instruction set; the door to its registers.
pub trait Simd: Copy + Send + Sync + 'static {
    /// 16 lanes of `f32`.
    type F32: Lanes<Simd = Self, Scalar = f32>;
    /// 8 lanes of `f64`.
    type F64: Lanes<Simd = Self, Scalar = f64> + Bits;

    /// 32 `f32` from the first 128 bytes, in order.
    fn load_f32(self, bytes: &[u8]) -> [Self::F32; 2];
    /// 16 `f64` from the first 128 bytes, in order.
    fn load_f64(self, bytes: &[u8]) -> [Self::F64; 2];
    /// 32 half-precision values from the first 64 bytes, in order.
    fn load_f16(self, bytes: &[u8]) -> [Self::F32; 2];
    /// 32 bfloat16 values from the first 64 bytes: the even ones, then the odd
    /// ones (one operation each; the order of summation is the same on all sets).
    fn load_bf16(self, bytes: &[u8]) -> [Self::F32; 2];
    /// Undoes `load_f32`.
    fn store_f32(self, values: [Self::F32; 2], bytes: &mut [u8]);
    /// Undoes `load_f64`.
    fn store_f64(self, values: [Self::F64; 2], bytes: &mut [u8]);
    /// As `store_f32`, around the cache where that is possible: at multiples of 64 bytes, which
    /// are to follow one another. [`fill::fence`] comes after the last.
    fn stream_f32(self, values: [Self::F32; 2], bytes: &mut [u8]);
    /// The same for `store_f64`.
    fn stream_f64(self, values: [Self::F64; 2], bytes: &mut [u8]);
    /// Undoes `load_f16`; rounds to nearest, ties to even.
    fn store_f16(self, values: [Self::F32; 2], bytes: &mut [u8]);
    /// Undoes `load_bf16`; rounds to nearest, ties to even.
    fn store_bf16(self, values: [Self::F32; 2], bytes: &mut [u8]);
    /// 32 values in order, of the even ones and the odd ones.
    fn in_order(self, even_and_odd: [Self::F32; 2]) -> [Self::F32; 2];
    /// The places of the bits that are set, counted from `start`, to the beginning of
    /// `places`, which must have room for 32; how many they are. What stands behind them
    /// is of no use afterwards.
    #[inline(always)]
    fn places(self, mut bits: u32, start: u32, places: &mut [u32]) -> usize {
        let places = &mut places[..32];
        if bits == u32::MAX {
            places.iter_mut().zip(start..).for_each(|(own, place)| *own = place);
            return 32;
        }
        let count = bits.count_ones() as usize;
        for own in &mut places[..count] {
            *own = start + bits.trailing_zeros();
            bits &= bits - 1;
        }
        count
    }
    /// Asks for the cache line `ahead` bytes after the start of `bytes`, which
    /// may lie outside of it (and outside of any array: a prefetch never faults).
    fn prefetch(self, bytes: &[u8], ahead: usize);
    /// The same, but only as near as the second-level cache.
    fn prefetch_to_second_level(self, bytes: &[u8], ahead: usize);
    /// Runs `kernel` in a function of its own: compiled once for the set, however many
    /// kernels have a use for it.
    fn apart<K: Kernel>(self, kernel: K) -> K::Output;
}

/// A virtual register: `LEN` lanes of one float type.
pub trait Lanes: Copy {
    /// The token that makes values of this type.
    type Simd: Simd;
    /// `f32` or `f64`.
    type Scalar: Copy;
    /// A truth value for each lane.
    type Mask: Copy;
    /// A whole number for each lane.
    type Counter: Copy;
    /// Powers that are looked up.
    type Powers: Copy;
    /// Number of lanes.
    const LEN: usize;
    /// Whether powers [saturate](Self::saturating_power_of_eighths).
    const SATURATES: bool = false;
    /// Whether there are registers enough for passes with long chains of operations to
    /// leave a few of them half done, until the next few are as far, or to take
    /// [two in step](two).
    const WAITS: bool = false;
    /// Whether there are too few registers for such passes to have both their constants and
    /// all their sums at hand: they read registers [one after the other](Self::before) then, and
    /// where there are more than two sums they put weights aside, and sum them in a loop of its
    /// own.
    const FEW_REGISTERS: bool = false;

    /// The same value in every lane.
    fn splat(simd: Self::Simd, value: Self::Scalar) -> Self;
    /// A value that is the same in every lane, as the compiler is to know it: where a
    /// register is two, one of them will do; with AVX-512 it is not to make the value anew in
    /// every turn of a loop rather than keep it. That takes no instruction but a load, and
    /// still a twentieth of the time of what the loop does (Zen 4).
    #[inline(always)]
    fn uniform(self) -> Self {
        self
    }
    /// The same bytes, which the compiler is not to read before it has computed `self`, where
    /// there are [few registers](Self::FEW_REGISTERS). It would begin several chains of
    /// operations at once, and keep in memory what it has no registers for then: sums, of which
    /// each addition waits for the one before to come back from there. With AVX2 log-sum-exp
    /// takes 24.7 microseconds for a row of 128,256 so in place of 27.6, entropy 30.3 in place
    /// of 31.9 (Zen 4). To have it read the constants anew each time as well leaves all sums in
    /// registers, and took 27.4 and 31.9.
    #[inline(always)]
    fn before(self, bytes: &[u8]) -> &[u8] {
        bytes
    }
    /// `self + b`
    fn add(self, b: Self) -> Self;
    /// `self - b`
    fn sub(self, b: Self) -> Self;
    /// `self * b`
    fn mul(self, b: Self) -> Self;
    /// `self / b`
    fn div(self, b: Self) -> Self;
    /// `self * b + c`
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self * b - c` with the rounding error of the product kept, on every set.
    fn fused_mul_sub(self, b: Self, c: Self) -> Self;
    /// The larger of the two; `acc` where either is NaN.
    fn max(self, acc: Self) -> Self;
    /// The smaller of the two; `acc` where either is NaN.
    fn min(self, acc: Self) -> Self;
    /// `|self|`
    fn abs(self) -> Self;
    /// `2^(k / 8)`, correctly rounded but on the portable set, where `k` stands in
    /// the low bits of `self = 1.5 * 2^20 + k / 8` (`2^49` for `f64`). The result
    /// must be a normal number; other arguments give anything.
    fn power_of_eighths(self) -> Self;
    /// As [`Self::power_of_eighths`], where `self = 1.5 * 2^20 - r + eighths` and
    /// `powers` are [`Self::scaled_eighths`] of `2^-r`. If the set
    /// [saturates](Self::SATURATES), a power that is too large is +inf, and that of NaN is
    /// NaN.
    #[inline(always)]
    fn saturating_power_of_eighths(self, _eighths: Self, _powers: Self::Powers) -> Self {
        self.power_of_eighths()
    }
    /// The powers by the last bits of `k`, times `scale`.
    fn scaled_eighths(simd: Self::Simd, scale: Self::Scalar) -> Self::Powers;
    /// `LEADING * 2^(k / STEPS)`, where `k` stands in the low bits of
    /// `self = STEPS_MAGIC + k / STEPS`, with the constants that
    /// [`Exp2`](crate::math::exp2::Exp2) has for the type; those of a type without shorter
    /// steps are eighths. The same holds for the result as for eighths.
    #[inline(always)]
    fn power_of_steps(self) -> Self {
        self.power_of_eighths()
    }
    /// As [`Self::power_of_steps`], where `self = STEPS_MAGIC - r + k / STEPS`,
    /// `exponent = k / STEPS - OFFSET` and `powers` are [`Self::scaled_steps`] of `2^-r`.
    #[inline(always)]
    fn saturating_power_of_steps(self, _exponent: Self, _powers: Self::Powers) -> Self {
        self.power_of_steps()
    }
    /// The powers by the last bits of `k`, times `scale`.
    #[inline(always)]
    fn scaled_steps(simd: Self::Simd, scale: Self::Scalar) -> Self::Powers {
        Self::scaled_eighths(simd, scale)
    }
    /// Lanes that are not `>= bound`; NaN counts as such.
    fn not_ge(self, bound: Self) -> Self::Mask;
    /// `self` in the lanes of `mask`, 0 in the others, whatever they held.
    fn keep(self, mask: Self::Mask) -> Self;
    /// `self` in the lanes of `mask`, `other` in the others.
    fn choose(self, mask: Self::Mask, other: Self) -> Self;
    /// Whether any lane is `>= bound`; NaN is not.
    fn any_ge(self, bound: Self) -> bool;
    /// Whether any lane is not `< bound`; NaN is not.
    fn any_not_lt(self, bound: Self) -> bool;
    /// Whether any lane is NaN.
    fn any_nan(self) -> bool;
    /// Bit `i` tells whether lane `i` is `== bound`.
    fn bits_eq(self, bound: Self) -> u32;
    /// Bit `i` tells whether lane `i` is `> bound`; NaN is not.
    fn bits_gt(self, bound: Self) -> u32;
    /// Zero in every lane.
    fn counter(simd: Self::Simd) -> Self::Counter;
    /// `counter`, one more in the lanes that are `> bound`; NaN is not.
    fn count_gt(self, bound: Self, counter: Self::Counter) -> Self::Counter;
    /// The sum of the lanes' counters.
    fn counted(counter: Self::Counter) -> u64;
    /// The sum of all lanes in `f64`: lane `i` with `i + LEN/2`, then halving.
    fn sum(self) -> f64;
    /// The largest lane; no lane may be NaN.
    fn largest(self) -> Self::Scalar;
}

/// Registers of `f64` seen as the bits of their lanes, for what a weight tells by its
/// exponent and its sign.
pub trait Bits: Lanes<Scalar = f64> {
    /// [`Exp2::MAGIC`](crate::math::exp2::Exp2::MAGIC)` + 1023 + k / 8`, where
    /// `self / 2^(k / 8)` lies within 0.071 of 1. Lanes must be normal
    /// numbers, not negative; others give anything.
    fn eighths(self) -> Self;
    /// The bits of both, one or the other: a sign if either has one.
    fn or(self, b: Self) -> Self;
    /// Whether any lane has a sign, that of -0 and of a NaN too.
    fn any_sign(self) -> bool;
}

/// What is added to the bits of an `f64` before all but the exponent and the first
/// three bits of its mantissa are cut off. These count eighths of the way to the next
/// power of two on a straight line, which runs below the logarithm: 57/64 of a step,
/// more than the half that rounds, makes the distance from 1 the same on both sides.
const EIGHTHS_ROUNDING: u64 = 57 << 43;

/// Work that is compiled once for each instruction set.
///
/// `run` and all that it calls in a hot loop must be `#[inline(always)]`: the
/// instruction set is a property of the function that they are inlined into.
pub trait Kernel {
    /// What the work yields.
    type Output;
    /// Does the work with the instructions of `S`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
