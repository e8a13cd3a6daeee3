//! How far one distribution is from another, without cancellation.
//!
//! With `P` and `Q` the sums of the weights, `x = p Q` and `y = q P` are in the
//! proportion of the probabilities, and with `g(u) = (1 + u) ln(1 + u) - u`,
//!
//! * KL `= sum of y g((x - y) / y)`, which is `x ln(x / y) - x + y`,
//! * twice JS `= sum of m (g(s) + g(-s))`, `m = (x + y) / 2`, `s = (x - y) / (x + y)`,
//!
//! both over the sum of `x`. No term is negative. `x - y` is made from the products
//! before they are rounded, so that it is exact to its last bits however close they are
//! (Dekker's way): nearly equal distributions keep the digits of their divergence.
//!
//! `P` and `Q` are rounded, so that `y` comes to `1 + e` times the sum of `x`, where
//! `e = sum of (y - x) / sum of x` is about 1e-16 and known exactly enough. What it does
//! to the sums is taken off: `e - ln(1 + e)` from KL, whatever `p` and `q`, and `e^2 / 4`
//! from twice JS, whose next terms are multiples of `e` JS and of `e^3`.

use super::scale::in_units;
use super::source::{PAIR_BYTES, weights};
use super::survey::Survey;
use crate::math::log::{Log, relative_entropy};
use crate::simd::{Kernel, Lanes, Simd};

/// A `y` below this one may make `x / y` overflow.
const FAR: f64 = f64::from_bits((1023 - 900) << 52);

/// What weights, in their units, are times in `x` and in `y`: the sum of the other row,
/// and a power of two that brings the sum of `x` near 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors {
    pub(crate) of_p: f64,
    pub(crate) of_q: f64,
}

impl Factors {
    pub(crate) fn new(p: &Survey, q: &Survey) -> Self {
        let [p, q] = [p.total(), q.total()];
        let power = |x: f64| f64::from_bits(x.to_bits() & 0x7ff << 52);
        let scale = 1.0 / (power(p) * power(q));
        Self { of_p: q * scale, of_q: p * scale }
    }
}

/// Sums over two rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DivergenceSums {
    /// `x`
    mass: f64,
    /// `x - y`
    difference: f64,
    /// The terms.
    divergence: f64,
}

impl DivergenceSums {
    pub(crate) fn merge(self, later: Self) -> Self {
        Self {
            mass: self.mass + later.mass,
            difference: self.difference + later.difference,
            divergence: self.divergence + later.divergence,
        }
    }

    /// `e`
    fn surplus(&self) -> f64 {
        -self.difference / self.mass
    }

    /// Of the terms of KL.
    pub(crate) fn kullback_leibler(&self) -> f64 {
        let e = self.surplus();
        // The series of e - ln(1 + e): that difference would be all rounding.
        let excess = e * e * (0.5 - e * (1.0 / 3.0 - e * 0.25));
        (self.divergence / self.mass - excess).max(0.0)
    }

    /// Of the terms of JS.
    pub(crate) fn jensen_shannon(&self) -> f64 {
        let e = self.surplus();
        (0.5 * (self.divergence / self.mass - 0.25 * e * e)).max(0.0)
    }
}

/// Sums over a block of two rows, both in units. `None` if a weight of `q` that is 0 or
/// nearly so has one in `p`, unless `JENSEN_SHANNON`.
pub(crate) struct Terms<'a, const JENSEN_SHANNON: bool> {
    pub(crate) p: &'a [u8],
    pub(crate) q: &'a [u8],
    pub(crate) factors: Factors,
}

impl<const JENSEN_SHANNON: bool> Kernel for Terms<'_, JENSEN_SHANNON> {
    type Output = Option<DivergenceSums>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<DivergenceSums> {
        let splat = |x| S::F64::splat(simd, x);
        let log = Log::<S::F64>::new(simd);
        let (of_p, of_q) = (splat(self.factors.of_p), splat(self.factors.of_q));
        let (least, far, half) = (splat(f64::MIN_POSITIVE), splat(FAR), splat(0.5));
        let zero = splat(0.0);
        let (mut mass, mut difference) = (zero, zero);
        let (mut divergence, mut excluded) = (zero, zero);
        for (p, q) in self.p.chunks_exact(PAIR_BYTES).zip(self.q.chunks_exact(PAIR_BYTES)) {
            let (p, q) = (simd.load_f64(p), simd.load_f64(q));
            for i in 0..2 {
                let (x, y) = (p[i].mul(of_p), q[i].mul(of_q));
                let lost = p[i].fused_mul_sub(of_p, x);
                let apart = lost.sub(q[i].fused_mul_sub(of_q, x));
                mass = mass.add(x);
                difference = difference.add(apart);
                if JENSEN_SHANNON {
                    let both = x.add(y);
                    let s = apart.div(least.max(both));
                    let g = log.relative_entropy(s).add(log.relative_entropy(zero.sub(s)));
                    divergence = half.mul(both).mul_add(g, divergence);
                } else {
                    excluded = x.keep(y.not_ge(far)).max(excluded);
                    let u = apart.div(least.max(y));
                    divergence = y.mul_add(log.relative_entropy(u), divergence);
                }
            }
        }
        (excluded.largest() == 0.0).then(|| DivergenceSums {
            mass: mass.sum(),
            difference: difference.sum(),
            divergence: divergence.sum(),
        })
    }
}

/// The terms of KL, one by one: `p` in its units, `q` as it is, which has units of
/// `2^exponent`.
pub(crate) fn one_by_one(
    p: &[u8],
    q: &[u8],
    factors: Factors,
    exponent: i32,
) -> DivergenceSums {
    let Factors { of_p, of_q } = factors;
    let unit = f64::from(exponent) * std::f64::consts::LN_2 - of_q.ln();
    let mut sums = DivergenceSums::default();
    for (p, q) in weights(p).zip(weights(q)) {
        let in_units = in_units(q, exponent);
        let (x, y) = (p * of_p, in_units * of_q);
        let apart = p.mul_add(of_p, -x) - in_units.mul_add(of_q, -x);
        sums.mass += x;
        sums.difference += apart;
        sums.divergence += if y >= FAR {
            y * relative_entropy(apart / y)
        } else if x == 0.0 {
            y
        } else if q == 0.0 {
            f64::INFINITY
        } else {
            (x * (x.ln() - (q.ln() - unit)) - apart).max(0.0)
        };
    }
    sums
}
