//! `ln sum e^(x / T)`.

use super::part::{Kind, Part};
use super::{Plan, Row, Statistic};

/// Log-sum-exp, in nats.
///
/// `m / T + ln A` with the terms of [`Part`]. The absolute error of `ln A`
/// is below 1.8e-7 and typically 1e-9 for 32-bit lanes, so the result is within one and a
/// half units in the last place of an `f32` of magnitude `max(1, |result|)`, and 7e-7 where
/// all logits but a few are equal, so that their roundings go one way.
pub struct LogSumExp;

impl Statistic for LogSumExp {
    type Output = Vec<f64>;

    fn plan(&self) -> Plan {
        Plan::Weights
    }

    fn finish(&self, row: &Row, output: &mut Vec<f64>) {
        output.push(logsumexp(&row.part, row.temperature));
    }
}

/// +inf and -inf for rows that hold +inf or nothing finite, NaN for those with NaN.
pub(crate) fn logsumexp(part: &Part, temperature: f64) -> f64 {
    match part.kind() {
        Kind::Valid => part.max / temperature + part.log_total(),
        Kind::Infinite | Kind::Empty => part.max,
        Kind::NotANumber => f64::NAN,
    }
}
