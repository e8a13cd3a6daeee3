//! The sums of the weights of a row's blocks, about a reference that rises where a block's
//! largest logit lies far above it.

use std::marker::PhantomData;

use crate::element::{Element, Real, Vector};
use crate::math::exp2::Weigher;
use crate::row::blocks::{BLOCK, Block, Scratch};
use crate::row::mode::Outlook;
use crate::row::moments::{Frame, Room, bound};
use crate::row::scaling::{Scaling, Shifter};
use crate::row::scan::{has_nan, largest};
use crate::simd::{Kernel, Lanes, Simd};

/// How far exponents may lie above the reference.
const HEADROOM: f64 = 24.0;
/// Sums of weights from this one on may be of logits that lie higher.
const LARGE: f64 = 16_777_216.0;

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
    /// Largest logit of the blocks that raised the reference, NaN if there is one: finite
    /// if the row's largest is.
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
            max_weight: bound(simd, f64::INFINITY),
            threshold: zero,
            threshold_weight: bound(simd, f64::INFINITY),
            shifter: Shifter::new(simd, scaling.shift),
        };
        sums.blocks.clear();
        sums.max = f64::NEG_INFINITY;
        sums.plain = scaling.plain;
        let mut nan = false;
        let (mut reference, mut top) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let mut scratch: Scratch = [0; BLOCK * 8];
        let mut room = Room::new(zero);
        let mut outlook = Outlook::default();
        for bytes in row.chunks(BLOCK * E::SIZE) {
            let block = if bytes.len() == BLOCK * E::SIZE {
                Block { bytes, start: 0 }
            } else {
                scratch[..bytes.len()].copy_from_slice(bytes);
                Block::padded::<E>(&mut scratch, bytes.len() / E::SIZE, 0)
            };
            // About the reference so far, which holds for nearly all blocks.
            let mut found = None;
            if reference.is_finite() {
                let sums = outlook.sums::<S, E, 0, false>(simd, block, &frame, &mut room);
                let low = !sums.reaches || largest::<S, E, false>(simd, block).to_f64() < top;
                found = (low && sums.weight < LARGE).then_some(sums.weight);
            }
            if let Some(sum) = found {
                sums.blocks.push(BlockSum { sum, reference });
                continue;
            }
            nan |= has_nan::<S, E>(simd, block);
            let max = largest::<S, E, false>(simd, block).to_f64();
            sums.max = sums.max.max(max);
            if !max.is_finite() || !scaling.is_plain_for::<E::Lane>(max) {
                sums.plain &= max == f64::NEG_INFINITY;
                sums.blocks.push(BlockSum { sum: 0.0, reference: f64::NEG_INFINITY });
                continue;
            }
            // A reference below the largest would be a smaller one for what has been read.
            reference = reference.max((max * scaling.rate).round());
            top = (reference + HEADROOM) / scaling.rate;
            frame.weigher = Weigher::new(simd, scaling.rate, reference);
            frame.max = Vector::<E, S>::splat(simd, E::Lane::from_f64(top));
            let sum = outlook.sums::<S, E, 0, false>(simd, block, &frame, &mut room).weight;
            sums.blocks.push(BlockSum { sum, reference });
        }
        if nan {
            sums.max = f64::NAN;
        }
    }
}
