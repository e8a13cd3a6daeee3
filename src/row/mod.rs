//! Statistics of a row: one file each, over one shared way of reading it.
//!
//! [`blocks`] cuts a row up, [`moments`] does the arithmetic on a block and [`tally`] that
//! on a register, [`scan`] all that takes none, [`accumulator`] carries it from block to
//! block into [`totals`], [`part`] is what is known at the end and merges, [`read`] runs
//! that over a chunk. A statistic is a [`Plan`] (what must be known) and a formula on the
//! merged part. Where a value for every logit is wanted [`dense`] computes it and [`put`]
//! writes it.
//!
//! Divergences have two rows: [`pair`] is how they follow from sums over both; its
//! files make these on a block and run that over a chunk.
#![forbid(unsafe_code)]

pub(crate) mod accumulator;
pub(crate) mod blocks;
pub(crate) mod compare_stats;
pub(crate) mod cross_entropy;
pub(crate) mod cross_entropy_between;
pub(crate) mod dense;
pub(crate) mod entropy;
pub(crate) mod js_divergence;
pub(crate) mod kl_divergence;
pub(crate) mod linear;
pub(crate) mod log_prob;
pub(crate) mod log_softmax;
pub(crate) mod logsumexp;
pub(crate) mod mode;
pub(crate) mod moments;
pub(crate) mod pair;
pub(crate) mod part;
pub(crate) mod put;
pub(crate) mod rank;
pub(crate) mod read;
pub(crate) mod renyi_divergence;
pub(crate) mod scaling;
pub(crate) mod scan;
pub(crate) mod search;
pub(crate) mod softmax;
mod sought;
mod tally;
pub(crate) mod token_stats;
pub(crate) mod topk;
pub(crate) mod total_variation;
mod totals;
pub(crate) mod varentropy;

#[cfg(test)]
pub(crate) mod tests;

pub use compare_stats::{CompareStats, CompareStatsColumns};
pub use cross_entropy::CrossEntropy;
pub use cross_entropy_between::CrossEntropyBetween;
pub use dense::Map;
pub use entropy::{Entropy, EntropyGradient};
pub use linear::{Linear, LinearSums};

pub use js_divergence::JsDivergence;
pub use kl_divergence::KlDivergence;
pub use log_prob::LogProb;
pub use log_softmax::LogSoftmax;
pub use logsumexp::LogSumExp;
pub use pair::{Pair, PairPlan, PairStatistic, Terms};
pub use rank::Rank;
pub use renyi_divergence::RenyiDivergence;
pub use softmax::Softmax;
pub use token_stats::{TokenStats, TokenStatsColumns};
pub use topk::TopK;
pub use total_variation::TotalVariation;
pub use varentropy::Varentropy;

use part::Part;
pub use read::Plan;

use crate::simd::pages;

/// A row that has been read.
pub struct Row<'a> {
    pub(crate) part: Part,
    pub(crate) temperature: f64,
    /// The targets' logits; `None` for one to be skipped.
    pub(crate) target_logits: &'a [Option<f64>],
    /// For each target, the logits above it.
    pub(crate) greater: &'a [u64],
}

/// Columns of results that can be put behind one another.
pub trait Columns: Default + Send {
    /// Adds the rows of `later`, of which its room is left.
    fn append(&mut self, later: &mut Self);
    /// Has room for the rows of all parts, if they may be large; those of `done` are there.
    fn expect(&mut self, _done: usize, _parts: usize) {}
}

impl<T: Send> Columns for Vec<T> {
    fn append(&mut self, later: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, later);
            return;
        }
        pages::make_room(self, later.len());
        Vec::append(self, later);
    }
}

impl<A: Columns, B: Columns> Columns for (A, B) {
    fn append(&mut self, later: &mut Self) {
        self.0.append(&mut later.0);
        self.1.append(&mut later.1);
    }
}

/// Nothing: for what has other places for its results.
impl Columns for () {
    fn append(&mut self, (): &mut Self) {}
}

/// A statistic of rows.
pub trait Statistic: Sync {
    /// Its results, row after row.
    type Output: Columns;
    /// What it must know of a row.
    fn plan(&self) -> Plan;
    /// Adds the result for a row.
    fn finish(&self, row: &Row, output: &mut Self::Output);
}

/// A row that has been read, about to be given a value for every logit.
pub struct DenseRow<'a> {
    /// Its place among the rows of the call.
    pub(crate) index: usize,
    pub(crate) part: &'a Part,
    pub(crate) temperature: f64,
    /// The logit of its target, if it has one that is not to be skipped.
    pub(crate) target: Option<f64>,
    /// Sums of its linear weights, and the one of the target.
    pub(crate) linear: LinearSums,
    pub(crate) target_linear: f64,
}

/// A statistic of rows that also makes something of every logit.
pub trait DenseStatistic: Sync {
    /// Its results, row after row.
    type Output: Columns;
    /// What it must know of a row.
    fn plan(&self) -> Plan;
    /// Adds the result for a row; tells what its logits become.
    fn finish(&self, row: &DenseRow, output: &mut Self::Output) -> Map;
}
