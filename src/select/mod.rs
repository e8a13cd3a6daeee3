//! The largest logits of a row, exactly, without sorting it.
//!
//! Order: logit descending, then index ascending. With NaN there is no order, and
//! nothing here heeds it: whoever asks must know of it from elsewhere.
//!
//! # Method
//! While a row is read, [`sketch`] keeps the lane-wise maxima of groups of logits: one
//! `max` operation on a register. If `k` groups have a maximum above some value, then at
//! least `k` logits are above it, so a value that is exceeded by few more than `k` of
//! the maxima is a proved lower bound that few logits exceed. [`bound`] finds one by
//! bisection on the order of the numbers, counting a register at a time. [`collect`]
//! reads the groups again that exceed it, from the cache: about `k` of them. [`order`]
//! sorts what it finds.
//!
//! A row is read in spans. What a span has shown to be too small is out of question in
//! the next ones from the start. Whatever the row, a span's cost is bounded:
//!
//! * Rows whose largest logits lie together, such as ascending ones: their groups hold
//!   nothing but candidates. The bisection goes on over the groups themselves, which are
//!   few (see [`bound`]).
//! * Many equal logits at the bound (all equal, two values, 16-bit logits, a masked
//!   row): logits above it are collected, and of those that equal it as many as are
//!   missing, lowest index first, where the search for them ends.
//! * `k` beyond the sketch's reach, more than half of its maxima: the bisection counts
//!   the logits themselves, which are in the cache. A step counts a register with one
//!   comparison, and about 12 steps (at most 32, or 64 for 64 bits) are needed.
//!   Quickselect would move what this only counts.
//! * More found than wanted all the same, for which it takes a row made for it: a
//!   quickselect of what was found, at most a group for each maximum above the bound.
//!
//! Whoever finds the `k` largest too few asks for [`More`]: the maxima are still there, and
//! what is in order stays so.
//!
//! The result is a set with an order, both exact: how a row was cut into spans and by
//! whom they were read has no say in it.
#![forbid(unsafe_code)]

mod bound;
mod collect;
mod more;
mod order;
pub(crate) mod packed;
pub(crate) mod sketch;
mod span;
#[cfg(test)]
mod tests;

pub(crate) use more::More;
pub(crate) use span::Span;

use collect::{Collect, Hit};
use packed::Packed;
use sketch::Maxima;

use crate::element::{Element, Real};

/// A logit of this type with its index.
type PackedOf<E> = <<E as Element>::Lane as Real>::Packed;

use crate::simd::{Kernel, Simd};

/// The search for the `k` largest logits of a row, span by span.
#[derive(Clone, Debug)]
pub(crate) struct Selection<R: Real> {
    k: usize,
    /// Logits of a group.
    step: usize,
    /// May be among them, of the spans read.
    found: Vec<R::Packed>,
    /// Logits that come later and are not above this one can't be among the `k`.
    floor: Option<R>,
    /// A bound of the last row, near which that of a similar row lies.
    guess: R,
    /// Of the row, as far as it can be read again.
    maxima: Maxima,
    scratch: Vec<u8>,
    hits: Vec<Hit>,
    groups: Vec<usize>,
    places: Vec<u32>,
    spare: Vec<R::Packed>,
    /// Room for what is found beside what is known.
    others: Vec<R::Packed>,
}

impl<R: Real> Selection<R> {
    /// Nothing read.
    pub(crate) fn new() -> Self {
        Self {
            k: 0,
            step: sketch::step_for(0),
            found: Vec::new(),
            floor: None,
            guess: R::NEG_INFINITY,
            maxima: Maxima::default(),
            scratch: Vec::new(),
            hits: Vec::new(),
            groups: Vec::new(),
            places: Vec::new(),
            spare: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Starts with another row, of which `k >= 1` logits are wanted.
    pub(crate) fn restart(&mut self, k: usize) {
        self.k = k;
        self.step = sketch::step_for(k);
        self.found.clear();
        self.floor = None;
        self.maxima.clear();
    }

    /// How [`sketch`] is to look at the span that is being read: the length of a group,
    /// and where the maxima go.
    pub(crate) fn sketching(&mut self) -> (usize, &mut Maxima) {
        (self.step, &mut self.maxima)
    }

    /// Says that the spans settled can't be read again.
    pub(crate) fn forget_spans(&mut self) {
        self.maxima.clear();
    }

    /// What has been found, taken out: all that counts of the spans read.
    pub(crate) fn take_found(&mut self) -> Vec<R::Packed> {
        std::mem::take(&mut self.found)
    }

    /// Adds what was found in other spans.
    pub(crate) fn absorb(&mut self, found: &[R::Packed]) {
        self.found.extend_from_slice(found);
    }

    /// The largest logits with their indices, once they have been put in order.
    pub(crate) fn packed(&self) -> &[R::Packed] {
        &self.found
    }

    /// How many of the largest logits are above -inf, once they have been put in order.
    pub(crate) fn above_infinity(&self) -> usize {
        self.found.partition_point(|packed| packed.value() > R::NEG_INFINITY)
    }

    /// The largest logits, once they have been put in order. Zeros have lost their signs.
    pub(crate) fn sorted(&self) -> impl ExactSizeIterator<Item = (R, usize)> + Clone {
        self.found.iter().map(|packed| (packed.value(), packed.index() as usize))
    }

    /// Drops what is not among the `k` largest found, if that is so much that it would be in
    /// the way.
    fn shrink(&mut self, k: usize) {
        if self.found.len() > k + k / 4 + 64 {
            self.found.select_nth_unstable(k - 1);
            self.found.truncate(k);
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
        selection.found.reserve(selection.k.min(self.span.len));
        let (span, k, floor) = (&self.span, selection.k, selection.floor);
        let step = selection.step;
        let mut group = (k >= bound::MANY && floor.is_none()).then_some(step);
        let bound = loop {
            let search = bound::Search { k, group, floor, guess: selection.guess };
            let (maxima, scratch) = (selection.maxima.bytes(), &mut selection.scratch);
            let bound = bound::of_span::<S, E>(simd, span, maxima, scratch, search);
            if floor.is_none() {
                selection.guess = bound.value;
            }
            let bound = Collect::<E> {
                span,
                step,
                maxima,
                k,
                bound,
                found: &mut selection.found,
                hits: &mut selection.hits,
                groups: &mut selection.groups,
                places: &mut selection.places,
                scratch,
            }
            .run(simd);
            if group.is_none() || selection.found.len() - before >= k.min(span.len) {
                break bound;
            }
            selection.found.truncate(before);
            group = None;
        };
        selection.maxima.begin_span();
        // All found in this span reach the bound.
        if selection.found.len() - before >= selection.k {
            selection.floor = Some(bound.value);
        }
        selection.shrink(selection.k);
    }
}

/// Puts the largest logits of a row, all of whose spans are settled, in order.
pub(crate) struct Finish<'a, R: Real> {
    pub(crate) selection: &'a mut Selection<R>,
    /// Whether the order is that of the indices instead.
    pub(crate) by_index: bool,
}

impl<R: Real> Kernel for Finish<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let selection = self.selection;
        selection.shrink(selection.k);
        order::sort(&mut selection.found, &mut selection.spare);
        selection.found.truncate(selection.k);
        if self.by_index {
            selection.found.sort_unstable_by_key(|packed| packed.index());
        }
    }
}
