//! Reads a chunk of one row, or of a few neighbouring rows that must be gathered,
//! with the passes that a statistic needs and no others.

use std::ops::Range;

use super::accumulator::Accumulator;
use super::blocks::{BLOCK, Block, CHUNK, Scratch};
use super::part::Part;
use super::scan::{count_greater, count_greater_first, has_nan};
use super::search::Search;
use crate::element::{Element, Real, Vector};
use crate::select::{LanesOfPieces, Span};
use crate::simd::strided::StridedRows;
use crate::simd::{Kernel, Lanes, Simd};

/// What must be known of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The largest logits only: no weights.
    Largest,
    /// Ranks of targets only: no weights.
    Ranks,
    /// Weights: log-sum-exp, log-probabilities.
    Weights,
    /// And their first moment: entropy.
    Entropy,
    /// And their second moment: the variance of the surprisal.
    Varentropy,
    /// All of it, with ranks.
    VarentropyAndRanks,
}

impl Plan {
    /// Whether logits above the targets' are counted.
    pub(crate) fn ranks(self) -> bool {
        matches!(self, Plan::Ranks | Plan::VarentropyAndRanks)
    }
}

/// A chunk of a few rows: a single one if the rows are contiguous.
pub(crate) struct Stretch<'a> {
    rows: &'a StridedRows<'a>,
    first_row: usize,
    /// First element, a multiple of [`CHUNK`], and the one behind the last.
    start: usize,
    end: usize,
    /// The single row, if it can be read where it lies.
    contiguous: Option<&'a [u8]>,
    /// For each row, room for a block.
    scratch: &'a mut [Scratch],
}

impl<'a> Stretch<'a> {
    /// The chunk at `start` of the rows from `first_row` on, as many as there is
    /// `scratch` for.
    pub(crate) fn new(
        rows: &'a StridedRows<'a>,
        first_row: usize,
        start: usize,
        scratch: &'a mut [Scratch],
    ) -> Self {
        let end = rows.vocab().min(start + CHUNK);
        let contiguous = rows.is_contiguous().then(|| rows.contiguous_row(first_row));
        Self { rows, first_row, start, end, contiguous, scratch }
    }

    /// First elements of the blocks.
    fn block_starts(&self) -> std::iter::StepBy<std::ops::Range<usize>> {
        (self.start..self.end).step_by(BLOCK)
    }

    /// Brings the rows' blocks at `at` into the scratch space, if they can't be
    /// read where they lie.
    #[inline(always)]
    fn gather<E: Element>(&mut self, at: usize) {
        let len = BLOCK.min(self.end - at);
        match self.contiguous {
            None => self.rows.gather(self.first_row, at, len, self.scratch),
            Some(row) if len < BLOCK => {
                let rest = &row[at * E::SIZE..(at + len) * E::SIZE];
                self.scratch[0][..rest.len()].copy_from_slice(rest);
            }
            Some(_) => {}
        }
    }

    /// The block at `at` of a row, gathered before.
    #[inline(always)]
    fn block<E: Element>(&mut self, row: usize, at: usize) -> Block<'_> {
        let len = BLOCK.min(self.end - at);
        match self.contiguous {
            Some(row) if len == BLOCK => {
                Block { bytes: &row[at * E::SIZE..][..BLOCK * E::SIZE], start: at }
            }
            _ => Block::padded::<E>(&mut self.scratch[row], len, at),
        }
    }
}

impl Stretch<'_> {
    /// All of the single row's stretch, once its last block has been read; `None` if it
    /// had to be gathered.
    fn span<E: Element>(&self) -> Option<Span<'_>> {
        Some(span::<E>(self.contiguous?, self.start..self.end, &self.scratch[0]))
    }
}

/// Logits of a row that lie together. The last of them, unless they are whole blocks, have
/// been read from the `scratch` space.
pub(crate) fn span<'a, E: Element>(
    row: &'a [u8],
    logits: Range<usize>,
    scratch: &'a Scratch,
) -> Span<'a> {
    let rest = logits.len() % BLOCK;
    let blocks = &row[logits.start * E::SIZE..(logits.end - rest) * E::SIZE];
    let last = &scratch[..rest.next_multiple_of(E::PAIR) * E::SIZE];
    Span { blocks, last, start: logits.start, len: logits.len() }
}

/// Reads a stretch.
pub(crate) struct Read<'a, E: Element> {
    pub(crate) stretch: Stretch<'a>,
    pub(crate) plan: Plan,
    /// One for each row.
    pub(crate) temperatures: &'a [f64],
    /// The targets' logits, as many for each row; empty without targets.
    pub(crate) thresholds: &'a [E::Lane],
    /// For each threshold, the logits above it are added here.
    pub(crate) greater: &'a mut [u64],
    /// One for each row.
    pub(crate) parts: &'a mut [Part],
    /// One for each row; empty if no largest logits are wanted.
    pub(crate) searches: &'a mut [Search<E::Lane>],
}

impl<E: Element> Kernel for Read<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        // A single target for each row is counted along with the sums.
        let fused = self.thresholds.len() == self.parts.len();
        match self.plan {
            Plan::Largest => self.largest(simd),
            Plan::Ranks => self.ranks(simd),
            Plan::Weights => self.moments::<S, 0, false>(simd),
            Plan::Entropy => self.moments::<S, 1, false>(simd),
            Plan::VarentropyAndRanks if fused => self.moments::<S, 2, true>(simd),
            Plan::Varentropy | Plan::VarentropyAndRanks => self.moments::<S, 2, false>(simd),
        }
    }
}

impl<E: Element> Read<'_, E> {
    #[inline(always)]
    fn moments<S: Simd, const MOMENTS: u8, const RANK: bool>(&mut self, simd: S) {
        let (mut one, mut several);
        let accumulators: &mut [Accumulator<S, E, MOMENTS>] =
            if let [temperature] = *self.temperatures {
                one = [self.start::<S, MOMENTS, RANK>(simd, 0, temperature)];
                &mut one
            } else {
                several = Vec::with_capacity(self.parts.len());
                for (i, &temperature) in self.temperatures.iter().enumerate() {
                    several.push(self.start::<S, MOMENTS, RANK>(simd, i, temperature));
                }
                &mut several
            };
        let count_apart = !RANK && self.plan.ranks();
        let targets = self.thresholds.len() / self.parts.len();
        for at in self.stretch.block_starts() {
            self.stretch.gather::<E>(at);
            for (row, accumulator) in accumulators.iter_mut().enumerate() {
                let search = self.searches.get(row);
                accumulator.seek(search.and_then(|search| search.selection.threshold()));
                accumulator.push::<RANK>(self.stretch.block::<E>(row, at));
                if count_apart {
                    self.count(simd, row, at, 0..targets);
                }
                self.search(simd, row, at, accumulator.lanes());
            }
        }
        self.settle(simd);
        for (i, accumulator) in accumulators.iter().enumerate() {
            self.parts[i] = accumulator.finish();
            if RANK {
                self.greater[i] += accumulator.greater();
            }
        }
    }

    /// An accumulator for a row; with `RANK` it counts above the row's one target.
    #[inline(always)]
    fn start<S: Simd, const MOMENTS: u8, const RANK: bool>(
        &self,
        simd: S,
        row: usize,
        temperature: f64,
    ) -> Accumulator<S, E, MOMENTS> {
        let threshold = if RANK { self.thresholds[row] } else { E::Lane::NEG_INFINITY };
        Accumulator::new(simd, temperature, threshold)
    }

    /// Searches a block for the row's largest logits, if they are wanted. Those above the
    /// search's threshold stand in these `lanes`, if that is known.
    #[inline(always)]
    fn search<S: Simd>(
        &mut self,
        simd: S,
        row: usize,
        at: usize,
        lanes: Option<LanesOfPieces>,
    ) {
        if let Some(search) = self.searches.get_mut(row) {
            let (gathered, end) = (self.stretch.contiguous.is_none(), self.stretch.end);
            let block = self.stretch.block::<E>(row, at);
            if gathered {
                search.push_gathered::<S, E>(simd, block, end);
            } else {
                search.push::<S, E>(simd, block, lanes);
            }
        }
    }

    /// Ends the search in the stretch.
    #[inline(always)]
    fn settle<S: Simd>(&mut self, simd: S) {
        if let (Some(search), Some(span)) =
            (self.searches.first_mut(), self.stretch.span::<E>())
        {
            search.settle::<S, E>(simd, span);
        }
    }

    #[inline(always)]
    fn largest<S: Simd>(&mut self, simd: S) {
        for part in &mut *self.parts {
            *part = Part::NONE;
        }
        for at in self.stretch.block_starts() {
            self.stretch.gather::<E>(at);
            for row in 0..self.parts.len() {
                if self.stretch.contiguous.is_none() {
                    let block = self.stretch.block::<E>(row, at);
                    self.parts[row].nan |= has_nan::<S, E>(simd, block);
                    self.search(simd, row, at, None);
                    continue;
                }
                let block = self.stretch.block::<E>(row, at);
                let Block { bytes, start } = block;
                if self.searches[row].selection.look::<S, E, true>(simd, bytes, start) {
                    self.parts[row].nan |= has_nan::<S, E>(simd, block);
                }
            }
        }
        self.settle(simd);
    }

    #[inline(always)]
    fn ranks<S: Simd>(&mut self, simd: S) {
        for part in &mut *self.parts {
            *part = Part::NONE;
        }
        let targets = self.thresholds.len() / self.parts.len();
        for at in self.stretch.block_starts() {
            self.stretch.gather::<E>(at);
            for row in 0..self.parts.len() {
                let block = self.stretch.block::<E>(row, at);
                // The first target's are counted where the block comes from memory.
                if let Some(&threshold) = self.thresholds.get(row * targets) {
                    let threshold = Vector::<E, S>::splat(simd, threshold);
                    let (greater, doubt) = count_greater_first::<S, E>(simd, block, threshold);
                    self.greater[row * targets] += greater;
                    self.parts[row].nan |= doubt && has_nan::<S, E>(simd, block);
                    self.count(simd, row, at, 1..targets);
                } else {
                    self.parts[row].nan |= has_nan::<S, E>(simd, block);
                }
            }
        }
    }

    /// Counts what is above these targets of a row in a block.
    #[inline(always)]
    fn count<S: Simd>(&mut self, simd: S, row: usize, at: usize, which: Range<usize>) {
        let targets = self.thresholds.len() / self.parts.len();
        let block = self.stretch.block::<E>(row, at);
        for i in row * targets + which.start..row * targets + which.end {
            let threshold = Vector::<E, S>::splat(simd, self.thresholds[i]);
            self.greater[i] += count_greater::<S, E>(simd, block, threshold);
        }
    }
}
