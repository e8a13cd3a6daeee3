//! Variance of the surprisal `-ln p` under `p = softmax(x / T)`.

use super::part::{Kind, Part};
use super::{Plan, Row, Statistic};

/// Varentropy, in square nats times `scale` squared.
///
/// The spread within the rest and the spread between it and the maximum, both
/// not negative ([`Part`]); the sums behind them are about a centre near the
/// mean, so the error is relative: at most 1e-6 for 32-bit lanes.
pub struct Varentropy {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

impl Statistic for Varentropy {
    type Output = Vec<f64>;

    fn plan(&self) -> Plan {
        Plan::Varentropy
    }

    fn finish(&self, row: &Row, output: &mut Vec<f64>) {
        output.push(varentropy(&row.part) * self.scale * self.scale);
    }
}

/// In square nats; NaN for rows that are not valid.
pub(crate) fn varentropy(part: &Part) -> f64 {
    match part.kind() {
        Kind::Valid => part.variance(),
        _ => f64::NAN,
    }
}
