//! `q - p` of every token of two rows that have been read: the gradient of KL(p||q) and
//! of the cross-entropy with respect to the second row's scaled logits.
//!
//! It is `p (e^-r - 1)` where the probabilities are of like size, so that the gradient of
//! nearly equal models has correct digits too. The difference of two softmaxes has none
//! there.

use std::marker::PhantomData;

use super::alignment::Alignment;
use super::plain::plain_difference;
use super::read::{Common, PairSide};
use super::terms::PairFrame;
use crate::element::{Element, Real, Vector};
use crate::row::blocks::{BLOCK, Scratch};
use crate::row::put::{Own, put};
use crate::simd::{Kernel, Lanes, Simd};

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
    pub(crate) elements: PhantomData<(C, O)>,
}

impl<C: Element, O: Element<Lane = C::Lane>> Kernel for WriteDifferences<'_, C, O> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let splat = |x| Vector::<C, S>::splat(simd, C::Lane::from_f64(x));
        let Some(alignment) = self.alignment else {
            let none = [splat(f64::NAN); 2];
            for out in self.out.chunks_mut(C::PAIR * O::SIZE) {
                put::<S, C, O>(simd, none, out);
            }
            return;
        };
        // Both probabilities are times this.
        let factor = self.factor * (-alignment.log_scale).exp();
        if alignment.plain {
            let frame = PairFrame::<Vector<C, S>>::new(simd, &alignment, 0.5);
            let factor = splat(factor);
            self.blocks(|p, q, out| {
                let pairs = p.chunks_exact(C::PAIR * C::SIZE);
                let pairs = pairs.zip(q.chunks_exact(C::PAIR * C::SIZE));
                for ((p, q), out) in pairs.zip(out.chunks_mut(C::PAIR * O::SIZE)) {
                    let (p, q) = (C::load_pair(simd, p), C::load_pair(simd, q));
                    let d = [0, 1].map(|i| frame.difference(p[i], q[i]).mul(factor));
                    put::<S, C, O>(simd, d, out);
                }
            });
        } else {
            let mut values: Scratch = [0; BLOCK * 8];
            self.blocks(|p, q, out| {
                let lanes = values.chunks_exact_mut(Own::<C>::SIZE);
                let pairs = p.chunks_exact(C::SIZE).zip(q.chunks_exact(C::SIZE));
                for ((x, y), lane) in pairs.zip(lanes) {
                    let (x, y) = (C::widen(x).to_f64(), C::widen(y).to_f64());
                    let d = factor * plain_difference(x, y, &alignment);
                    C::Lane::from_f64(d).write(lane);
                }
                let pairs = values.chunks_exact(C::PAIR * Own::<C>::SIZE);
                for (values, out) in pairs.zip(out.chunks_mut(C::PAIR * O::SIZE)) {
                    let d = Own::<C>::load_pair(simd, values);
                    put::<S, Own<C>, O>(simd, d, out);
                }
            });
        }
    }
}

impl<C: Element, O: Element<Lane = C::Lane>> WriteDifferences<'_, C, O> {
    /// Calls `write` with the blocks of both rows and the place of their results.
    #[inline(always)]
    fn blocks(&mut self, mut write: impl FnMut(&[u8], &[u8], &mut [u8])) {
        let Self { p, q, out, .. } = self;
        let vocab = out.len() / O::SIZE;
        for at in (0..vocab).step_by(BLOCK) {
            let len = BLOCK.min(vocab - at);
            p.gather(at, len);
            let p = p.block::<C>(0, at, len);
            let q = match q {
                Second::Row(side) => {
                    side.gather(at, len);
                    side.block::<C>(0, at, len)
                }
                Second::InPlace(common, size) => {
                    common.copied::<C>(&out[at * *size..(at + len) * *size], at, len)
                }
            };
            write(p, q, &mut out[at * O::SIZE..(at + len) * O::SIZE]);
        }
    }
}
