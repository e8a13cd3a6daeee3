//! Binary cross-entropy: losses of logits that are each on their own, a yes or a no.
//!
//! # Method
//! ```text
//! w (a y ln(1 + e^-x) + (1 - y) ln(1 + e^x))
//! ln(1 + e^x) = max(x, 0) + ln(1 + u),  u = e^-|x|
//! ln(1 + u)   = 2 atanh(s),             s = u / (2 + u)
//! ```
//!
//! All terms have one sign. What the two logarithms are multiplied with is computed in `f64`
//! and rounded to the lanes' type: targets and weights may be of any type, and `1 - y` keeps
//! the digits that `y` has.
//!
//! # Error
//! At most 5e-7 for lanes of 32 bits and 2e-14 for those of 64 bits, relative; `u` below 2^-123
//! (2^-1021) is 0.
#![forbid(unsafe_code)]

use std::f64::consts::LOG2_E;
use std::marker::PhantomData;

use crate::element::{Element, Real, Vector};
use crate::math::excess::atanh_excess;
use crate::math::exp2::Weigher;
use crate::simd::strided::StridedRows;
use crate::simd::{Kernel, Lanes, Simd};
use crate::weights::Source;

/// What losses are made of: arrays of the same shape.
pub struct BinaryCrossEntropy<'a> {
    /// `x`
    pub logits: StridedRows<'a>,
    /// `y`, probabilities.
    pub targets: Source<'a>,
    /// `w`; 1 without.
    pub weight: Option<Source<'a>>,
    /// `a`; 1 without.
    pub pos_weight: Option<Source<'a>>,
}

impl<'a> BinaryCrossEntropy<'a> {
    /// What stands beside the logits.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Source<'a>> {
        [&self.targets].into_iter().chain(&self.weight).chain(&self.pos_weight)
    }
}

/// What the logarithms of a block are multiplied with: `w a y` and `w (1 - y)`. A side that
/// the target gives no share has 0, whatever the weights.
pub(crate) struct Shares<'a, L> {
    /// Blocks of `f64`.
    pub(crate) targets: &'a [u8],
    pub(crate) weight: Option<&'a [u8]>,
    pub(crate) pos_weight: Option<&'a [u8]>,
    /// For as many as there are logits, then zeros.
    pub(crate) yes: &'a mut [u8],
    pub(crate) no: &'a mut [u8],
    pub(crate) lane: PhantomData<L>,
}

impl<L: Real> Kernel for Shares<'_, L> {
    /// Whether all targets are probabilities.
    type Output = bool;

    /// A loop that the compiler vectorises for the set.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> bool {
        let size = L::Own::SIZE;
        let number = |block: &[[u8; 8]], i: usize| f64::from_ne_bytes(block[i]);
        let targets = self.targets.as_chunks().0;
        let weight = self.weight.map(|block| block.as_chunks().0);
        let pos_weight = self.pos_weight.map(|block| block.as_chunks().0);
        let mut all_known = true;
        let shares = self.yes.chunks_exact_mut(size).zip(self.no.chunks_exact_mut(size));
        for (i, (yes, no)) in shares.enumerate() {
            let y = number(targets, i);
            all_known &= (0.0..=1.0).contains(&y);
            let w = weight.map_or(1.0, |block| number(block, i));
            let a = pos_weight.map_or(1.0, |block| number(block, i));
            L::from_f64(if y > 0.0 { w * (a * y) } else { 0.0 }).write(yes);
            L::from_f64(if y < 1.0 { w * (1.0 - y) } else { 0.0 }).write(no);
        }
        all_known
    }
}

/// Losses of a block: all of its arrays are whole pairs of registers, as many.
pub(crate) struct Losses<'a, E> {
    pub(crate) logits: &'a [u8],
    pub(crate) yes: &'a [u8],
    pub(crate) no: &'a [u8],
    pub(crate) losses: &'a mut [u8],
    pub(crate) element: PhantomData<E>,
}

impl<E: Element> Kernel for Losses<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let weigher = Weigher::<Vector<E, S>>::new(simd, LOG2_E, 0.0);
        let splat = |x| Vector::<E, S>::splat(simd, E::Lane::from_f64(x));
        let (zero, two, nan) = (splat(0.0), splat(2.0), splat(f64::NAN));
        let pair = E::PAIR * <E::Lane as Real>::Own::SIZE;
        let shares = self.yes.chunks_exact(pair).zip(self.no.chunks_exact(pair));
        let logits = self.logits.chunks_exact(E::PAIR * E::SIZE);
        for ((x, (yes, no)), out) in logits.zip(shares).zip(self.losses.chunks_exact_mut(pair))
        {
            let x = E::in_order(simd, E::load_pair(simd, x));
            let yes = <E::Lane as Real>::Own::load_pair(simd, yes);
            let no = <E::Lane as Real>::Own::load_pair(simd, no);
            let mut losses = [zero; 2];
            for i in 0..2 {
                let (x, yes, no) = (x[i], yes[i], no[i]);
                let distance = weigher.raised(zero.sub(x.abs()));
                let factors = weigher.factors::<true, false, false>(distance, zero);
                let u = weigher.weight(factors).keep(weigher.is_above_least(distance));
                let s = u.div(two.add(u));
                let square = s.mul(s);
                let half = s.mul(square).mul_add(atanh_excess(simd, square), s);
                let both = half.add(half);
                // Without a share even an infinite logarithm counts for nothing.
                let yes =
                    yes.mul(zero.sub(x).max(zero).add(both)).keep(zero.not_ge(yes.abs()));
                let no = no.mul(x.max(zero).add(both)).keep(zero.not_ge(no.abs()));
                losses[i] = nan.choose(x.not_ge(x), yes.add(no));
            }
            <E::Lane as Real>::Own::store_pair(simd, losses, out);
        }
    }
}

/// The sum of losses.
pub(crate) struct Total<'a, L> {
    pub(crate) losses: &'a [u8],
    pub(crate) lane: PhantomData<L>,
}

impl<L: Real> Kernel for Total<'_, L> {
    type Output = f64;

    /// Sixteen sums in `f64`, a loop that the compiler vectorises for the set.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let size = L::Own::SIZE;
        let mut sums = [0.0; 16];
        for few in self.losses.chunks(16 * size) {
            for (sum, loss) in sums.iter_mut().zip(few.chunks_exact(size)) {
                *sum += L::Own::widen(loss).to_f64();
            }
        }
        sums.iter().sum()
    }
}
