//! Pairs of rows over the threads: each row read for its log-sum-exp, then both for
//! what sets them apart, from the cache. Two rows that the cache does not hold come
//! from memory twice; half a million `f32` logits take 4 MB with their partners.
//!
//! A pair's result is its chunks' parts and sums, merged from first to last: threads,

mod gradient;
mod reader;
mod work;

pub use gradient::KlGradient;

use std::time::Instant;

use super::tasks::{PATIENCE, columns_in_tasks, in_tasks};
use super::{Batch, PerRow, TASK_BYTES, Targets, threads_for};
use crate::element::{Element, Float32, Float64, ForElement, for_element};
use crate::error::Error;
use crate::row::PairStatistic;
use crate::row::blocks::CHUNK;
use crate::simd::Isa;
use crate::simd::strided::{StridedRows, TILE};
use reader::PairReader;

/// Two arrays of rows, the tokens of one being those of the other.
#[derive(Debug)]
pub struct Pairs<'a> {
    p: Batch<'a>,
    q: Batch<'a>,
    elements: [&'a str; 2],
}

impl<'a> Pairs<'a> {
    /// Checks that the arguments go together. The targets are those of both; the
    /// elements are the names of the two types.
    pub fn new(
        rows: [StridedRows<'a>; 2],
        elements: [&'a str; 2],
        temperatures: [PerRow<'a>; 2],
        targets: Option<Targets<'a>>,
    ) -> Result<Self, Error> {
        let [p, q] = rows;
        for (given, expected) in [(q.rows(), p.rows()), (q.vocab(), p.vocab())] {
            if given != expected {
                return Err(Error::LengthMismatch { name: "q_logits", given, expected });
            }
        }
        for (rows, name) in [&p, &q].into_iter().zip(elements) {
            for_element(name, CheckSize { given: rows.item_size() })??;
        }
        let [t, u] = temperatures;
        Ok(Self { p: Batch::new(p, t, targets)?, q: Batch::new(q, u, None)?, elements })
    }

    /// Computes a statistic in elements of type `C`, which holds both types exactly.
    /// `interrupted` is asked now and then, on this thread.
    pub fn compute<C: Element, T: PairStatistic>(
        &self,
        statistic: &T,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T::Output, Error> {
        let [p, q] = [&self.p.rows, &self.q.rows];
        let contiguous = p.is_contiguous() && q.is_contiguous();
        let group = if contiguous { 1 } else { TILE };
        let pair_bytes = p.vocab() * (p.item_size() + q.item_size());
        let bytes = p.rows().saturating_mul(pair_bytes);
        let threads = threads_for(bytes, threads)?;
        let groups = p.rows().div_ceil(group);
        let chunks = p.vocab().div_ceil(CHUNK);
        let plan = statistic.plan();
        let reader = PairReader { pairs: self, isa: Isa::current()?, plan, group };
        let mut all = T::Output::default();
        // Very long rows too, so that the caller can be asked between chunks.
        if chunks > 1 && (groups < 2 * threads || pair_bytes > *TASK_BYTES.end()) {
            let mut asked = Instant::now();
            for first_row in (0..p.rows()).step_by(group) {
                // The tasks of a pair may all end before the caller is asked.
                if asked.elapsed() >= PATIENCE {
                    asked = Instant::now();
                    if interrupted() {
                        return Err(Error::Interrupted);
                    }
                }
                let mut work = reader.start(first_row);
                for careful in [false, true] {
                    if !work.is_approachable() {
                        break;
                    }
                    let found = in_tasks(chunks, threads, interrupted, |chunk, buffers| {
                        reader.approach::<C>(&work, chunk * CHUNK, careful, buffers)
                    })?;
                    for chunk in found {
                        work.add_found(&chunk?);
                    }
                    work.settle::<C>();
                }
                if !work.is_settled() {
                    let parts = in_tasks(chunks, threads, interrupted, |chunk, buffers| {
                        reader.parts(&work, chunk * CHUNK, buffers)
                    })?;
                    for chunk in parts {
                        work.add_parts(&chunk?);
                    }
                    work.align::<C>();
                }
                while work.is_active() {
                    let sums = in_tasks(chunks, threads, interrupted, |chunk, buffers| {
                        reader.sums::<C>(&work, chunk * CHUNK, buffers)
                    })?;
                    for chunk in sums {
                        work.add_sums(&chunk?);
                    }
                    work.refine::<C>(&reader.plan);
                }
                reader.finish(&work, statistic, &mut all)?;
            }
            return Ok(all);
        }
        let task_bytes = (bytes / (8 * threads)).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
        let groups_per_task = (task_bytes / (pair_bytes * group)).max(1);
        let tasks = groups.div_ceil(groups_per_task);
        let rows_per_task = groups_per_task * group;
        columns_in_tasks(tasks, threads, interrupted, |task, buffers, output| {
            let first = task * rows_per_task;
            let end = p.rows().min(first + rows_per_task);
            for first_row in (first..end).step_by(group) {
                let work = reader.read::<C>(first_row, first_row + group < end, buffers)?;
                reader.finish(&work, statistic, output)?;
            }
            Ok(())
        })
    }
}

/// Says whether elements have the size of their type.
struct CheckSize {
    given: usize,
}

impl ForElement for CheckSize {
    type Output = Result<(), Error>;

    fn run<E: Element>(self) -> Self::Output {
        let (given, expected) = (self.given, E::SIZE);
        if given == expected {
            return Ok(());
        }
        Err(Error::BadItemSize { element: E::NAME, given, expected })
    }
}

/// Work that waits for the type that holds those of both arrays exactly.
pub fn for_common_element<W: ForElement>(
    elements: [&str; 2],
    work: W,
) -> Result<W::Output, Error> {
    let [p, q] = elements;
    if p == q {
        for_element(p, work)
    } else if elements.contains(&Float64::NAME) {
        Ok(work.run::<Float64>())
    } else {
        Ok(work.run::<Float32>())
    }
}
