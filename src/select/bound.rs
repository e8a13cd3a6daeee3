//! Lower bounds of the k-th largest logit.

use super::packed::Ordered;
use super::sketch::MAXIMA;
use super::{Own, Span};
use crate::element::{Element, Real, Vector};
use crate::simd::{Lanes, Simd};

/// What is known of the `k` largest logits of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound<R> {
    pub(crate) value: R,
    /// Whether logits equal to `value` may be among them; if not, all are above it,
    /// or below what is known from earlier spans.
    pub(crate) ties: bool,
}

/// The maxima to count in for a bound that about 1.07 `k` logits reach.
const MAXIMA_PER_PICK: usize = 8;

/// Of so many logits and more it is estimated how many groups hold them.
pub(crate) const MANY: usize = 500;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search<R> {
    pub(crate) k: usize,
    /// Logits of a group, if it may be estimated how many groups hold the `k` largest: then
    /// fewer than `k` may reach the bound, in a row made for it.
    pub(crate) group: Option<usize>,
    /// What is not above it is of no interest.
    pub(crate) floor: Option<R>,
}

/// Where a bound is likely to lie, from one that was found before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guess<R> {
    /// Near this one; -inf if there is none.
    pub(crate) value: R,
    /// So many places above a number those that are above shrink to half; 0 if that is not
    /// known.
    fall: f64,
}

impl<R: Real> Guess<R> {
    /// That there is none.
    pub(crate) const NONE: Self = Self { value: R::NEG_INFINITY, fall: 0.0 };

    /// So far below the value those above it are twice as many; 0 if that is not known.
    pub(crate) fn fall(&self) -> f64 {
        let below = self.value.place().saturating_sub(self.fall as u64);
        self.value.to_f64() - R::at_place(below).to_f64()
    }

    /// The place with the wanted number above, by one with more, `excess` the binary logarithm of
    /// how many times as many; `None` if nothing is known of how they fall.
    #[inline(always)]
    fn reckoned(&self, place: u64, excess: f64) -> Option<u64> {
        (self.fall > 0.0).then_some((place as f64 + self.fall * excess) as u64)
    }
}

impl<R> Search<R> {
    /// How many groups hold the `k` largest of `len` logits if they stand about as chance
    /// has it: thousands share their groups, so that a bound which as many maxima exceed
    /// would let half as much again through. Where they stand closer together there are
    /// more of them in as many groups.
    fn groups(&self, len: usize) -> Option<usize> {
        let (group, k) = (self.group?, self.k as f64);
        let share = ((k + 2.0 * k.sqrt()) / len as f64).min(1.0);
        let held = 1.0 - (1.0 - share).powi(group as i32);
        Some((held * (len / group) as f64) as usize)
    }
}

/// Fewer pairs of registers of maxima would have each wait for the last.
const LEAST: usize = 16;

/// A bound for a span.
#[inline(always)]
pub(crate) fn of_span<S: Simd, E: Element>(
    simd: S,
    span: &Span,
    maxima: &[u8],
    scratch: &mut Vec<u8>,
    search: Search<E::Lane>,
    guess: &mut Guess<E::Lane>,
) -> Bound<E::Lane> {
    let Search { k, floor, .. } = search;
    let lanes = <Vector<E, S> as Lanes>::LEN;
    let steps = maxima.len() / MAXIMA;
    let all = steps * 2 * lanes;
    if let Some(groups) = search.groups(span.len)
        && 10 * groups < 7 * all
    {
        let search = Search { k: groups, ..search };
        return bisect::<S, Own<E>>(simd, [maxima, &[]], search, guess);
    }
    if 2 * k > all {
        if floor.is_none() && span.len <= 2 * k {
            // What could be left out is not worth the search for it.
            return Bound { value: E::Lane::NEG_INFINITY, ties: true };
        }
        return bisect::<S, E>(simd, [span.blocks, span.last], search, guess);
    }
    let wanted = (MAXIMA_PER_PICK * k).div_ceil(2 * lanes).max(LEAST);
    if wanted < steps {
        coarser::<S, Own<E>>(simd, maxima, wanted, scratch);
        return bisect::<S, Own<E>>(simd, [scratch, &[]], search, guess);
    }
    bisect::<S, Own<E>>(simd, [maxima, &[]], search, guess)
}

/// A better bound than `bound`, if more than enough logits of the `steps` exceed it.
#[inline(always)]
pub(crate) fn of_steps<S: Simd, E: Element>(
    simd: S,
    steps: &[u8],
    bound: Bound<E::Lane>,
    k: usize,
) -> Bound<E::Lane> {
    let search = Search { k, group: None, floor: Some(bound.value) };
    let mut guess = Guess { value: bound.value, ..Guess::NONE };
    let better = bisect::<S, E>(simd, [steps, &[]], search, &mut guess);
    if better.value == bound.value { bound } else { better }
}

/// The maxima of `len` groups of maxima. Neighbours go to different groups: where a
/// row's largest logits lie together, each group then holds few of them.
#[inline(always)]
fn coarser<S: Simd, O: Element>(simd: S, maxima: &[u8], len: usize, coarse: &mut Vec<u8>) {
    let (first, rest) = maxima.split_at(len * MAXIMA);
    coarse.clear();
    coarse.extend_from_slice(first);
    for round in rest.chunks(len * MAXIMA) {
        for (out, pair) in coarse.chunks_exact_mut(MAXIMA).zip(round.chunks_exact(MAXIMA)) {
            let [x0, x1] = O::load_pair(simd, pair);
            let [y0, y1] = O::load_pair(simd, out);
            O::store_pair(simd, [x0.max(y0), x1.max(y1)], out);
        }
    }
}

/// So often the next value is reckoned from the last ones. A row for which that leads nowhere
/// is left to halving.
const RECKONED: u32 = 8;

/// A bound that at least `k` of some numbers reach, and if it can be few more of them.
/// There must be as many.
///
/// A value that `k` of them exceed may be found anywhere near the k-th largest. Far from the
/// middle of a distribution how many are above a value falls like an exponential, nearly, so
/// the last two counts tell where to count next: the secant method on the logarithm. Where a
/// row before has told of how they fall one or two counts are enough, else six or eight;
/// halving takes 20.
#[inline(always)]
fn bisect<S: Simd, E: Element>(
    simd: S,
    numbers: [&[u8]; 2],
    search: Search<E::Lane>,
    guess: &mut Guess<E::Lane>,
) -> Bound<E::Lane> {
    let Search { k, floor, .. } = search;
    let slack = if k < MANY { k / 8 + 4 } else { k / 32 };
    let wanted = log2(k + slack / 2);
    let mut stride = E::Lane::STRIDE;
    // At least `k` are above place `low`, or that is the floor; fewer are above `high`.
    let mut low = E::Lane::NEG_INFINITY.place() - 1;
    let mut high = E::Lane::from_f64(f64::INFINITY).place();
    let mut next = guess.value.place();
    // The last place, and the binary logarithm of how many were above it.
    let mut last = None;
    if let Some(floor) = floor {
        let count = count_above::<S, E>(simd, numbers, floor);
        if count <= k + slack {
            return Bound { value: floor, ties: false };
        }
        low = floor.place();
        let log = log2(count);
        next = guess.reckoned(low, log - wanted).unwrap_or(low.saturating_add(stride));
        last = Some((low, log));
    } else if guess.value == E::Lane::NEG_INFINITY {
        high = largest::<S, E>(simd, numbers).place();
        next = high.saturating_sub(stride);
        // None are above it, one is not below: between them.
        last = Some((high, -1.0));
    }
    let mut counts = 0;
    while high - low > 1 {
        // Away from the guess in longer and longer strides, until it lies between them.
        let middle = if low < next && next < high { next } else { low + (high - low) / 2 };
        let value = E::Lane::at_place(middle);
        let count = count_above::<S, E>(simd, numbers, value);
        let log = log2(count);
        if let Some((place, before)) = last
            && count > 0
            && before != log
        {
            guess.fall = (middle as f64 - place as f64) / (before - log);
        }
        if count < k {
            high = middle;
            next = middle.saturating_sub(stride);
        } else if count <= k + slack {
            guess.value = value;
            return Bound { value, ties: false };
        } else {
            low = middle;
            next = middle.saturating_add(stride);
        }
        if count > 0 {
            last = Some((middle, log));
            if counts < RECKONED {
                next = guess.reckoned(middle, log - wanted).unwrap_or(next);
            }
        }
        counts += 1;
        stride = stride.saturating_mul(4);
    }
    guess.value = E::Lane::at_place(high);
    Bound { value: guess.value, ties: true }
}

/// The binary logarithm, to a hundredth; something low for 0.
///
/// That of the standard library looks into tables, which a row that goes through the cache
/// puts out of it: to wait for them behind the requests for the next row took a microsecond,
/// one fortieth of the time of a small selection.
#[inline(always)]
pub(super) fn log2(count: usize) -> f64 {
    const DIGITS: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = (count as f64).to_bits();
    let one = 1.0_f64.to_bits();
    let exponent = (bits >> DIGITS) as f64 - (one >> DIGITS) as f64;
    let m = f64::from_bits(bits & ((1 << DIGITS) - 1) | one);
    exponent + (2.0 - m / 3.0) * m - 5.0 / 3.0
}

/// How many numbers are above `value`.
#[inline(always)]
pub(super) fn count_above<S: Simd, E: Element>(
    simd: S,
    numbers: [&[u8]; 2],
    value: E::Lane,
) -> usize {
    let value = Vector::<E, S>::splat(simd, value);
    let mut counters = [<Vector<E, S> as Lanes>::counter(simd); 2];
    for bytes in numbers {
        for pair in bytes.chunks_exact(E::PAIR * E::SIZE) {
            let [x0, x1] = E::load_pair(simd, pair);
            counters = [x0.count_gt(value, counters[0]), x1.count_gt(value, counters[1])];
        }
    }
    let [even, odd] = counters;
    (<Vector<E, S> as Lanes>::counted(even) + <Vector<E, S> as Lanes>::counted(odd)) as usize
}

/// The largest number, NaN aside; -inf if there is none.
#[inline(always)]
fn largest<S: Simd, E: Element>(simd: S, numbers: [&[u8]; 2]) -> E::Lane {
    let mut max = [Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY); 2];
    for bytes in numbers {
        for pair in bytes.chunks_exact(E::PAIR * E::SIZE) {
            let [x0, x1] = E::load_pair(simd, pair);
            max = [x0.max(max[0]), x1.max(max[1])];
        }
    }
    max[0].max(max[1]).largest()
}
