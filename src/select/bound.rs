//! Lower bounds of the k-th largest logit.

use super::Span;
use super::packed::Ordered;
use super::sketch::MAXIMA;
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

/// A bound for a span, above `floor`.
#[inline(always)]
pub(crate) fn of_span<S: Simd, E: Element>(
    simd: S,
    span: &Span,
    maxima: &[u8],
    coarse: &mut Vec<u8>,
    k: usize,
    floor: Option<E::Lane>,
) -> Bound<E::Lane> {
    let slack = k / 8 + 4;
    let lanes = <Vector<E, S> as Lanes>::LEN;
    let steps = maxima.len() / MAXIMA;
    if 2 * k <= steps * 2 * lanes {
        let wanted = (MAXIMA_PER_PICK * k).div_ceil(2 * lanes);
        if wanted >= steps {
            return bisect::<S, Own<E>>(simd, [maxima, &[]], k, slack, floor);
        }
        coarser::<S, Own<E>>(simd, maxima, wanted, coarse);
        return bisect::<S, Own<E>>(simd, [coarse, &[]], k, slack, floor);
    }
    if floor.is_none() && span.len <= 2 * k {
        // What could be left out is not worth the search for it.
        return Bound { value: E::Lane::NEG_INFINITY, ties: true };
    }
    bisect::<S, E>(simd, [span.blocks, span.last], k, slack, floor)
}

type Own<E> = <<E as Element>::Lane as Real>::Own;

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

/// A bound that at least `k` of some numbers reach, and if it can be at most `k + slack`
/// of them: with a slack of 0 the `k` largest are known. There must be as many; those
/// at and below `floor` are of no interest.
#[inline(always)]
pub(crate) fn bisect<S: Simd, E: Element>(
    simd: S,
    numbers: [&[u8]; 2],
    k: usize,
    slack: usize,
    floor: Option<E::Lane>,
) -> Bound<E::Lane> {
    let above = |value| Bound { value, ties: false };
    // At least `k` are above place `low`, or that is the floor; fewer are above `high`.
    let mut high = largest::<S, E>(simd, numbers).place();
    let mut low = E::Lane::NEG_INFINITY.place() - 1;
    if let Some(floor) = floor {
        if high <= floor.place() || count_above::<S, E>(simd, numbers, floor) <= k + slack {
            return above(floor);
        }
        low = floor.place();
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let value = E::Lane::at_place(middle);
        let count = count_above::<S, E>(simd, numbers, value);
        if count < k {
            high = middle;
            continue;
        }
        if count <= k + slack {
            return above(value);
        }
        low = middle;
    }
    Bound { value: E::Lane::at_place(high), ties: true }
}

/// How many numbers are above `value`.
#[inline(always)]
fn count_above<S: Simd, E: Element>(simd: S, numbers: [&[u8]; 2], value: E::Lane) -> usize {
    let value = Vector::<E, S>::splat(simd, value);
    let mut counters = [<Vector<E, S> as Lanes>::counter(simd); 2];
    for bytes in numbers {
        for pair in bytes.chunks_exact(E::PAIR * E::SIZE) {
            let [x0, x1] = E::load_pair(simd, pair);
            counters = [x0.count_gt(value, counters[0]), x1.count_gt(value, counters[1])];
        }
    }
    let [even, odd] = counters.map(<Vector<E, S> as Lanes>::counted);
    (even + odd) as usize
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
