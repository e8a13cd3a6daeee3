//! Maxima of groups of logits: the first pass over them.

use super::Span;
use crate::element::{Element, Real, Vector};
use crate::simd::{Lanes, Simd, ahead};

/// Logits of a group, one of each register of as many pairs: fewer mean fewer logits to
/// be looked at again, more mean fewer maxima to be searched. Up to 200 logits wanted
/// the latter counts for more: at 50 it was 2 % of the time, at 256 the former 2 %, at 1000
/// 5 %.
pub(crate) fn step_for(k: usize) -> usize {
    if k <= 200 { LONG } else { SHORT }
}

/// Logits of a group; whole groups make a block.
pub(crate) const LONG: usize = 16;
/// As above.
pub(crate) const SHORT: usize = 8;

/// Bytes of the two registers of maxima that a step leaves, of any type.
pub(crate) const MAXIMA: usize = 128;

/// The maxima of a row's spans, in room that is kept from row to row: to clear it first
/// would take one twenty-fifth of the time of a small selection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Maxima {
    room: Vec<u8>,
    /// Where those of the span that is being read begin, and end so far.
    begin: usize,
    len: usize,
}

impl Maxima {
    /// Forgets the row.
    pub(crate) fn clear(&mut self) {
        (self.begin, self.len) = (0, 0);
    }

    /// Those that come next are of another span.
    pub(crate) fn begin_span(&mut self) {
        self.begin = self.len;
    }

    /// Takes all spans for one.
    pub(crate) fn join_spans(&mut self) {
        self.begin = 0;
    }

    /// Those of the span.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.room[self.begin..self.len]
    }

    /// Those of the last step.
    pub(crate) fn last(&self) -> &[u8] {
        &self.room[self.len - MAXIMA..self.len]
    }

    /// Has those of all of the span, some of whose blocks may not have been looked at.
    #[inline(always)]
    pub(crate) fn complete<S: Simd, E: Element>(&mut self, simd: S, span: &Span, step: usize) {
        let len = span.blocks.len() + span.last.len();
        if self.bytes().len() < len.div_ceil(step * E::PAIR * E::SIZE) * MAXIMA {
            self.len = self.begin;
            for bytes in [span.blocks, span.last] {
                sketch::<S, E, false>(simd, bytes, step, self);
            }
        }
    }

    /// Room for those of some more steps, all of which are to be written.
    #[inline(always)]
    fn more(&mut self, steps: usize) -> &mut [u8] {
        let begin = self.len;
        self.len += steps * MAXIMA;
        if self.room.len() < self.len {
            self.room.resize(self.len, 0);
        }
        &mut self.room[begin..self.len]
    }
}

/// Adds the maxima of a block's groups of `step` logits to `maxima`, NaN aside.
///
/// With `FIRST` the block comes from memory: the lines ahead are asked for, and the
/// result tells whether the block may hold NaN. It may be wrong if both infinities or
/// numbers near the limit of the type are among the logits, and is never wrong
/// otherwise; it takes one addition, where a comparison and the collection of its
/// outcomes take two operations.
#[inline(always)]
pub(crate) fn sketch<S: Simd, E: Element, const FIRST: bool>(
    simd: S,
    bytes: &[u8],
    step: usize,
    maxima: &mut Maxima,
) -> bool {
    let mut sum = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
    let steps = bytes.chunks(step * E::PAIR * E::SIZE);
    let outs = maxima.more(steps.len()).chunks_exact_mut(MAXIMA);
    for (step, out) in steps.zip(outs) {
        let max = maxima_of::<S, E, FIRST>(simd, step, &mut sum);
        <E::Lane as Real>::Own::store_pair(simd, max, out);
    }
    FIRST && sum.any_nan()
}

/// The maxima of a step's groups, NaN aside. With `FIRST` it comes from memory, and all of
/// it is added to `sum`.
#[inline(always)]
pub(super) fn maxima_of<S: Simd, E: Element, const FIRST: bool>(
    simd: S,
    step: &[u8],
    sum: &mut Vector<E, S>,
) -> [Vector<E, S>; 2] {
    let mut max = [Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY); 2];
    for pair in step.chunks_exact(E::PAIR * E::SIZE) {
        if FIRST {
            ahead::prefetch_light(simd, pair);
        }
        let [x0, x1] = E::load_pair(simd, pair);
        max = [x0.max(max[0]), x1.max(max[1])];
        if FIRST {
            *sum = sum.add(x0.add(x1));
        }
    }
    max
}
