//! What becomes of one register of logits: its weights, and what sums take of them.

use super::mode::{PLAIN, SATURATING, SHIFTED, leaves_out, lowers, raises};
use super::moments::{Frame, Sums, nothing};
use crate::element::Real;
use crate::math::exp2::{Exp2, Factors};
use crate::simd::Lanes;
use crate::simd::two::InStep;

/// A register of logits as the sums are to have them, and their weights.
#[derive(Clone, Copy)]
pub(super) struct Weighed<V> {
    pub(super) y: V,
    pub(super) factors: Factors<V>,
}

/// Sums in registers.
#[derive(Clone, Copy)]
pub(crate) struct Tally<V> {
    weight: V,
    first: V,
    second: V,
}

impl<V: Lanes<Scalar: Real>> Tally<V> {
    /// Nothing added.
    #[inline(always)]
    pub(crate) fn none(zero: V) -> Self {
        Self { weight: zero, first: zero, second: zero }
    }

    /// Lane by lane in `f64`.
    #[inline(always)]
    pub(super) fn sums<const MOMENTS: u8>(&self) -> Sums {
        let weight = self.weight.sum();
        if weight < nothing::<V::Scalar>() {
            return Sums::default();
        }
        Sums {
            weight,
            first: if MOMENTS >= 1 { self.first.sum() } else { 0.0 },
            second: if MOMENTS >= 2 { self.second.sum() } else { 0.0 },
            ..Sums::default()
        }
    }

    /// Has sums show every weight that was too large. Of a logit as far above the reference as
    /// 2^50 and more the polynomial of 64-bit lanes may be negative, and the weight -inf.
    #[inline(always)]
    pub(super) fn show_large(&mut self) {
        if V::Scalar::REST.is_none() {
            self.weight = self.weight.abs();
        }
    }

    /// The larger of `most` and the sums of weights, lane by lane, NaN aside.
    #[inline(always)]
    pub(super) fn most(&self, most: V) -> V {
        self.weight.max(most)
    }

    /// Whether there may be a logit of a weight with this [`bound`](super::moments::bound), or
    /// NaN.
    #[inline(always)]
    pub(super) fn reaches(&self, bound: V) -> bool {
        self.weight.any_not_lt(bound)
    }

    /// The lanes, as bits, that may hold a logit of a weight with this
    /// [`bound`](super::moments::bound); of NaN nothing is known.
    #[inline(always)]
    pub(super) fn lanes_above(&self, bound: V) -> u16 {
        self.weight.bits_gt(bound) as u16
    }

    #[inline(always)]
    pub(super) fn add(&mut self, other: &Self) {
        self.weight = self.weight.add(other.weight);
        self.first = self.first.add(other.first);
        self.second = self.second.add(other.second);
    }

    /// The same bytes, to be read when the sums are there: see [`Lanes::before`].
    #[inline(always)]
    pub(super) fn before<'a, const MOMENTS: u8>(&self, mut bytes: &'a [u8]) -> &'a [u8] {
        bytes =
            if MOMENTS == 0 { self.weight.before(bytes) } else { self.first.before(bytes) };
        if MOMENTS >= 2 {
            bytes = self.second.before(bytes);
        }
        bytes
    }

    #[inline(always)]
    pub(super) fn add_weighed<W: InStep<V>, const MOMENTS: u8>(
        &mut self,
        frame: &Frame<W>,
        weighed: Weighed<W>,
    ) {
        let Weighed { y, factors } = weighed;
        if MOMENTS == 0 {
            self.weight = frame.weigher.add_weight(factors, self.weight);
        } else {
            let own = frame.weigher.weight(factors);
            self.add_moments::<W, MOMENTS>(frame, y, own);
            self.add_weight(own.joined());
        }
    }

    /// The weights of a pair of registers, added up: the sum is waited for half as often then,
    /// and with few registers it is in memory. On AVX2 entropy takes 29 microseconds for a row
    /// of 128,256 so, in place of 31 (Zen 4).
    #[inline(always)]
    pub(super) fn add_weight(&mut self, joined: V) {
        self.weight = self.weight.add(joined);
    }

    /// The moments of a weight.
    #[inline(always)]
    pub(super) fn add_moments<W: InStep<V>, const MOMENTS: u8>(
        &mut self,
        frame: &Frame<W>,
        y: W,
        own: W,
    ) {
        let gap = y.sub(frame.centre);
        if MOMENTS == 1 {
            self.first = own.mul_add_to(gap, self.first);
        } else {
            let own_first = own.mul(gap);
            self.first = own_first.add_to(self.first);
            self.second = own_first.mul_add_to(gap, self.second);
        }
    }
}

/// Weighs a register.
#[inline(always)]
pub(super) fn weigh<V: Lanes<Scalar: Real>, const MOMENTS: u8, const MODE: u8>(
    x: V,
    frame: &Frame<V>,
) -> Weighed<V> {
    let weigher = &frame.weigher;
    let (mut y, mut lost) = (x, x);
    if MODE == SHIFTED {
        let (shifted, error) = frame.shifter.shifted(x);
        // Of -inf it is NaN.
        (y, lost) = (shifted, error.keep(weigher.is_above_least(shifted)));
    }
    if raises(MODE) {
        y = weigher.raised(y);
    }
    if lowers::<V>(MODE) {
        y = weigher.lowered(y);
    }
    // With moments, these tell what the exact rate would have changed.
    let mut factors = match (MOMENTS, MODE) {
        (0, SHIFTED) => weigher.factors::<true, true, false>(y, lost),
        (0, PLAIN | SATURATING) => weigher.factors::<true, false, true>(y, lost),
        (0, _) => weigher.factors::<true, false, false>(y, lost),
        (_, SHIFTED) => weigher.factors::<false, true, false>(y, lost),
        (_, PLAIN | SATURATING) => weigher.factors::<false, false, true>(y, lost),
        (_, _) => weigher.factors::<false, false, false>(y, lost),
    };
    if leaves_out(MODE) {
        factors.power = factors.power.keep(x.not_ge(frame.max));
    }
    Weighed { y, factors }
}
