//! Draws of tokens from rows of logits, without sorting them.
//!
//! # Method
//! The definition is that of `logitkit._draws`: weights are summed by blocks of 1024 token
//! ids, and a number `u` in [0, 1) draws the first token, by id, whose sum up to and with
//! its own weight exceeds `u` times the sum of all. So one reading of a row gives the sums
//! of its blocks ([`blocks`]), in registers, and a draw looks at the sums, then at the
//! tokens of one block ([`draw`]).
//!
//! Sums that registers make have errors, with known bounds. A draw that lies within the
//! bound of where one token ends and the next begins is not decided: the sums are made in
//! 64-bit lanes, then as the definition says, one weight after the other.
//!
//! Different tokens of a row are those with the largest `x / T - ln E`, with an exponential
//! random number `E` for each token id ([`apart`]); [`philox`] makes the random numbers.
#![forbid(unsafe_code)]

pub(crate) mod apart;
pub(crate) mod blocks;
pub(crate) mod draw;
pub(crate) mod kept;
pub(crate) mod philox;
#[cfg(test)]
mod tests;

use crate::error::Error;
use philox::{Stream, uniform};

/// What is drawn from each row.
#[derive(Clone, Copy, Debug)]
pub struct Draws<'a> {
    /// One for each row.
    pub sources: &'a [Source],
    /// How many tokens.
    pub count: usize,
    /// Whether a token may be drawn more than once.
    pub replace: bool,
    /// Whether log-probabilities are wanted.
    pub log_probs: bool,
}

impl Draws<'_> {
    /// Checks that there is a source for each row.
    pub(crate) fn check(&self, rows: usize) -> Result<(), Error> {
        let (given, expected) = (self.sources.len(), rows);
        if given != expected {
            return Err(Error::LengthMismatch { name: "sources", given, expected });
        }
        Ok(())
    }

    /// The numbers that draw from a row with replacement.
    pub(crate) fn numbers(&self, row: usize) -> impl Iterator<Item = f64> {
        let source = &self.sources[row];
        (0..self.count).map(|index| uniform(source, Stream::Sample, index))
    }
}

/// Where the random numbers of a row come from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The caller's seed.
    pub seed: u64,
    /// What the caller calls the row.
    pub row: u64,
    /// Number of the draw.
    pub draw: u32,
}
