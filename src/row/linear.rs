//! Weights that do not depend on the logits: smoothing, class weights, soft targets.

use super::blocks::BLOCK;
use super::dense::Source;
use crate::element::{Element, Float64, ForElement, Real, Vector, for_element};
use crate::error::Error;
use crate::simd::cells::bytes_of_mut;
use crate::simd::strided::StridedRows;
use crate::simd::{Kernel, Lanes, Simd};

/// The weight of class `c` in a row: `class[c] (soft[row][c] scale + uniform)`.
pub struct Linear<'a> {
    /// A distribution for each row and the name of its elements; 0 without.
    pub soft: Option<(StridedRows<'a>, String)>,
    /// One for each class; 1 without.
    pub class: Option<&'a [f64]>,
    /// Factor of the soft targets.
    pub scale: f64,
    /// Added to each.
    pub uniform: f64,
}

/// Sums of a row's linear weights.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinearSums {
    /// Sum of the weights.
    pub weight: f64,
    /// Sum of weight times distance from the maximum, in nats. A weight of 0 counts
    /// for nothing, whatever the distance.
    pub gap: f64,
}

impl Linear<'_> {
    /// Checks that all are for `rows` rows of `vocab` logits.
    pub fn check(&self, rows: usize, vocab: usize) -> Result<(), Error> {
        let mismatch = |name, given, expected| {
            if given == expected {
                Ok(())
            } else {
                Err(Error::LengthMismatch { name, given, expected })
            }
        };
        if let Some((soft, _)) = &self.soft {
            mismatch("targets", soft.rows() * soft.vocab(), rows * vocab)?;
        }
        self.class.map_or(Ok(()), |class| mismatch("weight", class.len(), vocab))
    }

    /// The weights of the logits from `at` on, as many as `out` takes.
    #[inline(always)]
    fn weights(&self, row: usize, at: usize, out: &mut [f64]) {
        match &self.soft {
            None => out.fill(self.uniform),
            Some((rows, element)) => {
                let soft = Soft { rows, row, at, out: &mut *out };
                // The bindings let only known names through.
                let known = for_element(element, soft);
                debug_assert_eq!(known, Ok(()), "a known element type");
                // In two roundings: one would be a call where the set has no such operation.
                for w in &mut *out {
                    *w = *w * self.scale + self.uniform;
                }
            }
        }
        if let Some(class) = self.class {
            for (w, class) in out.iter_mut().zip(&class[at..]) {
                *w *= class;
            }
        }
    }

    /// The weight of one class.
    pub(crate) fn weight(&self, row: usize, index: usize) -> f64 {
        let mut one = [0.0];
        self.weights(row, index, &mut one);
        one[0]
    }

    /// The weights of a block, as lanes in the order in which `E` loads the logits;
    /// 0 for the padding. Lanes of 64 bits are made where they stay: to copy as much took
    /// longer than all else.
    #[inline(always)]
    pub(crate) fn lanes<'r, E: Element>(
        &self,
        row: usize,
        at: usize,
        len: usize,
        room: &'r mut [f64; BLOCK],
    ) -> &'r [u8] {
        let size = <E::Lane as Real>::Own::SIZE;
        if E::NAME == Float64::NAME {
            self.weights(row, at, &mut room[..len]);
            room[len..].fill(0.0);
            return bytes_of_mut(room);
        }
        let mut weights = [0.0; BLOCK];
        self.weights(row, at, &mut weights[..len]);
        let out = &mut bytes_of_mut(room)[..BLOCK * size];
        if E::INTERLEAVED {
            // Even ones, then odd ones, of as many as two registers hold.
            for own in weights.as_chunks_mut::<32>().0 {
                let in_order = *own;
                for i in 0..16 {
                    own[i] = in_order[2 * i];
                    own[16 + i] = in_order[2 * i + 1];
                }
            }
        }
        for (lane, &weight) in out.chunks_exact_mut(size).zip(&weights) {
            E::Lane::from_f64(weight).write(lane);
        }
        out
    }
}

/// Sums the linear weights of a row.
pub(crate) struct SumLinear<'a, E: Element> {
    pub(crate) linear: &'a Linear<'a>,
    pub(crate) row: usize,
    pub(crate) source: Source<'a>,
    /// Where the results go.
    pub(crate) out: &'a [u8],
    pub(crate) vocab: usize,
    pub(crate) max: E::Lane,
    pub(crate) temperature: f64,
}

impl<E: Element> Kernel for SumLinear<'_, E> {
    type Output = LinearSums;

    /// Terms of one sign, 32 to a lane before they go to `f64`: the error is relative,
    /// below 3e-6 at worst and typically 1e-8 for 32-bit lanes.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> LinearSums {
        let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
        let max = Vector::<E, S>::splat(simd, self.max);
        let size = <E::Lane as Real>::Own::SIZE;
        let (mut scratch, mut room) = ([0; BLOCK * 8], [0.0; BLOCK]);
        let mut sums = LinearSums::default();
        for at in (0..self.vocab).step_by(BLOCK) {
            let len = BLOCK.min(self.vocab - at);
            let block = self.source.block::<E>(self.out, at, len, &mut scratch);
            let lanes = self.linear.lanes::<E>(self.row, at, len, &mut room);
            let (mut weight, mut gap) = ([zero; 2], [zero; 2]);
            let pairs = block.bytes.chunks_exact(E::PAIR * E::SIZE);
            for (bytes, lanes) in pairs.zip(lanes.chunks_exact(E::PAIR * size)) {
                let x = E::load_pair(simd, bytes);
                let u = <E::Lane as Real>::Own::load_pair(simd, lanes);
                for i in 0..2 {
                    let own = u[i].mul(max.sub(x[i])).keep(zero.not_ge(u[i]));
                    weight[i] = weight[i].add(u[i]);
                    gap[i] = gap[i].add(own);
                }
            }
            sums.weight += weight[0].sum() + weight[1].sum();
            sums.gap += gap[0].sum() + gap[1].sum();
        }
        LinearSums { gap: sums.gap / self.temperature, ..sums }
    }
}

/// Soft targets of a block, widened.
struct Soft<'a> {
    rows: &'a StridedRows<'a>,
    row: usize,
    at: usize,
    out: &'a mut [f64],
}

impl ForElement for Soft<'_> {
    type Output = ();

    #[inline(always)]
    fn run<E: Element>(self) {
        let mut scratch = [0; BLOCK * 8];
        let source = Source::Row(self.rows, self.row);
        let block = source.block::<E>(&[], self.at, self.out.len(), &mut scratch);
        for (out, bytes) in self.out.iter_mut().zip(block.bytes.chunks_exact(E::SIZE)) {
            *out = E::widen(bytes).to_f64();
        }
    }
}
