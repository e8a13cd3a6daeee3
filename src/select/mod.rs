//! The largest logits of a row, exactly, without sorting it.
//!
//! Order: logit descending, then index ascending. With NaN there is no order, and
//! nothing here heeds it: whoever asks must know of it from elsewhere.
//!
//! # Method
//! While a row is read, [`sketch`] keeps the lane-wise maxima of groups of logits: one
//! `max` operation on a register. If `k` groups have a maximum above some value, then at
//! least `k` logits are above it, so a value that is reached by few more than `k` of the
//! maxima is a proved lower bound that few logits reach. [`bound`] finds one by
//! bisection on the order of the numbers, counting a register at a time. [`collect`]
//! reads the groups again that reach it, from the cache: about `k` of them hold
//! anything. [`order`] sorts what they held.
//!
//! A row is read in spans. What a span has shown to be too small is out of question in
//! the next ones, from the start; a span's worst case is bounded whatever the row:
//!
//! * Many equal logits at the bound (all equal, two values, 16-bit logits, a masked
//!   row): a bound that only ties could reach is no bound to collect at. Logits above
//!   it are collected, and of those that equal it as many as are missing, lowest index
//!   first, where the search for them ends.
//! * More found than wanted (rows in ascending order, whose groups hold nothing but
//!   candidates): the same bisection, to the end, over what was found.
//! * `k` beyond the sketch's reach, more than half of its maxima: the bisection counts
//!   the logits themselves; they are in the cache. Each step counts 16 logits with one
//!   comparison, and about 12 of at most 32 (64-bit: 64) are needed. Quickselect of
//!   pairs of logit and index was not tried: it moves what this only counts.
//!
//! The result is a set with an order, both exact: how a row was cut into spans and by
//! whom they were read has no say in it.
#![forbid(unsafe_code)]

mod bound;
mod candidates;
mod collect;
mod order;
pub(crate) mod packed;
pub(crate) mod sketch;
mod span;
#[cfg(test)]
mod tests;

pub(crate) use candidates::Candidates;
pub(crate) use span::Span;

use collect::{Collect, shrunk};
use packed::Packed;

use crate::element::{Element, Real};
use crate::simd::{Kernel, Simd};

/// A chosen logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// The logit.
    pub logit: f64,
    /// Where it stands in the row.
    pub index: u32,
}

/// The search for the `k` largest logits of a row, span by span.
#[derive(Clone, Debug)]
pub(crate) struct Selection<R: Real> {
    k: usize,
    /// Found so far; equal ones in the order of their indices.
    found: Candidates<R>,
    /// Logits that come later and are not above this one can't be among the `k`.
    floor: Option<R>,
    /// Of the span that is being read.
    maxima: Vec<u8>,
    coarse: Vec<u8>,
    sorted: Vec<R::Packed>,
    spare: Vec<R::Packed>,
}

impl<R: Real> Selection<R> {
    /// Nothing read.
    pub(crate) fn new() -> Self {
        Self {
            k: 0,
            found: Candidates::new(),
            floor: None,
            maxima: Vec::new(),
            coarse: Vec::new(),
            sorted: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Starts with another row, of which `k >= 1` logits are wanted.
    pub(crate) fn restart(&mut self, k: usize) {
        self.k = k;
        self.found.clear();
        self.floor = None;
        self.maxima.clear();
    }

    /// Where [`sketch`] puts the maxima of the span that is being read.
    pub(crate) fn maxima(&mut self) -> &mut Vec<u8> {
        &mut self.maxima
    }

    /// What has been found, taken out: all that counts of the spans read.
    pub(crate) fn take_found(&mut self) -> Candidates<R> {
        std::mem::replace(&mut self.found, Candidates::new())
    }

    /// Adds what was found in later spans.
    pub(crate) fn absorb(&mut self, later: &Candidates<R>) {
        self.found.append(later);
    }

    /// Whether so much was found that to sort it all would take longer than to find
    /// the `k` largest first.
    fn is_overfull(&self) -> bool {
        self.found.len() > self.k + self.k / 4 + 64
    }

    /// Keeps the `k` largest of what was found, if it is overfull.
    #[inline(always)]
    fn shrink<S: Simd>(&mut self, simd: S) {
        if self.is_overfull() {
            self.found = shrunk(simd, self.take_found(), self.k);
        }
    }
}

/// Takes from a span, which has been [sketched](sketch), what may be among the largest.
pub(crate) struct Settle<'a, E: Element> {
    pub(crate) selection: &'a mut Selection<E::Lane>,
    pub(crate) span: Span<'a>,
}

impl<E: Element> Kernel for Settle<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let selection = self.selection;
        let before = selection.found.len();
        let bound = bound::of_span::<S, E>(
            simd,
            &self.span,
            &selection.maxima,
            &mut selection.coarse,
            selection.k,
            selection.floor,
        );
        Collect::<E> {
            span: &self.span,
            maxima: &selection.maxima,
            k: selection.k,
            bound,
            found: &mut selection.found,
        }
        .run(simd);
        selection.maxima.clear();
        // All found in this span reach the bound.
        if selection.found.len() - before >= selection.k {
            selection.floor = Some(bound.value);
        }
        selection.shrink(simd);
    }
}

/// Puts the largest logits of a row, all of whose spans are settled, in order.
pub(crate) struct Finish<'a, R: Real> {
    pub(crate) selection: &'a mut Selection<R>,
    pub(crate) picks: &'a mut Vec<Pick>,
}

impl<R: Real> Kernel for Finish<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let selection = self.selection;
        selection.shrink(simd);
        let sorted = &mut selection.sorted;
        sorted.clear();
        sorted.extend(selection.found.iter().map(|(x, index)| R::Packed::new(x, index)));
        order::sort(sorted, &mut selection.spare);
        sorted.truncate(selection.k);
        self.picks.extend(
            sorted
                .iter()
                .map(|packed| Pick { logit: packed.value().to_f64(), index: packed.index() }),
        );
    }
}
