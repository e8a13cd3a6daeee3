//! Pairs of rows over the threads: each row read for its log-sum-exp, then both for
//! what sets them apart, from the cache. Two rows that the cache does not hold come
//! from memory twice; half a million `f32` logits take 4 MB with their partners.
//!
//! A pair's result is its chunks' parts and sums, merged from first to last: threads,
//! batch and position have no say in its bits.

use std::marker::PhantomData;
use std::time::Instant;

use super::tasks::{PATIENCE, in_tasks};
use super::{Batch, PerRow, TASK_BYTES, Targets, threads_for};
use crate::element::{Element, Float32, Float64, ForElement, Real, for_element};
use crate::error::Error;
use crate::row::blocks::{BLOCK, CHUNK, Scratch};
use crate::row::pair::PairSums;
use crate::row::pair::alignment::Alignment;
use crate::row::pair::read::{PairRead, PairSide};
use crate::row::pair::running::{Found, RunningRead};
use crate::row::part::Part;
use crate::row::read::{Plan, Read, Stretch};
use crate::row::{Columns, Pair, PairPlan, PairStatistic};
use crate::simd::Isa;
use crate::simd::strided::{StridedRows, TILE};

/// How often the rows are read again for nearly equal models, at most.
const MOST_REFINEMENTS: usize = 3;

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
        let outputs = in_tasks(tasks, threads, interrupted, |task, buffers| {
            let first = task * rows_per_task;
            let end = p.rows().min(first + rows_per_task);
            let mut output = T::Output::default();
            for first_row in (first..end).step_by(group) {
                let work = reader.read::<C>(first_row, buffers)?;
                reader.finish(&work, statistic, &mut output)?;
            }
            Ok(output)
        })?;
        for output in outputs {
            all.append(output?);
        }
        Ok(all)
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

/// Buffers of one thread, used for group after group of pairs.
struct Buffers {
    p: Vec<Scratch>,
    q: Vec<Scratch>,
    common: Box<[Scratch; 2]>,
}

impl Default for Buffers {
    fn default() -> Self {
        Self { p: Vec::new(), q: Vec::new(), common: Box::new([[0; BLOCK * 8]; 2]) }
    }
}

impl Buffers {
    fn resize(&mut self, rows: usize) {
        self.p.resize(rows, [0; BLOCK * 8]);
        self.q.resize(rows, [0; BLOCK * 8]);
    }
}

/// What is known of a group of pairs: one, or a tile of neighbours that are not
/// contiguous.
struct Work {
    first_row: usize,
    temperatures: [Vec<f64>; 2],
    /// What a single reading has found; of pairs that it is not for, too much.
    found: Vec<Found>,
    /// The temperatures of the pairs that it is for.
    approachable: Vec<Option<f64>>,
    /// Whether that was enough.
    settled: Vec<bool>,
    parts: [Vec<Part>; 2],
    alignments: Vec<Option<Alignment>>,
    /// Those of the pairs that are still to be read.
    active: Vec<Option<Alignment>>,
    /// Of the reading that goes on.
    reading: Vec<PairSums>,
    sums: Vec<PairSums>,
    refinements: usize,
}

impl Work {
    fn is_approachable(&self) -> bool {
        self.approachable.iter().any(Option::is_some)
    }

    fn add_found(&mut self, chunk: &[Found]) {
        for (found, &chunk) in self.found.iter_mut().zip(chunk) {
            *found = found.merge(chunk);
        }
    }

    /// Keeps the sums of the pairs that a single reading was enough for.
    fn settle<C: Element>(&mut self) {
        for (i, found) in self.found.iter_mut().enumerate() {
            if self.approachable[i].is_none() {
                continue;
            }
            let found = std::mem::replace(found, Found::Nothing).sums::<C::Lane>();
            if let Some((sums, exact)) = found {
                self.sums[i] = sums;
                self.settled[i] = exact;
            }
            // Rows that it was enough for but for rounding are read like this again.
            if found.is_none_or(|(_, exact)| exact) {
                self.approachable[i] = None;
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.settled.iter().all(|&settled| settled)
    }

    fn add_parts(&mut self, chunk: &[Vec<Part>; 2]) {
        let own = self.parts.iter_mut().zip(&self.temperatures);
        for ((parts, temperatures), chunk) in own.zip(chunk) {
            for (i, part) in parts.iter_mut().enumerate() {
                *part = part.merge(chunk[i], temperatures[i]);
            }
        }
    }

    fn align<C: Element>(&mut self) {
        for i in 0..self.sums.len() {
            let temperatures = [self.temperatures[0][i], self.temperatures[1][i]];
            let [p, q] = [&self.parts[0][i], &self.parts[1][i]];
            if !self.settled[i] {
                self.alignments[i] = Alignment::new::<C::Lane>(p, q, temperatures);
            }
        }
        self.active.clone_from(&self.alignments);
    }

    fn is_active(&self) -> bool {
        self.active.iter().any(Option::is_some)
    }

    fn add_sums(&mut self, chunk: &[PairSums]) {
        for (sums, &chunk) in self.reading.iter_mut().zip(chunk) {
            *sums = sums.merge(chunk);
        }
    }

    /// Keeps the sums just read, and marks the pairs that are to be read again.
    fn refine<C: Element>(&mut self, plan: &PairPlan) {
        for i in 0..self.sums.len() {
            let sums = std::mem::take(&mut self.reading[i]);
            let Some(alignment) = self.active[i].take() else { continue };
            self.sums[i] = sums;
            if self.refinements < MOST_REFINEMENTS
                && let Some(refined) = alignment.refined::<C::Lane>(&sums, plan)
            {
                self.active[i] = Some(refined);
                self.alignments[i] = Some(refined);
            }
        }
        self.refinements += 1;
    }
}

/// Reads groups of pairs.
struct PairReader<'a> {
    pairs: &'a Pairs<'a>,
    isa: Isa,
    plan: PairPlan,
    group: usize,
}

impl PairReader<'_> {
    /// A group with nothing read.
    fn start(&self, first_row: usize) -> Work {
        let Pairs { p, q, .. } = self.pairs;
        let rows = self.group.min(p.rows.rows() - first_row);
        let range = first_row..first_row + rows;
        let temperatures: [Vec<f64>; 2] =
            [p, q].map(|side| range.clone().map(|row| side.temperatures.get(row)).collect());
        let [of_p, of_q] = &temperatures;
        let alone = self.plan.p == Plan::Weights && self.plan.q == Plan::Weights;
        let approachable = of_p.iter().zip(of_q).map(|(&t, &u)| {
            (alone && Found::is_possible([t, u], self.plan.terms)).then_some(t)
        });
        Work {
            first_row,
            found: vec![Found::Nothing; rows],
            approachable: approachable.collect(),
            settled: vec![false; rows],
            temperatures,
            parts: [vec![Part::NONE; rows], vec![Part::NONE; rows]],
            alignments: vec![None; rows],
            active: vec![None; rows],
            reading: vec![PairSums::default(); rows],
            sums: vec![PairSums::default(); rows],
            refinements: 0,
        }
    }

    /// Reads a group to its end.
    fn read<C: Element>(
        &self,
        first_row: usize,
        buffers: &mut Buffers,
    ) -> Result<Work, Error> {
        let mut work = self.start(first_row);
        let vocab = self.pairs.p.rows.vocab();
        for careful in [false, true] {
            if !work.is_approachable() {
                break;
            }
            for start in (0..vocab).step_by(CHUNK) {
                let chunk = self.approach::<C>(&work, start, careful, buffers)?;
                work.add_found(&chunk);
            }
            work.settle::<C>();
        }
        if work.is_settled() {
            return Ok(work);
        }
        for start in (0..vocab).step_by(CHUNK) {
            let chunk = self.parts(&work, start, buffers)?;
            work.add_parts(&chunk);
        }
        work.align::<C>();
        while work.is_active() {
            for start in (0..vocab).step_by(CHUNK) {
                let chunk = self.sums::<C>(&work, start, buffers)?;
                work.add_sums(&chunk);
            }
            work.refine::<C>(&self.plan);
        }
        Ok(work)
    }

    /// The only reading of a chunk, if it is enough.
    fn approach<C: Element>(
        &self,
        work: &Work,
        start: usize,
        careful: bool,
        buffers: &mut Buffers,
    ) -> Result<Vec<Found>, Error> {
        buffers.resize(work.sums.len());
        let [p, q] = self.sides::<C>(work.first_row, buffers)?;
        Ok(self.isa.run(RunningRead::<C> {
            p,
            q,
            tokens: self.tokens(start),
            temperatures: &work.approachable,
            careful,
            element: PhantomData,
        }))
    }

    /// The tokens of the chunk at `start`.
    fn tokens(&self, start: usize) -> std::ops::Range<usize> {
        start..self.pairs.p.rows.vocab().min(start + CHUNK)
    }

    /// Both rows of the pairs from `first_row` on.
    fn sides<'b, C: Element>(
        &'b self,
        first_row: usize,
        buffers: &'b mut Buffers,
    ) -> Result<[PairSide<'b>; 2], Error> {
        let Pairs { p, q, elements } = self.pairs;
        let Buffers { p: p_scratch, q: q_scratch, common } = buffers;
        let [p_common, q_common] = &mut **common;
        Ok([
            PairSide::new::<C>(&p.rows, elements[0], first_row, p_scratch, p_common)?,
            PairSide::new::<C>(&q.rows, elements[1], first_row, q_scratch, q_common)?,
        ])
    }

    /// The first reading of a chunk: each row alone.
    fn parts(
        &self,
        work: &Work,
        start: usize,
        buffers: &mut Buffers,
    ) -> Result<[Vec<Part>; 2], Error> {
        let rows = work.sums.len();
        buffers.resize(rows);
        let Pairs { p, q, elements } = self.pairs;
        let mut parts = [vec![Part::NONE; rows], vec![Part::NONE; rows]];
        let [of_p, of_q] = &mut parts;
        for (side, element, plan, scratch, temperatures, parts) in [
            (p, elements[0], self.plan.p, &mut buffers.p, &work.temperatures[0], of_p),
            (q, elements[1], self.plan.q, &mut buffers.q, &work.temperatures[1], of_q),
        ] {
            // Contiguous rows are read where they lie, one by one.
            let tile = if side.rows.is_contiguous() { 1 } else { rows };
            for i in (0..rows).step_by(tile) {
                let own = i..i + tile;
                let read = ReadParts {
                    isa: self.isa,
                    rows: &side.rows,
                    first_row: work.first_row + i,
                    start,
                    plan,
                    scratch: &mut scratch[own.clone()],
                    temperatures: &temperatures[own.clone()],
                    parts: &mut parts[own],
                };
                for_element(element, read)?;
            }
        }
        Ok(parts)
    }

    /// The second reading of a chunk: both rows of the pairs that are to be read.
    fn sums<C: Element>(
        &self,
        work: &Work,
        start: usize,
        buffers: &mut Buffers,
    ) -> Result<Vec<PairSums>, Error> {
        let rows = work.sums.len();
        buffers.resize(rows);
        let mut sums = vec![PairSums::default(); rows];
        let [p, q] = self.sides::<C>(work.first_row, buffers)?;
        self.isa.run(PairRead::<C> {
            p,
            q,
            tokens: self.tokens(start),
            plan: self.plan,
            alignments: &work.active,
            sums: &mut sums,
            element: PhantomData,
        });
        Ok(sums)
    }

    fn finish<T: PairStatistic>(
        &self,
        work: &Work,
        statistic: &T,
        output: &mut T::Output,
    ) -> Result<(), Error> {
        let Pairs { p, q, elements } = self.pairs;
        for i in 0..work.sums.len() {
            let row = work.first_row + i;
            let mut target_logits = Vec::new();
            if let Some(Targets { values, per_row, ignore }) = p.targets {
                for &target in &values[row * per_row..(row + 1) * per_row] {
                    if Some(target) == ignore {
                        target_logits.push(None);
                        continue;
                    }
                    let of = |side: &Batch, element| {
                        let item = side.rows.item(row, target as usize);
                        for_element(element, Widen { item })
                    };
                    target_logits.push(Some([of(p, elements[0])?, of(q, elements[1])?]));
                }
            }
            let pair = Pair {
                parts: [work.parts[0][i], work.parts[1][i]],
                valid: work.settled[i] || work.alignments[i].is_some(),
                alignment: work.alignments[i],
                sums: work.sums[i],
                temperatures: [work.temperatures[0][i], work.temperatures[1][i]],
                target_logits: &target_logits,
            };
            statistic.finish(&pair, output);
        }
        Ok(())
    }
}

/// One element as `f64`.
struct Widen {
    item: [u8; 8],
}

impl ForElement for Widen {
    type Output = f64;

    fn run<E: Element>(self) -> f64 {
        E::widen(&self.item[..E::SIZE]).to_f64()
    }
}

/// The first reading of a chunk of rows that waits for its element type.
struct ReadParts<'a> {
    isa: Isa,
    rows: &'a StridedRows<'a>,
    first_row: usize,
    start: usize,
    plan: Plan,
    scratch: &'a mut [Scratch],
    temperatures: &'a [f64],
    parts: &'a mut [Part],
}

impl ForElement for ReadParts<'_> {
    type Output = ();

    fn run<E: Element>(self) {
        self.isa.run(Read::<E> {
            stretch: Stretch::new(self.rows, self.first_row, self.start, self.scratch),
            plan: self.plan,
            temperatures: self.temperatures,
            thresholds: &[],
            greater: &mut [],
            parts: self.parts,
            searches: &mut [],
        });
    }
}
