//! Reads a stretch of a row block by block, each logit once from memory, and
//! yields its [`Part`].
//!
//! # Method
//! * Weights are `2^(x * rate - reference)` with a whole-number reference that
//!   may lie up to [`Exp2::HEADROOM`] below the maximum: a new maximum rarely
//!   costs a rescaling, and then an exact one.
//! * A block is summed on the supposition that its logits are below the maximum
//!   known. If one is not, the block is done again, from the first-level cache,
//!   without the copies of its maximum, which are counted instead. After two such
//!   blocks the next one looks for its maximum first, so that rows in ascending
//!   order or of equal logits cost a cheap extra pass, not twice the arithmetic.
//! * Moments are about a centre near the mean of what has been read. When the
//!   mean drifts away the `f64` sums are moved; when a block outweighs all before
//!   it and lies far from the centre it is summed again about its own mean.
//! * With moments, the rate (log2(e) / temperature) is rounded to the lane type,
//!   which saves an operation on every logit; the moments themselves give the
//!   correction at the end.
//! * Rows out of the range of the arithmetic (logits times rate beyond
//!   [`Exp2::LIMIT`], temperatures beyond 2^20 or below 2^-20) are shifted by
//!   their maximum and scaled by a power of two first.
//!
//! Subtracting the maximum's weight from a block's sum instead of doing the
//! block again was dropped: it cancels where the maximum is most of the sum,
//! and those are the rows whose entropy is small. Keeping the sums of a block with a
//! new maximum, and doing again only the one that holds the maximum in the end, was
//! tried too: in rows as language models give them the sums that are kept cancel
//! about as often, and it took no less time. Nor did it to keep eight parts of each sum in
//! registers from block to block and to add them up only where that decides something.
//!
//! # Domain
//! Logits more than 101 nats below the maximum (32-bit lanes) count as that far below
//! it, and blocks of nothing else as nothing: an entropy of 1e-30 has all its digits,
//! one below 1e-40 is 0.

use super::blocks::{BLOCK, Block, CHUNK};
use super::moments::{Aside, Frame, Sums, moments};
use super::part::Part;
use super::scaling::{Scaling, Shift, Shifter};
use super::scan::{count_greater, has_nan, largest, locate};
use crate::element::{Element, Real, Vector};
use crate::math::exp2::{Exp2, Weigher, may_saturate};
use crate::simd::{Lanes, Simd};

/// How far the reference is put below the first maximum: the least weight, which
/// stands for all that are less, is then 2^-147 of it, or less.
const DEPTH: f64 = 24.0;

/// What a sum of weights is at least, relative to the largest of them, as computed.
const SLACK: f64 = 0.9999;

/// State of reading a stretch of a row; `MOMENTS` as in [`moments`].
pub(crate) struct Accumulator<S: Simd, E: Element, const MOMENTS: u8> {
    simd: S,
    /// log2(e) / temperature, in the units of the shifted logits, as the weights
    /// have it: with moments, rounded to the lane type.
    rate: f64,
    /// What that is short of the exact rate.
    rate_error: f64,
    /// Exponents of weights are relative to this one.
    reference: f64,
    /// Moments are about this one, a value of the lane type.
    centre: f64,
    /// The largest logit read.
    max: f64,
    shift: Shift,
    shifted: bool,
    /// All of the above, as the passes use it.
    frame: Frame<Vector<E, S>>,
    threshold: f64,
    aside: Aside<Vector<E, S>>,
    sums: Sums,
    /// Logits equal to the maximum.
    count: u64,
    /// Index of the first of them.
    argmax: usize,
    /// The last block reached the maximum.
    reached: bool,
    /// The next block looks for its maximum before anything else.
    cautious: bool,
    nan: bool,
}

impl<S: Simd, E: Element, const MOMENTS: u8> Accumulator<S, E, MOMENTS> {
    /// Nothing read yet. `threshold` is for `push` with `RANK`.
    #[inline(always)]
    pub(crate) fn new(simd: S, temperature: f64, threshold: E::Lane) -> Self {
        let Scaling { plain, rate: exact_rate, shift } = Scaling::new::<E::Lane>(temperature);
        let rounded_rate = E::Lane::from_f64(exact_rate).to_f64();
        let rate = if MOMENTS == 0 { exact_rate } else { rounded_rate };
        let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
        Self {
            simd,
            rate,
            rate_error: exact_rate - rate,
            reference: 0.0,
            centre: 0.0,
            max: f64::NEG_INFINITY,
            shift,
            shifted: !plain,
            frame: Frame {
                weigher: Weigher::new(simd, rate, 0.0),
                centre: zero,
                max: zero,
                max_weight: 0.0,
                threshold: Vector::<E, S>::splat(simd, threshold),
                threshold_weight: 0.0,
                shifter: Shifter::new(simd, shift),
            },
            threshold: threshold.to_f64(),
            aside: Aside::new(zero),
            sums: Sums::default(),
            count: 0,
            argmax: 0,
            reached: false,
            cautious: true,
            nan: false,
        }
    }

    /// Brings the registers up to date with the state.
    #[inline(always)]
    fn reframe(&mut self) {
        let lane = E::Lane::from_f64;
        self.frame.weigher = Weigher::new(self.simd, self.rate, self.reference);
        self.frame.centre = Vector::<E, S>::splat(self.simd, lane(self.centre));
        self.frame.max = Vector::<E, S>::splat(self.simd, lane(self.max));
        self.frame.shifter = Shifter::new(self.simd, self.shift);
        self.frame.max_weight = SLACK * self.weight(self.max);
        // Nothing is above NaN.
        let threshold = if self.threshold.is_nan() { f64::INFINITY } else { self.threshold };
        self.frame.threshold_weight = SLACK * self.weight(threshold);
    }

    /// The weight of a logit.
    fn weight(&self, x: f64) -> f64 {
        self.shifted(x).mul_add(self.rate, -self.reference).exp2()
    }

    /// Reads the next block. With `RANK`, counts the logits above the threshold.
    #[inline(always)]
    pub(crate) fn push<const RANK: bool>(&mut self, block: Block) {
        let mut reached = None;
        if self.cautious {
            if RANK {
                self.count(block);
            }
        } else {
            let counts = RANK && self.counts_often(block);
            let sums = match (counts, may_saturate::<E::Lane>(self.reference)) {
                (true, true) => self.sums::<true, true>(block),
                (true, false) => self.sums::<true, false>(block),
                (false, true) => self.sums::<false, true>(block),
                (false, false) => self.sums::<false, false>(block),
            };
            if RANK && !counts && sums.above {
                self.count(block);
            }
            self.sums.greater += sums.greater;
            reached = sums.largest.filter(|&max| max >= self.max);
            if reached.is_none() && !self.is_unbalanced(&sums) {
                self.commit(&sums);
                self.reached = false;
                return;
            }
        }
        self.push_cautiously(block, reached);
    }

    /// The sums of a block on the supposition that it is below the maximum.
    #[inline(always)]
    fn sums<const COUNT: bool, const SATURATE: bool>(&mut self, block: Block) -> Sums {
        let Self { simd, frame, aside, .. } = self;
        let puts_aside = MOMENTS > 1 && <Vector<E, S> as Lanes>::PUTS_ASIDE;
        let aside = puts_aside.then_some(aside);
        moments::<S, E, MOMENTS, COUNT, false, false, SATURATE>(*simd, block, frame, aside)
    }

    /// Whether most blocks hold a logit above the threshold, so that counting
    /// along costs less than a pass of its own where it is needed. The likely
    /// targets that language models are scored on have few logits above them.
    #[inline(always)]
    fn counts_often(&self, block: Block) -> bool {
        2 * self.sums.greater > (block.start % CHUNK / BLOCK) as u64
    }

    #[inline(always)]
    fn count(&mut self, block: Block) {
        self.sums.greater += count_greater::<S, E>(self.simd, block, self.frame.threshold);
    }

    /// Reads a block whose maximum may be the row's (`max`, if it has been looked
    /// for), or that wants another centre.
    #[inline(always)]
    fn push_cautiously(&mut self, block: Block, max: Option<f64>) {
        let max = match max {
            Some(max) => max,
            None => largest::<S, E, true>(self.simd, block).to_f64(),
        };
        let known = self.max;
        let nothing_finite = max == f64::NEG_INFINITY && known == f64::NEG_INFINITY;
        let reached = max >= known && !nothing_finite;
        if reached {
            let (first, count) = locate::<S, E>(self.simd, block, E::Lane::from_f64(max));
            if max > known {
                self.raise(max);
                self.reframe();
                self.argmax = first;
            }
            self.count += count;
        }
        if nothing_finite || self.max == f64::INFINITY {
            // There are no weights to sum, or they do not matter any more.
            self.nan |= has_nan::<S, E>(self.simd, block);
            self.cautious = true;
            return;
        }
        let mut again = true;
        let sums = loop {
            let sums = if self.shifted {
                moments::<S, E, MOMENTS, false, true, true, false>(
                    self.simd,
                    block,
                    &self.frame,
                    None,
                )
            } else {
                moments::<S, E, MOMENTS, false, true, false, false>(
                    self.simd,
                    block,
                    &self.frame,
                    None,
                )
            };
            if !(again && self.is_unbalanced(&sums)) {
                break sums;
            }
            self.recentre(self.centre, self.centre + sums.first / sums.weight);
            self.reframe();
            again = false;
        };
        self.commit(&sums);
        // Only this path knows how to shift.
        self.cautious = self.shifted || reached && self.reached;
        self.reached = reached;
    }

    /// Whether a block outweighs all before it and lies far from the centre: its
    /// spread would then be lost in its distance.
    #[inline(always)]
    fn is_unbalanced(&self, block: &Sums) -> bool {
        MOMENTS >= 2 && block.weight > self.sums.weight && block.is_off_centre()
    }

    #[inline(always)]
    fn commit(&mut self, block: &Sums) {
        let sums = &mut self.sums;
        sums.weight += block.weight;
        sums.first += block.first;
        sums.second += block.second;
        if MOMENTS >= 2 && sums.first * sums.first > 0.5 * sums.weight * sums.second {
            let mean = self.centre + sums.first / sums.weight;
            self.recentre(self.centre, mean);
            self.reframe();
        }
    }

    /// Takes a new maximum; the copies of the old one join the rest.
    fn raise(&mut self, max: f64) {
        let old = std::mem::replace(&mut self.max, max);
        let count = std::mem::take(&mut self.count) as f64;
        if max == f64::INFINITY {
            return;
        }
        let first = old == f64::NEG_INFINITY;
        let rate = self.rate;
        self.shifted |= (max * rate).abs() > E::Lane::LIMIT;
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
            if first || exponent > E::Lane::HEADROOM {
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
            }
        }
    }

    /// A logit as the weights see it.
    fn shifted(&self, x: f64) -> f64 {
        let Shift { before, shift, after } = self.shift;
        (x * before - shift) * after
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
            *sums = Sums { greater: sums.greater, ..Sums::default() };
        }
    }

    /// Moves the sums, now about `from`, to the nearest value of the lane type to `to`.
    fn recentre(&mut self, from: f64, to: f64) {
        self.centre = E::Lane::from_f64(to).to_f64();
        let sums = &mut self.sums;
        if sums.weight > 0.0 {
            let step = from - self.centre;
            sums.second += step * (2.0 * sums.first + step * sums.weight);
            sums.first += step * sums.weight;
        }
    }

    /// Logits above the threshold, as far as `push` was asked to count them.
    pub(crate) fn greater(&self) -> u64 {
        self.sums.greater
    }

    /// What has been read.
    pub(crate) fn finish(&self) -> Part {
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
