//! The eight powers `2^(i / 8)`, correctly rounded, as bits less `i / 8` of an
//! exponent step.
//!
//! With `k = 8 n + i` the bits of `2^(k / 8)` are then one addition away: `k`,
//! moved to where the exponent's eighths lie, adds `n` to the exponent and gives
//! back the `i` eighths. Eight entries fill one AVX2 register of `f32` and one
//! AVX-512 register of `f64`: a permutation looks up a whole register. Sixteen
//! would take two for AVX2 and save no term of the polynomial.

/// For `f32`: less `i << 20`.
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

/// For `f64`: less `i << 49`.
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
