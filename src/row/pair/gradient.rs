//! `q - p` of every token of two rows that have been read: the gradient of KL(p||q) and
//! of the cross-entropy with respect to the second row's scaled logits.
//!
//! It is `p (e^-r - 1)` where the probabilities are of like size, so that the gradient of
//! nearly equal models has correct digits too. The difference of two softmaxes has none
//! there.

use std::marker::PhantomData;

use super::alignment::Alignment;
use super::common::Common;
use super::difference::NextOfPair;
use super::plain::plain_difference;
use super::read::PairSide;
use super::terms::PairFrame;
use crate::element::{Element, Real, Vector};
use crate::row::blocks::{BLOCK, Scratch};
use crate::row::put::{Own, blocks_to, put, put_maybe_around};
use crate::simd::{Kernel, Lanes, Simd, ahead, fill};

/// Where the second row's logits stand.
pub(crate) enum Second<'a> {
    /// In a row of these.
    Row(PairSide<'a>),
    /// Where the results go; of elements so many bytes long.
    InPlace(Common<'a>, usize),
}

/// Writes the differences of a pair, times `factor`, as elements of type `O`.
pub(crate) struct WriteDifferences<'a, C, O> {
    pub(crate) p: PairSide<'a>,
    pub(crate) q: Second<'a>,
    pub(crate) out: &'a mut [u8],
    /// `None` for a pair that is not valid: NaN.
    pub(crate) alignment: Option<Alignment>,
    pub(crate) factor: f64,
    /// Whether what is written is to stay out of the cache.
    pub(crate) around_cache: bool,
    pub(crate) elements: PhantomData<(C, O)>,
}

impl<C: Element, O: Element<Lane = C::Lane>> Kernel for WriteDifferences<'_, C, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { mut p, mut q, out, alignment, factor, around_cache, .. } = self;
        let Some(alignment) = alignment else {
            let none = [Vector::<C, S>::splat(simd, C::Lane::from_f64(f64::NAN)); 2];
            for out in out.chunks_mut(C::PAIR * O::SIZE) {
                put::<S, C, O>(simd, none, out);
            }
            return;
        };
        // Both probabilities are times this.
        let factor = factor * (-alignment.log_scale).exp();
        let frame = PairFrame::<Vector<C, S>>::new(simd, &alignment, 0.5);
        for (at, len) in blocks_to::<O>(out, around_cache) {
            p.gather(at, len);
            let q = q.block::<C>(out, at, len);
            let pair = [p.block::<C>(0, at, len), q];
            let out = &mut out[at * O::SIZE..(at + len) * O::SIZE];
            if alignment.plain {
                write::<S, C, O>(simd, pair, &frame, factor, (out, around_cache));
            } else {
                write_plain::<S, C, O>(simd, pair, &alignment, factor, out);
            }
        }
        if around_cache {
            fill::fence();
        }
    }
}

impl Second<'_> {
    /// A block of the row; `out` is where the results go.
    #[inline(always)]
    fn block<C: Element>(&mut self, out: &[u8], at: usize, len: usize) -> &[u8] {
        match self {
            Second::Row(side) => {
                side.gather(at, len);
                side.block::<C>(0, at, len)
            }
            Second::InPlace(common, size) => {
                common.copied::<C>(&out[at * *size..(at + len) * *size], at, len)
            }
        }
    }
}

/// Writes a block of a pair in the plain range of the arithmetic.
#[inline(always)]
fn write<S: Simd, C: Element, O: Element<Lane = C::Lane>>(
    simd: S,
    [p, q]: [&[u8]; 2],
    frame: &PairFrame<Vector<C, S>>,
    factor: f64,
    (out, around_cache): (&mut [u8], bool),
) {
    let factor = Vector::<C, S>::splat(simd, C::Lane::from_f64(factor));
    let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
    for ((p, q), out) in pairs.zip(out.chunks_mut(C::PAIR * O::SIZE)) {
        ahead::prefetch_again(simd, p, None::<NextOfPair>);
        ahead::prefetch_again(simd, q, None::<NextOfPair>);
        let ([p0, p1], [q0, q1]) = (C::load_pair(simd, p), C::load_pair(simd, q));
        let (first, second) = (frame.difference(p0, q0), frame.difference(p1, q1));
        let difference = [first.mul(factor), second.mul(factor)];
        put_maybe_around::<S, C, O>(simd, difference, out, around_cache);
    }
}

/// Writes a block of any other pair, by way of room for its lanes.
#[inline(always)]
fn write_plain<S: Simd, C: Element, O: Element<Lane = C::Lane>>(
    simd: S,
    [p, q]: [&[u8]; 2],
    alignment: &Alignment,
    factor: f64,
    out: &mut [u8],
) {
    let mut room: Scratch = [0; BLOCK * 8];
    let lanes = room.chunks_exact_mut(Own::<C>::SIZE);
    let pairs = p.chunks_exact(C::SIZE).zip(q.chunks_exact(C::SIZE));
    for ((x, y), lane) in pairs.zip(lanes) {
        let (x, y) = (C::widen(x).to_f64(), C::widen(y).to_f64());
        let difference = factor * plain_difference(x, y, alignment);
        C::Lane::from_f64(difference).write(lane);
    }
    let lanes = room.chunks_exact(C::PAIR * Own::<C>::SIZE);
    for (lanes, out) in lanes.zip(out.chunks_mut(C::PAIR * O::SIZE)) {
        put::<S, Own<C>, O>(simd, Own::<C>::load_pair(simd, lanes), out);
    }
}
