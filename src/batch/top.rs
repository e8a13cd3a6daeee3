//! Where the largest logits of rows go: memory of the caller's, filled row by row.
//!
//! They can be thousands for each row. Columns that grow, as other results have, would
//! have them copied three times, into pages that the system has to clear first: with
//! 1000 for each row of 128,256 that took as long as reading the rows.

use crate::element::Real;
use crate::error::Error;
use crate::row::part::Part;
use crate::row::topk::LogProbs;
use crate::simd::ahead::{self, CACHE_LINE};

/// Places for the `k` largest logits of some rows, one row behind the other.
#[derive(Debug, Default)]
pub struct Top<'a> {
    /// How many for each row, at most its length; 0: none are wanted.
    pub k: usize,
    /// Whether they are ordered by index, not by logit.
    pub by_index: bool,
    /// `1 / ln(base)` for the log-probabilities.
    pub scale: f64,
    /// The bytes of the logits, as `f64` for `f64` and as `f32` for others; or empty.
    pub values: &'a mut [u8],
    /// Where they stand in their row.
    pub ids: &'a mut [i64],
    /// The bytes of their log-probabilities, in the same type; or empty.
    pub log_probs: &'a mut [u8],
}

impl<'a> Top<'a> {
    /// Checks that it has places for so many rows, with numbers of `size` bytes.
    pub(super) fn check(&self, rows: usize, vocab: usize, size: usize) -> Result<(), Error> {
        if self.k > 0 && u32::try_from(vocab).is_err() {
            return Err(Error::RowTooLong { vocab });
        }
        if self.k > vocab {
            return Err(Error::LengthMismatch { name: "k", given: self.k, expected: vocab });
        }
        let expected = rows * self.k;
        for (name, given, optional) in [
            ("ids", self.ids.len(), false),
            ("values", self.values.len() / size, true),
            ("log_probs", self.log_probs.len() / size, true),
        ] {
            if given != expected && !(optional && given == 0) {
                return Err(Error::LengthMismatch { name, given, expected });
            }
        }
        Ok(())
    }

    /// The places of the first `rows` rows, taken off.
    pub(super) fn take(&mut self, rows: usize, size: usize) -> Top<'a> {
        let count = rows * self.k;
        let bytes = count * size;
        Top {
            values: self
                .values
                .split_off_mut(..bytes.min(self.values.len()))
                .unwrap_or_default(),
            ids: self.ids.split_off_mut(..count.min(self.ids.len())).unwrap_or_default(),
            log_probs: self
                .log_probs
                .split_off_mut(..bytes.min(self.log_probs.len()))
                .unwrap_or_default(),
            ..*self
        }
    }

    /// Asks for the places of the next row, which are to be written when it has been read: to
    /// wait for one takes as long as to read 2000 logits.
    pub(super) fn ask(&self, size: usize) {
        let ids = self.ids.get(..self.k).unwrap_or_default();
        for line in ids.chunks(CACHE_LINE / size_of::<i64>()) {
            ahead::prefetch_one(line);
        }
        for column in [&*self.values, &*self.log_probs] {
            for line in column.get(..self.k * size).unwrap_or_default().chunks(CACHE_LINE) {
                ahead::prefetch_one(line);
            }
        }
    }

    /// Fills the places of the next row.
    #[inline(always)]
    pub(super) fn push<R: Real>(
        &mut self,
        part: &Part,
        temperature: f64,
        picks: impl Iterator<Item = (R, usize)> + Clone,
    ) {
        let size = size_of::<R>();
        let own = self.take(1, size);
        let log_probs = LogProbs::new(part, temperature, self.scale);
        if part.nan {
            own.ids.fill(-1);
            for cells in [own.values, own.log_probs] {
                cells
                    .chunks_exact_mut(size)
                    .for_each(|cell| R::from_f64(f64::NAN).write(cell));
            }
            return;
        }
        // One after the other: each is a loop of few instructions, and the picks are near.
        for (id, (_, index)) in own.ids.iter_mut().zip(picks.clone()) {
            *id = index as i64;
        }
        for (cell, (x, _)) in own.values.chunks_exact_mut(size).zip(picks.clone()) {
            x.write(cell);
        }
        for (cell, (x, _)) in own.log_probs.chunks_exact_mut(size).zip(picks) {
            R::from_f64(log_probs.of(x.to_f64())).write(cell);
        }
    }
}
