//! Registers of results, written as elements of any type.

use std::marker::PhantomData;

use super::blocks::BLOCK;
use crate::element::{Element, Real, Vector};
use crate::simd::ahead::CACHE_LINE;
use crate::simd::{Kernel, Simd};

/// Writes a pair of registers, in the order of `E`, to as many elements as `out` takes.
#[inline(always)]
pub(super) fn put<S: Simd, E: Element, O: Element<Lane = E::Lane>>(
    simd: S,
    values: [Vector<E, S>; 2],
    out: &mut [u8],
) {
    put_maybe_around::<S, E, O>(simd, values, out, false);
}

/// The same, around the cache where that is possible, if it is wished.
#[inline(always)]
pub(super) fn put_maybe_around<S: Simd, E: Element, O: Element<Lane = E::Lane>>(
    simd: S,
    values: [Vector<E, S>; 2],
    out: &mut [u8],
    around_cache: bool,
) {
    let values = match (E::INTERLEAVED, O::INTERLEAVED) {
        (true, false) => E::in_order(simd, values),
        (false, true) => interleaved::<S, E>(simd, values),
        _ => values,
    };
    if out.len() == E::PAIR * O::SIZE {
        if around_cache {
            O::stream_pair(simd, values, out);
        } else {
            O::store_pair(simd, values, out);
        }
    } else {
        let mut whole = [0; 128];
        O::store_pair(simd, values, &mut whole);
        out.copy_from_slice(&whole[..out.len()]);
    }
}

/// Starts and lengths of a row's blocks as they are written to `out`. Around the cache all but
/// the first begin a cache line, as far as elements do.
pub(super) fn blocks_to<O: Element>(
    out: &[u8],
    around_cache: bool,
) -> impl Iterator<Item = (usize, usize)> + use<O> {
    let vocab = out.len() / O::SIZE;
    let unaligned = if around_cache { out.as_ptr().align_offset(CACHE_LINE) } else { 0 };
    let head = (unaligned / O::SIZE).min(vocab);
    let first = (head > 0).then_some((0, head));
    let others = (head..vocab).step_by(BLOCK).map(move |at| (at, BLOCK.min(vocab - at)));
    first.into_iter().chain(others)
}

/// A pair of registers in the order of memory, even elements in the first, odd ones in the
/// second. By way of memory: of all types only results narrower than both inputs need it.
#[inline(always)]
fn interleaved<S: Simd, E: Element>(simd: S, values: [Vector<E, S>; 2]) -> [Vector<E, S>; 2] {
    let (mut ordered, mut apart) = ([0; 128], [0; 128]);
    Own::<E>::store_pair(simd, values, &mut ordered);
    let (even, odd) = apart.split_at_mut(64);
    let size = Own::<E>::SIZE;
    let places = even.chunks_exact_mut(size).zip(odd.chunks_exact_mut(size));
    for (pair, (even, odd)) in ordered.chunks_exact(2 * size).zip(places) {
        even.copy_from_slice(&pair[..size]);
        odd.copy_from_slice(&pair[size..]);
    }
    Own::<E>::load_pair(simd, &apart)
}

/// The element type of the lanes of another.
pub(super) type Own<E> = <<E as Element>::Lane as Real>::Own;

/// Numbers as elements of type `O`, each rounded to the lane type first.
pub(crate) struct Narrow<'a, O> {
    pub(crate) values: &'a [f64],
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) element: PhantomData<O>,
}

impl<O: Element> Kernel for Narrow<'_, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let size = Own::<O>::SIZE;
        self.out.resize(self.values.len() * O::SIZE, 0);
        let outs = self.out.chunks_mut(O::PAIR * O::SIZE);
        for (values, out) in self.values.chunks(O::PAIR).zip(outs) {
            let mut lanes = [0; 128];
            for (cell, &value) in lanes.chunks_exact_mut(size).zip(values) {
                O::Lane::from_f64(value).write(cell);
            }
            let pair = Own::<O>::load_pair(simd, &lanes);
            put::<S, Own<O>, O>(simd, pair, out);
        }
    }
}
