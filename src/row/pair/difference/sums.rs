//! The sums of a pass, in registers, and what a token adds to them.

use super::frame::DifferenceFrame;
use super::{DISTANCE, KL_ALONE, WITH_JS};
use crate::element::Real;
use crate::math::excess::{narrow_excess, narrow_shape, wide_excess};
use crate::math::jensen_shannon::{even, mixed, narrow_even};
use crate::simd::Lanes;

/// Sums over some tokens.
#[derive(Clone, Copy)]
pub(super) struct TermSums<V> {
    pub(super) mass: V,
    pub(super) difference: V,
    pub(super) distance: V,
    pub(super) gaining: V,
    pub(super) kl: V,
    pub(super) js: V,
    /// `p t` and the terms of KL of narrow tokens, over what [`narrow_shape`] is short of,
    /// where there is no more to be known of them: their difference tells that of `p` and
    /// `q`.
    pub(super) narrow_ratio: V,
    pub(super) narrow_kl: V,
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
            narrow_ratio: zero,
            narrow_kl: zero,
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
        self.narrow_ratio = self.narrow_ratio.add(piece.narrow_ratio);
        self.narrow_kl = self.narrow_kl.add(piece.narrow_kl);
    }

    /// Adds tokens whose `|r|` is at most [`NARROW`] where KL alone is wanted; `x` are their
    /// logits, raised, `t` is `r` over [`Excess::NARROW_UNIT`] and `square` is `t^2`.
    ///
    /// [`NARROW`]: crate::math::excess::NARROW
    /// [`Excess::NARROW_UNIT`]: crate::math::excess::Excess::NARROW_UNIT
    #[inline(always)]
    pub(super) fn add_narrow(&mut self, frame: &DifferenceFrame<V>, [x, t, square]: [V; 3]) {
        let weigher = &frame.p_in_sums;
        let p = weigher.weight(weigher.factors::<true, false, true>(x, x));
        let g = square.mul(narrow_shape(frame.simd, t, square));
        self.mass = self.mass.add(p);
        // An operation less than with `u`. Others would lose digits of `q`.
        self.narrow_ratio = p.mul_add(t, self.narrow_ratio);
        self.narrow_kl = p.mul_add(g, self.narrow_kl);
    }

    /// Adds tokens with weights `p` whose `|r|` is at most [`NARROW`] if `IS_NARROW`, or
    /// else [`Excess::DOMAIN`]; `square` is `r^2`.
    ///
    /// [`NARROW`]: crate::math::excess::NARROW
    /// [`Excess::DOMAIN`]: crate::math::excess::Excess::DOMAIN
    #[inline(always)]
    pub(super) fn add_near<const TERMS: u8, const IS_NARROW: bool>(
        &mut self,
        frame: &DifferenceFrame<V>,
        [p, r, square]: [V; 3],
    ) {
        let simd = frame.simd;
        let excess = if IS_NARROW {
            narrow_excess(simd, r, square)
        } else {
            wide_excess(simd, r, square)
        };
        let g = square.mul(excess);
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
            let even = if IS_NARROW { narrow_even(simd, square) } else { even(simd, square) };
            self.js = p.mul_add(mixture.mul(square.mul(even)), self.js);
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
