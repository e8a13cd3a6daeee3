//! Logarithms of the probabilities of all tokens.

use super::dense::Map;
use super::part::Kind;
use super::{DenseRow, DenseStatistic, Plan};

/// `ln softmax(x / T)` for every logit; NaN in rows that are not valid.
pub struct LogSoftmax;

impl DenseStatistic for LogSoftmax {
    type Output = Vec<()>;

    fn plan(&self) -> Plan {
        Plan::Weights
    }

    fn finish(&self, row: &DenseRow, _: &mut Vec<()>) -> Map {
        if row.part.kind() != Kind::Valid {
            return Map::Fill(f64::NAN);
        }
        Map::LogSoftmax
    }
}
