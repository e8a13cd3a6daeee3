//! Weights of the head and their running sums, kept while nothing changes them.

use std::ops::Range;

use crate::element::{Element, Float64};
use crate::math::exp2::Weigher;
use crate::simd::cells::bytes_of_mut;
use crate::simd::{Isa, Kernel, Lanes, Simd};

/// Terms of a partial sum of weights, counted from the first token that a step sees.
pub(crate) const SUMMED: usize = 1024;

/// Tokens from some place of the order on, at a temperature.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weighed {
    first: usize,
    temperature: f64,
    /// Distance from the first, in nats.
    pub(crate) gap: Vec<f64>,
    /// `e^-gap`
    pub(crate) weight: Vec<f64>,
    /// Sums up to and with each weight.
    pub(crate) sums: Vec<f64>,
}

impl Weighed {
    /// Forgets the row.
    pub(crate) fn clear(&mut self) {
        self.gap.clear();
    }

    /// The temperature, if the tokens from place `first` on have been looked at.
    pub(crate) fn temperature_of(&self, first: usize) -> Option<f64> {
        (self.first == first && !self.gap.is_empty()).then_some(self.temperature)
    }

    /// Brings it up to date for the tokens from `first` on of those of a head.
    pub(crate) fn look(&mut self, isa: Isa, logits: &[f64], first: usize, temperature: f64) {
        let logits = &logits[first..];
        let same = (self.first, self.temperature, self.gap.len());
        if same == (first, temperature, logits.len()) {
            return;
        }
        (self.first, self.temperature) = (first, temperature);
        self.gap.clear();
        self.gap.extend_from_slice(logits);
        isa.run(Weigh { gaps: &mut self.gap, weights: &mut self.weight, temperature });
        isa.run(RunningSums { terms: &self.weight, sums: &mut self.sums });
    }
}

/// Logits, the largest first, to their [gaps](gap) and `e^-gap`, in 64-bit lanes: exactly 1
/// for a gap of 0.
struct Weigh<'a> {
    /// Logits before.
    gaps: &'a mut Vec<f64>,
    weights: &'a mut Vec<f64>,
    temperature: f64,
}

impl Kernel for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { gaps, weights, temperature } = self;
        let weigher = Weigher::<S::F64>::new(simd, std::f64::consts::LOG2_E, 0.0).uniform();
        let is_tempered = temperature != 1.0;
        let splat = |x| S::F64::splat(simd, x);
        let (first, temperature, most) = (splat(gaps[0]), splat(temperature), splat(f64::MAX));
        let zero = splat(0.0);
        // Whole pairs of registers; what the last one has too much is cut off again.
        let count = gaps.len();
        let padded = count.next_multiple_of(Float64::PAIR);
        gaps.resize(padded, gaps[0]);
        weights.resize(padded, 0.0);
        let pair = Float64::PAIR * Float64::SIZE;
        let outs = bytes_of_mut(weights).chunks_exact_mut(pair);
        for (gaps, out) in bytes_of_mut(gaps).chunks_exact_mut(pair).zip(outs) {
            let mut own = simd.load_f64(gaps);
            let mut weights = own;
            for (own, weight) in own.iter_mut().zip(&mut weights) {
                let below = first.sub(*own);
                // A division takes longer than all the rest.
                let gap = if is_tempered { below.div(temperature) } else { below };
                *own = gap.min(most);
                let y = zero.sub(*own);
                let raised = weigher.raised(y);
                let factors = weigher.factors::<true, false, true>(raised, raised);
                *weight = weigher.weight(factors).keep(weigher.is_above_least(y));
            }
            simd.store_f64(own, gaps);
            simd.store_f64(weights, out);
        }
        gaps.truncate(count);
        weights.truncate(count);
    }
}

/// How far `x` is below `first`, in nats, as a finite number.
pub(crate) fn gap(first: f64, x: f64, temperature: f64) -> f64 {
    ((first - x) / temperature).min(f64::MAX)
}

/// Sums up to and with each term: within a block one after the other, and so are the
/// sums of the blocks, as the definition of a draw has them.
pub(crate) struct RunningSums<'a> {
    pub(crate) terms: &'a [f64],
    pub(crate) sums: &'a mut Vec<f64>,
}

impl Kernel for RunningSums<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { terms, sums } = self;
        sums.resize(terms.len(), 0.0);
        let many = terms.chunks(TOGETHER * SUMMED).zip(sums.chunks_mut(TOGETHER * SUMMED));
        let mut before = 0.0;
        for (terms, sums) in many {
            sums_of_blocks(terms, sums);
            for sums in sums.chunks_mut(SUMMED) {
                sums.iter_mut().for_each(|sum| *sum += before);
                before = sums.last().copied().unwrap_or(before);
            }
        }
    }
}

/// Blocks whose sums are made side by side: one after the other, each addition would wait for
/// the one before.
const TOGETHER: usize = 4;

/// Sums within each of up to so many blocks, the last of which may be shorter.
#[inline(always)]
fn sums_of_blocks(terms: &[f64], sums: &mut [f64]) {
    let blocks = terms.len().div_ceil(SUMMED);
    let last = terms.len() - (blocks - 1) * SUMMED;
    let mut running = [0.0; TOGETHER];
    match blocks {
        TOGETHER => {
            add_up::<TOGETHER>(terms, sums, 0..last, &mut running);
            add_up::<3>(terms, sums, last..SUMMED, &mut running);
        }
        3 => {
            add_up::<3>(terms, sums, 0..last, &mut running);
            add_up::<2>(terms, sums, last..SUMMED, &mut running);
        }
        2 => {
            add_up::<2>(terms, sums, 0..last, &mut running);
            add_up::<1>(terms, sums, last..SUMMED, &mut running);
        }
        _ => add_up::<1>(terms, sums, 0..last, &mut running),
    }
}

/// Adds up the terms at these `places` of each of the first `BLOCKS` blocks.
#[inline(always)]
fn add_up<const BLOCKS: usize>(
    terms: &[f64],
    sums: &mut [f64],
    places: Range<usize>,
    running: &mut [f64; TOGETHER],
) {
    for place in places {
        for (block, sum) in running[..BLOCKS].iter_mut().enumerate() {
            let at = block * SUMMED + place;
            *sum += terms[at];
            sums[at] = *sum;
        }
    }
}

/// The sum of weights, in an order that registers can follow: eight sums side by side.
pub(crate) fn sum(weights: &[f64]) -> f64 {
    let (eights, rest) = weights.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, weight) in sums.iter_mut().zip(eight) {
            *sum += weight;
        }
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}
