//! Catches the largest logits while a row is read, above a threshold that is guessed.
//!
//! # Method
//! Of the value that about as many logits of a row exceed as are wanted there is a
//! [forecast](super::forecast). What exceeds it is taken while it is next to the core; the row
//! need not be looked at again.
//!
//! * Where logits are weighed, the sums of the weights tell the few lanes in which any may
//!   exceed it, and nothing else of the block is looked at ([`Net::catch_weighed`]).
//! * Elsewhere the maxima of each step of the [`sketch`](mod@super::sketch) tell the groups
//!   ([`Net::catch`]).
//!
//! Nothing depends on the guess but time: with fewer than `k` caught the row is searched as
//! any other. Where that comes of two rows on end the net is cast now and then only.

use super::collect::{FEW, in_order, list_above, take_group, take_lane, take_places};
use super::forecast::{Forecast, TELLING};
use super::sketch::{LONG, MAXIMA, SHORT, maxima_of};
use super::{Own, Span, Wanted};
use crate::element::{Element, Real, Vector};
use crate::simd::{Lanes, Simd};

/// Rows that go by after two on end from which too little was caught, or too much.
const REST: u8 = 16;

/// Pieces of a block whose lanes are told apart.
const PIECES: usize = 8;

/// Some lanes of the registers of a block, as bits: 16 for each of eight equal pieces, those of
/// the first at the low end.
pub(crate) type LanesOfPieces = u128;

/// Up to so many lanes of a block, and so many of a piece, are looked at one by one.
const FEW_LANES: [u32; 2] = [12, 2];

/// A threshold, and what is above it.
#[derive(Clone, Debug)]
pub(crate) struct Net<R: Real> {
    /// Where to set it.
    forecast: Forecast,
    /// How many logits are to be above the threshold.
    aim: usize,
    /// Rows on end from which too little was caught, or too much.
    failures: u8,
    /// Rows that are to go by.
    rest: u8,
    threshold: Option<R>,
    /// Whether where it was not set tells where to set it.
    learns: bool,
    /// Steps of the span that had been read when the threshold was set, and their length.
    missed: usize,
    step: usize,
    /// What is above it, of the span that is being read.
    caught: Vec<R::Packed>,
    /// Of the row's first span the threshold, how much was caught, and how many groups it has.
    haul: Option<(R, usize, usize)>,
    places: Vec<u32>,
}

impl<R: Real> Net<R> {
    /// No row has told anything.
    pub(crate) fn new() -> Self {
        Self {
            forecast: Forecast::NONE,
            aim: 0,
            failures: 0,
            rest: 0,
            threshold: None,
            learns: true,
            missed: 0,
            step: SHORT,
            caught: Vec::new(),
            haul: None,
            places: Vec::new(),
        }
    }

    /// Starts with another row.
    pub(crate) fn restart(&mut self, wanted: Wanted) {
        self.aim = aim(wanted);
        self.rest = self.rest.saturating_sub(1);
        self.forecast.restart();
        self.learns = true;
        self.haul = None;
        self.lift();
    }

    /// Is not cast in this row.
    pub(crate) fn hold(&mut self) {
        self.forecast.hold();
    }

    /// Catches no more in this row.
    fn lift(&mut self) {
        self.threshold = None;
        self.caught.clear();
    }

    /// Has nothing to do with what becomes of the row.
    pub(crate) fn leave(&mut self) {
        self.lift();
        self.learns = false;
    }

    /// Catches no more in a row whose threshold was no good.
    fn miss(&mut self) {
        self.forecast.adjust(self.caught.len(), 0.5, 2.0);
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

    /// Whether to catch logits that are weighed, in a row of `len`, takes less time than to
    /// look at all of them once more and to read the groups of the largest again. On a Xeon
    /// with the features of Granite Rapids, which takes 20 nanoseconds for each that is caught,
    /// it takes a tenth less for 50 of 128,256, and a twentieth more for 50 of 32,000.
    pub(crate) fn pays(&self, len: usize) -> bool {
        len >= 320 * self.aim
    }

    /// What is more than that is too much.
    fn most(&self) -> usize {
        4 * self.aim
    }

    /// Sets the threshold for a row, if its first blocks are what has been read, and these are
    /// the maxima of their groups of `step` logits.
    #[inline(always)]
    pub(crate) fn cast<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        step: usize,
        maxima: &[u8],
    ) {
        let steps = maxima.len() / MAXIMA;
        if steps * step * E::PAIR != TELLING || !self.forecast.waits() {
            return;
        }
        let mut sum = Vector::<E, S>::splat(simd, R::from_f64(0.0));
        for pair in maxima.chunks_exact(MAXIMA) {
            let [m0, m1] = Own::<E>::load_pair(simd, pair);
            sum = sum.add(m0.add(m1));
        }
        let level = sum.sum() / (TELLING / step) as f64;
        if let Some(threshold) = self.forecast.value(level, self.aim)
            && self.rest == 0
        {
            self.threshold = Some(R::from_f64(threshold));
            self.learns = false;
            (self.missed, self.step) = (steps, step);
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
        let mut sum = Vector::<E, S>::splat(simd, R::from_f64(0.0));
        let steps = block.chunks(SHORT * E::PAIR * E::SIZE);
        for (step, start) in steps.zip((start..).step_by(SHORT * E::PAIR)) {
            let max = maxima_of::<S, E, false>(simd, step, &mut sum);
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
        if self.caught.len() > self.most() {
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
            if self.caught.len() > self.most() {
                self.miss();
            }
        }
    }

    /// Moves what was caught in a span to `found`, and tells the threshold, if that is all
    /// that counts of the span: at `least` so many, or all above what is `floor` to the
    /// row's spans before.
    #[inline(always)]
    pub(crate) fn haul<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        span: &Span,
        maxima: &[u8],
        least: usize,
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
        let is_all =
            self.caught.len() >= least || floor.is_some_and(|floor| floor >= threshold);
        if !is_all {
            self.miss();
            return None;
        }
        self.failures = 0;
        if floor.is_none() {
            self.haul = Some((threshold, self.caught.len(), span.len / self.step));
        }
        if found.is_empty() {
            std::mem::swap(found, &mut self.caught);
        } else {
            found.extend_from_slice(&self.caught);
            self.caught.clear();
        }
        Some(threshold)
    }

    /// Learns from a row of so many groups that about `k` logits are above `value`, and how they
    /// fall there, if nothing was to be caught in it.
    pub(crate) fn learn(&mut self, value: f64, k: usize, fall: f64, groups: usize) {
        if self.learns {
            self.forecast.learn((value, k), self.aim, fall, groups);
        }
    }

    /// Learns from the `k`-th largest logit of a row what was caught in its first span.
    pub(crate) fn learn_from_haul(&mut self, value: f64, k: usize) {
        if let Some((threshold, count, groups)) = self.haul.take() {
            self.forecast.learn_fall((threshold.to_f64(), count), (value, k), groups);
            self.forecast.adjust(count, 0.25, 1.0);
        }
    }
}

/// How many logits are to be above the threshold. Of those wanted a quarter more, in place of an
/// eighth, would do for 3 rows of hundreds more in 100, and take 3 % longer in all. Of a few the
/// places differ more from row to row.
fn aim(wanted: Wanted) -> usize {
    let k = wanted.count();
    let more = match wanted {
        Wanted::First(k) => k / 8 + (4.0 * (k as f64).sqrt()) as usize,
        Wanted::About(_) => 0,
    };
    k + more + 64_usize.saturating_sub(k / 4)
}
