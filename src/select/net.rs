//! Catches the largest logits while a row is read, above a threshold that is guessed.
//!
//! # Method
//! The first blocks of a row tell its level: the mean of the maxima of their groups. The
//! value that so many logits exceed stands about as far above the level as it did in the
//! rows before, if these are rows of one model: of rows of 32,000 tokens 94 in 100 have 256
//! logits or more above a threshold meant for 352, 96 in 100 have 1000 above one for 1251,
//! and few have twice as many. (A bound of the row before, as it is, would do for 40.) What
//! exceeds it is taken from each step of the [`sketch`](mod@super::sketch) while that is next
//! to the core, where it is free as long as memory is waited for; the row need not be looked
//! at again.
//!
//! Nothing depends on the guess but time: with fewer than `k` caught the row is searched as
//! any other. Where that comes of two rows on end the net is cast now and then only.

use super::bound::log2;
use super::collect::{FEW, in_order, list_above, take_group, take_places};
use super::sketch::{MAXIMA, SHORT};
use super::{Own, Span};
use crate::element::{Element, Real, Vector};
use crate::simd::{Lanes, Simd};

/// Logits of the blocks that tell the level of a row: in vocabularies whose first tokens are
/// single bytes 2048 tell too little.
const TELLING: usize = 8192;

/// Rows that go by after two on end from which too little was caught, or too much.
const REST: u8 = 16;

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
    /// Steps of the span that had been read when the threshold was set.
    missed: usize,
    /// What is above it, of the span that is being read.
    caught: Vec<R::Packed>,
    /// The threshold of the row's first span, and how much was caught in it.
    haul: Option<(R, usize)>,
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
            missed: 0,
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
        self.lift();
        self.failures = self.failures.saturating_add(1);
        if self.failures >= 2 {
            self.rest = REST;
        }
    }

    /// Whether anything is to be caught.
    pub(crate) fn is_cast(&self) -> bool {
        self.threshold.is_some()
    }

    /// Sets the threshold for a row of which `k` logits are wanted, if its first blocks are
    /// what has been read.
    #[inline(always)]
    pub(crate) fn cast<S: Simd, E: Element<Lane = R>>(
        &mut self,
        simd: S,
        k: usize,
        maxima: &[u8],
    ) {
        let steps = maxima.len() / MAXIMA;
        if steps * SHORT * E::PAIR != TELLING || !self.level.is_nan() {
            return;
        }
        let mut sum = Vector::<E, S>::splat(simd, R::from_f64(0.0));
        for pair in maxima.chunks_exact(MAXIMA) {
            let [m0, m1] = Own::<E>::load_pair(simd, pair);
            sum = sum.add(m0.add(m1));
        }
        self.level = sum.sum() / (TELLING / SHORT) as f64;
        let aim = aim(k);
        let above = self.offset + self.fall * (self.log_count - log2(aim));
        let threshold = self.level + above;
        if threshold.is_finite() && self.rest == 0 {
            self.threshold = Some(R::from_f64(threshold));
            self.missed = steps;
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
        let Some(value) = self.threshold else { return };
        let threshold = Vector::<E, S>::splat(simd, value);
        let [m0, m1] = Own::<E>::load_pair(simd, maxima);
        let (first, second) = (m0.bits_gt(threshold), m1.bits_gt(threshold));
        if first | second == 0 {
            return;
        }
        let mut groups = in_order::<S, E>(first, second);
        if groups.count_ones() as usize <= FEW && step.len() == SHORT * E::PAIR * E::SIZE {
            while groups != 0 {
                let at = groups.trailing_zeros() as usize;
                let group = &step[at * E::SIZE..];
                take_group::<E, SHORT>(group, start + at, value, &mut self.caught);
                groups &= groups - 1;
            }
            if self.caught.len() > self.most {
                self.miss();
            }
            return;
        }
        let listed = list_above::<S, E>(simd, step, start, threshold, &mut self.places);
        if self.caught.len() + listed > self.most {
            self.miss();
            return;
        }
        take_places::<E>(step, start, &self.places[..listed], &mut self.caught);
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
            let (start, step) = span.step::<E>(i, SHORT);
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
            self.haul = Some((threshold, self.caught.len()));
        }
        found.extend_from_slice(&self.caught);
        self.caught.clear();
        Some(threshold)
    }

    /// Learns from a row that about `k` logits are above `value`, and how they fall there.
    pub(crate) fn learn(&mut self, value: f64, k: usize, fall: f64) {
        let is_known = (value - self.level).is_finite() && fall > 0.0 && fall.is_finite();
        if !is_known {
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
        if let Some((threshold, count)) = self.haul.take() {
            let fewer = log2(count) - log2(k);
            // From few more than those wanted there is nothing to learn of how they fall.
            let fall =
                if fewer > 0.1 { (value - threshold.to_f64()) / fewer } else { self.fall };
            self.learn(value, k, fall);
        }
    }
}

/// How many logits are to be above the threshold for `k` that are wanted. A quarter more than
/// those, in place of an eighth, would do for 3 rows more in 100, and take 3 % longer in all.
fn aim(k: usize) -> usize {
    k + k / 8 + (4.0 * (k as f64).sqrt()) as usize
}
