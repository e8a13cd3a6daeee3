//! The largest logits of a row, exactly, without sorting it.
//!
//! Order: logit descending, then index ascending. With NaN there is no order, and
//! nothing here heeds it: whoever asks must know of it from elsewhere.
//!
//! # Method
//! While a row is read, [`sketch()`] keeps the lane-wise maxima of groups of logits: one
//! `max` operation on a register. If `k` groups have a maximum above some value, then at
//! least `k` logits are above it, so a value that is exceeded by few more than `k` of
//! the maxima is a proved lower bound that few logits exceed. [`bound`] finds one by
//! bisection on the order of the numbers, counting a register at a time. [`collect`]
//! reads the groups again that exceed it, from the cache: about `k` of them. [`order`]
//! sorts what it finds.
//!
//! Of hundreds of logits and more those groups are most of the row. Row after row they are
//! caught at the first reading instead, above a value that the rows before make likely:
//! [`net`]. So are fewer where the row is long and its logits are weighed, which tells where
//! they are with no sketch.
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
mod forecast;
mod more;
mod net;
mod order;
pub(crate) mod packed;
pub(crate) mod sketch;
mod span;
#[cfg(test)]
mod tests;

pub(crate) use more::{CountAbove, More};
pub(crate) use net::LanesOfPieces;
pub(crate) use span::Span;

use bound::Guess;
use collect::{Collect, Hit};
use net::Net;
use packed::Packed;
use sketch::{Maxima, SHORT, sketch};

use crate::element::{Element, Real};
use crate::simd::{Kernel, Simd};

/// How many of the largest logits are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// So many.
    First(usize),
    /// About so many: where they are caught, all that were.
    About(usize),
}

impl Wanted {
    /// None.
    pub(crate) const NOTHING: Self = Self::First(0);

    pub(crate) fn count(self) -> usize {
        let (Self::First(k) | Self::About(k)) = self;
        k
    }
}

/// A logit of this type with its index.
type PackedOf<E> = <<E as Element>::Lane as Real>::Packed;

/// The element type of registers of this one's logits.
type Own<E> = <<E as Element>::Lane as Real>::Own;

/// The search for the `k` largest logits of a row, span by span.
#[derive(Clone, Debug)]
pub(crate) struct Selection<R: Real> {
    k: usize,
    /// Whether all above the net's threshold will do instead: all that is found is so far.
    is_haul: bool,
    /// Logits of a group.
    step: usize,
    /// Whether what is weighed is caught in a net.
    catches: bool,
    /// May be among them, of the spans read.
    found: Vec<R::Packed>,
    /// Logits that come later and are not above this one can't be among the `k`.
    floor: Option<R>,
    /// From the last row, for one that is like it.
    guess: Guess<R>,
    net: Net<R>,
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
            is_haul: false,
            step: sketch::step_for(0),
            catches: false,
            found: Vec::new(),
            floor: None,
            guess: Guess::NONE,
            net: Net::new(),
            maxima: Maxima::default(),
            scratch: Vec::new(),
            hits: Vec::new(),
            groups: Vec::new(),
            places: Vec::new(),
            spare: Vec::new(),
            others: Vec::new(),
        }
    }

    /// Starts with another row, of `len` logits, one or more of which are wanted.
    pub(crate) fn restart(&mut self, wanted: Wanted, len: usize) {
        self.k = wanted.count();
        self.is_haul = matches!(wanted, Wanted::About(_));
        self.step = sketch::step_for(self.k);
        self.net.restart(wanted);
        self.catches = self.step == SHORT || self.net.pays(len);
        self.found.clear();
        self.floor = None;
        self.maxima.clear();
    }

    /// Looks at the next block of a span, `start` the index of its first logit. With `FIRST`
    /// it comes from memory, and the result tells whether it may hold NaN: see [`sketch()`].
    #[inline(always)]
    pub(crate) fn look<S: Simd, E: Element<Lane = R>, const FIRST: bool>(
        &mut self,
        simd: S,
        block: &[u8],
        start: usize,
    ) -> bool {
        let Self { step, catches, maxima, net, .. } = self;
        if net.threshold().is_none() {
            let doubt = sketch::<S, E, FIRST>(simd, block, *step, maxima);
            // With no weights to tell where they are it takes longer to catch a few than to read
            // their groups again.
            if *catches && (!FIRST || *step == SHORT) {
                net.cast::<S, E>(simd, *step, maxima.bytes());
            }
            return doubt;
        }
        let mut doubt = false;
        let steps = block.chunks(SHORT * E::PAIR * E::SIZE);
        for (step, start) in steps.zip((start..).step_by(SHORT * E::PAIR)) {
            doubt |= sketch::<S, E, FIRST>(simd, step, SHORT, maxima);
            net.catch::<S, E>(simd, step, start, maxima.last());
        }
        doubt
    }

    /// What is above this may be [caught](Catch) where a block has been weighed, if there is such
    /// a threshold.
    pub(crate) fn threshold(&self) -> Option<R> {
        self.net.threshold()
    }

    /// Says that the row comes in spans too short for as many logits as are wanted.
    pub(crate) fn expect_short_spans(&mut self) {
        self.net.hold();
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
    /// the way, and is not wanted.
    fn shrink(&mut self, k: usize) {
        if !self.is_haul && self.found.len() > k + k / 2 + 16 {
            self.found.select_nth_unstable(k - 1);
            self.found.truncate(k);
        }
    }
}

/// [`Selection::look`] at a block that has been read before.
pub(crate) struct LookAgain<'a, E: Element> {
    pub(crate) selection: &'a mut Selection<E::Lane>,
    pub(crate) block: &'a [u8],
    pub(crate) start: usize,
}

impl<E: Element> Kernel for LookAgain<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        self.selection.look::<S, E, false>(simd, self.block, self.start);
    }
}

/// Catches in a block what is above the [threshold](Selection::threshold), in place of
/// looking at it.
pub(crate) struct Catch<'a, E: Element> {
    pub(crate) selection: &'a mut Selection<E::Lane>,
    pub(crate) block: &'a [u8],
    pub(crate) start: usize,
    /// All that is above stands in these, if that is known.
    pub(crate) lanes: Option<LanesOfPieces>,
}

impl<E: Element> Kernel for Catch<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { selection, block, start, lanes } = self;
        selection.net.catch_weighed::<S, E>(simd, block, start, lanes);
    }
}

/// Takes from a span that has been looked at what may be among the largest.
pub(crate) struct Settle<'a, E: Element> {
    pub(crate) selection: &'a mut Selection<E::Lane>,
    pub(crate) span: Span<'a>,
}

impl<E: Element> Kernel for Settle<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let before = self.selection.found.len();
        self.selection.found.reserve(self.selection.k.min(self.span.len));
        let bound = match self.hauled(simd) {
            Some(threshold) => threshold,
            None => {
                self.selection.is_haul = false;
                self.collected(simd)
            }
        };
        let selection = self.selection;
        selection.maxima.begin_span();
        // All found in this span reach the bound.
        if selection.is_haul || selection.found.len() - before >= selection.k {
            selection.floor = Some(bound);
        }
        selection.shrink(selection.k);
    }
}

impl<E: Element> Settle<'_, E> {
    /// What was caught while the span was read, if that is enough.
    #[inline(always)]
    fn hauled<S: Simd>(&mut self, simd: S) -> Option<E::Lane> {
        let Selection { k, is_haul, floor, maxima, net, found, .. } = &mut *self.selection;
        let least = if *is_haul { k.div_ceil(2) } else { *k };
        net.haul::<S, E>(simd, &self.span, maxima.bytes(), least, *floor, found)
    }

    /// What a bound of the span leaves of it.
    #[inline(always)]
    fn collected<S: Simd>(&mut self, simd: S) -> E::Lane {
        let (span, selection) = (&self.span, &mut *self.selection);
        selection.maxima.complete::<S, E>(simd, span, selection.step);
        let before = selection.found.len();
        let (k, step, floor) = (selection.k, selection.step, selection.floor);
        let mut group = (k >= bound::MANY && floor.is_none()).then_some(step);
        loop {
            let search = bound::Search { k, group, floor };
            let (maxima, scratch) = (selection.maxima.bytes(), &mut selection.scratch);
            let mut guess = selection.guess;
            let bound =
                bound::of_span::<S, E>(simd, span, maxima, scratch, search, &mut guess);
            if floor.is_none() {
                selection.guess = guess;
                let groups = span.len / step;
                selection.net.learn(bound.value.to_f64(), k, guess.fall(), groups);
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
                return bound.value;
            }
            selection.found.truncate(before);
            group = None;
        }
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
        let mut k = selection.k;
        if selection.is_haul {
            // How they fall shows in half of what was caught.
            k = selection.found.len().div_ceil(2);
        } else {
            selection.found.truncate(k);
        }
        if let Some(last) = k.checked_sub(1).and_then(|last| selection.found.get(last)) {
            selection.net.learn_from_haul(last.value().to_f64(), k);
        }
        if self.by_index {
            selection.found.sort_unstable_by_key(|packed| packed.index());
        }
    }
}
