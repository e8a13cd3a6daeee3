//! Everything about a row, from one reading of it.

use super::entropy::entropy;
use super::log_prob::log_prob;
use super::logsumexp::logsumexp;
use super::part::Kind;
use super::rank::append_ranks;
use super::varentropy::varentropy;
use super::{Columns, Plan, Row, Statistic};

/// All statistics of rows and of their targets, if they have any.
pub struct TokenStats {
    /// `1 / ln(base)`; 1 for nats. Log-sum-exp is in nats in any case.
    pub scale: f64,
    /// Whether the rows have targets.
    pub targets: bool,
}

/// A column for each statistic, a row for each row; the last two have one for
/// each target.
#[derive(Default)]
pub struct TokenStatsColumns {
    /// Largest logit.
    pub max: Vec<f64>,
    /// Lowest index of it; -1 in rows with NaN.
    pub argmax: Vec<i64>,
    /// [`super::LogSumExp`]
    pub logsumexp: Vec<f64>,
    /// [`super::Entropy`]
    pub entropy: Vec<f64>,
    /// [`super::Varentropy`]
    pub varentropy: Vec<f64>,
    /// Probability of the likeliest token.
    pub max_prob: Vec<f64>,
    /// Whether the row is finite somewhere and has neither NaN nor +inf.
    pub valid: Vec<bool>,
    /// [`super::LogProb`]
    pub log_prob: Vec<f64>,
    /// [`super::Rank`]
    pub rank: Vec<i64>,
}

impl Columns for TokenStatsColumns {
    fn append(&mut self, later: &mut Self) {
        Columns::append(&mut self.max, &mut later.max);
        Columns::append(&mut self.argmax, &mut later.argmax);
        Columns::append(&mut self.logsumexp, &mut later.logsumexp);
        Columns::append(&mut self.entropy, &mut later.entropy);
        Columns::append(&mut self.varentropy, &mut later.varentropy);
        Columns::append(&mut self.max_prob, &mut later.max_prob);
        Columns::append(&mut self.valid, &mut later.valid);
        Columns::append(&mut self.log_prob, &mut later.log_prob);
        Columns::append(&mut self.rank, &mut later.rank);
    }
}

impl Statistic for TokenStats {
    type Output = TokenStatsColumns;

    fn plan(&self) -> Plan {
        if self.targets { Plan::VarentropyAndRanks } else { Plan::Varentropy }
    }

    fn finish(&self, row: &Row, output: &mut TokenStatsColumns) {
        let part = &row.part;
        let kind = part.kind();
        let is_number = kind != Kind::NotANumber;
        output.max.push(if is_number { part.max } else { f64::NAN });
        output.argmax.push(if is_number { part.argmax as i64 } else { -1 });
        output.logsumexp.push(logsumexp(part, row.temperature));
        output.entropy.push(entropy(part) * self.scale);
        output.varentropy.push(varentropy(part) * self.scale * self.scale);
        let valid = kind == Kind::Valid;
        output.max_prob.push(if valid { 1.0 / part.total() } else { f64::NAN });
        output.valid.push(valid);
        let targets = row.target_logits.iter();
        output.log_prob.extend(
            targets.map(|&target| log_prob(part, row.temperature, target) * self.scale),
        );
        append_ranks(row, &mut output.rank);
    }
}
