//! Place of chosen tokens in the order of logits.

use super::{Plan, Row, Statistic};

/// 1 + the number of strictly greater logits; 0 for targets to be skipped and
/// in rows with NaN, where there is no order. Exact.
pub struct Rank;

impl Statistic for Rank {
    type Output = Vec<i64>;

    fn plan(&self) -> Plan {
        Plan::Ranks
    }

    fn finish(&self, row: &Row, output: &mut Vec<i64>) {
        append_ranks(row, output);
    }
}

/// The ranks of a row's targets.
pub(crate) fn append_ranks(row: &Row, output: &mut Vec<i64>) {
    let targets = row.target_logits.iter().zip(row.greater);
    output.extend(targets.map(|(logit, &greater)| {
        if row.part.nan || logit.is_none() { 0 } else { 1 + greater as i64 }
    }));
}
