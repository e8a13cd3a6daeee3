//! The terms of the Jensen-Shannon divergence with equal weights, without a division.
//!
//! # Method
//! With `r = ln p - ln q`, `m = (p + q) / 2` and `s = r / 2`, half of
//! `p ln(p / m) + q ln(q / m)` is
//!
//! * `m (s tanh s - ln cosh s)`, which is `m r^2` times an even function of `r`: [`even`],
//!   a polynomial in `r^2` for `|r|` up to [`Excess::DOMAIN`];
//! * for larger `|r|`, with `g` and `l` the greater and the less of `p` and `q` and
//!   `t = l / g`, half of `g (1 + t) (ln 2 - ln(1 + t)) - l |r|`: [`mixed`] is the middle
//!   of it, a polynomial in `t`.
//!
//! Both are polynomials through Chebyshev nodes.
//!
//! # Error
//! At most [`JensenShannon::ERROR`], relative, rounding included.
//!
//! [`Excess::DOMAIN`]: super::excess::Excess::DOMAIN

use super::polynomial::Spread;
use crate::element::Real;
use crate::simd::Lanes;

/// The constants for one float type, lowest term first.
pub trait JensenShannon: Sized + 'static {
    /// Coefficients of [`even`].
    const EVEN: &'static [Self];
    /// Coefficients of [`mixed`].
    const MIXED: &'static [Self];
    /// Largest relative error; tests assert it.
    const ERROR: f64;
}

impl JensenShannon for f32 {
    const EVEN: &'static [f32] = &[
        0.124_999_985,
        -0.015_624_707,
        0.001_734_912_6,
        -0.000_182_586_46,
        0.000_017_777_471,
        -0.000_001_376_869_9,
        0.000_000_058_103_698,
    ];
    const MIXED: &'static [f32] =
        &[std::f32::consts::LN_2, -0.306_854_13, -0.499_921_14, 0.165_001_05, -0.068_609_424];
    const ERROR: f64 = 3e-7;
}

impl JensenShannon for f64 {
    const EVEN: &'static [f64] = &[
        0.125,
        -0.015_624_999_999_999_849,
        0.001_736_111_111_105_054_9,
        -0.000_184_461_805_460_701_82,
        0.000_019_221_229_395_181_718,
        -0.000_001_983_549_277_452_897,
        0.000_000_203_575_060_100_997_56,
        -0.000_000_020_805_680_080_944_528,
        0.000_000_002_100_735_184_521_713_7,
        -0.000_000_000_197_011_392_423_397_3,
        0.000_000_000_012_861_310_724_535_507,
    ];
    const MIXED: &'static [f64] = &[
        std::f64::consts::LN_2,
        -0.306_852_819_440_059_65,
        -0.499_999_999_999_115_65,
        0.166_666_666_604_669_75,
        -0.083_333_331_056_912_07,
        0.049_999_949_707_095_61,
        -0.033_332_609_420_984_78,
        0.023_802_397_149_515_826,
        -0.017_807_717_681_827_11,
        0.013_643_433_572_245_822,
        -0.010_232_779_135_247_434,
        0.006_829_866_524_629_824,
        -0.003_410_750_119_661_436_7,
        0.000_900_331_466_035_196_9,
    ];
    const ERROR: f64 = 1.2e-15;
}

/// Numbers of the longest polynomial.
const MOST: usize = <f64 as JensenShannon>::MIXED.len();

/// `(s tanh s - ln cosh s) / r^2` with `s = r / 2`, of `r^2` up to the square of
/// [`super::excess::Excess::DOMAIN`]; elsewhere anything.
#[inline(always)]
pub(crate) fn even<V: Lanes<Scalar: Real>>(simd: V::Simd, square: V) -> V {
    Spread::<_, MOST>::new(simd, V::Scalar::EVEN).in_chain(V::Scalar::EVEN.len(), square)
}

/// `(1 + t) (ln 2 - ln(1 + t))` of `t` in [0, e^-DOMAIN]; elsewhere anything.
#[inline(always)]
pub(crate) fn mixed<V: Lanes<Scalar: Real>>(simd: V::Simd, t: V) -> V {
    Spread::<_, MOST>::new(simd, V::Scalar::MIXED).in_chain(V::Scalar::MIXED.len(), t)
}
