//! Rows of weights over the threads, as those of logits: a row's result is always its
//! chunks' parts merged from first to last, round after round.

use std::time::Instant;

use super::tasks::{PATIENCE, in_tasks};
use super::{TASK_BYTES, threads_for};
use crate::error::Error;
use crate::row::blocks::CHUNK;
use crate::simd::strided::TILE;
use crate::weights::source::Buffers;
use crate::weights::{Entropy, Pair, Reading, Source};

/// Entropies of rows, in nats; NaN for a row that has no distribution. `interrupted` is
/// asked now and then, on this thread.
pub fn of_weights(
    entropy: &Entropy,
    threads: Option<usize>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>, Error> {
    Rows { reading: entropy }.compute(threads, interrupted)
}

/// As [`of_weights`], a statistic of pairs of rows.
pub fn of_weights_in_pairs(
    pairs: &Pair,
    threads: Option<usize>,
    interrupted: &mut dyn FnMut() -> bool,
) -> Result<Vec<f64>, Error> {
    Rows { reading: pairs }.compute(threads, interrupted)
}

/// The rows of a call.
struct Rows<'a, R> {
    reading: &'a R,
}

impl<R: Reading> Rows<'_, R> {
    fn compute(
        &self,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>, Error> {
        let sources = self.reading.sources();
        let Some(first) = sources.first() else { return Ok(Vec::new()) };
        let (rows, outcomes) = (first.rows(), first.outcomes());
        let group = if sources.iter().all(Source::is_contiguous) { 1 } else { TILE };
        let row_bytes = sources.iter().map(Source::row_bytes).sum::<usize>();
        let bytes = rows.saturating_mul(row_bytes);
        let threads = threads_for(bytes, threads)?;
        let groups = rows.div_ceil(group);
        let chunks = outcomes.div_ceil(CHUNK);
        // Very long rows too, so that the caller can be asked between chunks.
        if chunks > 1 && (groups < 2 * threads || row_bytes > *TASK_BYTES.end()) {
            return self.by_chunk(rows, group, threads, interrupted);
        }
        let task_bytes = (bytes / (8 * threads)).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
        let groups_per_task = (task_bytes / (row_bytes * group)).max(1);
        let tasks = groups.div_ceil(groups_per_task);
        let rows_per_task = groups_per_task * group;
        let results = in_tasks(tasks, threads, interrupted, |task, buffers: &mut Buffers| {
            let first = task * rows_per_task;
            let end = rows.min(first + rows_per_task);
            let mut results = Vec::with_capacity(end - first);
            for first_row in (first..end).step_by(group) {
                let mut known = vec![R::Known::default(); group.min(end - first_row)];
                for round in 0..R::ROUNDS {
                    for start in (0..outcomes).step_by(CHUNK) {
                        let parts =
                            self.reading.read(round, &known, first_row, start, buffers);
                        self.merge(&mut known, parts);
                    }
                }
                results.extend(known.iter().map(|row| self.reading.finish(row)));
            }
            results
        })?;
        Ok(results.concat())
    }

    /// Few long rows: their chunks over the threads, merged here in order.
    fn by_chunk(
        &self,
        rows: usize,
        group: usize,
        threads: usize,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>, Error> {
        let outcomes = self.reading.sources().first().map_or(0, Source::outcomes);
        let chunks = outcomes.div_ceil(CHUNK);
        let mut results = Vec::with_capacity(rows);
        let mut asked = Instant::now();
        for first_row in (0..rows).step_by(group) {
            // The tasks of a group may all end before the caller is asked.
            if asked.elapsed() >= PATIENCE {
                asked = Instant::now();
                if interrupted() {
                    return Err(Error::Interrupted);
                }
            }
            let mut known = vec![R::Known::default(); group.min(rows - first_row)];
            for round in 0..R::ROUNDS {
                let read = in_tasks(chunks, threads, interrupted, |chunk, buffers| {
                    self.reading.read(round, &known, first_row, chunk * CHUNK, buffers)
                })?;
                read.into_iter().for_each(|parts| self.merge(&mut known, parts));
            }
            results.extend(known.iter().map(|row| self.reading.finish(row)));
        }
        Ok(results)
    }

    fn merge(&self, known: &mut [R::Known], parts: Vec<R::Known>) {
        for (row, part) in known.iter_mut().zip(parts) {
            self.reading.merge(row, part);
        }
    }
}
