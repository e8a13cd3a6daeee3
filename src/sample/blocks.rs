//! The sums of the weights of a row's blocks, each about a reference of its own: no block
//! has a say in another's bits.

use std::marker::PhantomData;

use crate::element::{Element, Real, Vector};
use crate::math::exp2::{Exp2, Weigher};
use crate::row::blocks::{BLOCK, Block, Scratch};
use crate::row::moments::{Frame, moments};
use crate::row::scaling::{Scaling, Shifter};
use crate::simd::{Kernel, Lanes, Simd, ahead};

/// The weights of a block, `2^(x log2(e) / T - reference)`, added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct BlockSum {
    pub(crate) sum: f64,
    /// A whole number; -inf for a block without weight.
    pub(crate) reference: f64,
}

/// What a reading tells of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSums {
    pub(crate) blocks: Vec<BlockSum>,
    /// Largest logit, NaN if there is one.
    pub(crate) max: f64,
    /// Whether registers can hold the weights.
    pub(crate) plain: bool,
}

/// Reads a row whose items lie together.
pub(crate) struct SumBlocks<'a, E> {
    pub(crate) row: &'a [u8],
    pub(crate) temperature: f64,
    pub(crate) sums: &'a mut RowSums,
    pub(crate) element: PhantomData<E>,
}

impl<E: Element> Kernel for SumBlocks<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { row, temperature, sums, .. } = self;
        let scaling = Scaling::new::<E::Lane>(temperature);
        let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
        let mut frame = Frame {
            weigher: Weigher::new(simd, scaling.rate, 0.0),
            centre: zero,
            max: zero,
            max_weight: f64::INFINITY,
            threshold: zero,
            threshold_weight: f64::INFINITY,
            shifter: Shifter::new(simd, scaling.shift),
        };
        sums.blocks.clear();
        sums.max = f64::NEG_INFINITY;
        sums.plain = scaling.plain;
        let mut nan = false;
        let mut scratch: Scratch = [0; BLOCK * 8];
        for bytes in row.chunks(BLOCK * E::SIZE) {
            let block = if bytes.len() == BLOCK * E::SIZE {
                Block { bytes, start: 0 }
            } else {
                scratch[..bytes.len()].copy_from_slice(bytes);
                Block::padded::<E>(&mut scratch, bytes.len() / E::SIZE, 0)
            };
            let (max, has_nan) = largest::<S, E>(simd, block.bytes);
            nan |= has_nan;
            sums.max = sums.max.max(max);
            if !max.is_finite() || !scaling.is_plain_for::<E::Lane>(max) {
                sums.plain &= max == f64::NEG_INFINITY;
                sums.blocks.push(BlockSum { sum: 0.0, reference: f64::NEG_INFINITY });
                continue;
            }
            let reference = (max * scaling.rate).round();
            frame.weigher = Weigher::new(simd, scaling.rate, reference);
            let found = if reference.abs() <= <E::Lane as Exp2>::NEAR {
                moments::<S, E, 0, false, false, false, true>(simd, block, &frame)
            } else {
                moments::<S, E, 0, false, false, false, false>(simd, block, &frame)
            };
            sums.blocks.push(BlockSum { sum: found.weight, reference });
        }
        if nan {
            sums.max = f64::NAN;
        }
    }
}

/// The largest logit of a block, and whether it has a NaN.
#[inline(always)]
fn largest<S: Simd, E: Element>(simd: S, bytes: &[u8]) -> (f64, bool) {
    let mut max = [Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY); 2];
    let mut sum = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
    for pair in bytes.chunks_exact(E::PAIR * E::SIZE) {
        ahead::prefetch(simd, pair);
        let [x0, x1] = E::load_pair(simd, pair);
        max = [x0.max(max[0]), x1.max(max[1])];
        sum = sum.add(x0.add(x1));
    }
    let largest = max[0].max(max[1]).largest().to_f64();
    // Infinities of both signs have a sum that is none, too.
    let nan =
        sum.any_nan() && bytes.chunks_exact(E::SIZE).any(|x| E::widen(x).to_f64().is_nan());
    (largest, nan)
}
