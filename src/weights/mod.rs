//! Statistics of rows of weights: probabilities up to a factor, where logits are their
//! logarithms.
//!
//! [`source`] brings rows of any dtype to blocks of `f64`; [`survey`] tells of a block
//! whether it is one of weights, and how large they are; [`surprisal`] sums what
//! entropy and cross-entropy are made of, [`divergence`] what the divergences of
//! Kullback and Leibler and of Jensen and Shannon are; [`scale`] keeps all of it in
//! range. [`entropy`] and [`pair`] read the chunks of rows with these.
//!
//! A row that has no distribution (a weight is negative, infinite or NaN, or all are 0)
//! gives NaN; no other row does.
#![forbid(unsafe_code)]

pub(crate) mod divergence;
pub(crate) mod entropy;
pub(crate) mod pair;
pub(crate) mod scale;
pub(crate) mod source;
pub(crate) mod surprisal;
pub(crate) mod survey;

#[cfg(test)]
mod tests;

pub use entropy::Entropy;
pub use pair::{Pair, PairStatistic};
pub use source::Source;

use source::Buffers;

/// How rows are read: chunk by chunk, once or in several rounds.
pub(crate) trait Reading: Sync {
    /// What is known of a row, or of a part of it; by default nothing.
    type Known: Copy + Default + Send + Sync;
    /// How often the rows are read.
    const ROUNDS: usize;

    /// The arrays: rows of the same number and length.
    fn sources(&self) -> &[Source<'_>];
    /// Reads the chunk at `start` of the rows from `first_row` on, of which it is known
    /// what the rounds before this one have told.
    fn read(
        &self,
        round: usize,
        known: &[Self::Known],
        first_row: usize,
        start: usize,
        buffers: &mut Buffers,
    ) -> Vec<Self::Known>;
    /// Adds what is known of the next chunk.
    fn merge(&self, row: &mut Self::Known, part: Self::Known);
    /// The statistic, in nats.
    fn finish(&self, row: &Self::Known) -> f64;
}
