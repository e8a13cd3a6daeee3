//! The terms of divergences of tokens that two models all but agree on.
//!
//! # Method
//! Of tokens with `|r|` up to [`NARROW`], `r = ln p - ln q`, all terms are `p` times short
//! polynomials of `t`, which is `r` over a [unit](Narrow::UNIT) below 0:
//!
//! * [`NarrowTerms::kl_shape`] is `(e^-r - 1 + r) / r^2`, over its
//!   [leading](Narrow::KL_LEADING): with it the term of KL, `q - p + p r`, has all its
//!   digits, and so has `q - p`;
//! * [`NarrowTerms::js_share`] is how much of the term of KL that of JS is: a quarter where
//!   `r` is 0, and smoother than the term itself.
//!
//! For `f32` the first is `(t^2 + a)^2 + b + t ((t^2 + c)^2 + d)`: three multiplications in
//! place of five. Both leading coefficients have to be one for that, by the unit, a power of
//! two; they are so but for a seventh of the odd one, which costs 1e-7. The others are
//! polynomials through Chebyshev nodes.
//!
//! The second that way, with `t` doubled in the second half, takes 3 % less time on Zen 4
//! with AVX-512 and 6 % more with AVX2: three multiplications less and four additions more.
//!
//! # Error
//! At most [`Narrow::ERROR`], relative, rounding included.

use super::polynomial::Spread;
use crate::element::Real;
use crate::simd::Lanes;
use crate::simd::two::Two;

/// Up to where the polynomials hold: few log-ratios of a model and its quantised copy are
/// larger, and the polynomials that hold further are half as long again.
pub(crate) const NARROW: f64 = 0.5;

/// How [`NarrowTerms::kl_shape`] is given.
#[derive(Clone, Copy)]
pub enum Shape<R: 'static> {
    /// `[a, b, c, d]` of completed squares.
    Squares([R; 4]),
    /// Coefficients, lowest term first.
    Coefficients(&'static [R]),
}

impl<R> Shape<R> {
    fn numbers(&self) -> &[R] {
        match self {
            Shape::Squares(numbers) => numbers,
            Shape::Coefficients(coefficients) => coefficients,
        }
    }
}

/// The constants for one float type.
pub trait Narrow: Sized + 'static {
    /// What `r` is divided by, a power of two below 0.
    const UNIT: f64;
    /// What [`NarrowTerms::kl_shape`] is multiplied with.
    const KL_LEADING: f64;
    /// [`NarrowTerms::kl_shape`]
    const KL: Shape<Self>;
    /// Coefficients of [`NarrowTerms::js_share`], lowest term first.
    const JS: &'static [Self];
    /// Largest relative error; tests assert it.
    const ERROR: f64;
}

impl Narrow for f32 {
    const UNIT: f64 = -8.0;
    const KL_LEADING: f64 = 5.728_995_126_8;
    const KL: Shape<f32> =
        Shape::Squares([0.232_728_72, 0.033_112_686, 0.372_712_1, 0.093_819_27]);
    const JS: &'static [f32] =
        &[0.25, 0.333_333_3, -0.222_196_1, -0.651_796_2, 0.772_200_7, 1.873_174_5];
    const ERROR: f64 = 3e-7;
}

impl Narrow for f64 {
    const UNIT: f64 = -1.0;
    const KL_LEADING: f64 = 1.0;
    const KL: Shape<f64> = Shape::Coefficients(&[
        0.5,
        0.166_666_666_666_666_66,
        0.041_666_666_666_667_06,
        0.008_333_333_333_333_36,
        0.001_388_888_888_870_455,
        0.000_198_412_698_411_469_93,
        0.000_024_801_587_616_145_414,
        0.000_002_755_731_943_362_024_5,
        0.000_000_275_570_766_364_272_34,
        0.000_000_025_051_946_709_721_62,
        0.000_000_002_096_295_581_597_607_6,
        0.000_000_000_161_164_965_143_715_45,
    ]);
    const JS: &'static [f64] = &[
        0.25,
        0.041_666_666_666_665_98,
        -0.003_472_222_222_221_981_3,
        -0.001_273_148_148_070_726_2,
        0.000_192_901_234_541_285_04,
        0.000_058_329_656_542_415_77,
        -0.000_011_887_920_470_298_88,
        -0.000_003_160_126_956_060_841_5,
        0.000_000_794_387_575_932_737_2,
        0.000_000_194_130_441_151_517_5,
        -0.000_000_056_344_749_764_656_37,
        -0.000_000_012_383_208_912_278_36,
        0.000_000_003_948_041_403_178_638,
    ];
    const ERROR: f64 = 1.2e-15;
}

/// Numbers of the longest polynomial.
const MOST: usize = <f64 as Narrow>::JS.len();

/// Both polynomials, spread over registers, and what makes differences of terms of KL.
#[derive(Clone, Copy)]
pub(crate) struct NarrowTerms<V: Lanes> {
    kl: Spread<V, MOST>,
    js: Spread<V, MOST>,
    leading: V,
}

impl<V: Lanes<Scalar: Real>> NarrowTerms<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd) -> Self {
        let leading = -V::Scalar::UNIT * V::Scalar::KL_LEADING;
        Self {
            kl: Spread::new(simd, V::Scalar::KL.numbers()),
            js: Spread::new(simd, V::Scalar::JS),
            leading: V::splat(simd, V::Scalar::from_f64(leading)),
        }
    }

    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Self {
        let Self { kl, js, leading } = self;
        Self { kl: kl.uniform(), js: js.uniform(), leading: leading.uniform() }
    }

    /// The same for two registers in step.
    #[inline(always)]
    pub(crate) fn in_step(&self) -> NarrowTerms<Two<V>> {
        let Self { kl, js, leading } = self;
        NarrowTerms { kl: kl.in_step(), js: js.in_step(), leading: Two::of(*leading) }
    }

    /// `(e^-r - 1 + r) / r^2` over [`Narrow::KL_LEADING`]; `square` is `t^2`.
    #[inline(always)]
    pub(crate) fn kl_shape(&self, t: V, square: V) -> V {
        match V::Scalar::KL {
            Shape::Squares(_) => self.kl.in_squares(t, square),
            Shape::Coefficients(numbers) => self.kl.in_halves(numbers.len(), t, square),
        }
    }

    /// `(e^-r - 1) / -UNIT`, given `square` times [`Self::kl_shape`].
    #[inline(always)]
    pub(crate) fn difference(&self, t: V, kl: V) -> V {
        kl.mul_add(self.leading, t)
    }

    /// What JS has of the term of KL; `square` is `t^2`.
    #[inline(always)]
    pub(crate) fn js_share(&self, t: V, square: V) -> V {
        self.js.in_halves(V::Scalar::JS.len(), t, square)
    }
}
