//! The readings of a group of pairs, chunk by chunk.

use std::marker::PhantomData;
use std::ops::Range;

use super::work::Work;
use super::{Batch, Pairs, Targets};
use crate::element::{Element, ForElement, Real, for_element};
use crate::error::Error;
use crate::row::blocks::{BLOCK, CHUNK, Scratch};
use crate::row::pair::PairSums;
use crate::row::pair::common::Common;
use crate::row::pair::read::{PairRead, PairSide};
use crate::row::pair::running::{Found, RunningRead};
use crate::row::part::Part;
use crate::row::read::{Plan, Read, Stretch};
use crate::row::{Pair, PairPlan, PairStatistic};
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// Buffers of one thread, used for group after group of pairs.
pub(super) struct Buffers {
    pub(super) p: Vec<Scratch>,
    pub(super) q: Vec<Scratch>,
    pub(super) common: Box<[Scratch; 2]>,
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

/// Reads groups of pairs.
pub(super) struct PairReader<'a> {
    pub(super) pairs: &'a Pairs<'a>,
    pub(super) isa: Isa,
    pub(super) plan: PairPlan,
    pub(super) group: usize,
}

impl PairReader<'_> {
    /// A group with nothing read.
    pub(super) fn start(&self, first_row: usize) -> Work {
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
            tokens: p.rows.vocab(),
            goes_on: false,
            found: vec![Found::Nothing; rows],
            approachable: approachable.collect(),
            settled: vec![None; rows],
            temperatures,
            parts: [vec![Part::NONE; rows], vec![Part::NONE; rows]],
            alignments: vec![None; rows],
            active: vec![None; rows],
            reading: vec![PairSums::default(); rows],
            sums: vec![PairSums::default(); rows],
            refinements: 0,
        }
    }

    /// Reads a group to its end; whether it is the next one's turn then.
    pub(super) fn read<C: Element>(
        &self,
        first_row: usize,
        goes_on: bool,
        buffers: &mut Buffers,
    ) -> Result<Work, Error> {
        let mut work = Work { goes_on, ..self.start(first_row) };
        let vocab = self.pairs.p.rows.vocab();
        for careful in [false, true] {
            if work.is_approachable() {
                self.approach_all::<C>(&mut work, careful, buffers)?;
            }
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

    /// The only reading of a group, if it is enough.
    pub(super) fn approach_all<C: Element>(
        &self,
        work: &mut Work,
        careful: bool,
        buffers: &mut Buffers,
    ) -> Result<(), Error> {
        for start in (0..self.pairs.p.rows.vocab()).step_by(CHUNK) {
            let chunk = self.approach::<C>(work, start, careful, buffers)?;
            work.add_found(&chunk);
        }
        work.settle::<C>();
        Ok(())
    }

    /// The only reading of a chunk, if it is enough.
    pub(super) fn approach<C: Element>(
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
    fn tokens(&self, start: usize) -> Range<usize> {
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
        let p_common = Common::new::<C>(self.isa, elements[0], p_common)?;
        let q_common = Common::new::<C>(self.isa, elements[1], q_common)?;
        Ok([
            PairSide::new(&p.rows, first_row, p_scratch, p_common),
            PairSide::new(&q.rows, first_row, q_scratch, q_common),
        ])
    }

    /// The first reading of a chunk: each row alone.
    pub(super) fn parts(
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
    pub(super) fn sums<C: Element>(
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
            goes_on: work.goes_on,
            alignments: &work.active,
            sums: &mut sums,
            element: PhantomData,
        });
        Ok(sums)
    }

    pub(super) fn finish<T: PairStatistic>(
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
                valid: work.settled[i].is_some() || work.alignments[i].is_some(),
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
