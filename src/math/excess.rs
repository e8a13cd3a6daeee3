//! What an exponential or a logarithm is beyond its first terms, for differences of
//! nearly equal probabilities.
//!
//! # Method
//! Polynomials through Chebyshev nodes:
//!
//! * [`excess`]: `(e^-r - 1 + r) / r^2` on [-1, 1], [`wide_excess`] on
//!   [-DOMAIN, DOMAIN] and [`narrow_excess`] on [-NARROW, NARROW],
//! * [`atanh_excess`]: `(atanh(s) / s - 1) / s^2` as a function of `s^2`, on
//!   [0, 0.2145]; with `s = z / (2 - z)` it gives `ln(1 - z) = -2 atanh(s)`.
//!
//! # Error
//! At most [`Excess::ERROR`], relative, rounding included.

use crate::element::Real;
use crate::simd::Lanes;

/// Up to where [`narrow_excess`] and
/// [`narrow_even`](super::jensen_shannon::narrow_even) hold: few log-ratios of a model
/// and its quantised copy are larger, and the polynomials are half as long.
pub(crate) const NARROW: f64 = 0.5;

/// The constants for one float type, lowest term first.
pub trait Excess: Sized + 'static {
    /// Coefficients of [`excess`].
    const EXCESS: &'static [Self];
    /// Up to where [`wide_excess`] holds, in both directions. Beyond 2, where the
    /// function is small beside its terms, their rounding would show.
    const DOMAIN: f64;
    /// Coefficients of [`wide_excess`].
    const WIDE_EXCESS: &'static [Self];
    /// Coefficients of [`narrow_excess`].
    const NARROW_EXCESS: &'static [Self];
    /// What `r` is divided by for [`narrow_shape`], a power of two.
    const NARROW_UNIT: f64;
    /// What [`narrow_shape`] is multiplied with.
    const NARROW_LEADING: f64;
    /// Numbers of [`narrow_shape`], if its squares are completed.
    const NARROW_SQUARES: Option<[Self; 4]>;
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
    const NARROW_EXCESS: &'static [f32] = &[
        0.5,
        -0.166_666_67,
        0.041_665_792,
        -0.008_333_236,
        0.001_398_218_6,
        -0.000_199_448_74,
    ];
    const NARROW_UNIT: f64 = -8.0;
    const NARROW_LEADING: f64 = 5.728_995_126_8;
    const NARROW_SQUARES: Option<[f32; 4]> =
        Some([0.232_728_72, 0.033_112_686, 0.372_712_1, 0.093_819_27]);
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
    const NARROW_EXCESS: &'static [f64] = &[
        0.5,
        -0.166_666_666_666_666_67,
        0.041_666_666_666_667_06,
        -0.008_333_333_333_333_36,
        0.001_388_888_888_870_455,
        -0.000_198_412_698_411_469_92,
        0.000_024_801_587_616_145_413,
        -0.000_002_755_731_943_362_024_3,
        0.000_000_275_570_766_364_272_35,
        -0.000_000_025_051_946_709_721_62,
        0.000_000_002_096_295_581_597_607_6,
        -0.000_000_000_161_164_965_143_715_46,
    ];
    const NARROW_UNIT: f64 = 1.0;
    const NARROW_LEADING: f64 = 1.0;
    const NARROW_SQUARES: Option<[f64; 4]> = None;
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

/// `(e^-r - 1 + r) / r^2` for `r` in [-1, 1]; elsewhere anything.
///
/// In one chain: that rounds once less than even and odd terms apart do, which uneven
/// mixtures would amplify.
#[inline(always)]
pub(crate) fn excess<V: Lanes<Scalar: Real>>(simd: V::Simd, r: V) -> V {
    polynomial(simd, V::Scalar::EXCESS, r)
}

/// `(e^-r - 1 + r) / r^2` for `r` up to [`Excess::DOMAIN`] in size; elsewhere anything.
/// `square` is `r^2`.
#[inline(always)]
pub(crate) fn wide_excess<V: Lanes<Scalar: Real>>(simd: V::Simd, r: V, square: V) -> V {
    in_halves(simd, V::Scalar::WIDE_EXCESS, r, square)
}

/// The same for `r` up to [`NARROW`] in size.
#[inline(always)]
pub(crate) fn narrow_excess<V: Lanes<Scalar: Real>>(simd: V::Simd, r: V, square: V) -> V {
    in_halves(simd, V::Scalar::NARROW_EXCESS, r, square)
}

/// The same over [`Excess::NARROW_LEADING`], as a function of `t`, which is `r` over
/// [`Excess::NARROW_UNIT`]; `square` is `t^2`.
///
/// For `f32`, `(t^2 + a)^2 + b + t ((t^2 + c)^2 + d)`: three multiplications in place of
/// five. The unit makes both leading coefficients one, but for a seventh of the odd one,
/// which costs 1e-7 at the ends.
#[inline(always)]
pub(crate) fn narrow_shape<V: Lanes<Scalar: Real>>(simd: V::Simd, t: V, square: V) -> V {
    let Some(numbers) = V::Scalar::NARROW_SQUARES else {
        return in_halves(simd, V::Scalar::NARROW_EXCESS, t, square);
    };
    let [a, b, c, d] = numbers.map(|x| V::splat(simd, x));
    let (even, odd) = (square.add(a), square.add(c));
    odd.mul_add(odd, d).mul_add(t, even.mul_add(even, b))
}

/// As [`polynomial`], even and odd terms apart: as many operations as in one chain of
/// them, and half as long to wait for.
#[inline(always)]
fn in_halves<V: Lanes<Scalar: Real>>(
    simd: V::Simd,
    coefficients: &'static [V::Scalar],
    x: V,
    square: V,
) -> V {
    let last = coefficients.len() - 1;
    let mut sums =
        [V::splat(simd, coefficients[last]), V::splat(simd, coefficients[last - 1])];
    for (i, &c) in coefficients[..last - 1].iter().enumerate().rev() {
        let sum = &mut sums[(last - i) % 2];
        *sum = sum.mul_add(square, V::splat(simd, c));
    }
    let [even, odd] = if last % 2 == 0 { sums } else { [sums[1], sums[0]] };
    odd.mul_add(x, even)
}

/// `(atanh(s) / s - 1) / s^2` of `s^2` in [0, 0.2145]; elsewhere anything.
#[inline(always)]
pub(crate) fn atanh_excess<V: Lanes<Scalar: Real>>(simd: V::Simd, square: V) -> V {
    polynomial(simd, V::Scalar::ATANH, square)
}

/// `sum of coefficients[i] x^i`
#[inline(always)]
pub(crate) fn polynomial<V: Lanes<Scalar: Real>>(
    simd: V::Simd,
    coefficients: &'static [V::Scalar],
    x: V,
) -> V {
    let mut sum = V::splat(simd, coefficients[coefficients.len() - 1]);
    for &c in coefficients[..coefficients.len() - 1].iter().rev() {
        sum = sum.mul_add(x, V::splat(simd, c));
    }
    sum
}
