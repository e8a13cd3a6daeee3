//! The pass over a block of two rows at one temperature: what sets the probabilities
//! of a token apart follows from the difference of its logits.
//!
//! With `p` in weights and `r = (x - y) / T - shift`, `q - p = p (e^-r - 1)`: where
//! `|r|` is small that is a polynomial, and `q` needs no exponential of its own. The
//! others, rare where the models are those of one family, have theirs.
//!
//! The difference of two logits of like size is exact, and so is `r` then, relative to
//! itself. Others round by up to half a last place of the shift, which is nothing where
//! the shift is no larger than the log-ratios ([`Basis::is_exact_for`]); where it is, a
//! careful pass keeps what rounding takes, at eight operations for a register.

use super::{LOWEST, PairSums, Terms};
use crate::element::{Element, Real, Vector};
use crate::math::excess::{Excess, wide_excess};
use crate::math::exp2::{Exp2, Weigher};
use crate::math::jensen_shannon::{even, mixed};
use crate::row::blocks::BLOCK;
use crate::row::moments::nothing;
use crate::simd::{Lanes, Simd, ahead};

const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// What the weights and log-ratios of a pair are measured from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Basis {
    /// Of both rows; in the plain range.
    pub(crate) temperature: f64,
    /// Weights are `2^(x log2(e) / T - reference)`; a whole number.
    pub(crate) reference: f64,
    /// `r = (x - y) / T - shift`
    pub(crate) shift: f64,
    /// Whether to keep what rounding takes from the differences.
    pub(crate) careful: bool,
}

/// A shift above this one is worth a careful pass at once; below it few need one.
const LARGE_SHIFT: f64 = 0.5;

impl Basis {
    pub(crate) fn new(temperature: f64, reference: f64, shift: f64, careful: bool) -> Self {
        let careful = careful || shift.abs() > LARGE_SHIFT;
        Self { temperature, reference, shift, careful }
    }

    fn rate(&self) -> f64 {
        LOG2_E / self.temperature
    }

    /// Whole-number reference of the second row's weights.
    fn q_reference(&self) -> f64 {
        (self.reference - self.shift * LOG2_E).round()
    }

    /// Whether registers can hold it.
    pub(crate) fn is_plain<R: Exp2>(&self) -> bool {
        let within = |x: f64| x.abs() < 0.9 * R::LIMIT;
        within(self.reference) && within(self.q_reference())
    }

    /// Whether it takes the pass that is careful, with shift and references alike.
    pub(crate) fn takes_care<R: Exp2>(&self) -> bool {
        let is_near = |x: f64| x.abs() <= R::NEAR;
        self.careful || !is_near(self.reference) || !is_near(self.q_reference())
    }

    /// Whether rounding of the differences, which are about as large as the shift,
    /// changes no divergence by more than can be left in. KL and JS are of second order
    /// in `r`, so that an error of `r` counts by the root of what they are.
    pub(crate) fn is_exact_for<R: Real>(&self, sums: &PairSums, terms: Terms) -> bool {
        if self.careful {
            return true;
        }
        let rounding = R::EPSILON / 2.0 * self.shift.abs();
        let second_order =
            |kl: f64| rounding * (2.0 * kl * sums.mass).sqrt() <= R::TOLERANCE * kl;
        let first_order = rounding * sums.mass <= R::TOLERANCE * sums.distance;
        match terms {
            Terms::Distance => first_order,
            Terms::KullbackLeibler => second_order(sums.kl),
            Terms::JensenShannon => first_order && second_order(4.0 * sums.js),
            Terms::Renyi => false,
        }
    }
}

/// What is found in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockTerms {
    pub(crate) sums: PairSums,
    /// Largest logit of the first row, NaN aside.
    pub(crate) largest: f64,
    /// Largest `|r|`, NaN aside.
    pub(crate) reach: f64,
    /// Whether the second row has logits so low, beside others in the first, that
    /// their log-ratios have been cut off or are infinite: the sums are of no use.
    pub(crate) cut: bool,
}

/// Whether the second row excludes a token that the first allows.
#[inline(always)]
pub(crate) fn excludes<S: Simd, C: Element>(simd: S, p: &[u8], q: &[u8]) -> bool {
    let splat = |x| Vector::<C, S>::splat(simd, C::Lane::from_f64(x));
    let (lowest, nothing) = (splat(LOWEST), splat(f64::NEG_INFINITY));
    let mut found = false;
    let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
    for (p, q) in pairs {
        let (x, y) = (C::load_pair(simd, p), C::load_pair(simd, q));
        for i in 0..2 {
            found |= x[i].choose(y[i].not_ge(lowest), nothing).any_ge(lowest);
        }
    }
    found
}

/// A [`Basis`], spread over registers.
#[derive(Clone, Copy)]
pub(crate) struct DifferenceFrame<V: Lanes> {
    simd: V::Simd,
    p: Weigher<V>,
    q: Weigher<V>,
    /// `1 / T` and the shift, and what the lane type lacks of them.
    inverse: V,
    inverse_low: V,
    shift: V,
    shift_low: V,
    /// Logits of the second row below this one count as this one. Those of the first
    /// have such a floor too, and where both are below theirs `r` is next to 0.
    q_floor: V,
    /// What the weight of the second row is short of `q`, as a factor.
    factor: V,
    /// `e^x`
    exponential: Weigher<V>,
}

impl<V: Lanes<Scalar: Real>> DifferenceFrame<V> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, basis: &Basis) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let rate = basis.rate();
        let shift = V::Scalar::from_f64(basis.shift).to_f64();
        let inverse = V::Scalar::from_f64(1.0 / basis.temperature).to_f64();
        let q_reference = basis.q_reference();
        let exponent = basis.shift * LOG2_E - basis.reference + q_reference;
        let floor = (basis.reference + V::Scalar::LEAST) / rate;
        Self {
            simd,
            p: Weigher::new(simd, rate, basis.reference),
            q: Weigher::new(simd, rate, q_reference),
            inverse: splat(inverse),
            inverse_low: splat(1.0 / basis.temperature - inverse),
            shift: splat(shift),
            shift_low: splat(basis.shift - shift),
            q_floor: splat(floor - basis.shift * basis.temperature),
            factor: splat(exponent.exp2()),
            exponential: Weigher::new(simd, LOG2_E, 0.0),
        }
    }

    #[inline(always)]
    fn splat(&self, x: f64) -> V {
        V::splat(self.simd, V::Scalar::from_f64(x))
    }

    /// `r`; `x` has been raised.
    #[inline(always)]
    fn log_ratio<const CAREFUL: bool, const FIRST: bool>(&self, x: V, y: V) -> V {
        let y = self.q_floor.max(y);
        let apart = x.sub(y);
        let r = apart.fused_mul_sub(self.inverse, self.shift);
        if CAREFUL {
            // What the difference lost (Knuth's two-sum).
            let undone = apart.sub(x);
            let lost = x.sub(apart.sub(undone)).sub(y.add(undone));
            let low = apart.fused_mul_sub(self.inverse_low, self.shift_low);
            r.add(lost.mul_add(self.inverse, low))
        } else if FIRST {
            r
        } else {
            r.sub(self.shift_low)
        }
    }

    #[inline(always)]
    fn weigh<const CAREFUL: bool>(&self, weigher: &Weigher<V>, x: V) -> V {
        weigher.weight(if CAREFUL {
            weigher.factors::<true, false, false>(x, x)
        } else {
            weigher.factors::<true, false, true>(x, x)
        })
    }
}

/// Sums of a half of a block.
#[derive(Clone, Copy)]
struct TermSums<V> {
    mass: V,
    difference: V,
    distance: V,
    gaining: V,
    kl: V,
    js: V,
}

impl<V: Lanes<Scalar: Real>> TermSums<V> {
    #[inline(always)]
    fn zero(frame: &DifferenceFrame<V>) -> Self {
        let zero = frame.splat(0.0);
        Self {
            mass: zero,
            difference: zero,
            distance: zero,
            gaining: zero,
            kl: zero,
            js: zero,
        }
    }

    #[inline(always)]
    fn add(&mut self, half: Self) {
        self.mass = self.mass.add(half.mass);
        self.difference = self.difference.add(half.difference);
        self.distance = self.distance.add(half.distance);
        self.gaining = self.gaining.add(half.gaining);
        self.kl = self.kl.add(half.kl);
        self.js = self.js.add(half.js);
    }

    /// Adds tokens whose `|r|` is at most [`Excess::DOMAIN`]; `p` are their weights.
    ///
    /// [`Excess::DOMAIN`]: crate::math::excess::Excess::DOMAIN
    #[inline(always)]
    fn add_near<const TERMS: u8>(&mut self, frame: &DifferenceFrame<V>, p: V, r: V) {
        let square = r.mul(r);
        let g = square.mul(wide_excess(frame.simd, r, square));
        let u = g.sub(r);
        self.mass = self.mass.add(p);
        self.difference = p.mul_add(u, self.difference);
        if TERMS != 1 {
            self.distance = p.mul_add(u.abs(), self.distance);
            self.gaining = self.gaining.add(p.keep(r.not_ge(frame.splat(0.0))));
        }
        if TERMS >= 1 {
            self.kl = p.mul_add(g, self.kl);
        }
        if TERMS >= 2 {
            let mixture = u.mul_add(frame.splat(0.5), frame.splat(1.0));
            let own = square.mul(even(frame.simd, square));
            self.js = p.mul_add(mixture.mul(own), self.js);
        }
    }

    /// Adds the others: all but the lanes of `near`.
    #[inline(always)]
    fn add_far<const TERMS: u8, const CAREFUL: bool>(
        &mut self,
        frame: &DifferenceFrame<V>,
        [p, y, r]: [V; 3],
        near: V::Mask,
    ) {
        let zero = frame.splat(0.0);
        let q = frame.weigh::<CAREFUL>(&frame.q, frame.q.raised(y)).mul(frame.factor);
        let difference = q.sub(p);
        self.difference = self.difference.add(zero.choose(near, difference));
        if TERMS != 1 {
            self.distance = self.distance.add(zero.choose(near, difference.abs()));
            // As near ones they are to count as not gaining.
            self.gaining = self.gaining.add(zero.choose(near, p.keep(r.not_ge(zero))));
        }
        if TERMS >= 1 {
            self.kl = self.kl.add(zero.choose(near, p.mul_add(r, difference)));
        }
        if TERMS >= 2 {
            let size = r.abs();
            let least = p.choose(r.not_ge(zero), q);
            let exponent = frame.exponential.raised(zero.sub(size));
            let t = frame.weigh::<false>(&frame.exponential, exponent);
            let twice = q.max(p).mul(mixed(frame.simd, t)).sub(least.mul(size));
            self.js = self.js.add(zero.choose(near, twice.mul(frame.splat(0.5))));
        }
    }
}

/// The terms of a block; `p` and `q` hold the same number of whole registers.
///
/// * `TERMS`: a [`Terms`]: 0 for the distance, 1 for KL alone, 2 for both and JS
///   with equal weights.
/// * `CAREFUL`: [`Basis::takes_care`].
/// * `FIRST`: the rows come from memory, and the shift is a value of the lane type if
///   the pass is not careful; otherwise they come from the cache.
#[inline(always)]
pub(crate) fn difference_terms<
    S: Simd,
    C: Element,
    const TERMS: u8,
    const CAREFUL: bool,
    const FIRST: bool,
>(
    simd: S,
    p: &[u8],
    q: &[u8],
    frame: &DifferenceFrame<Vector<C, S>>,
) -> BlockTerms {
    let zero = frame.splat(0.0);
    let bound = frame.splat(C::Lane::DOMAIN);
    let mut largest = frame.splat(f64::NEG_INFINITY);
    let mut reach = zero;
    let mut least = zero;
    let mut cut = false;
    let mut terms = TermSums::zero(frame);
    // Two halves, so that no lane has more additions than it is to have.
    let half = BLOCK / 2 * C::SIZE;
    for (p, q) in p.chunks(half).zip(q.chunks(half)) {
        let mut half_terms = TermSums::zero(frame);
        let pairs = p.chunks_exact(C::PAIR * C::SIZE).zip(q.chunks_exact(C::PAIR * C::SIZE));
        for (p, q) in pairs {
            if FIRST {
                ahead::prefetch(simd, p);
                ahead::prefetch(simd, q);
            }
            let (x, y) = (C::load_pair(simd, p), C::load_pair(simd, q));
            largest = x[1].max(x[0].max(largest));
            least = y[1].min(y[0].min(least));
            let x = [frame.p.raised(x[0]), frame.p.raised(x[1])];
            let mut r = [
                frame.log_ratio::<CAREFUL, FIRST>(x[0], y[0]),
                frame.log_ratio::<CAREFUL, FIRST>(x[1], y[1]),
            ];
            let weights = [
                frame.weigh::<CAREFUL>(&frame.p, x[0]),
                frame.weigh::<CAREFUL>(&frame.p, x[1]),
            ];
            let size = r[1].abs().max(r[0].abs());
            reach = size.max(reach);
            if size.any_ge(bound) {
                for i in 0..2 {
                    let near = r[i].abs().not_ge(bound);
                    half_terms.add_far::<TERMS, CAREFUL>(
                        frame,
                        [weights[i], y[i], r[i]],
                        near,
                    );
                    r[i] = r[i].keep(near);
                    let below = frame.q_floor.sub(y[i]);
                    cut |= zero.choose(near, below).any_ge(frame.splat(1e-30));
                }
            }
            for i in 0..2 {
                half_terms.add_near::<TERMS>(frame, weights[i], r[i]);
            }
        }
        terms.add(half_terms);
    }
    // Rows that are masked alike are common; a token that but one allows is not.
    if TERMS >= 1 && frame.splat(LOWEST).sub(least).any_ge(zero) {
        cut |= excludes::<S, C>(simd, p, q);
    }
    // Tokens that both exclude have the least weight instead, and no term of theirs is
    // eight times as large.
    let nothing = 8.0 * nothing::<C::Lane>();
    BlockTerms {
        sums: PairSums {
            mass: terms.mass.sum(),
            difference: terms.difference.sum(),
            distance: above(terms.distance.sum(), nothing),
            gaining: terms.gaining.sum(),
            kl: above(terms.kl.sum(), nothing),
            js: above(terms.js.sum(), nothing),
            ..PairSums::default()
        },
        largest: largest.largest().to_f64(),
        reach: reach.largest().to_f64(),
        cut,
    }
}

/// `sum`, or 0 if it is no larger than `nothing`; NaN stays.
#[inline(always)]
fn above(sum: f64, nothing: f64) -> f64 {
    if sum <= nothing { 0.0 } else { sum }
}
