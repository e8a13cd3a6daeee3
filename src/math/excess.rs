//! What an exponential or a logarithm is beyond its first terms, for differences of
//! nearly equal probabilities.
//!
//! # Method
//! Polynomials through Chebyshev nodes:
//!
//! * [`excess`]: `(e^-r - 1 + r) / r^2` on [-1, 1], [`wide_excess`] the same on
//!   [-DOMAIN, DOMAIN];
//! * [`atanh_excess`]: `(atanh(s) / s - 1) / s^2` as a function of `s^2`, on
//!   [0, 0.2145]; with `s = z / (2 - z)` it gives `ln(1 - z) = -2 atanh(s)`.
//!
//! # Error
//! At most [`Excess::ERROR`], relative, rounding included.

use super::polynomial::Spread;
use crate::element::Real;
use crate::simd::Lanes;

/// The constants for one float type, lowest term first.
pub trait Excess: Sized + 'static {
    /// Coefficients of [`excess`].
    const EXCESS: &'static [Self];
    /// Up to where [`wide_excess`] holds, in both directions. Beyond 2, where the
    /// function is small beside its terms, their rounding would show.
    const DOMAIN: f64;
    /// Coefficients of [`wide_excess`].
    const WIDE_EXCESS: &'static [Self];
    /// Coefficients of [`atanh_excess`].
    const ATANH: &'static [Self];
    /// Largest relative error; tests assert it.
    const ERROR: f64;
}

impl Excess for f32 {
    const EXCESS: &'static [f32] = &[
        0.5,
        -0.166_666_67,
        0.041_666_735,
        -0.008_333_339,
        0.001_388_539_7,
        -0.000_198_381_02,
        0.000_025_358_513,
        -0.000_002_806_280_2,
    ];
    const DOMAIN: f64 = 2.0;
    const WIDE_EXCESS: &'static [f32] = &[
        0.5,
        -0.166_666_67,
        0.041_666_612,
        -0.008_333_329,
        0.001_388_998_8,
        -0.000_198_421_1,
        0.000_024_724_99,
        -0.000_002_749_876_8,
        0.000_000_297_212_55,
        -0.000_000_026_708_717,
    ];
    const ATANH: &'static [f32] = &[
        0.333_333_34,
        0.199_999_85,
        0.142_867_62,
        0.110_823_81,
        0.094_602_786,
        0.053_225_294,
        0.136_955_28,
    ];
    const ERROR: f64 = 3e-7;
}

impl Excess for f64 {
    const DOMAIN: f64 = 1.0;
    const WIDE_EXCESS: &'static [f64] = Self::EXCESS;
    const EXCESS: &'static [f64] = &[
        0.5,
        -0.166_666_666_666_666_66,
        0.041_666_666_666_666_664,
        -0.008_333_333_333_333_236,
        0.001_388_888_888_888_883_5,
        -0.000_198_412_698_413_747_4,
        0.000_024_801_587_301_645_516,
        -0.000_002_755_731_917_405_155_5,
        0.000_000_275_573_191_962_732_8,
        -0.000_000_025_052_120_584_522_95,
        0.000_000_002_087_676_375_853_963_4,
        -0.000_000_000_160_574_485_190_133_38,
        0.000_000_000_011_469_860_083_749_003,
        -0.000_000_000_000_775_328_990_906_130_1,
        0.000_000_000_000_048_383_974_908_301_09,
    ];
    const ATANH: &'static [f64] = &[
        0.333_333_333_333_333_3,
        0.200_000_000_000_000_9,
        0.142_857_142_856_873_73,
        0.111_111_111_143_077_17,
        0.090_909_088_932_895_62,
        0.076_923_149_886_774_89,
        0.066_664_927_859_175_17,
        0.058_851_522_661_891_78,
        0.052_319_522_953_755_21,
        0.050_047_272_606_494_976,
        0.030_404_472_558_741_75,
        0.087_200_834_655_855_83,
        -0.069_274_280_278_375_41,
        0.159_230_933_009_758_2,
    ];
    const ERROR: f64 = 4e-16;
}

/// Numbers of the longest polynomial.
const MOST: usize = <f64 as Excess>::EXCESS.len();

/// `(e^-r - 1 + r) / r^2` for `r` in [-1, 1]; elsewhere anything.
///
/// In one chain: that rounds once less than even and odd terms apart do, which uneven
/// mixtures would amplify.
#[inline(always)]
pub(crate) fn excess<V: Lanes<Scalar: Real>>(simd: V::Simd, r: V) -> V {
    Spread::<_, MOST>::new(simd, V::Scalar::EXCESS).in_chain(V::Scalar::EXCESS.len(), r)
}

/// `(e^-r - 1 + r) / r^2` for `r` up to [`Excess::DOMAIN`] in size; elsewhere anything.
/// `square` is `r^2`.
#[inline(always)]
pub(crate) fn wide_excess<V: Lanes<Scalar: Real>>(simd: V::Simd, r: V, square: V) -> V {
    Spread::<_, MOST>::new(simd, V::Scalar::WIDE_EXCESS).in_halves(
        V::Scalar::WIDE_EXCESS.len(),
        r,
        square,
    )
}

/// `(atanh(s) / s - 1) / s^2` of `s^2` in [0, 0.2145]; elsewhere anything.
#[inline(always)]
pub(crate) fn atanh_excess<V: Lanes<Scalar: Real>>(simd: V::Simd, square: V) -> V {
    Spread::<_, MOST>::new(simd, V::Scalar::ATANH).in_chain(V::Scalar::ATANH.len(), square)
}
