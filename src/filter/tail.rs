//! The weights of the tokens behind those of a head, added up.

use crate::element::{Element, Real, Vector};
use crate::math::exp2::Weigher;
use crate::row::blocks::{BLOCK, Block, Scratch};
use crate::row::mode::BELOW;
use crate::row::moments::{Frame, Room, moments};
use crate::row::scaling::{Scaling, Shifter};
use crate::simd::{Kernel, Lanes, Simd};

/// Adds up a row whose items lie together, from the cache.
pub(crate) struct SumTail<'a, E: Element> {
    pub(crate) row: &'a [u8],
    pub(crate) temperature: f64,
    /// The largest logit.
    pub(crate) max: f64,
    /// What is not below this one is left out.
    pub(crate) bound: E::Lane,
}

impl<E: Element> Kernel for SumTail<'_, E> {
    /// Relative to the weight of the largest; `None` where registers cannot hold weights.
    type Output = Option<f64>;

    /// As exact, relative to itself, as the sum of all weights.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<f64> {
        let Self { row, temperature, max, bound } = self;
        let scaling = Scaling::new::<E::Lane>(temperature);
        if !scaling.is_plain_for::<E::Lane>(max) {
            return None;
        }
        let exponent = max * scaling.rate;
        let reference = exponent.ceil();
        let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
        let frame = Frame {
            weigher: Weigher::new(simd, scaling.rate, reference),
            centre: zero,
            max: Vector::<E, S>::splat(simd, bound),
            max_weight: zero,
            threshold: zero,
            threshold_weight: zero,
            shifter: Shifter::new(simd, scaling.shift),
        };
        let mut room = Room::new(zero);
        let mut sum = 0.0;
        let mut scratch: Scratch = [0; BLOCK * 8];
        for bytes in row.chunks(BLOCK * E::SIZE) {
            let block = if bytes.len() == BLOCK * E::SIZE {
                Block { bytes, start: 0 }
            } else {
                scratch[..bytes.len()].copy_from_slice(bytes);
                Block::padded::<E>(&mut scratch, bytes.len() / E::SIZE, 0)
            };
            sum += moments::<S, E, 0, false, BELOW>(simd, block, &frame, &mut room).weight;
        }
        Some(sum * (reference - exponent).exp2())
    }
}
