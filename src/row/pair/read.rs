//! Reads a chunk of a pair of rows, or of a few neighbouring pairs that must be
//! gathered, block by block: the second reading, from the cache.

use std::marker::PhantomData;
use std::ops::Range;

use super::alignment::Alignment;
use super::common::Common;
use super::difference::{
    DISTANCE, DifferenceFrame, KL_ALONE, NextOfPair, Outlook, WITH_JS, difference_terms,
    excludes,
};
use super::plain::plain_terms;
use super::renyi::{RenyiFrame, renyi_terms};
use super::terms::{PairFrame, pair_terms};
use super::{FAR, PairPlan, PairSums, Terms};
use crate::element::{Element, Vector};
use crate::row::blocks::{BLOCK, Block, CHUNK, Scratch};
use crate::simd::strided::StridedRows;
use crate::simd::{Kernel, Lanes, Simd};

/// One row of each pair.
pub(crate) struct PairSide<'a> {
    rows: &'a StridedRows<'a>,
    first_row: usize,
    /// For each pair, room for a block.
    scratch: &'a mut [Scratch],
    common: Common<'a>,
}

impl<'a> PairSide<'a> {
    /// Rows from `first_row` on, as many as there is `scratch` for.
    pub(crate) fn new(
        rows: &'a StridedRows<'a>,
        first_row: usize,
        scratch: &'a mut [Scratch],
        common: Common<'a>,
    ) -> Self {
        Self { rows, first_row, scratch, common }
    }

    /// The row after the first one, if there is one, both can be read where they lie, and the
    /// cache has room for it.
    fn following(&self) -> Option<NextOfPair> {
        let rows = self.rows;
        let next = self.first_row + 1;
        let is_read_in_place = rows.is_contiguous() && self.common.is_own();
        if !is_read_in_place || rows.vocab() > CHUNK || next >= rows.rows() {
            return None;
        }
        let [row, next] = [self.first_row, next].map(|row| rows.contiguous_row(row));
        Some(NextOfPair::new(row, next))
    }

    /// Brings the rows' blocks at `at` into the scratch space, if they can't be
    /// read where they lie.
    pub(super) fn gather(&mut self, at: usize, len: usize) {
        if !self.rows.is_contiguous() {
            self.rows.gather(self.first_row, at, len, self.scratch);
        }
    }

    /// The block at `at` of a row, gathered before, filled up to whole registers.
    #[inline(always)]
    pub(super) fn block<C: Element>(&mut self, row: usize, at: usize, len: usize) -> &[u8] {
        let size = self.rows.item_size();
        let scratch = &mut self.scratch[row];
        let is_common = self.common.is_own();
        if self.rows.is_contiguous() {
            let row = self.rows.contiguous_row(self.first_row + row);
            let own = &row[at * size..][..len * size];
            if is_common && len == BLOCK { own } else { self.common.copied::<C>(own, at, len) }
        } else if is_common {
            Block::padded::<C>(scratch, len, at).bytes
        } else {
            self.common.copied::<C>(&scratch[..len * size], at, len)
        }
    }
}

/// Reads a stretch of pairs as elements of type `C`.
pub(crate) struct PairRead<'a, C> {
    pub(crate) p: PairSide<'a>,
    pub(crate) q: PairSide<'a>,
    /// Tokens, at most a chunk of them.
    pub(crate) tokens: Range<usize>,
    pub(crate) plan: PairPlan,
    /// Whether the next pair is to be read by the same thread.
    pub(crate) goes_on: bool,
    /// One for each pair; `None` for one that need not be read.
    pub(crate) alignments: &'a [Option<Alignment>],
    /// One for each pair.
    pub(crate) sums: &'a mut [PairSums],
    pub(crate) element: PhantomData<C>,
}

impl<C: Element> Kernel for PairRead<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        match self.plan.terms {
            Terms::Distance => self.terms::<S, DISTANCE>(simd),
            Terms::KullbackLeibler => self.terms::<S, KL_ALONE>(simd),
            Terms::JensenShannon => self.terms::<S, WITH_JS>(simd),
            Terms::Renyi => self.terms::<S, RENYI>(simd),
        }
    }
}

/// [`Terms::Renyi`] as a parameter of passes.
const RENYI: u8 = 3;

/// What the terms of a pair are made with.
enum Frame<V: Lanes> {
    /// Differences of logits; for blocks where they are cut off there is the other.
    Difference { frame: DifferenceFrame<V>, other: PairFrame<V> },
    /// Each logit, scaled by its own temperature.
    Apart(PairFrame<V>),
    /// No registers.
    Plain,
}

impl<C: Element> PairRead<'_, C> {
    #[inline(always)]
    fn terms<S: Simd, const TERMS: u8>(&mut self, simd: S) {
        let mut frames = Vec::with_capacity(self.alignments.len());
        for alignment in self.alignments {
            frames.push(alignment.as_ref().map(|alignment| self.frame(simd, alignment)));
        }
        let order = RenyiFrame::<Vector<C, S>>::new(simd, self.plan.order);
        let mut outlooks = vec![Outlook::default(); frames.len()];
        self.sums.fill(PairSums::default());
        let next =
            if self.goes_on { [self.p.following(), self.q.following()] } else { [None; 2] };
        for at in self.tokens.clone().step_by(BLOCK) {
            let len = BLOCK.min(self.tokens.end - at);
            self.p.gather(at, len);
            self.q.gather(at, len);
            for (row, frame) in frames.iter().enumerate() {
                let (Some(alignment), Some(frame)) = (&self.alignments[row], frame) else {
                    continue;
                };
                let p = self.p.block::<C>(row, at, len);
                let q = self.q.block::<C>(row, at, len);
                let apart = match frame {
                    Frame::Difference { frame, other } => {
                        let block = difference_terms::<S, C, TERMS, false>(
                            simd,
                            [p, q],
                            frame,
                            next,
                            &mut outlooks[row],
                        );
                        if !block.cut {
                            self.sums[row] = self.sums[row].merge(block.sums);
                            continue;
                        }
                        Some(other)
                    }
                    Frame::Apart(frame) => Some(frame),
                    Frame::Plain => None,
                };
                let plan = &self.plan;
                let mut sums = match apart {
                    Some(frame) if TERMS == RENYI => {
                        renyi_terms::<S, C>(simd, p, q, frame, &order)
                    }
                    Some(frame) => pair_terms::<S, C, TERMS>(simd, p, q, frame),
                    None => plain_terms::<C>(p, q, alignment, plan),
                };
                if TERMS == RENYI {
                    let infinite = plan.order.is_infinite() && sums.furthest >= FAR;
                    if infinite || sums.renyi.is_nan() {
                        sums = plain_terms::<C>(p, q, alignment, plan);
                    }
                } else if sums.furthest >= FAR {
                    if excludes::<S, C>(simd, p, q) {
                        sums.kl = f64::INFINITY;
                    } else {
                        sums = plain_terms::<C>(p, q, alignment, plan);
                    }
                }
                self.sums[row] = self.sums[row].merge(sums);
            }
        }
    }

    #[inline(always)]
    fn frame<S: Simd>(&self, simd: S, alignment: &Alignment) -> Frame<Vector<C, S>> {
        if !alignment.plain {
            return Frame::Plain;
        }
        let other = PairFrame::new(simd, alignment, self.plan.weight);
        // Of mixtures the passes over differences know but the even one, of powers none.
        let knows = match self.plan.terms {
            Terms::Distance | Terms::KullbackLeibler => true,
            Terms::JensenShannon => self.plan.weight == 0.5,
            Terms::Renyi => false,
        };
        match alignment.basis::<C::Lane>() {
            Some(basis) if knows => {
                Frame::Difference { frame: DifferenceFrame::new(simd, &basis), other }
            }
            _ => Frame::Apart(other),
        }
    }
}
