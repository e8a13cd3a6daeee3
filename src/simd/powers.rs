//! Tables of the powers that the [exponential](crate::math::exp2) is made of, as bits less
//! what the place in the table is of an exponent step.
//!
//! With `k = n STEPS + i` the bits of the power are then one addition away: `k`, moved to
//! where the exponent's fractions lie, adds `n` to the exponent and gives back the `i`
//! steps.

use crate::math::exp2::Exp2;

/// `2^(i / 8)` for `f32`, correctly rounded, less `i << 20`. They fill one register of
/// AVX2: a permutation looks up a whole register.
pub(super) static F32: [u32; 8] = [
    0x3f80_0000,
    0x3f7b_95c2,
    0x3f78_37f0,
    0x3f75_fed7,
    0x3f75_04f3,
    0x3f75_672a,
    0x3f77_44fd,
    0x3f7a_c0c7,
];

/// `2^(i / 8)` for `f64`, correctly rounded, less `i << 49`. They fill one register of
/// AVX-512.
pub(super) static F64: [u64; 8] = [
    0x3ff0_0000_0000_0000,
    0x3fef_72b8_3c7d_517b,
    0x3fef_06fe_0a31_b715,
    0x3fee_bfda_d536_2a27,
    0x3fee_a09e_667f_3bcd,
    0x3fee_ace5_422a_a0db,
    0x3fee_e89f_995a_d3ad,
    0x3fef_5818_dcfb_a487,
];

/// For the short steps of `f32`, by the upper three bits of the step: `2^(i / 8)` times
/// [`LEADING`](Exp2::LEADING), over [`FINE`]`[0]` and less `i << 20`.
pub(super) static COARSE: [u32; 8] = [
    0x3e34_37ba,
    0x3e34_875e,
    0x3e36_50ef,
    0x3e39_b6a3,
    0x3e3e_ddc5,
    0x3e3a_f782,
    0x3e37_8b5e,
    0x3e35_42a6,
];

/// By the lower two bits of the step: `2^(i / 32)`, times a number of which these four
/// multiples and the eight quotients in [`COARSE`] lie so close to numbers of the type
/// that the product of any two has an error of its own rounding alone: at most 0.79
/// units of 2^-24.
pub(super) static FINE: [f32; 4] = [
    f32::from_bits(0x3faf_59e7),
    f32::from_bits(0x3fb3_30dd),
    f32::from_bits(0x3fb7_1d59),
    f32::from_bits(0x3fbb_1fd4),
];

/// All products of the two, less `i << 18`, for sets that look up 32 of them.
pub(super) static STEPS: [u32; 32] = {
    let mut table = [0; 32];
    let mut i = 0;
    while i < 32 {
        let coarse = f32::from_bits(COARSE[i / 4] + ((i as u32 / 4) << 20));
        table[i] = (coarse * FINE[i % 4]).to_bits() - ((i as u32) << 18);
        i += 1;
    }
    table
};

/// The least exponent, in place `i`, that ends in `i` steps and is not below
/// [`OFFSET`](Exp2::OFFSET).
pub(super) static FROM_OFFSET: [f32; 32] = {
    let mut exponents = [0.0; 32];
    let mut i = 0;
    while i < 32 {
        let below = (<f32 as Exp2>::OFFSET - i as f64 / 32.0) as f32;
        let whole = below as u32 as f32;
        exponents[i] = i as f32 / 32.0 + if whole < below { whole + 1.0 } else { whole };
        i += 1;
    }
    exponents
};
