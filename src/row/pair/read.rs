//! Reads a chunk of a pair of rows, or of a few neighbouring pairs that must be
//! gathered, block by block: the second reading, from the cache.

use std::marker::PhantomData;
use std::ops::Range;

use super::alignment::Alignment;
use super::difference::{DifferenceFrame, difference_terms, excludes};
use super::plain::plain_terms;
use super::terms::{PairFrame, pair_terms};
use super::{FAR, PairPlan, PairSums, Terms};
use crate::element::{Element, ForElement, Real, Vector};
use crate::row::blocks::{BLOCK, Block, Scratch};
use crate::simd::strided::StridedRows;
use crate::simd::{Kernel, Lanes, Simd};

/// Converts whole elements to another type that holds them exactly.
type Convert = fn(&[u8], &mut [u8]);

/// The conversion of the type it is run for to `C`; none if that is the same.
struct ConvertTo<C>(PhantomData<C>);

impl<C: Element> ForElement for ConvertTo<C> {
    type Output = Option<Convert>;

    fn run<E: Element>(self) -> Option<Convert> {
        if E::NAME == C::NAME { None } else { Some(converted::<E, C>) }
    }
}

fn converted<E: Element, C: Element>(from: &[u8], to: &mut [u8]) {
    for (from, to) in from.chunks_exact(E::SIZE).zip(to.chunks_exact_mut(C::SIZE)) {
        C::Lane::from_f64(E::widen(from).to_f64()).write(to);
    }
}

/// One row of each pair.
pub(crate) struct PairSide<'a> {
    rows: &'a StridedRows<'a>,
    first_row: usize,
    convert: Option<Convert>,
    /// For each pair, room for a block.
    scratch: &'a mut [Scratch],
    /// Room for one block in the common type.
    common: &'a mut Scratch,
}

impl<'a> PairSide<'a> {
    /// Rows from `first_row` on, as many as there is `scratch` for, of the element
    /// type of that name, to be read as `C`.
    pub(crate) fn new<C: Element>(
        rows: &'a StridedRows<'a>,
        element: &str,
        first_row: usize,
        scratch: &'a mut [Scratch],
        common: &'a mut Scratch,
    ) -> Result<Self, crate::error::Error> {
        let convert = crate::element::for_element(element, ConvertTo::<C>(PhantomData))?;
        Ok(Self { rows, first_row, convert, scratch, common })
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
        if self.rows.is_contiguous() {
            let row = self.rows.contiguous_row(self.first_row + row);
            let own = &row[at * size..][..len * size];
            if let Some(convert) = self.convert {
                convert(own, self.common);
            } else if len == BLOCK {
                return own;
            } else {
                self.common[..own.len()].copy_from_slice(own);
            }
        } else if let Some(convert) = self.convert {
            convert(&scratch[..len * size], self.common);
        } else {
            return Block::padded::<C>(scratch, len, at).bytes;
        }
        Block::padded::<C>(self.common, len, at).bytes
    }
}

/// Reads a stretch of pairs as elements of type `C`.
pub(crate) struct PairRead<'a, C> {
    pub(crate) p: PairSide<'a>,
    pub(crate) q: PairSide<'a>,
    /// Tokens, at most a chunk of them.
    pub(crate) tokens: Range<usize>,
    pub(crate) plan: PairPlan,
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
            Terms::Distance => self.terms::<S, 0>(simd),
            Terms::KullbackLeibler => self.terms::<S, 1>(simd),
            Terms::JensenShannon => self.terms::<S, 2>(simd),
        }
    }
}

/// What the terms of a pair are made with.
enum Frame<V: Lanes> {
    /// Differences of logits; for blocks where they are cut off there is the other.
    Difference { frame: DifferenceFrame<V>, careful: bool, other: PairFrame<V> },
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
        self.sums.fill(PairSums::default());
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
                    Frame::Difference { frame, careful, other } => {
                        let block = if *careful {
                            difference_terms::<S, C, TERMS, true, false>(simd, p, q, frame)
                        } else {
                            difference_terms::<S, C, TERMS, false, false>(simd, p, q, frame)
                        };
                        if !block.cut {
                            self.sums[row] = self.sums[row].merge(block.sums);
                            continue;
                        }
                        Some(other)
                    }
                    Frame::Apart(frame) => Some(frame),
                    Frame::Plain => None,
                };
                let weight = self.plan.weight;
                let mut sums = match apart {
                    Some(frame) => pair_terms::<S, C, TERMS>(simd, p, q, frame),
                    None => plain_terms::<C>(p, q, alignment, weight),
                };
                if sums.furthest >= FAR {
                    if excludes::<S, C>(simd, p, q) {
                        sums.kl = f64::INFINITY;
                    } else {
                        sums = plain_terms::<C>(p, q, alignment, weight);
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
        // Of mixtures the passes over differences know but the even one.
        let mixes = self.plan.terms < Terms::JensenShannon || self.plan.weight == 0.5;
        match alignment.basis::<C::Lane>() {
            Some(basis) if mixes => Frame::Difference {
                frame: DifferenceFrame::new(simd, &basis),
                careful: basis.takes_care::<C::Lane>(),
                other,
            },
            _ => Frame::Apart(other),
        }
    }
}
