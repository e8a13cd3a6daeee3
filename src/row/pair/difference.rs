//! The pass over a block of two rows at one temperature: what sets the probabilities
//! of a token apart follows from the difference of its logits.
//!
//! With `p` in weights and `r = (x - y) / T - shift`, `q - p = p (e^-r - 1)`: where
//! `|r|` is small that is a polynomial, and `q` needs no exponential of its own. The
//! others, rare where the models are those of one family, have theirs. Whatever is not
//! needed where all tokens of two registers are [narrow](NARROW), which is nearly
//! everywhere then, is left to the registers where they are not.
//!
//! The difference of two logits of like size is exact, and so is `r` then, relative to
//! itself. Others round by up to half a last place of the shift, which is nothing where
//! the shift is no larger than the log-ratios ([`Basis::is_exact_for`]); where it is, a
//! careful pass keeps what rounding takes, at eight operations for a register.

use std::num::NonZeroUsize;

use super::basis::{Basis, headroom};
use super::{LOWEST, PairSums};
use crate::element::{Element, Real, Vector};
use crate::math::excess::{Excess, NARROW, narrow_excess, wide_excess};
use crate::math::exp2::{Exp2, Weigher};
use crate::math::jensen_shannon::{even, mixed, narrow_even};
use crate::row::blocks::{BLOCK, Block};
use crate::row::moments;
use crate::simd::{Lanes, Simd, ahead};

const LOG2_E: f64 = std::f64::consts::LOG2_E;

/// [`Terms::Distance`](super::Terms::Distance) as a parameter of passes.
pub(super) const DISTANCE: u8 = 0;
/// [`Terms::KullbackLeibler`](super::Terms::KullbackLeibler).
pub(super) const KL_ALONE: u8 = 1;
/// [`Terms::JensenShannon`](super::Terms::JensenShannon).
pub(super) const WITH_JS: u8 = 2;

/// What is found in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockTerms {
    pub(crate) sums: PairSums,
    /// Largest logit of the first row, NaN aside, if its weight may be too large; found
    /// in a first reading alone.
    pub(crate) largest: Option<f64>,
    /// No `|r|` is larger, NaN aside.
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

    /// `r`; `x` has been raised, and `y` too if `CAREFUL`.
    #[inline(always)]
    fn log_ratio<const CAREFUL: bool, const FIRST: bool>(&self, x: V, y: V) -> V {
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

/// Sums over some tokens.
#[derive(Clone, Copy)]
struct TermSums<V> {
    mass: V,
    difference: V,
    distance: V,
    gaining: V,
    kl: V,
    js: V,
    /// `p r` and the terms of KL of narrow tokens, where there is no more to be known of
    /// them: their difference tells that of `p` and `q`.
    narrow_ratio: V,
    narrow_kl: V,
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
            narrow_ratio: zero,
            narrow_kl: zero,
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
        self.narrow_ratio = self.narrow_ratio.add(half.narrow_ratio);
        self.narrow_kl = self.narrow_kl.add(half.narrow_kl);
    }

    /// Adds tokens with weights `p` whose `|r|` is at most [`NARROW`] if `IS_NARROW`, or
    /// else [`Excess::DOMAIN`]; `square` is `r^2`.
    #[inline(always)]
    fn add_near<const TERMS: u8, const IS_NARROW: bool>(
        &mut self,
        frame: &DifferenceFrame<V>,
        [p, r, square]: [V; 3],
    ) {
        let simd = frame.simd;
        let excess = if IS_NARROW {
            narrow_excess(simd, r, square)
        } else {
            wide_excess(simd, r, square)
        };
        let g = square.mul(excess);
        self.mass = self.mass.add(p);
        if TERMS == KL_ALONE && IS_NARROW {
            // An operation less than with `u`. Others would lose digits of `q`.
            self.narrow_ratio = p.mul_add(r, self.narrow_ratio);
            self.narrow_kl = p.mul_add(g, self.narrow_kl);
            return;
        }
        let u = g.sub(r);
        self.difference = p.mul_add(u, self.difference);
        if TERMS != KL_ALONE {
            self.distance = p.mul_add(u.abs(), self.distance);
            let is_gaining = r.not_ge(frame.splat(0.0));
            self.gaining = self.gaining.add(p).choose(is_gaining, self.gaining);
        }
        if TERMS != DISTANCE {
            self.kl = p.mul_add(g, self.kl);
        }
        if TERMS == WITH_JS {
            let mixture = u.mul_add(frame.splat(0.5), frame.splat(1.0));
            let even = if IS_NARROW { narrow_even(simd, square) } else { even(simd, square) };
            self.js = p.mul_add(mixture.mul(square.mul(even)), self.js);
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
        if TERMS != KL_ALONE {
            self.distance = self.distance.add(zero.choose(near, difference.abs()));
            // As near ones they are to count as not gaining.
            self.gaining = self.gaining.add(zero.choose(near, p.keep(r.not_ge(zero))));
        }
        if TERMS != DISTANCE {
            self.kl = self.kl.add(zero.choose(near, p.mul_add(r, difference)));
        }
        if TERMS == WITH_JS {
            let size = r.abs();
            let least = p.choose(r.not_ge(zero), q);
            let exponent = frame.exponential.raised(zero.sub(size));
            let t = frame.weigh::<false>(&frame.exponential, exponent);
            let twice = q.max(p).mul(mixed(frame.simd, t)).sub(least.mul(size));
            self.js = self.js.add(zero.choose(near, twice.mul(frame.splat(0.5))));
        }
    }
}

/// The lowest and the highest of some numbers.
#[derive(Clone, Copy)]
struct Extremes<V> {
    /// Of the logits of the second row, those that are not narrow at least.
    least: V,
    /// Of `|r|`, but of those that are narrow.
    reach: V,
    /// Whether some `r` are cut off.
    cut: bool,
}

/// Adds the tokens of a register that are not all narrow. The logits of the first row
/// have been raised.
#[inline(always)]
fn add_wide<
    V: Lanes<Scalar: Real>,
    const TERMS: u8,
    const CAREFUL: bool,
    const FIRST: bool,
>(
    frame: &DifferenceFrame<V>,
    [p, x, y]: [V; 3],
    sums: &mut TermSums<V>,
    extremes: &mut Extremes<V>,
) {
    let zero = frame.splat(0.0);
    let bound = frame.splat(V::Scalar::DOMAIN);
    extremes.least = y.min(extremes.least);
    let mut r = frame.log_ratio::<CAREFUL, FIRST>(x, frame.q_floor.max(y));
    let size = r.abs();
    extremes.reach = size.max(extremes.reach);
    if size.any_ge(bound) {
        let near = size.not_ge(bound);
        sums.add_far::<TERMS, CAREFUL>(frame, [p, y, r], near);
        r = r.keep(near);
        let below = frame.q_floor.sub(y);
        extremes.cut |= zero.choose(near, below).any_ge(frame.splat(1e-30));
    }
    sums.add_near::<TERMS, false>(frame, [p, r, r.mul(r)]);
}

/// The terms of a block; `p` and `q` hold the same number of whole registers.
///
/// * `TERMS`: [`DISTANCE`], [`KL_ALONE`], or [`WITH_JS`] for both and JS with equal
///   weights.
/// * `CAREFUL`: [`Basis::takes_care`].
/// * `FIRST`: the rows come from memory, and the shift is a value of the lane type if
///   the pass is not careful; otherwise they come from the cache, and `next` tells how
///   far behind them those of the next pair stand.
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
    next: [Option<NonZeroUsize>; 2],
) -> BlockTerms {
    // Too large a weight is +inf, and the sum tells of it.
    let watches = FIRST && (CAREFUL || !<Vector<C, S> as Lanes>::SATURATES);
    let zero = frame.splat(0.0);
    let bound = frame.splat(NARROW * NARROW);
    let mut largest = frame.splat(f64::NEG_INFINITY);
    let mut extremes = Extremes { least: zero, reach: frame.splat(NARROW), cut: false };
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
            } else {
                ahead::prefetch_next(simd, p, next[0]);
                ahead::prefetch_next(simd, q, next[1]);
            }
            let (x, y) = (C::load_pair(simd, p), C::load_pair(simd, q));
            if watches {
                largest = x[1].max(x[0].max(largest));
            }
            let x = [frame.p.raised(x[0]), frame.p.raised(x[1])];
            let raised = if CAREFUL {
                extremes.least = y[1].min(y[0].min(extremes.least));
                [frame.q_floor.max(y[0]), frame.q_floor.max(y[1])]
            } else {
                // Where that would change anything it is not narrow: -inf least of all,
                // NaN where the product is emulated.
                y
            };
            let r = [
                frame.log_ratio::<CAREFUL, FIRST>(x[0], raised[0]),
                frame.log_ratio::<CAREFUL, FIRST>(x[1], raised[1]),
            ];
            let weights = [
                frame.weigh::<CAREFUL>(&frame.p, x[0]),
                frame.weigh::<CAREFUL>(&frame.p, x[1]),
            ];
            let square = [r[0].mul(r[0]), r[1].mul(r[1])];
            if square[1].add(square[0]).any_not_lt(bound) {
                for i in 0..2 {
                    add_wide::<_, TERMS, CAREFUL, FIRST>(
                        frame,
                        [weights[i], x[i], y[i]],
                        &mut half_terms,
                        &mut extremes,
                    );
                }
                continue;
            }
            for i in 0..2 {
                half_terms.add_near::<TERMS, true>(frame, [weights[i], r[i], square[i]]);
            }
        }
        terms.add(half_terms);
    }
    let Extremes { least, reach, mut cut } = extremes;
    // Rows that are masked alike are common; a token that but one allows is not.
    if TERMS != DISTANCE && frame.splat(LOWEST).sub(least).any_ge(zero) {
        cut |= excludes::<S, C>(simd, p, q);
    }
    let mass = terms.mass.sum();
    let largest = if watches {
        Some(largest.largest().to_f64())
    } else if FIRST && (mass.is_nan() || mass >= headroom::<C::Lane>().exp2()) {
        Some(moments::largest::<S, C>(simd, Block { bytes: p, start: 0 }).to_f64())
    } else {
        None
    };
    let narrow_kl = terms.narrow_kl.sum();
    // Tokens that both exclude have the least weight instead, and no term of theirs is
    // eight times as large.
    let nothing = 8.0 * moments::nothing::<C::Lane>();
    BlockTerms {
        sums: PairSums {
            mass,
            difference: terms.difference.sum() + (narrow_kl - terms.narrow_ratio.sum()),
            distance: above(terms.distance.sum(), nothing),
            gaining: terms.gaining.sum(),
            kl: above(terms.kl.sum() + narrow_kl, nothing),
            js: above(terms.js.sum(), nothing),
            ..PairSums::default()
        },
        largest,
        reach: reach.largest().to_f64(),
        cut,
    }
}

/// `sum`, or 0 if it is no larger than `nothing`; NaN stays.
#[inline(always)]
fn above(sum: f64, nothing: f64) -> f64 {
    if sum <= nothing { 0.0 } else { sum }
}
