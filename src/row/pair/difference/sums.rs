//! The sums of a pass, in registers, and what a token adds to them.

use super::frame::{DifferenceFrame, NarrowFrame};
use super::{DISTANCE, KL_ALONE, WITH_JS};
use crate::element::Real;
use crate::math::excess::wide_excess;
use crate::math::jensen_shannon::{even, mixed};
use crate::math::narrow::Narrow;
use crate::row::moments;
use crate::row::pair::PairSums;
use crate::simd::Lanes;
use crate::simd::two::InStep;

/// Sums over some tokens.
#[derive(Clone, Copy)]
pub(super) struct TermSums<V> {
    mass: V,
    difference: V,
    distance: V,
    gaining: V,
    kl: V,
    js: V,
    narrow: NarrowSums<V>,
}

/// What narrow tokens add, in units of their own ([`narrow`](crate::math::narrow)).
#[derive(Clone, Copy)]
struct NarrowSums<V> {
    /// `p r`, where KL alone is wanted.
    ratio: V,
    /// `q - p`, elsewhere.
    difference: V,
    distance: V,
    kl: V,
    js: V,
}

impl<V: Lanes<Scalar: Real>> TermSums<V> {
    #[inline(always)]
    pub(super) fn zero(frame: &DifferenceFrame<V>) -> Self {
        let zero = frame.splat(0.0);
        Self {
            mass: zero,
            difference: zero,
            distance: zero,
            gaining: zero,
            kl: zero,
            js: zero,
            narrow: NarrowSums {
                ratio: zero,
                difference: zero,
                distance: zero,
                kl: zero,
                js: zero,
            },
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, piece: Self) {
        self.mass = self.mass.add(piece.mass);
        self.difference = self.difference.add(piece.difference);
        self.distance = self.distance.add(piece.distance);
        self.gaining = self.gaining.add(piece.gaining);
        self.kl = self.kl.add(piece.kl);
        self.js = self.js.add(piece.js);
        let (own, piece) = (&mut self.narrow, piece.narrow);
        own.ratio = own.ratio.add(piece.ratio);
        own.difference = own.difference.add(piece.difference);
        own.distance = own.distance.add(piece.distance);
        own.kl = own.kl.add(piece.kl);
        own.js = own.js.add(piece.js);
    }

    /// All of them, lane by lane in `f64`.
    #[inline(always)]
    pub(super) fn sums<const TERMS: u8>(&self) -> PairSums {
        let narrow = &self.narrow;
        let unit = -V::Scalar::UNIT;
        let leading = unit * unit * V::Scalar::KL_LEADING;
        let kl = leading * narrow.kl.sum();
        let apart = if TERMS == KL_ALONE { kl + unit * narrow.ratio.sum() } else { 0.0 };
        // Tokens that both exclude have the least weight instead, and no term of theirs is
        // eight times as large.
        let nothing = 8.0 * moments::nothing::<V::Scalar>();
        let above = |sum: f64| if sum <= nothing { 0.0 } else { sum };
        let js = leading * narrow.js.sum();
        PairSums {
            mass: self.mass.sum(),
            difference: self.difference.sum() + unit * narrow.difference.sum() + apart,
            distance: above(self.distance.sum() + unit * narrow.distance.sum()),
            gaining: self.gaining.sum(),
            kl: above(self.kl.sum() + kl),
            js: above(self.js.sum() + js),
            ..PairSums::default()
        }
    }

    /// Adds tokens whose `|r|` is at most [`NARROW`](crate::math::narrow::NARROW); `x` are
    /// their logits, raised, `t` is `r` over [`Narrow::UNIT`] and `square` is `t^2`.
    #[inline(always)]
    pub(super) fn add_narrow<R: InStep<V>, const TERMS: u8>(
        &mut self,
        frame: &NarrowFrame<R>,
        [x, t, square]: [R; 3],
    ) {
        let sums = &mut self.narrow;
        let (p, terms) = (frame.weight::<TERMS>(x), &frame.terms);
        let g = square.mul(terms.kl_shape(t, square));
        self.mass = p.add_to(self.mass);
        if TERMS == KL_ALONE {
            // An operation less than with `u`. Others would lose digits of `q`.
            sums.ratio = p.mul_add_to(t, sums.ratio);
            sums.kl = p.mul_add_to(g, sums.kl);
            return;
        }
        let u = terms.difference(t, g);
        self.gaining = p.add_some_to(frame.zero().not_ge(t), self.gaining);
        sums.difference = p.mul_add_to(u, sums.difference);
        sums.distance = p.mul_add_to(u.abs(), sums.distance);
        if TERMS == WITH_JS {
            let kl = p.mul(g);
            sums.kl = kl.add_to(sums.kl);
            sums.js = kl.mul_add_to(terms.js_share(t, square), sums.js);
        }
    }

    /// Adds tokens with weights `p` whose `|r|` is at most [`Excess::DOMAIN`]; `square` is
    /// `r^2`.
    ///
    /// [`Excess::DOMAIN`]: crate::math::excess::Excess::DOMAIN
    #[inline(always)]
    pub(super) fn add_near<const TERMS: u8>(
        &mut self,
        frame: &DifferenceFrame<V>,
        [p, r, square]: [V; 3],
    ) {
        let simd = frame.simd;
        let g = square.mul(wide_excess(simd, r, square));
        self.mass = self.mass.add(p);
        let u = g.sub(r);
        self.difference = p.mul_add(u, self.difference);
        if TERMS != KL_ALONE {
            self.distance = p.mul_add(u.abs(), self.distance);
            let is_gaining = r.not_ge(frame.splat(0.0));
            self.gaining = self.gaining.add(p).choose(is_gaining, self.gaining);
        }
        if TERMS != DISTANCE {
            self.kl = p.mul_add(g, self.kl);
        }
        if TERMS == WITH_JS {
            let mixture = u.mul_add(frame.splat(0.5), frame.splat(1.0));
            let term = mixture.mul(square.mul(even(simd, square)));
            self.js = p.mul_add(term, self.js);
        }
    }

    /// Adds the others: all but the lanes of `near`.
    #[inline(always)]
    pub(super) fn add_far<const TERMS: u8, const CAREFUL: bool>(
        &mut self,
        frame: &DifferenceFrame<V>,
        [p, y, r]: [V; 3],
        near: V::Mask,
    ) {
        let zero = frame.splat(0.0);
        let q = frame.weigh::<CAREFUL>(&frame.q, frame.q.raised(y)).mul(frame.factor);
        let difference = q.sub(p);
        self.difference = self.difference.add(zero.choose(near, difference));
        if TERMS != KL_ALONE {
            self.distance = self.distance.add(zero.choose(near, difference.abs()));
            // As near ones they are to count as not gaining.
            self.gaining = self.gaining.add(zero.choose(near, p.keep(r.not_ge(zero))));
        }
        if TERMS != DISTANCE {
            self.kl = self.kl.add(zero.choose(near, p.mul_add(r, difference)));
        }
        if TERMS == WITH_JS {
            let size = r.abs();
            let least = p.choose(r.not_ge(zero), q);
            let exponent = frame.exponential.raised(zero.sub(size));
            let t = frame.weigh::<false>(&frame.exponential, exponent);
            let twice = q.max(p).mul(mixed(frame.simd, t)).sub(least.mul(size));
            self.js = self.js.add(zero.choose(near, twice.mul(frame.splat(0.5))));
        }
    }
}
