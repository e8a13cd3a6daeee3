//! The pass over a block of two rows: the terms of divergences, in registers.

use super::alignment::Alignment;
use super::mixture::Mixture;
use super::{LOWEST, PairSums};
use crate::element::{Element, Real, Vector};
use crate::math::excess::excess;
use crate::math::exp2::Weigher;
use crate::row::blocks::pieces;
use crate::simd::{Lanes, Simd};

const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN_2: f64 = std::f64::consts::LN_2;
/// What it is short of ln 2.
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;

/// One of the two rows.
#[derive(Clone, Copy)]
struct Side<V: Lanes> {
    weigher: Weigher<V>,
    /// `1 / temperature`, and what the lane type lacks of it.
    inverse: V,
    inverse_low: V,
}

impl<V: Lanes<Scalar: Real>> Side<V> {
    #[inline(always)]
    fn new(simd: V::Simd, temperature: f64, reference: f64) -> Self {
        let [inverse, inverse_low] = split(simd, 1.0 / temperature, 0.0);
        let weigher = Weigher::new(simd, LOG2_E / temperature, reference);
        Self { weigher, inverse, inverse_low }
    }

    /// `2^(x log2(e) / T - reference)`, 0 where that is next to nothing.
    #[inline(always)]
    fn weight(&self, x: V) -> V {
        let raised = self.weigher.raised(x);
        let factors = self.weigher.factors::<true, false, false>(raised, raised);
        self.weigher.weight(factors).keep(self.weigher.is_above_least(x))
    }

    /// `x / T`, and what rounding took from it.
    #[inline(always)]
    fn scaled(&self, x: V) -> [V; 2] {
        let high = x.mul(self.inverse);
        let low = x.fused_mul_sub(self.inverse, high);
        [high, x.mul_add(self.inverse_low, low)]
    }
}

/// A number as the sum of two of the lane type.
#[inline(always)]
fn split<V: Lanes<Scalar: Real>>(simd: V::Simd, x: f64, low: f64) -> [V; 2] {
    let high = V::Scalar::from_f64(x);
    let low = V::Scalar::from_f64((x - high.to_f64()) + low);
    [V::splat(simd, high), V::splat(simd, low)]
}

/// What a pass needs to know besides the block, spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct PairFrame<V: Lanes> {
    simd: V::Simd,
    p: Side<V>,
    q: Side<V>,
    /// `r = x / T - y / U - shift`
    shift: V,
    shift_low: V,
    /// What the weight of the second row is short of `q`, as a factor.
    factor: V,
    factor_low: V,
    lowest: V,
    mixture: Mixture<V>,
}

impl<V: Lanes<Scalar: Real>> PairFrame<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, alignment: &Alignment, weight: f64) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let [t, u] = alignment.temperatures;
        let [p, q] = alignment.references;
        let [shift, shift_low] = split(simd, alignment.shift, alignment.correction);
        let (apart, correction) = (q - p, alignment.correction);
        let log_factor =
            apart.mul_add(LN_2, alignment.shift) + (apart * LN_2_LOW + correction);
        let [factor, factor_low] = split(simd, log_factor.exp(), 0.0);
        Self {
            simd,
            p: Side::new(simd, t, p),
            q: Side::new(simd, u, q),
            shift,
            shift_low,
            factor,
            factor_low,
            lowest: splat(LOWEST),
            mixture: Mixture::new(simd, weight),
        }
    }

    #[inline(always)]
    fn splat(&self, x: f64) -> V {
        V::splat(self.simd, V::Scalar::from_f64(x))
    }

    /// The lanes whose token the first row does not exclude.
    #[inline(always)]
    pub(super) fn is_allowed(&self, x: V) -> V::Mask {
        self.lowest.not_ge(x)
    }

    /// `p`
    #[inline(always)]
    pub(super) fn p_weight(&self, x: V) -> V {
        self.p.weight(x)
    }

    /// `q`
    #[inline(always)]
    pub(super) fn q_weight(&self, y: V) -> V {
        let weight = self.q.weight(y);
        weight.mul_add(self.factor_low, weight.mul(self.factor))
    }

    /// `r`, to its last bits also where it is far smaller than the logits.
    #[inline(always)]
    pub(super) fn log_ratio(&self, x: V, y: V) -> V {
        let [x, x_low] = self.p.scaled(self.lowest.max(x));
        let [y, y_low] = self.q.scaled(self.lowest.max(y));
        // The difference and what its rounding lost (Knuth's two-sum).
        let apart = x.sub(y);
        let undone = apart.sub(x);
        let lost = x.sub(apart.sub(undone)).sub(y.add(undone));
        let low = lost.sub(self.shift_low).add(x_low.sub(y_low));
        apart.sub(self.shift).add(low)
    }

    /// `q - p`
    #[inline(always)]
    pub(super) fn difference(&self, x: V, y: V) -> V {
        let one = self.splat(1.0);
        let (p, r) = (self.p_weight(x), self.log_ratio(x, y));
        let [near, ..] = self.near::<0>(p, r);
        let size = r.abs();
        if size.any_ge(one) {
            let [far, ..] = self.far::<0>(p, y, r);
            return near.choose(size.not_ge(one), far);
        }
        near
    }

    /// The terms of tokens whose `r` lies in [-1, 1]: multiples of `p r` and `p r^2`.
    #[inline(always)]
    fn near<const TERMS: u8>(&self, p: V, r: V) -> [V; 3] {
        let square = r.mul(r);
        let h = excess(self.simd, r);
        let g = square.mul(h);
        let u = g.sub(r);
        let js = if TERMS >= 2 { self.mixture.near(p, u) } else { p };
        [p.mul(u), p.mul(g), js]
    }

    /// The terms of the others.
    #[inline(always)]
    fn far<const TERMS: u8>(&self, p: V, y: V, r: V) -> [V; 3] {
        let q = self.q_weight(y);
        let difference = q.sub(p);
        let kl = p.mul_add(r, difference);
        let js = if TERMS >= 2 { self.mixture.far([p, q], r) } else { p };
        [difference, kl, js]
    }
}

/// The terms of a block, `TERMS` as in [`super::difference::difference_terms`]; `p` and
/// `q` hold the same number of whole registers.
#[inline(always)]
pub(crate) fn pair_terms<S: Simd, C: Element, const TERMS: u8>(
    simd: S,
    p: &[u8],
    q: &[u8],
    frame: &PairFrame<Vector<C, S>>,
) -> PairSums {
    let zero = frame.splat(0.0);
    let one = frame.splat(1.0);
    let (mut mass, mut difference, mut distance) = (zero, zero, zero);
    let (mut gaining, mut kl, mut js) = (zero, zero, zero);
    let mut furthest = zero;
    for (p, q) in pieces::<C>(p).zip(pieces::<C>(q)) {
        let (mut piece_mass, mut piece_difference, mut piece_distance) = (zero, zero, zero);
        let (mut piece_gaining, mut piece_kl, mut piece_js) = (zero, zero, zero);
        let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
        for (p, q) in pairs {
            let (p, q) = (C::load_pair(simd, p), C::load_pair(simd, q));
            for i in 0..2 {
                let (x, y) = (p[i], q[i]);
                let r = frame.log_ratio(x, y);
                let own = frame.p_weight(x);
                let size = r.abs();
                let [mut d, mut k, mut j] = frame.near::<TERMS>(own, r);
                if size.any_ge(one) {
                    let far = frame.far::<TERMS>(own, y, r);
                    let is_near = size.not_ge(one);
                    d = d.choose(is_near, far[0]);
                    k = k.choose(is_near, far[1]);
                    j = j.choose(is_near, far[2]);
                    if TERMS >= 1 {
                        furthest = r.keep(frame.is_allowed(x)).max(furthest);
                    }
                }
                piece_mass = piece_mass.add(own);
                piece_difference = piece_difference.add(d);
                piece_distance = piece_distance.add(d.abs());
                piece_gaining = piece_gaining.add(own.keep(r.not_ge(zero)));
                if TERMS >= 1 {
                    piece_kl = piece_kl.add(k);
                }
                if TERMS >= 2 {
                    piece_js = piece_js.add(j);
                }
            }
        }
        mass = mass.add(piece_mass);
        difference = difference.add(piece_difference);
        distance = distance.add(piece_distance);
        gaining = gaining.add(piece_gaining);
        kl = kl.add(piece_kl);
        js = js.add(piece_js);
    }
    PairSums {
        mass: mass.sum(),
        difference: difference.sum(),
        distance: distance.sum(),
        gaining: gaining.sum(),
        kl: kl.sum(),
        js: js.sum(),
        furthest: furthest.largest().to_f64(),
        ..PairSums::default()
    }
}
