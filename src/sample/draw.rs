//! Which token a number draws.

use super::blocks::RowSums;
use crate::row::blocks::BLOCK;

/// The sums of a row's blocks in one unit, added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// Up to and with each block.
    upto: Vec<f64>,
    /// Weights are `2^(x rate - reference)`.
    reference: f64,
    rate: f64,
    /// Bound of the error of all of them.
    error: f64,
}

impl Sums {
    /// Of a plain row with this relative error.
    pub(crate) fn of(&mut self, row: &RowSums, rate: f64, error: f64) {
        let references = row.blocks.iter().map(|block| block.reference);
        self.reference = references.fold(f64::NEG_INFINITY, f64::max);
        self.rate = rate;
        self.upto.clear();
        let mut sum = 0.0;
        for block in &row.blocks {
            sum += block.sum * (block.reference - self.reference).exp2();
            self.upto.push(sum);
        }
        self.error = error * sum;
    }

    /// The token that `u` draws of those that `logit` tells, by id; `None` if the error of
    /// the sums leaves it open.
    pub(crate) fn draw(
        &self,
        u: f64,
        vocab: usize,
        logit: impl Fn(usize) -> f64,
    ) -> Option<usize> {
        let total = *self.upto.last()?;
        let wanted = u * total;
        let block = self.upto.partition_point(|&sum| sum <= wanted);
        let before = if block == 0 { 0.0 } else { self.upto[block - 1] };
        let mut sum = before;
        for id in block * BLOCK..vocab.min((block + 1) * BLOCK) {
            let upto = sum + logit(id).mul_add(self.rate, -self.reference).exp2();
            if upto > wanted {
                let clear = upto > wanted + self.error && sum <= wanted - self.error;
                return clear.then_some(id);
            }
            sum = upto;
        }
        None
    }
}

/// The same as the definition has it: one weight after the other, in `f64`.
pub(crate) struct Definition {
    upto: Vec<f64>,
}

impl Definition {
    /// Of tempered logits and the largest of them, by their ids: `(id, logit)`, ascending.
    pub(crate) fn new(tokens: impl Iterator<Item = (usize, f64)>, max: f64) -> Self {
        let mut upto = Vec::new();
        let (mut before, mut sum, mut block) = (0.0, 0.0, 0);
        for (id, logit) in tokens {
            if id / BLOCK != block {
                before += sum;
                (sum, block) = (0.0, id / BLOCK);
            }
            sum += (logit - max).exp();
            upto.push(before + sum);
        }
        Self { upto }
    }

    /// The place, among the tokens, of the one that `u` draws.
    pub(crate) fn draw(&self, u: f64) -> usize {
        let total = self.upto.last().copied().unwrap_or_default();
        self.upto.partition_point(|&sum| sum <= u * total).min(self.upto.len() - 1)
    }
}
