//! How the logits of a row spread, each counting as one.

use std::marker::PhantomData;

use super::Spread;
use crate::element::{Element, Real, Vector};
use crate::row::blocks::{BLOCK, Block, Scratch};
use crate::simd::{Kernel, Lanes, Simd};

/// Reads a row whose items lie together and that has been read before.
pub(crate) struct ReadSpread<'a, E> {
    pub(crate) row: &'a [u8],
    /// The largest logit.
    pub(crate) max: f64,
    /// Bound of the relative error of sums in the lanes of the type.
    pub(crate) error: f64,
    pub(crate) element: PhantomData<E>,
}

impl<E: Element> Kernel for ReadSpread<'_, E> {
    type Output = Spread;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Spread {
        let splat = |x| Vector::<E, S>::splat(simd, E::Lane::from_f64(x));
        let (max, zero, nothing) = (splat(self.max), splat(0.0), splat(f64::NEG_INFINITY));
        let mut counter = <Vector<E, S> as Lanes>::counter(simd);
        let (mut first, mut second) = (0.0, 0.0);
        let mut scratch: Scratch = [0; BLOCK * 8];
        // Half blocks, as sums of weights are made.
        for bytes in self.row.chunks(BLOCK / 2 * E::SIZE) {
            let block = if bytes.len() == BLOCK / 2 * E::SIZE {
                Block { bytes, start: 0 }
            } else {
                scratch[..bytes.len()].copy_from_slice(bytes);
                Block::padded::<E>(&mut scratch, bytes.len() / E::SIZE, 0)
            };
            let (mut gaps, mut squares) = (zero, zero);
            for pair in block.bytes.chunks_exact(E::PAIR * E::SIZE) {
                for x in E::load_pair(simd, pair) {
                    let gap = max.sub(x).keep(nothing.not_ge(x));
                    gaps = gaps.add(gap);
                    squares = gap.mul_add(gap, squares);
                    counter = x.count_gt(nothing, counter);
                }
            }
            first += gaps.sum();
            second += squares.sum();
        }
        let count = <Vector<E, S> as Lanes>::counted(counter) as f64;
        let mean: f64 = first / count;
        let variance: f64 = second / count - mean * mean;
        // The difference of the squares loses what they have in common.
        let lost = 2.0 * second / count / variance * self.error;
        let error = if variance > 0.0 && variance.is_finite() { lost } else { f64::INFINITY };
        Spread { deviation: variance.max(0.0).sqrt(), error }
    }
}
