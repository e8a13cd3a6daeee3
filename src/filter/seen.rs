//! What a step sees, and the steps that keep the first so many tokens of it.

use super::bounded::Bounded;
use super::weighed::{Weighed, gap};
use super::{Head, Short, Whole, WholeSums};
use crate::simd::Isa;

/// Tokens that top-h looks at.
const TOP_H: usize = 100;
/// From so many tokens on it takes as long to look at them as to read the row.
const MANY: usize = 4096;

/// A stretch of the order: from place `first` on, up to `end` or all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) first: usize,
    pub(crate) end: Option<usize>,
}

/// Equal logits from place `first` up to `end`, of which it is the first `kept` that stay: as
/// stretches have it they are to stand last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Swap {
    pub(crate) first: usize,
    pub(crate) kept: usize,
    pub(crate) end: usize,
}

/// What a step sees, and how it is to treat it.
pub(crate) struct Seen<'a, W> {
    pub(crate) isa: Isa,
    pub(crate) head: Head<'a>,
    pub(crate) whole: &'a mut W,
    pub(crate) weighed: &'a mut Weighed,
    /// To be done to the order at the end.
    pub(crate) swaps: &'a mut Vec<Swap>,
    pub(crate) stretch: Stretch,
    pub(crate) temperature: f64,
    /// Of sums over the head, relative.
    pub(crate) rounding: f64,
    pub(crate) ties_all: bool,
    pub(crate) min_keep: usize,
}

impl<W: Whole> Seen<'_, W> {
    /// The logits that are known.
    pub(crate) fn logits(&self) -> &[f64] {
        let end = self.stretch.end.unwrap_or(self.head.logits.len());
        &self.head.logits[self.stretch.first..end]
    }

    /// Whether there are others.
    pub(crate) fn is_open(&self) -> bool {
        self.stretch.end.is_none() && !self.head.complete
    }

    /// Weighs the tokens that are known; how many they are.
    pub(crate) fn weigh(&mut self) -> usize {
        self.weighed.look(self.isa, self.head.logits, self.stretch.first, self.temperature);
        self.logits().len()
    }

    /// The sums over all tokens, if there are others than those known.
    pub(crate) fn whole(&mut self) -> WholeSums {
        self.whole.sums(self.temperature)
    }

    /// The sum of the weights, relative to the first.
    pub(crate) fn total(&mut self) -> Result<Bounded, Short> {
        let known = self.weigh();
        if !self.is_open() {
            let sum = self.weighed.sums[known - 1];
            // Equal logits have weights of 1, whose sums are exact.
            let exact = self.weighed.gap[known - 1] == 0.0;
            return Ok(Bounded::relative(sum, if exact { 0.0 } else { self.rounding }));
        }
        let WholeSums { count, rest, error, .. } = self.whole();
        let all = Bounded { value: count + rest, error: rest * error };
        let first = self.stretch.first;
        let logits = self.head.logits;
        // What is no longer there was at the head of the order.
        let gap_of = |place: usize| gap(logits[0], logits[place], self.temperature);
        let gone: f64 = (0..first).map(|place| (-gap_of(place)).exp()).sum();
        let scale = gap_of(first).exp();
        let error = all.error + (all.value + gone) * self.rounding;
        let total = Bounded { value: all.value - gone, error }.times(scale);
        if total.value > 0.0 && total.value.is_finite() {
            Ok(total)
        } else {
            Err(Short::Uncertain)
        }
    }

    /// The mean distance from the first, in nats.
    pub(crate) fn mean_gap(&mut self) -> Result<Bounded, Short> {
        let total = self.total()?;
        if !self.is_open() {
            let known = self.logits().len();
            let pairs = self.weighed.weight[..known].iter().zip(&self.weighed.gap);
            let sum: f64 = pairs.map(|(weight, gap)| weight * gap).sum();
            return Ok(Bounded::relative(sum / total.value, 4.0 * self.rounding));
        }
        if self.stretch.first > 0 {
            return Err(Short::More(usize::MAX));
        }
        let WholeSums { gap, error, .. } = self.whole();
        let relative = error + total.error / total.value + self.rounding;
        Ok(Bounded::relative(gap / total.value, relative))
    }

    /// The entropy, in nats.
    pub(crate) fn entropy(&mut self) -> Result<Bounded, Short> {
        let (total, gap) = (self.total()?, self.mean_gap()?);
        let value = total.value.ln() + gap.value;
        let error = total.error / total.value + gap.error + value * f64::EPSILON * 4.0;
        Ok(Bounded { value, error })
    }

    /// The end of the first `count` tokens, `min_keep` at least, and those tied with the
    /// last of them.
    pub(crate) fn first(&self, count: usize, ties_all: bool) -> Result<Option<usize>, Short> {
        let logits = self.logits();
        let count = count.max(self.min_keep);
        if count > logits.len() || count == logits.len() && ties_all {
            return self.all_known(count);
        }
        let mut end = count;
        if ties_all {
            end += logits[count..].iter().take_while(|&&x| x == logits[count - 1]).count();
            if end == logits.len() {
                return self.all_known(end);
            }
        }
        Ok(Some(self.stretch.first + end))
    }

    /// The end where all known tokens are kept, of which `wanted` would be enough.
    fn all_known(&self, wanted: usize) -> Result<Option<usize>, Short> {
        if self.is_open() {
            return Err(Short::More(wanted.saturating_add(self.stretch.first + 1)));
        }
        Ok(Some(self.stretch.first + self.logits().len()))
    }

    /// As [`Self::first`], of the tokens that pass a test, of which `passing` are known; if
    /// all known ones do, so may others.
    pub(crate) fn those(&self, passing: usize) -> Result<Option<usize>, Short> {
        if self.is_open() && passing == self.logits().len() {
            return Err(self.more());
        }
        self.first(passing, false)
    }

    /// How many of the first tokens have a weight of at least so much of all.
    pub(crate) fn at_least(&mut self, share: Bounded) -> Result<usize, Short> {
        let (known, total) = (self.weigh(), self.total()?);
        let weights = &self.weighed.weight[..known];
        let passing = |total: f64, share: f64| {
            weights.partition_point(|&weight| weight / total >= share)
        };
        if total.error == 0.0 && share.error == 0.0 {
            return Ok(passing(total.value, share.value));
        }
        let relative = total.error / total.value + share.error / share.value + self.rounding;
        Bounded::relative(total.value, relative).decides(|total| passing(total, share.value))
    }

    pub(crate) fn top_p(&mut self, p: f64) -> Result<Option<usize>, Short> {
        let (known, total) = (self.weigh(), self.total()?);
        let sums = &self.weighed.sums[..known];
        // The token at which the mass before has come to p, by the sums up to and with
        // each: one more than the last of those that are less.
        let count = |total: f64| 1 + sums.partition_point(|sum| sum / total < p);
        let rounded = total.error + total.value * self.rounding;
        let bounds =
            if total.error == 0.0 { total } else { Bounded { error: rounded, ..total } };
        let count = if p > 0.0 { bounds.decides(count)? } else { 0 };
        if count > known && self.is_open() {
            return Err(self.more_for(p * total.value, total.value));
        }
        self.first(count.min(known), self.ties_all)
    }

    /// That all known tokens pass, where nothing tells how many others may.
    pub(super) fn more(&self) -> Short {
        let known = self.logits().len();
        // To look at few takes a reading of the row whatever their number; of many it takes
        // a time that grows with it.
        Short::More(self.stretch.first + known + (3 * known).min(known.max(MANY)))
    }

    pub(crate) fn min_p(&mut self, limit: f64) -> Result<Option<usize>, Short> {
        let (logits, t) = (self.logits(), self.temperature);
        self.those(logits.partition_point(|&x| gap(logits[0], x, t) <= limit))
    }

    pub(crate) fn epsilon(&mut self, epsilon: f64) -> Result<Option<usize>, Short> {
        let passing = self.at_least(Bounded { value: epsilon, error: 0.0 })?;
        self.those(passing)
    }

    pub(crate) fn eta(&mut self, epsilon: f64) -> Result<Option<usize>, Short> {
        let entropy = self.entropy()?;
        let lowered = epsilon.sqrt() * (-entropy.value).exp();
        let share = if epsilon < lowered * (1.0 - 2.0 * entropy.error) {
            Bounded { value: epsilon, error: 0.0 }
        } else {
            Bounded::relative(lowered.min(epsilon), 2.0 * entropy.error + self.rounding)
        };
        let passing = self.at_least(share)?;
        self.those(passing)
    }

    pub(crate) fn top_n_sigma(&mut self, n: f64) -> Result<Option<usize>, Short> {
        let logits = self.logits();
        let deviation = if self.is_open() {
            if self.stretch.first > 0 {
                return Err(Short::More(usize::MAX));
            }
            let spread = self.whole.spread();
            Bounded::relative(spread.deviation, spread.error)
        } else {
            Bounded::relative(deviation(logits), 1e-13)
        };
        let logits = self.logits();
        let passing = deviation
            .times(n)
            .decides(|most| logits.partition_point(|&x| gap(logits[0], x, 1.0) <= most))?;
        self.those(passing)
    }

    pub(crate) fn top_h(&mut self, alpha: f64) -> Result<Option<usize>, Short> {
        let known = self.weigh();
        if known < TOP_H && self.is_open() {
            return Err(Short::More(self.stretch.first + TOP_H));
        }
        let looked = known.min(TOP_H);
        let (gaps, weights) = (&self.weighed.gap[..looked], &self.weighed.weight[..looked]);
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let spent: Vec<f64> = gaps
            .iter()
            .zip(weights)
            .map(|(gap, weight)| {
                sum += weight / total * (gap + total.ln());
                sum
            })
            .collect();
        let budget = Bounded::relative(alpha * sum, 2.0 * self.rounding);
        let within = if alpha >= 1.0 {
            looked
        } else {
            budget.decides(|budget| spent.partition_point(|&spent| spent <= budget))?
        };
        // A budget of tokens, not a cut between logits: tied ones have no claim to stay
        // together.
        self.first(within.max(1), false)
    }

    pub(crate) fn max_surprise(&mut self, bits: f64) -> Result<Option<usize>, Short> {
        let (known, total) = (self.weigh(), self.total()?);
        let log_total = Bounded {
            value: total.value.ln(),
            error: total.error / total.value
                + if total.error == 0.0 { 0.0 } else { self.rounding },
        };
        let gaps = &self.weighed.gap[..known];
        let slack = (bits.abs() + log_total.value) * f64::EPSILON * 2.0;
        let log_total = Bounded { error: log_total.error + slack, ..log_total };
        let passing = log_total.decides(|log_total| {
            gaps.partition_point(|gap| (gap + log_total) / std::f64::consts::LN_2 <= bits)
        })?;
        self.those(passing)
    }

    /// How many of the first tokens go.
    pub(crate) fn xtc(&mut self, threshold: f64) -> Result<usize, Short> {
        let top = self.at_least(Bounded { value: threshold, error: 0.0 })?;
        let known = self.logits().len();
        if self.is_open() && (top == known || known < self.min_keep + top) {
            let enough = self.stretch.first + self.min_keep + top + 1;
            return Err(if top == known { self.more() } else { Short::More(enough) });
        }
        let excluded = top.saturating_sub(1);
        Ok(if known - excluded >= self.min_keep { excluded } else { 0 })
    }
}

/// Standard deviation of logits, the largest first; each counts as one.
fn deviation(logits: &[f64]) -> f64 {
    // Scaled by a power of two, because squares may overflow.
    let largest = gap(logits[0], logits[logits.len() - 1], 1.0);
    let scale = if largest > 1e100 { 2.0_f64.powi(-600) } else { 1.0 };
    let gaps = || logits.iter().map(|&x| gap(logits[0], x, 1.0) * scale);
    let len = logits.len() as f64;
    let mean = gaps().sum::<f64>() / len;
    (gaps().map(|gap| (gap - mean).powi(2)).sum::<f64>() / len).sqrt() / scale
}
