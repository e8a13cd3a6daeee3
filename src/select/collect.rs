//! Takes the logits that reach a bound.

use super::bound::{Bound, bisect};
use super::sketch::MAXIMA;
use super::{Candidates, Span};
use crate::element::{Element, Real, Vector};
use crate::simd::{Kernel, Lanes, Simd};

/// Takes from a span all logits above the bound, then as many that equal it as are
/// missing, lowest index first.
pub(crate) struct Collect<'a, E: Element> {
    pub(crate) span: &'a Span<'a>,
    pub(crate) maxima: &'a [u8],
    pub(crate) k: usize,
    pub(crate) bound: Bound<E::Lane>,
    pub(crate) found: &'a mut Candidates<E::Lane>,
}

impl<E: Element> Kernel for Collect<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let bound = Vector::<E, S>::splat(simd, self.bound.value);
        let before = self.found.len();
        let maxima = self.maxima.chunks_exact(MAXIMA);
        for ((start, step), maxima) in self.span.steps::<E>().zip(maxima) {
            let [m0, m1] = Own::<E>::load_pair(simd, maxima);
            if m0.bits_gt(bound) | m1.bits_gt(bound) == 0 {
                continue;
            }
            for (i, pair) in step.chunks_exact(E::PAIR * E::SIZE).enumerate() {
                let [x0, x1] = E::load_pair(simd, pair);
                let bits = in_order::<S, E>(x0.bits_gt(bound), x1.bits_gt(bound));
                take::<E>(pair, bits, start + i * E::PAIR, self.found);
            }
        }
        if !self.bound.ties {
            return;
        }
        let mut missing = self.k.saturating_sub(self.found.len() - before);
        let end = self.span.start + self.span.len;
        let maxima = self.maxima.chunks_exact(MAXIMA);
        for ((start, step), maxima) in self.span.steps::<E>().zip(maxima) {
            let [m0, m1] = Own::<E>::load_pair(simd, maxima);
            if !(m0.any_ge(bound) || m1.any_ge(bound)) {
                continue;
            }
            for (i, pair) in step.chunks_exact(E::PAIR * E::SIZE).enumerate() {
                if missing == 0 {
                    return;
                }
                let [x0, x1] = E::load_pair(simd, pair);
                let start = start + i * E::PAIR;
                let bits = in_order::<S, E>(x0.bits_eq(bound), x1.bits_eq(bound));
                // What fills up a row may be equal, too.
                let bits = lowest(bits & below(end.saturating_sub(start)), missing);
                missing -= bits.count_ones() as usize;
                take::<E>(pair, bits, start, self.found);
            }
        }
    }
}

type Own<E> = <<E as Element>::Lane as Real>::Own;

/// The `k` largest of more candidates than that, lowest indices first among equal ones.
#[inline(always)]
pub(crate) fn shrunk<S: Simd, R: Real>(
    simd: S,
    candidates: Candidates<R>,
    k: usize,
) -> Candidates<R> {
    let (values, indices) = candidates.into_padded();
    let bound = bisect::<S, R::Own>(simd, [&values, &[]], k, 0, None);
    let value = R::Vector::<S>::splat(simd, bound.value);
    let mut kept = Candidates::new();
    let pairs = || values.chunks_exact(R::Own::PAIR * R::Own::SIZE);
    let starts = || (0..indices.len()).step_by(R::Own::PAIR);
    for (pair, start) in pairs().zip(starts()) {
        let [x0, x1] = R::Own::load_pair(simd, pair);
        let bits = in_order::<S, R::Own>(x0.bits_gt(value), x1.bits_gt(value));
        keep(pair, bits, &indices[start..], &mut kept);
    }
    for (pair, start) in pairs().zip(starts()) {
        let missing = k - kept.len();
        if missing == 0 {
            break;
        }
        let [x0, x1] = R::Own::load_pair(simd, pair);
        let bits = in_order::<S, R::Own>(x0.bits_eq(value), x1.bits_eq(value));
        let bits = lowest(bits & below(indices.len() - start), missing);
        keep(pair, bits, &indices[start..], &mut kept);
    }
    kept
}

/// Adds the chosen logits of a pair of registers with their indices.
#[inline(always)]
fn keep<R: Real>(pair: &[u8], mut bits: u32, indices: &[u32], kept: &mut Candidates<R>) {
    while bits != 0 {
        let i = bits.trailing_zeros() as usize;
        let x = R::Own::widen(&pair[i * R::Own::SIZE..][..R::Own::SIZE]);
        kept.push(x, indices[i] as usize);
        bits &= bits - 1;
    }
}

/// Adds the chosen logits of a pair of registers, the first of which has index `start`.
#[inline(always)]
fn take<E: Element>(
    pair: &[u8],
    mut bits: u32,
    start: usize,
    found: &mut Candidates<E::Lane>,
) {
    while bits != 0 {
        let i = bits.trailing_zeros() as usize;
        found.push(E::widen(&pair[i * E::SIZE..][..E::SIZE]), start + i);
        bits &= bits - 1;
    }
}

/// Bits of both registers of a pair in the order of memory.
#[inline(always)]
fn in_order<S: Simd, E: Element>(first: u32, second: u32) -> u32 {
    if E::INTERLEAVED {
        spread(first) | spread(second) << 1
    } else {
        first | second << <Vector<E, S> as Lanes>::LEN
    }
}

/// Sixteen bits at the even places of 32.
#[inline(always)]
fn spread(bits: u32) -> u32 {
    let bits = (bits | bits << 8) & 0x00ff_00ff;
    let bits = (bits | bits << 4) & 0x0f0f_0f0f;
    let bits = (bits | bits << 2) & 0x3333_3333;
    (bits | bits << 1) & 0x5555_5555
}

/// The lowest `count` of the bits that are set.
#[inline(always)]
fn lowest(mut bits: u32, count: usize) -> u32 {
    while bits.count_ones() as usize > count {
        bits &= !(1 << bits.ilog2());
    }
    bits
}

/// The bits below the one at `end`.
#[inline(always)]
fn below(end: usize) -> u32 {
    if end >= 32 { u32::MAX } else { (1 << end) - 1 }
}
