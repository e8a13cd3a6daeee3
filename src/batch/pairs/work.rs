//! What is known of a group of pairs as it is read.

use crate::element::Element;
use crate::row::PairPlan;
use crate::row::pair::PairSums;
use crate::row::pair::alignment::Alignment;
use crate::row::pair::running::{Found, Settled};
use crate::row::part::Part;

/// How often the rows are read again for nearly equal models, at most.
const MOST_REFINEMENTS: usize = 3;

/// What is known of a group of pairs: one, or a tile of neighbours that are not
/// contiguous.
pub(super) struct Work {
    pub(super) first_row: usize,
    /// Of each row.
    pub(super) tokens: usize,
    /// Whether the next group is to be read by the same thread.
    pub(super) goes_on: bool,
    pub(super) temperatures: [Vec<f64>; 2],
    /// What a single reading has found; of pairs that it is not for, too much.
    pub(super) found: Vec<Found>,
    /// The temperatures of the pairs that it is for.
    pub(super) approachable: Vec<Option<f64>>,
    /// Where that was enough: what it tells.
    pub(super) settled: Vec<Option<Settled>>,
    pub(super) parts: [Vec<Part>; 2],
    pub(super) alignments: Vec<Option<Alignment>>,
    /// Those of the pairs that are still to be read.
    pub(super) active: Vec<Option<Alignment>>,
    /// Of the reading that goes on.
    pub(super) reading: Vec<PairSums>,
    pub(super) sums: Vec<PairSums>,
    pub(super) refinements: usize,
}

impl Work {
    pub(super) fn is_approachable(&self) -> bool {
        self.approachable.iter().any(Option::is_some)
    }

    pub(super) fn add_found(&mut self, chunk: &[Found]) {
        for (found, &chunk) in self.found.iter_mut().zip(chunk) {
            *found = found.merge(chunk);
        }
    }

    /// Keeps the sums of the pairs that a single reading was enough for.
    pub(super) fn settle<C: Element>(&mut self) {
        for (i, found) in self.found.iter_mut().enumerate() {
            if self.approachable[i].is_none() {
                continue;
            }
            let found =
                std::mem::replace(found, Found::Nothing).settled::<C::Lane>(self.tokens);
            if let Some(found) = found {
                self.sums[i] = found.sums;
                self.settled[i] = found.exact.then_some(found);
            }
            // Rows that it was enough for but for rounding are read like this again.
            if found.is_none_or(|found| found.exact) {
                self.approachable[i] = None;
            }
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.iter().all(Option::is_some)
    }

    pub(super) fn add_parts(&mut self, chunk: &[Vec<Part>; 2]) {
        let own = self.parts.iter_mut().zip(&self.temperatures);
        for ((parts, temperatures), chunk) in own.zip(chunk) {
            for (i, part) in parts.iter_mut().enumerate() {
                *part = part.merge(chunk[i], temperatures[i]);
            }
        }
    }

    /// Works out how log-probabilities follow from the parts, for pairs that are not
    /// settled to be read once more.
    pub(super) fn align<C: Element>(&mut self) {
        for i in 0..self.sums.len() {
            let temperatures = [self.temperatures[0][i], self.temperatures[1][i]];
            let [p, q] = [&self.parts[0][i], &self.parts[1][i]];
            self.alignments[i] = Alignment::new::<C::Lane>(p, q, temperatures);
            self.active[i] = self.alignments[i].filter(|_| self.settled[i].is_none());
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.active.iter().any(Option::is_some)
    }

    pub(super) fn add_sums(&mut self, chunk: &[PairSums]) {
        for (sums, &chunk) in self.reading.iter_mut().zip(chunk) {
            *sums = sums.merge(chunk);
        }
    }

    /// Keeps the sums just read, and marks the pairs that are to be read again.
    pub(super) fn refine<C: Element>(&mut self, plan: &PairPlan) {
        for i in 0..self.sums.len() {
            let sums = std::mem::take(&mut self.reading[i]);
            let Some(alignment) = self.active[i].take() else { continue };
            self.sums[i] = sums;
            if self.refinements < MOST_REFINEMENTS
                && let Some(refined) = alignment.refined::<C::Lane>(&sums, plan, self.tokens)
            {
                self.active[i] = Some(refined);
                self.alignments[i] = Some(refined);
            }
        }
        self.refinements += 1;
    }
}
