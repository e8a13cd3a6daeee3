//! Catches the largest logits while a row is read, above a threshold that is guessed.
//!
//! # Method
//! The first blocks of a row tell its level: the mean of the maxima of their groups. The
//! value that so many logits exceed stands about as far above the level as it did in the
//! rows before, if these are rows of one model: of rows of 32,000 tokens 99 in 100 have 50
//! logits or more above a threshold meant for 136, 95 in 100 have 256 above one for 352, 97
//! have 1000 above one for 1251, and few have twice as many. (A bound of the row before, as it
//! is, would do for 40.) What exceeds it is taken while it is next to the core; the row need
//! not be looked at again.
//!
//! * Where logits are weighed, the sums of the weights tell the few lanes in which any may
//!   exceed it, and nothing else of the block is looked at ([`Net::catch_weighed`]).
//! * Elsewhere the maxima of each step of the [`sketch`](mod@super::sketch) tell the groups
//!   ([`Net::catch`]).
//!
//! Nothing depends on the guess but time: with fewer than `k` caught the row is searched as
//! any other. Where that comes of two rows on end the net is cast now and then only.

use super::bound::log2;
use super::collect::{FEW, in_order, list_above, take_group, take_lane, take_places};
use super::sketch::{LONG, MAXIMA, SHORT};
use super::{Own, Span};
use crate::element::{Element, Real, Vector};
use crate::simd::{Lanes, Simd};

/// Logits of the blocks that tell the level of a row: in vocabularies whose first tokens are
/// single bytes 2048 tell too little.
const TELLING: usize = 8192;

/// Rows that go by after two on end from which too little was caught, or too much.
const REST: u8 = 16;

/// Pieces of a block whose lanes are told apart.
const PIECES: usize = 8;

/// Some lanes of the registers of a block, as bits: 16 for each of eight equal pieces, those of
/// the first at the low end.
pub(crate) type LanesOfPieces = u128;

/// Up to so many lanes of a block, and so many of a piece, are looked at one by one.
const FEW_LANES: [u32; 2] = [12, 2];

/// A threshold, what is above it, and what is known of where to set it.
#[derive(Clone, Debug)]
pub(crate) struct Net<R: Real> {
    /// How far above the level the value is that so many logits exceed (their binary
    /// logarithm); NaN until a row has told.
    offset: f64,
    log_count: f64,
    /// So far above a value those that are above shrink to half.
    fall: f64,
    /// Rows on end from which too little was caught, or too much.
    failures: u8,
    /// Rows that are to go by.
    rest: u8,
    /// Of the row that is being read; NaN until it is known.
    level: f64,
    threshold: Option<R>,
    /// Whether it has been set in this row.
    is_cast: bool,
    /// Steps of the span that had been read when the threshold was set, and their length.
    missed: usize,
    step: usize,
    /// What is above it, of the span that is being read.
    caught: Vec<R::Packed>,
    /// Of the row's first span the threshold, how much was caught, and how many groups it has.
    haul: Option<(R, usize, usize)>,
    /// What is more than that is too much.
    most: usize,
    places: Vec<u32>,
}

impl<R: Real> Net<R> {
    /// No row has told anything.
    pub(crate) fn new() -> Self {
        Self {
            offset: f64::NAN,
            log_count: 0.0,
            fall: 0.0,
            failures: 0,
            rest: 0,
            level: f64::NAN,
            threshold: None,
            is_cast: false,
            missed: 0,
            step: SHORT,
            caught: Vec::new(),
            haul: None,
            most: 0,
            places: Vec::new(),
        }
    }

    /// Starts with another row.
    pub(crate) fn restart(&mut self) {
        self.rest = self.rest.saturating_sub(1);
        self.level = f64::NAN;
        self.is_cast = false;
        self.haul = None;
        self.lift();
    }

    /// Is not cast in this row.
    pub(crate) fn hold(&mut self) {
        self.level = f64::INFINITY;
    }

    /// Catches no more in this row.
    pub(crate) fn lift(&mut self) {
        self.threshold = None;
        self.caught.clear();
    }

    /// Catches no more in a row whose threshold was no good.
    fn miss(&mut self) {
        self.adjust(self.caught.len(), 0.5, 2.0);
        self.lift();
        self.failures = self.failures.saturating_add(1);
        if self.failures >= 2 {
            self.rest = REST;
        }
    }

    /// What is above this is to be caught, if anything is.
    pub(crate) fn threshold(&self) -> Option<R> {
        self.threshold
    }

    /// Sets the threshold for a row of which `k` logits are wanted, if its first blocks are
    /// what has been read, and these are the maxima of their groups of `step` logits.
    #[inline(always)]
    pub(crate) fn cast<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        k: usize,
        step: usize,
        maxima: &[u8],
    ) {
        let steps = maxima.len() / MAXIMA;
        if steps * step * E::PAIR != TELLING || !self.level.is_nan() {
            return;
        }
        let mut sum = Vector::<E, S>::splat(simd, R::from_f64(0.0));
        for pair in maxima.chunks_exact(MAXIMA) {
            let [m0, m1] = Own::<E>::load_pair(simd, pair);
            sum = sum.add(m0.add(m1));
        }
        self.level = sum.sum() / (TELLING / step) as f64;
        let aim = aim(k);
        let above = self.offset + self.fall * (self.log_count - log2(aim));
        let threshold = self.level + above;
        if threshold.is_finite() && self.rest == 0 {
            (self.offset, self.log_count, self.is_cast) = (above, log2(aim), true);
            self.threshold = Some(R::from_f64(threshold));
            (self.missed, self.step) = (steps, step);
            self.most = 4 * aim;
            self.places.resize(SHORT * E::PAIR + 32, 0);
        }
    }

    /// Catches what is above the threshold in a step of the sketch, `start` the index of its
    /// first logit and `maxima` those of its groups.
    #[inline(always)]
    pub(crate) fn catch<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        step: &[u8],
        start: usize,
        maxima: &[u8],
    ) {
        let maxima = Own::<E>::load_pair(simd, maxima);
        self.catch_by::<S, E>(simd, step, start, maxima);
    }

    /// The same, the maxima in registers.
    #[inline(always)]
    fn catch_by<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        step: &[u8],
        start: usize,
        [m0, m1]: [Vector<E, S>; 2],
    ) {
        let Some(value) = self.threshold else { return };
        let threshold = Vector::<E, S>::splat(simd, value);
        let (first, second) = (m0.bits_gt(threshold), m1.bits_gt(threshold));
        if first | second != 0 {
            self.take::<S, E>(simd, step, start, in_order::<S, E>(first, second));
        }
    }

    /// Catches what is above the threshold in a block of which nothing is known.
    #[inline(always)]
    fn catch_looking<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        block: &[u8],
        start: usize,
    ) {
        let steps = block.chunks(SHORT * E::PAIR * E::SIZE);
        for (step, start) in steps.zip((start..).step_by(SHORT * E::PAIR)) {
            let mut max = [Vector::<E, S>::splat(simd, R::NEG_INFINITY); 2];
            for pair in step.chunks_exact(E::PAIR * E::SIZE) {
                let [x0, x1] = E::load_pair(simd, pair);
                max = [x0.max(max[0]), x1.max(max[1])];
            }
            self.catch_by::<S, E>(simd, step, start, max);
        }
    }

    /// Catches what is above the threshold in a block that has been weighed, `start` the index
    /// of its first logit; all of it stands in these `lanes`, if that is known.
    #[inline(always)]
    pub(crate) fn catch_weighed<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        block: &[u8],
        start: usize,
        lanes: Option<LanesOfPieces>,
    ) {
        let Some(threshold) = self.threshold else { return };
        let Some(mut left) = lanes else {
            return self.catch_looking::<S, E>(simd, block, start);
        };
        let len = block.len() / PIECES / E::SIZE;
        let [few, few_of_piece] = FEW_LANES;
        if left.count_ones() > few {
            let pieces = block.chunks(len * E::SIZE).zip((start..).step_by(len));
            for (i, (piece, start)) in pieces.enumerate() {
                let own = u128::from(u16::MAX) << (16 * i);
                if (left & own).count_ones() > few_of_piece {
                    self.take::<S, E>(simd, piece, start, u32::MAX);
                    left &= !own;
                }
            }
        }
        // One loop over the lanes of all pieces ends once, where the processor does not expect
        // it.
        while left != 0 {
            let at = left.trailing_zeros() as usize;
            let (piece, lane) = (at / 16 * len, at % 16);
            let (pairs, start) = (&block[piece * E::SIZE..][..len * E::SIZE], start + piece);
            let caught = &mut self.caught;
            if len == SHORT * E::PAIR {
                take_lane::<S, E, SHORT>(pairs, start, lane, threshold, caught);
            } else {
                take_lane::<S, E, LONG>(pairs, start, lane, threshold, caught);
            }
            left &= left - 1;
        }
        if self.caught.len() > self.most {
            self.miss();
        }
    }

    /// Takes what is above the threshold in some logits, `start` the index of the first. Those
    /// stand in groups of the lanes of both registers of all pairs, as bits in the order of
    /// memory.
    #[inline(always)]
    fn take<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        logits: &[u8],
        start: usize,
        groups: u32,
    ) {
        let steps = logits.chunks(SHORT * E::PAIR * E::SIZE);
        for (step, start) in steps.zip((start..).step_by(SHORT * E::PAIR)) {
            let Some(threshold) = self.threshold else { return };
            if groups.count_ones() as usize <= FEW && step.len() == SHORT * E::PAIR * E::SIZE {
                let mut groups = groups;
                while groups != 0 {
                    let at = groups.trailing_zeros() as usize;
                    let group = &step[at * E::SIZE..];
                    take_group::<E, SHORT>(group, start + at, threshold, &mut self.caught);
                    groups &= groups - 1;
                }
            } else {
                let bound = Vector::<E, S>::splat(simd, threshold);
                let listed = list_above::<S, E>(simd, step, start, bound, &mut self.places);
                take_places::<E>(step, start, &self.places[..listed], &mut self.caught);
            }
            if self.caught.len() > self.most {
                self.miss();
            }
        }
    }

    /// Moves what was caught in a span to `found`, and tells the threshold, if that is all
    /// that counts of the span: as many as are wanted, or all above what is `floor` to the
    /// row's spans before.
    #[inline(always)]
    pub(crate) fn haul<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        span: &Span,
        maxima: &[u8],
        k: usize,
        floor: Option<R>,
        found: &mut Vec<R::Packed>,
    ) -> Option<R> {
        let threshold = self.threshold?;
        let missed = std::mem::take(&mut self.missed);
        for (i, pair) in maxima.chunks_exact(MAXIMA).take(missed).enumerate() {
            let (start, step) = span.step::<E>(i, self.step);
            self.catch::<S, E>(simd, step, start, pair);
        }
        self.threshold?;
        let is_all = self.caught.len() >= k || floor.is_some_and(|floor| floor >= threshold);
        if !is_all {
            self.miss();
            return None;
        }
        self.failures = 0;
        if floor.is_none() {
            self.haul = Some((threshold, self.caught.len(), span.len / self.step));
        }
        found.extend_from_slice(&self.caught);
        self.caught.clear();
        Some(threshold)
    }

    /// Learns from a row of so many groups, in which nothing was to be caught, that about `k`
    /// logits are above `value`, and how they fall there.
    pub(crate) fn learn(&mut self, value: f64, k: usize, fall: f64, groups: usize) {
        let fall = self.no_steeper(fall, value, k, groups);
        let is_known = (value - self.level).is_finite() && fall > 0.0 && fall.is_finite();
        if !is_known || self.is_cast {
            return;
        }
        let log_count = log2(aim(k));
        let offset = value - self.level - fall * (log_count - log2(k));
        // Half of it is the row's own.
        let before = self.offset + self.fall * (self.log_count - log_count);
        self.offset = if before.is_finite() { (before + offset) / 2.0 } else { offset };
        (self.fall, self.log_count) = (fall, log_count);
    }

    /// Learns from the `k`-th largest logit of a row what was caught in its first span.
    pub(crate) fn learn_from_haul(&mut self, value: f64, k: usize) {
        let Some((threshold, count, groups)) = self.haul.take() else { return };
        let fewer = log2(count) - log2(k);
        let fall = (value - threshold.to_f64()) / fewer;
        let fall = self.no_steeper(fall, value, k, groups);
        // From few more than those wanted there is nothing to learn of how they fall.
        if fewer > 0.1 && fall > 0.0 && fall.is_finite() {
            self.fall = fall;
        }
        self.adjust(count, 0.25, 1.0);
    }

    /// How logits fall near `value`, which about `k` are above, but no more than they do on the
    /// way from the level of the groups. Where a few tokens stand out from all others the
    /// last of them tell nothing of what comes below.
    fn no_steeper(&self, fall: f64, value: f64, k: usize, groups: usize) -> f64 {
        if groups > 8 * k && value > self.level {
            fall.min((value - self.level) / (log2(groups) - log2(k)))
        } else {
            fall
        }
    }

    /// Moves the threshold for the rows that come by a part of what would have been right
    /// for this one, of which `count` were above it.
    fn adjust(&mut self, count: usize, part: f64, most: f64) {
        let excess = (log2(count) - self.log_count).clamp(-most, most);
        self.offset += part * self.fall * excess;
    }
}

/// Whether to catch the `k` largest of `len` logits that are weighed takes less time than to
/// look at all of them once more and to read the groups of those again. On a Xeon with the
/// features of Granite Rapids, which takes 20 nanoseconds for each that is caught, it takes a
/// tenth less for 50 of 128,256, and a twentieth more for 50 of 32,000.
pub(super) fn pays(k: usize, len: usize) -> bool {
    len >= 320 * aim(k)
}

/// How many logits are to be above the threshold for `k` that are wanted. A quarter more than
/// those, in place of an eighth, would do for 3 rows more in 100, and take 3 % longer in all.
fn aim(k: usize) -> usize {
    k + k / 8 + (4.0 * (k as f64).sqrt()) as usize + 64_usize.saturating_sub(k / 4)
}
