//! `ln p` of chosen tokens, `p = softmax(x / T)`.

use super::part::{Kind, Part};
use super::{Plan, Row, Statistic};

/// Log-probabilities of the targets, in nats times `scale`; NaN for targets to
/// be skipped.
///
/// `(x - m) / T - ln A` with the terms of [`Part`]: two terms that are never
/// positive, so a confident target's -1e-15 is as accurate as -10.
pub struct LogProb {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

impl Statistic for LogProb {
    type Output = Vec<f64>;

    fn plan(&self) -> Plan {
        Plan::Weights
    }

    fn finish(&self, row: &Row, output: &mut Vec<f64>) {
        for target in row.target_logits {
            output.push(log_prob(&row.part, row.temperature, *target) * self.scale);
        }
    }
}

/// In nats; NaN for rows that are not valid and for no target.
pub(crate) fn log_prob(part: &Part, temperature: f64, target: Option<f64>) -> f64 {
    match (part.kind(), target) {
        (Kind::Valid, Some(logit)) => (logit - part.max) / temperature - part.log_total(),
        _ => f64::NAN,
    }
}
