//! The natural logarithm, and the terms of relative entropy that it makes.
//!
//! # Method
//! 1. `k`, the eighths of the exponent of 2 that bring `x` near 1, from its bits
//!    ([`Bits::eighths`]).
//! 2. `f = x * 2^(-k / 8) - 1` in [-0.071, 0.071], by the table of powers that the
//!    exponential has: one for both, and no second one of logarithms.
//! 3. `ln x = k / 8 * ln 2 + f + f^2 b(f)`, `b(f) = (ln(1 + f) - f) / f^2` by a
//!    polynomial of degree 9 through Chebyshev nodes, within 7e-16.
//!
//! [`Log::relative_entropy`] is `(1 + u) ln(1 + u) - u`, which loses all digits for
//! small `u` as it stands. There it is `u^2 (1 + (1 + u) b(u))`, with the polynomial
//! of the logarithm: nothing cancels, `b` being about -1/2.
//!
//! # Domain and error
//! [`Log::ln`]: `x` from 2^-1022 to 2^1022; lesser ones, 0 and negative ones among them,
//! count as 2^-1022, so that `0 ln 0` is 0. The error is at most 5e-16 + 3e-16 `|ln x|`:
//! absolute where `x` is near 1, for sums in which other terms are larger there.
//! [`Log::relative_entropy`]: `u` from -1 to 2^1022, within 2e-13, relative, and worst
//! just beyond [`NEAR`]. Infinities and NaN give anything.

use std::f64::consts::LN_2;

use super::exp2::Exp2;
use crate::simd::{Bits, Lanes};

/// `b`, lowest term first.
const TAIL: [f64; 10] = [
    -0.500_000_000_000_000_6,
    0.333_333_333_333_333_87,
    -0.249_999_999_994_380_52,
    0.199_999_999_994_812_16,
    -0.166_666_675_456_349_83,
    0.142_857_150_971_636_7,
    -0.124_995_190_751_912_37,
    0.111_106_671_340_885_68,
    -0.101_072_681_849_848_12,
    0.091_899_337_386_240_84,
];

/// Within this of 0, `(1 + u) ln(1 + u) - u` is taken from its second-order form. It
/// lies in the range of [`TAIL`]; beyond it the plain form loses nine bits.
const NEAR: f64 = 0.07;

/// The logarithm, its constants spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct Log<V: Lanes> {
    simd: V::Simd,
    least: V,
    /// `MAGIC + 1023`, and as much below twice `MAGIC`.
    origin: V,
    mirror: V,
    ln_2: V,
    one: V,
    minus_one: V,
    near: V,
    zero: V,
}

impl<V: Bits> Log<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd) -> Self {
        let splat = |x| V::splat(simd, x);
        Self {
            simd,
            least: splat(f64::MIN_POSITIVE),
            origin: splat(f64::MAGIC + 1023.0),
            mirror: splat(2.0 * f64::MAGIC + 1023.0),
            ln_2: splat(LN_2),
            one: splat(1.0),
            minus_one: splat(-1.0),
            near: splat(NEAR),
            zero: splat(0.0),
        }
    }

    /// `ln x`.
    #[inline(always)]
    pub(crate) fn ln(&self, x: V) -> V {
        let (exponent, f) = self.reduced(x);
        self.combined(exponent, f, self.tail(f))
    }

    /// `(1 + u) ln(1 + u) - u`.
    #[inline(always)]
    pub(crate) fn relative_entropy(&self, u: V) -> V {
        let ratio = u.add(self.one);
        let (exponent, f) = self.reduced(ratio);
        // Rounded, 1 + u has lost what u is exact to; near 0 no eighth is needed.
        let is_near = u.max(self.zero.sub(u)).not_ge(self.near);
        let f = u.choose(is_near, f);
        let tail = self.tail(f);
        let near = u.mul(u).mul(ratio.mul_add(tail, self.one));
        let far = self.combined(exponent, f, tail).mul(ratio).sub(u);
        near.choose(is_near, far)
    }

    /// `k / 8` and `f`.
    #[inline(always)]
    fn reduced(&self, x: V) -> (V, V) {
        let x = self.least.max(x);
        let place = x.eighths();
        let power = self.mirror.sub(place).power_of_eighths();
        (place.sub(self.origin), x.mul_add(power, self.minus_one))
    }

    #[inline(always)]
    fn combined(&self, exponent: V, f: V, tail: V) -> V {
        exponent.mul_add(self.ln_2, f.mul(f).mul_add(tail, f))
    }

    /// `b(f)`
    #[inline(always)]
    fn tail(&self, f: V) -> V {
        let splat = |c| V::splat(self.simd, c);
        let mut sum = splat(TAIL[TAIL.len() - 1]);
        for &c in TAIL[..TAIL.len() - 1].iter().rev() {
            sum = sum.mul_add(f, splat(c));
        }
        sum
    }
}

/// [`Log::relative_entropy`] of one number.
pub(crate) fn relative_entropy(u: f64) -> f64 {
    if u.abs() < NEAR {
        let tail = TAIL.iter().rev().fold(0.0, |sum, c| sum * u + c);
        u * u * (1.0 + (1.0 + u) * tail)
    } else if u > -1.0 {
        (1.0 + u) * (1.0 + u).ln() - u
    } else {
        1.0
    }
}
