//! The tokens whose surprisal is nearest to the entropy: a window of the order about the
//! mean distance from its first token.

use super::bounded::Bounded;
use super::seen::{Seen, Stretch, Swap};
use super::weighed::SUMMED;
use super::{Short, Whole};

impl<W: Whole> Seen<'_, W> {
    /// The window that has a mass of `p`.
    pub(crate) fn typical(&mut self, p: f64) -> Result<Stretch, Short> {
        let (known, total) = (self.weigh(), self.total()?);
        let mean = self.mean_gap()?;
        let (gaps, weights) = (&self.weighed.gap[..known], &self.weighed.weight[..known]);
        let distance = |place: usize| (gaps[place] - mean.value).abs();
        // Tokens that are not known are at least so far.
        let reach = if self.is_open() { gaps[known - 1] - mean.value } else { f64::INFINITY };
        let more = self.more();
        // Outwards from the mean: the window is from `low` up to `high`.
        let middle = gaps.partition_point(|&gap| gap < mean.value);
        let (mut low, mut high) = (middle, middle);
        let mut sums = Sums::default();
        let mut last = [f64::NEG_INFINITY; 2];
        let mut last_place = middle;
        let mut enough = None;
        let bounds = Bounded {
            error: total.error
                + if total.error == 0.0 { 0.0 } else { total.value * self.rounding },
            ..total
        };
        loop {
            let taken = high - low;
            if enough.is_none() {
                let before = sums.all();
                let reached = bounds.decides(|total| before / total >= p || p <= 0.0)?;
                if reached {
                    enough = Some(taken);
                }
            }
            let is_last = taken == known;
            if is_last || enough.is_some() && taken >= self.min_keep {
                break;
            }
            // Where both are as far the one that comes first in the order.
            let left = low > 0 && (high == known || distance(low - 1) <= distance(high));
            let place = if left { low - 1 } else { high };
            let own = distance(place);
            if own + mean.error >= reach {
                return Err(more);
            }
            if left {
                low -= 1;
            } else {
                high += 1;
            }
            last[usize::from(!left)] = own;
            last_place = place;
            sums.add(weights[place]);
        }
        if high == known && self.is_open() {
            return Err(more);
        }
        self.check_sides(&distance, (low, high, known), last, mean)?;
        let (mut first, mut end) = (low, high);
        if self.ties_all && high > low {
            let logits = self.logits();
            let tied = |place: usize| logits[place] == logits[last_place];
            while first > 0 && tied(first - 1) && tied(first) {
                first -= 1;
            }
            while end < known && tied(end) && tied(end - 1) {
                end += 1;
            }
            if end == known && self.is_open() {
                return Err(more);
            }
        }
        let own = self.stretch.first;
        let logits = self.logits();
        if first < end {
            // Of logits that are equal, and so as far from the mean, the first ones stay.
            let tied = |place: &usize| logits[*place] == logits[first];
            let begin = (0..first).rev().take_while(tied).last().unwrap_or(first);
            let behind = (first..end).take_while(tied).last().map_or(first, |place| place + 1);
            if begin < first {
                self.swaps.push(Swap {
                    first: own + begin,
                    kept: behind - first,
                    end: own + behind,
                });
            }
        }
        Ok(Stretch { first: own + first, end: Some(own + end) })
    }

    /// Gives up if an error of the mean might have tokens of both sides change places
    /// where the window ends.
    fn check_sides(
        &self,
        distance: &impl Fn(usize) -> f64,
        (low, high, known): (usize, usize, usize),
        last: [f64; 2],
        mean: Bounded,
    ) -> Result<(), Short> {
        let near = |a: f64, b: f64| (a - b).abs() <= 2.0 * mean.error + a * f64::EPSILON;
        // The two that came last, and the last one with the next of the other side.
        let inside = last.iter().all(|x| x.is_finite()) && near(last[0], last[1]);
        let above = low > 0 && last[1].is_finite() && near(distance(low - 1), last[1]);
        let below = high < known && last[0].is_finite() && near(distance(high), last[0]);
        // With a mean that is exact there is no doubt, and no tie between different logits.
        let open = mean.error > 0.0 && (inside || above || below);
        if open && self.matters(low, high) { Err(Short::Uncertain) } else { Ok(()) }
    }

    /// Whether it makes a difference: not if nothing is left out.
    fn matters(&self, low: usize, high: usize) -> bool {
        low > 0 || high < self.logits().len() || self.is_open()
    }
}

/// A sum by blocks, as [`super::weighed::RunningSums`] has it.
#[derive(Default)]
struct Sums {
    before: f64,
    block: f64,
    count: usize,
}

impl Sums {
    fn add(&mut self, term: f64) {
        self.block += term;
        self.count += 1;
        if self.count == SUMMED {
            self.before += self.block;
            (self.block, self.count) = (0.0, 0);
        }
    }

    fn all(&self) -> f64 {
        self.before + self.block
    }
}
