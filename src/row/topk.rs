//! The largest logits of a row.

use super::log_prob::log_prob;
use super::{Columns, Plan, Row, Statistic};
use crate::select::Pick;

/// The `k` largest logits, where they stand, and their log-probabilities. Exact; see
/// [`crate::select`] for the method and [`super::LogProb`] for the error of the last.
///
/// Equal logits come lowest index first. +inf and -inf are the largest and the smallest
/// of numbers. In rows with NaN there is no order: NaN and -1 throughout.
pub struct TopK {
    /// How many; at least 1, at most the length of a row.
    pub k: usize,
    /// In descending order; if not, by index.
    pub sorted: bool,
    /// Whether log-probabilities are wanted, in nats.
    pub log_probs: bool,
}

/// A column for each, `k` values for each row.
#[derive(Debug, Default, PartialEq)]
pub struct TopKColumns {
    /// The logits.
    pub values: Vec<f64>,
    /// Their indices in the row.
    pub indices: Vec<i64>,
    /// Their log-probabilities, if wanted.
    pub log_probs: Vec<f64>,
}

impl Columns for TopKColumns {
    fn append(&mut self, later: Self) {
        Columns::append(&mut self.values, later.values);
        Columns::append(&mut self.indices, later.indices);
        Columns::append(&mut self.log_probs, later.log_probs);
    }
}

impl Statistic for TopK {
    type Output = TopKColumns;

    fn plan(&self) -> Plan {
        if self.log_probs { Plan::Weights } else { Plan::Largest }
    }

    fn top_k(&self) -> usize {
        self.k
    }

    fn finish(&self, row: &Row, output: &mut TopKColumns) {
        let by_index;
        let mut top = row.top;
        if !self.sorted {
            let mut picks = top.to_vec();
            picks.sort_unstable_by_key(|pick| pick.index);
            by_index = picks;
            top = &by_index;
        }
        append_ids(row, top, &mut output.indices);
        let logit = |pick: &Pick| if row.part.nan { f64::NAN } else { pick.logit };
        output.values.extend(top.iter().map(logit));
        if self.log_probs {
            append_log_probs(row, top, 1.0, &mut output.log_probs);
        }
    }
}

/// Where the picks of a row stand; -1 in rows with NaN.
pub(crate) fn append_ids(row: &Row, top: &[Pick], output: &mut Vec<i64>) {
    let id = |pick: &Pick| if row.part.nan { -1 } else { i64::from(pick.index) };
    output.extend(top.iter().map(id));
}

/// Log-probabilities of a row's picks, in nats times `scale`.
pub(crate) fn append_log_probs(row: &Row, top: &[Pick], scale: f64, output: &mut Vec<f64>) {
    output.extend(
        top.iter()
            .map(|pick| log_prob(&row.part, row.temperature, Some(pick.logit)) * scale),
    );
}
