//! The pass over a block of two rows for the Rényi divergence.
//!
//! With `a` the order and `b = 1 - a`, the sum of `p^a q^b` less that of `p` is of first
//! order in `q - p`, and so its rounding would show where the models are nearly equal.
//! The terms here, `p (e^(-b r) - 1 - b (e^-r - 1))`, are of second order and have one
//! sign; the rest, `b` times the sum of `q - p`, is known.
//!
//! `e^(-b r)` has no better relative error than `b r` an absolute one, which is why this
//! is done in 64-bit lanes for logits of every type.
//!
//! Where little of `p` is left, the sum of `p^a q^b` is the difference of two large ones,
//! and it may be too large for a number: such rows are read again, in logarithms
//! ([`Affinity`]).

use super::PairSums;
use super::terms::PairFrame;
use crate::element::{Element, Real, Vector};
use crate::math::excess::excess;
use crate::math::exp2::Weigher;
use crate::row::blocks::pieces;
use crate::simd::{Lanes, Simd};

/// Whether models with so much [`grown`] are read in logarithms.
pub(crate) fn is_far_apart(grown: f64) -> bool {
    !(-0.5..1e300).contains(&grown)
}

/// Exponents up to this one are no overflow in 64-bit lanes.
const LARGE: f64 = 600.0;

/// Sum of `p^a q^b` of models far apart: its terms may be too small or too large for any
/// number but their logarithms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affinity {
    largest: f64,
    /// By the largest.
    sum: f64,
}

impl Default for Affinity {
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0 }
    }
}

impl Affinity {
    /// Adds a term by its logarithm.
    pub(super) fn add(&mut self, log: f64) {
        *self = self.merge(Self { largest: log, sum: 1.0 });
    }

    /// Both.
    pub(super) fn merge(self, later: Self) -> Self {
        let largest = self.largest.max(later.largest);
        if largest.is_infinite() {
            return Self { largest, sum: if largest > 0.0 { 1.0 } else { 0.0 } };
        }
        let part = |one: Self| one.sum * (one.largest - largest).exp();
        Self { largest, sum: part(self) + part(later) }
    }

    /// Its logarithm.
    pub(crate) fn ln(self) -> f64 {
        self.largest + self.sum.ln()
    }
}

/// What `p^a q^b` sums to, less 1, from sums about a `q` that is too large.
pub(crate) fn grown(sums: &PairSums, order: f64) -> f64 {
    (sums.renyi / sums.mass + (1.0 - order) * sums.surplus()).max(-1.0)
}

/// The order, spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct RenyiFrame<V: Lanes> {
    /// `1 - order`, 0 if that is infinite.
    power: V,
    exponential: Weigher<V>,
    large: V,
}

impl<V: Lanes<Scalar: Real>> RenyiFrame<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, order: f64) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        Self {
            power: splat(if order.is_finite() { 1.0 - order } else { 0.0 }),
            exponential: Weigher::new(simd, std::f64::consts::LOG2_E, 0.0).uniform(),
            large: splat(LARGE),
        }
    }
}

/// The terms of a block: `mass`, `difference`, `furthest` and `renyi`, which is NaN if
/// some exponent is too large.
#[inline(always)]
pub(crate) fn renyi_terms<S: Simd, C: Element>(
    simd: S,
    p: &[u8],
    q: &[u8],
    frame: &PairFrame<Vector<C, S>>,
    order: &RenyiFrame<Vector<C, S>>,
) -> PairSums {
    let splat = |x| Vector::<C, S>::splat(simd, C::Lane::from_f64(x));
    let (zero, one) = (splat(0.0), splat(1.0));
    let (mut mass, mut difference, mut renyi) = (zero, zero, zero);
    let mut furthest = zero;
    let mut large = false;
    for (p, q) in pieces::<C>(p).zip(pieces::<C>(q)) {
        let (mut piece_mass, mut piece_difference, mut piece_renyi) = (zero, zero, zero);
        let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
        for (p, q) in pairs {
            let (p, q) = (C::load_pair(simd, p), C::load_pair(simd, q));
            for i in 0..2 {
                let allowed = frame.is_allowed(p[i]);
                let r = frame.log_ratio(p[i], q[i]);
                let own = frame.p_weight(p[i]);
                let exponent = zero.sub(order.power.mul(r)).keep(allowed);
                large |= exponent.any_ge(order.large);
                // Where both exponents are small: b r^2 (b h(b r) - h(r)).
                let square = r.mul(r);
                let (h, g) = (excess(simd, r), excess(simd, zero.sub(exponent)));
                let mut d = own.mul(square.mul(h).sub(r));
                let bracket = order.power.mul(g).sub(h);
                let mut term = own.mul(order.power.mul(square).mul(bracket));
                let size = r.abs().max(exponent.abs());
                if size.any_ge(one) {
                    let is_near = size.not_ge(one);
                    let far = frame.q_weight(q[i]).sub(own);
                    let bounded = exponent.min(order.large);
                    let raised = order.exponential.raised(bounded);
                    let factors =
                        order.exponential.factors::<true, false, false>(raised, raised);
                    let grown = order.exponential.weight(factors).sub(one).keep(allowed);
                    d = d.choose(is_near, far);
                    let other = own.mul(grown).sub(order.power.mul(far));
                    term = term.choose(is_near, other);
                }
                furthest = r.keep(allowed).max(furthest);
                piece_mass = piece_mass.add(own);
                piece_difference = piece_difference.add(d);
                piece_renyi = piece_renyi.add(term);
            }
        }
        mass = mass.add(piece_mass);
        difference = difference.add(piece_difference);
        renyi = renyi.add(piece_renyi);
    }
    PairSums {
        mass: mass.sum(),
        difference: difference.sum(),
        renyi: if large { f64::NAN } else { renyi.sum() },
        furthest: furthest.largest().to_f64(),
        ..PairSums::default()
    }
}
