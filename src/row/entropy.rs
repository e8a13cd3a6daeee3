//! Shannon's entropy `-sum p ln p` of `p = softmax(x / T)`.

use super::dense::Map;
use super::part::{Kind, Part};
use super::{DenseRow, DenseStatistic, Plan, Row, Statistic};

/// Entropy, in nats times `scale`.
///
/// `ln A + gap / A` with the terms of [`Part`]: none is negative, so the error
/// is relative, at most 1e-6 for 32-bit lanes (typically 1e-8), 1e-12 for 64-bit.
pub struct Entropy {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

impl Statistic for Entropy {
    type Output = Vec<f64>;

    fn plan(&self) -> Plan {
        Plan::Entropy
    }

    fn finish(&self, row: &Row, output: &mut Vec<f64>) {
        output.push(entropy(&row.part) * self.scale);
    }
}

/// In nats; NaN for rows that are not valid.
pub(crate) fn entropy(part: &Part) -> f64 {
    match part.kind() {
        Kind::Valid => part.log_total() + part.mean_gap(),
        _ => f64::NAN,
    }
}

/// Entropy with its gradient, `dH / dx = p (gap - E gap) / T` times `scale`, with
/// `gap` the distance from the maximum in nats: no logarithm is taken.
pub struct EntropyGradient {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

impl DenseStatistic for EntropyGradient {
    type Output = Vec<f64>;

    fn plan(&self) -> Plan {
        Plan::Entropy
    }

    fn finish(&self, row: &DenseRow, output: &mut Vec<f64>) -> Map {
        output.push(entropy(row.part) * self.scale);
        if row.part.kind() != Kind::Valid {
            return Map::Fill(f64::NAN);
        }
        let slope = self.scale / row.temperature;
        let constant = -slope * row.part.mean_gap();
        Map::Softmax { constant, slope, linear: 0.0, target: None }
    }
}
