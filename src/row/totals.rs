//! What is known of a stretch of a row as far as it has been read: sums in `f64`, relative
//! to an exponent and about a centre, both of which move as larger logits come.

use std::marker::PhantomData;

use super::moments::Sums;
use super::part::Part;
use super::scaling::{Scaling, Shift};
use crate::element::Real;

/// How far the reference is put below the first maximum: the least weight, which
/// stands for all that are less, is then 2^-147 of it, or less.
const DEPTH: f64 = 24.0;

/// For lanes of type `R`; `MOMENTS` as in [`moments`](super::moments::moments).
pub(super) struct Totals<R, const MOMENTS: u8> {
    /// log2(e) / temperature, in the units of the shifted logits, as the weights
    /// have it: with moments, rounded to the lane type.
    pub(super) rate: f64,
    /// What that is short of the exact rate.
    rate_error: f64,
    /// Exponents of weights are relative to this one.
    pub(super) reference: f64,
    /// Moments are about this one, a value of the lane type.
    pub(super) centre: f64,
    /// The largest logit read.
    pub(super) max: f64,
    /// Logits equal to it.
    pub(super) count: u64,
    /// Index of the first of them.
    pub(super) argmax: usize,
    pub(super) shift: Shift,
    /// Whether logits are shifted before they are weighed.
    pub(super) shifted: bool,
    pub(super) nan: bool,
    /// Of all logits but the largest.
    sums: Sums,
    lane: PhantomData<R>,
}

impl<R: Real, const MOMENTS: u8> Totals<R, MOMENTS> {
    /// Nothing read yet.
    pub(super) fn new(temperature: f64) -> Self {
        let Scaling { plain, rate: exact_rate, shift } = Scaling::new::<R>(temperature);
        let rounded_rate = R::from_f64(exact_rate).to_f64();
        let rate = if MOMENTS == 0 { exact_rate } else { rounded_rate };
        Self {
            rate,
            rate_error: exact_rate - rate,
            reference: 0.0,
            centre: 0.0,
            max: f64::NEG_INFINITY,
            count: 0,
            argmax: 0,
            shift,
            shifted: !plain,
            nan: false,
            sums: Sums::default(),
            lane: PhantomData,
        }
    }

    /// A logit as the weights see it.
    fn shifted(&self, x: f64) -> f64 {
        let Shift { before, shift, after } = self.shift;
        (x * before - shift) * after
    }

    /// The weight of a logit.
    pub(super) fn weight(&self, x: f64) -> f64 {
        self.shifted(x).mul_add(self.rate, -self.reference).exp2()
    }

    /// Whether a block outweighs all before it and lies far from the centre: its
    /// spread would then be lost in its distance.
    #[inline(always)]
    pub(super) fn is_outweighed(&self, block: &Sums) -> bool {
        MOMENTS >= 2 && block.weight > self.sums.weight && block.is_off_centre()
    }

    /// Adds a block's sums. Tells whether the centre has moved for that.
    #[inline(always)]
    pub(super) fn add(&mut self, block: &Sums) -> bool {
        let sums = &mut self.sums;
        sums.weight += block.weight;
        sums.first += block.first;
        sums.second += block.second;
        self.follow_mean()
    }

    /// Makes the mean the centre if it has drifted away. Tells whether it had.
    #[inline(always)]
    fn follow_mean(&mut self) -> bool {
        let Sums { weight, first, second, .. } = self.sums;
        let off = MOMENTS >= 2 && first * first > 0.5 * weight * second;
        if off {
            self.recentre(self.centre, self.centre + first / weight);
        }
        off
    }

    /// Makes the mean of a block the centre.
    pub(super) fn centre_on(&mut self, block: &Sums) {
        self.recentre(self.centre, self.centre + block.first / block.weight);
    }

    /// Takes a new maximum; the copies of the old one join the rest.
    pub(super) fn raise(&mut self, max: f64) {
        let old = std::mem::replace(&mut self.max, max);
        let count = std::mem::take(&mut self.count) as f64;
        if max == f64::INFINITY {
            return;
        }
        let first = old == f64::NEG_INFINITY;
        let rate = self.rate;
        self.shifted |= (max * rate).abs() > R::LIMIT;
        let centre = self.centre;
        if self.shifted {
            let shift = max * self.shift.before;
            let step = (self.shift.shift - shift) * self.shift.after;
            self.rescale(step.mul_add(rate, self.reference + DEPTH));
            self.reference = -DEPTH;
            self.shift.shift = shift;
            // The maximum is the centre as long as no other is wanted.
            let keep = MOMENTS >= 2 && self.sums.weight > 0.0;
            self.recentre(centre + step, if keep { centre + step } else { 0.0 });
        } else {
            let exponent = max.mul_add(rate, -self.reference);
            if first || exponent > R::HEADROOM {
                let reference = (max * rate).floor() - DEPTH;
                self.rescale(self.reference - reference);
                self.reference = reference;
            }
            if first || MOMENTS < 2 {
                self.recentre(centre, max);
            }
        }
        if count > 0.0 {
            let y = self.shifted(old);
            let weight = count * self.weight(old);
            if weight > 0.0 {
                let gap = y - self.centre;
                self.sums.weight += weight;
                self.sums.first += weight * gap;
                self.sums.second += weight * gap * gap;
                // They may be nearly all there is, far from what was before them.
                self.follow_mean();
            }
        }
    }

    /// Multiplies all sums by `2^exponent`.
    fn rescale(&mut self, exponent: f64) {
        let sums = &mut self.sums;
        self.nan |= sums.weight.is_nan();
        let scale = exponent.exp2();
        if sums.weight > 0.0 && scale > 0.0 {
            sums.weight *= scale;
            sums.first *= scale;
            sums.second *= scale;
        } else {
            *sums = Sums::default();
        }
    }

    /// Moves the sums, now about `from`, to the nearest value of the lane type to `to`.
    fn recentre(&mut self, from: f64, to: f64) {
        self.centre = R::from_f64(to).to_f64();
        let sums = &mut self.sums;
        if sums.weight > 0.0 {
            let step = from - self.centre;
            sums.second += step * (2.0 * sums.first + step * sums.weight);
            sums.first += step * sums.weight;
        }
    }

    /// What has been read.
    pub(super) fn finish(&self) -> Part {
        let max = self.max;
        let part = Part {
            max,
            argmax: self.argmax,
            count: self.count as f64,
            nan: self.nan || self.sums.weight.is_nan(),
            ..Part::NONE
        };
        let Sums { weight, first, second, .. } = self.sums;
        if part.nan || !max.is_finite() || weight == 0.0 {
            return part;
        }
        let y = self.shifted(max);
        let scale = self.weight(max).recip();
        let distance = y - self.centre;
        let gap = (distance * weight - first).max(0.0);
        let spread = (second - first * (first / weight)).max(0.0);
        // To first order in the error of the rate (3e-8; the second order is 1e-12),
        // each weight changes by its distance from the maximum. The second moment
        // about the maximum is taken as that of a point where it is not known, the
        // third about the mean as 0: both stay below 3e-7 of what they correct.
        let error = self.rate_error * std::f64::consts::LN_2;
        let mean_gap = gap / weight;
        let squared_gap = gap * mean_gap + if MOMENTS >= 2 { spread } else { 0.0 };
        let nats = (self.rate + self.rate_error) * std::f64::consts::LN_2;
        Part {
            rest: scale * (weight - error * gap),
            gap: scale * nats * (gap - error * squared_gap),
            spread: scale * nats * nats * spread * (1.0 - error * mean_gap),
            ..part
        }
    }
}
