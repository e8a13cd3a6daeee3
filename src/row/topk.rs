//! The largest logits of a row, and their log-probabilities.

use super::part::{Kind, Part};
use super::{Plan, Row, Statistic};

/// The `k` largest logits and where they stand; exact, see [`crate::select`] for the
/// method. Whoever computes it has places for them: [`crate::batch::Top`].
///
/// Equal logits come lowest index first. +inf and -inf are the largest and the smallest
/// of numbers. In rows with NaN there is no order: NaN and -1 throughout.
pub struct TopK {
    /// Whether log-probabilities are wanted.
    pub log_probs: bool,
}

impl Statistic for TopK {
    type Output = ();

    fn plan(&self) -> Plan {
        if self.log_probs { Plan::Weights } else { Plan::Largest }
    }

    fn finish(&self, _: &Row, (): &mut ()) {}
}

/// Log-probabilities of many tokens of a row, as [`super::LogProb`] has them.
#[derive(Clone, Copy)]
pub(crate) struct LogProbs {
    max: f64,
    temperature: f64,
    log_total: f64,
    scale: f64,
}

impl LogProbs {
    /// In nats times `scale`; NaN for rows that are not valid.
    pub(crate) fn new(part: &Part, temperature: f64, scale: f64) -> Self {
        let log_total = if part.kind() == Kind::Valid { part.log_total() } else { f64::NAN };
        Self { max: part.max, temperature, log_total, scale }
    }

    /// That of a token with this logit.
    #[inline(always)]
    pub(crate) fn of(&self, logit: f64) -> f64 {
        ((logit - self.max) / self.temperature - self.log_total) * self.scale
    }
}
