//! A chain of steps over the head of a row, and what it leaves.

use super::bounded::ROUNDING;
use super::seen::{Seen, Stretch, Swap};
use super::step::Step;
use super::weighed::{Weighed, gap, sum};
use super::{Head, Short, Whole};
use crate::simd::Isa;

/// What a temperature that follows from an entropy may be off by, times the logits that
/// count, for those that come after.
const DYNAMIC_ROUNDING: f64 = 1e-12;

/// What is less than this of the whole is added up: the difference of the whole and what is kept
/// has no digits left there. It takes a fifth of the time of a row, too much for a thousandth,
/// which is what 50 tokens leave.
const LITTLE: f64 = 1e-6;
/// It has enough if no more than so many times as much was taken away.
const TAKEN: f64 = 16.0;

/// What to do with a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
    /// Every step sees what the others removed.
    pub(crate) joint: bool,
    pub(crate) ties_all: bool,
    pub(crate) min_keep: usize,
    /// A random number in [0, 1), for the step that draws.
    pub(crate) coin: f64,
}

/// What a chain leaves: tokens of the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Left {
    pub(crate) first: usize,
    pub(crate) end: usize,
    /// At the end of the chain.
    pub(crate) temperature: f64,
    /// Logarithm of their mass among all tokens.
    pub(crate) log_mass: f64,
}

impl Chain {
    /// The temperature at which the sums of all weights are wanted first, and whether
    /// their moments are, too: that is what the row is to be read for.
    pub(crate) fn first_look(&self) -> (f64, bool) {
        let (mut temperature, mut cut) = (1.0, false);
        let mut found = None;
        let mut moments = false;
        for step in &self.steps {
            let open = self.joint || !cut;
            if open && step.sums() {
                found = found.or(Some(temperature));
                moments |= step.moments();
            }
            cut |= step.cuts();
            match *step {
                Step::Temperature(0.0) => break,
                Step::Temperature(factor) => temperature = tempered(temperature, factor),
                _ => {}
            }
        }
        (found.unwrap_or(temperature), moments)
    }

    /// How many tokens of the order are likely to be enough.
    pub(crate) fn first_guess(&self) -> Option<usize> {
        for step in &self.steps {
            match *step {
                Step::TopK(k) if k > 0.0 => {
                    let more = if self.ties_all { 16 } else { 0 };
                    return Some((k as usize).max(self.min_keep).saturating_add(more));
                }
                Step::Temperature(0.0) => return Some(1),
                _ if step.cuts() || step.sums() => return None,
                _ => {}
            }
        }
        // Nothing is cut off: it takes all.
        Some(usize::MAX)
    }

    /// Takes a row through the steps.
    pub(crate) fn run<W: Whole>(
        &self,
        isa: Isa,
        head: Head,
        whole: &mut W,
        weighed: &mut Weighed,
        swaps: &mut Vec<Swap>,
    ) -> Result<Left, Short> {
        swaps.clear();
        let everything = Stretch { first: 0, end: head.complete.then_some(head.logits.len()) };
        let (mut everything, mut left) = (everything, everything);
        let mut temperature = 1.0;
        let mut rounding = ROUNDING;
        let mut greedy = false;
        for &step in &self.steps {
            let mut seen = Seen {
                isa,
                head,
                whole: &mut *whole,
                weighed: &mut *weighed,
                swaps: &mut *swaps,
                stretch: if self.joint { everything } else { left },
                temperature,
                rounding,
                ties_all: self.ties_all,
                min_keep: self.min_keep,
            };
            let factor = match step {
                Step::Temperature(factor) => Some(factor),
                Step::DynamicTemperature { low, high, exponent } => {
                    rounding = DYNAMIC_ROUNDING;
                    Some(seen.dynamic_temperature(low, high, exponent)?)
                }
                _ => None,
            };
            if let Some(factor) = factor {
                if factor == 0.0 {
                    // All probability is on one token from here on, for joint steps too.
                    let end = Some(left.first + 1);
                    (everything, left) = (Stretch { end, ..left }, Stretch { end, ..left });
                    greedy = true;
                } else {
                    temperature = tempered(temperature, factor);
                }
                continue;
            }
            if step.is_off() {
                continue;
            }
            let chosen = self.chosen(&mut seen, step)?;
            if self.joint && !swaps.is_empty() {
                // Other steps know these tokens by other places.
                return Err(Short::Uncertain);
            }
            left = if self.joint { self.both(left, chosen, everything)? } else { chosen };
        }
        let Some(end) = left.end else { return Err(Short::More(usize::MAX)) };
        let left = Left { first: left.first, end, temperature, log_mass: 0.0 };
        let all_known = everything.end.is_some();
        if greedy || all_known && (left.first, left.end) == (0, head.logits.len()) {
            return Ok(left);
        }
        weighed.look(isa, head.logits, left.first, temperature);
        Ok(Left { log_mass: log_mass(head, whole, weighed, &left), ..left })
    }

    /// What a step keeps of what it sees.
    fn chosen<W: Whole>(&self, seen: &mut Seen<W>, step: Step) -> Result<Stretch, Short> {
        let first = seen.stretch.first;
        let end = match step {
            Step::TopK(k) => seen.first(k as usize, self.ties_all)?,
            Step::TopP(p) => seen.top_p(p)?,
            Step::MinP(limit) => seen.min_p(limit)?,
            Step::Typical(p) => return seen.typical(p),
            Step::Epsilon(epsilon) => seen.epsilon(epsilon)?,
            Step::Eta(epsilon) => seen.eta(epsilon)?,
            Step::TopNSigma(n) => seen.top_n_sigma(n)?,
            Step::TopH(alpha) => seen.top_h(alpha)?,
            Step::MaxSurprise(bits) => seen.max_surprise(bits)?,
            Step::Xtc { probability, threshold } => {
                let excluded = if self.coin < probability { seen.xtc(threshold)? } else { 0 };
                return Ok(Stretch { first: first + excluded, ..seen.stretch });
            }
            Step::Temperature(_) | Step::DynamicTemperature { .. } => seen.stretch.end,
        };
        Ok(Stretch { first, end })
    }

    /// What two joint steps keep, with the first tokens of the order if that is too little.
    fn both(&self, a: Stretch, b: Stretch, everything: Stretch) -> Result<Stretch, Short> {
        let first = a.first.max(b.first);
        let end = match (a.end, b.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let least = everything
            .end
            .map_or(self.min_keep, |end| self.min_keep.min(end - everything.first));
        let Some(kept) = end.map(|end| end.saturating_sub(first)) else {
            return Ok(Stretch { first, end });
        };
        if kept >= least {
            return Ok(Stretch { first, end });
        }
        if kept == 0 || first == everything.first {
            let first = everything.first;
            return Ok(Stretch { first, end: Some(first + least) });
        }
        // The first ones and a window elsewhere: no stretch.
        Err(Short::Uncertain)
    }
}

/// A temperature after another, kept in range.
fn tempered(temperature: f64, factor: f64) -> f64 {
    (temperature * factor).clamp(f64::MIN_POSITIVE, f64::MAX)
}

impl<W: Whole> Seen<'_, W> {
    fn dynamic_temperature(
        &mut self,
        low: f64,
        high: f64,
        exponent: f64,
    ) -> Result<f64, Short> {
        if self.is_open() {
            return Err(Short::More(usize::MAX));
        }
        let tokens = self.logits().len();
        if tokens == 1 {
            return Ok(low);
        }
        // Rounding may leave the entropy of an even row above ln n.
        let share = (self.entropy()?.value / (tokens as f64).ln()).min(1.0);
        Ok(low + (high - low) * share.powf(exponent))
    }
}

/// Logarithm of the mass of what is left, the first of which has been looked at. How much is
/// known of what is not left has no say in it: that depends on the rows before.
fn log_mass<W: Whole>(head: Head, whole: &mut W, weighed: &Weighed, left: &Left) -> f64 {
    let logits = head.logits;
    let (first, end, temperature) = (left.first, left.end, left.temperature);
    let lowered = gap(logits[0], logits[first], temperature);
    let kept = sum(&weighed.weight[..end - first]);
    let weight = |&x: &f64| (-gap(logits[0], x, temperature)).exp();
    let before: f64 = logits[..first].iter().map(weight).sum();
    let sums = whole.first_sums(temperature);
    let total = sums.count + sums.rest;
    // Those equal to the largest apart, so that little that is gone has its digits.
    let top = logits[..end].iter().take_while(|&&x| x == logits[0]).count();
    let head_rest: f64 = if first == 0 {
        // They are the weights that have been looked at: a nucleus may have thousands.
        sum(&weighed.weight[top..end])
    } else {
        logits[top..end].iter().map(weight).sum()
    };
    let mut behind = (sums.count - top as f64) + (sums.rest - head_rest).max(0.0);
    if behind < total * LITTLE && behind < head_rest / TAKEN {
        behind = whole.behind(logits[end - 1], end, temperature).unwrap_or(behind);
    }
    let gone = (before + behind) / total;
    if gone < 0.5 { (-gone).ln_1p() } else { kept.ln() - total.ln() - lowered }
}

/// What a token's log-probability among tokens is below 0, less its distance from the
/// first, in nats.
pub(crate) fn log_total(gaps: &[f64], weights: &[f64]) -> f64 {
    // The largest logit apart, so that a log-probability near 0 is as accurate as any.
    let copies = gaps.iter().take_while(|&&gap| gap == 0.0).count();
    let rest = sum(&weights[copies..]);
    (copies as f64).ln() + (rest / copies as f64).ln_1p()
}
