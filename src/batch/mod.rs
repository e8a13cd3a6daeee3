//! Rows, and chunks of few long rows, over the threads; results in row order.
//!
//! A row's result is always its chunks' parts merged from first to last, whoever
//! computed them: threads, batch and position have no say in its bits.

mod binary;
mod dense;
mod filter;
mod pairs;
mod reader;
mod sample;
mod tasks;
#[cfg(test)]
mod tests;
mod top;
mod weights;

pub use dense::{Dense, Destination};
pub use filter::{DenseFilter, Filter, Kept, Reals, Tokens};
pub use pairs::{KlGradient, Pairs, for_common_element};
pub use sample::{Draw, Drawn};
pub use top::Top;
pub use weights::{of_weights, of_weights_in_pairs};

use std::sync::Mutex;

use reader::Reader;
use tasks::{columns_in_tasks, locked};

use crate::element::Element;
use crate::error::Error;
use crate::row::Statistic;
use crate::row::blocks::CHUNK;
use crate::select::Wanted;
use crate::simd::Isa;
use crate::simd::strided::{StridedRows, TILE};
use crate::threads;

/// A call works for less than 20 microseconds on this; waking a thread takes as
/// long.
const BYTES_WORTH_A_THREAD: usize = 1 << 19;
/// Bounds of what a thread takes at a time.
const TASK_BYTES: std::ops::RangeInclusive<usize> = 1 << 16..=1 << 22;

/// How many threads to use for so much work, `threads` at most.
fn threads_for(bytes: usize, threads: Option<usize>) -> Result<usize, Error> {
    match bytes / BYTES_WORTH_A_THREAD {
        0 | 1 => Ok(1),
        useful => Ok(threads.map_or_else(threads::settle, Ok)?.min(useful)),
    }
}

/// A number for each row, or one for all.
#[derive(Clone, Copy, Debug)]
pub enum PerRow<'a> {
    /// The same for all.
    One(f64),
    /// In row order.
    Each(&'a [f64]),
}

impl PerRow<'_> {
    fn get(&self, row: usize) -> f64 {
        match self {
            PerRow::One(value) => *value,
            PerRow::Each(values) => values[row],
        }
    }
}

/// Chosen tokens of each row.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Row after row.
    pub values: &'a [i64],
    /// As many for each row.
    pub per_row: usize,
    /// This one marks a target to be skipped.
    pub ignore: Option<i64>,
}

/// What to compute on.
#[derive(Debug)]
pub struct Batch<'a> {
    rows: StridedRows<'a>,
    temperatures: PerRow<'a>,
    targets: Option<Targets<'a>>,
}

impl<'a> Batch<'a> {
    /// Checks that the arguments go together.
    pub fn new(
        rows: StridedRows<'a>,
        temperatures: PerRow<'a>,
        targets: Option<Targets<'a>>,
    ) -> Result<Self, Error> {
        let bad = |t: &f64| !(t.is_finite() && *t > 0.0);
        match temperatures {
            PerRow::One(temperature) if bad(&temperature) => {
                return Err(Error::BadTemperature { row: None, temperature });
            }
            PerRow::Each(values) if values.len() != rows.rows() => {
                let given = values.len();
                return Err(Error::LengthMismatch {
                    name: "temperature",
                    given,
                    expected: rows.rows(),
                });
            }
            PerRow::Each(values) => {
                if let Some(row) = values.iter().position(bad) {
                    let temperature = values[row];
                    return Err(Error::BadTemperature { row: Some(row), temperature });
                }
            }
            PerRow::One(_) => {}
        }
        if let Some(Targets { values, per_row, ignore }) = targets {
            if values.len() != rows.rows() * per_row {
                return Err(Error::LengthMismatch {
                    name: "targets",
                    given: values.len(),
                    expected: rows.rows() * per_row,
                });
            }
            let vocab = rows.vocab();
            let out_of_range = |&target: &i64| {
                Some(target) != ignore
                    && usize::try_from(target).map_or(true, |target| target >= vocab)
            };
            if let Some(at) = values.iter().position(out_of_range) {
                let mut position = Vec::new();
                let mut rest = at / per_row;
                for len in rows.leading_shape().into_iter().rev() {
                    position.insert(0, rest % len);
                    rest /= len;
                }
                if per_row > 1 {
                    position.push(at % per_row);
                }
                return Err(Error::TargetOutOfRange { position, target: values[at], vocab });
            }
        }
        Ok(Self { rows, temperatures, targets })
    }

    /// Computes a statistic. `interrupted` is asked now and then, on this thread.
    pub fn compute<E: Element, T: Statistic>(
        &self,
        statistic: &T,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T::Output, Error> {
        self.compute_with_top::<E, T>(statistic, Top::default(), threads, interrupted)
    }

    /// Computes a statistic and the largest logits of each row.
    pub fn compute_with_top<E: Element, T: Statistic>(
        &self,
        statistic: &T,
        mut top: Top,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T::Output, Error> {
        let isa = Isa::current()?;
        if self.rows.item_size() != E::SIZE {
            return Err(Error::BadItemSize {
                element: E::NAME,
                given: self.rows.item_size(),
                expected: E::SIZE,
            });
        }
        let lane_size = size_of::<E::Lane>();
        top.check(self.rows.rows(), self.rows.vocab(), lane_size)?;
        let reader =
            Reader { batch: self, isa, plan: statistic.plan(), wanted: Wanted::First(top.k) };
        let row_bytes = self.rows.vocab() * E::SIZE;
        let bytes = self.rows.rows().saturating_mul(row_bytes);
        let threads = threads_for(bytes, threads)?;
        let group = if self.rows.is_contiguous() { 1 } else { TILE };
        let groups = self.rows.rows().div_ceil(group);
        let chunks = self.rows.vocab().div_ceil(CHUNK);
        // Very long rows too, so that the caller can be asked between chunks.
        if chunks > 1 && (groups < 2 * threads || row_bytes > *TASK_BYTES.end()) {
            return reader.by_chunk::<E, T>(statistic, group, threads, interrupted, &mut top);
        }
        let task_bytes = (bytes / (8 * threads)).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
        let groups_per_task = (task_bytes / (row_bytes * group)).max(1);
        let tasks = groups.div_ceil(groups_per_task);
        let rows_per_task = groups_per_task * group;
        let tops: Vec<_> =
            (0..tasks).map(|_| Mutex::new(top.take(rows_per_task, lane_size))).collect();
        columns_in_tasks(tasks, threads, interrupted, |task, workspace, output| {
            // Each is locked once, by the thread that has the task.
            let mut top = locked(&tops[task]);
            let first = task * rows_per_task;
            let end = self.rows.rows().min(first + rows_per_task);
            for first_row in (first..end).step_by(group) {
                let rows = group.min(end - first_row);
                reader.open::<E>(first_row, rows, workspace);
                top.ask(lane_size);
                for start in (0..self.rows.vocab()).step_by(CHUNK) {
                    reader.read(first_row, start, workspace);
                    reader.merge(first_row, workspace);
                }
                reader.finish(first_row, statistic, workspace, output, &mut top);
            }
            Ok(())
        })
    }
}
