//! Probabilities of all tokens.

use super::dense::Map;
use super::part::Kind;
use super::{DenseRow, DenseStatistic, Plan};

/// `softmax(x / T)` for every logit; NaN in rows that are not valid.
pub struct Softmax;

impl DenseStatistic for Softmax {
    type Output = Vec<()>;

    fn plan(&self) -> Plan {
        Plan::Weights
    }

    fn finish(&self, row: &DenseRow, _: &mut Vec<()>) -> Map {
        if row.part.kind() != Kind::Valid {
            return Map::Fill(f64::NAN);
        }
        Map::Softmax { constant: 1.0, slope: 0.0, linear: 0.0, target: None }
    }
}
