//! KL of two rows at one temperature from a single reading: their log-sum-exps are
//! not known yet, so the shift between them is a guess that moves along.
//!
//! # Method
//! With `P = sum of p`, `U = sum of (q - p)` and `G = sum of (q - p + p r)` about some
//! shift, those about another follow from them ([`Approach::moved`]); about the one
//! where `U = 0`, `G / P` is KL. What moving takes off `G` is no error, but its rounding
//! is: so when most of `G` is owed to the shift, the guess moves to the one of all that has
//! been read, and the last block is summed again if it holds more of the first model's mass
//! or of `G` than all before it. The shifts of single blocks differ from that of all by what
//! the models differ, which stays in `G`: about its own the last block would be no more
//! exact, and those before it could lie far from theirs. Where `q` is a small part of `p`
//! the guess moves as well: it is known from `U`, so with the rounding of `P`.
//!
//! Rows that need more (NaN, infinities, probabilities far apart) are left to the
//! readings that know the log-sum-exps.

use std::marker::PhantomData;
use std::ops::Range;

use super::basis::{Basis, headroom};
use super::difference::{BlockTerms, DifferenceFrame, KL_ALONE, Outlook, difference_terms};
use super::read::PairSide;
use super::{PairSums, Terms, surplus_of_log};
use crate::element::{Element, Real, Vector};
use crate::math::exp2::Exp2;
use crate::row::blocks::{BLOCK, Block};
use crate::row::scaling::PLAIN_TEMPERATURES;
use crate::row::scan::{has_nan, largest};
use crate::simd::{Kernel, Simd};

const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN_2: f64 = std::f64::consts::LN_2;

/// How far the reference is put below the first maximum: room for logits that far
/// below the later ones.
const DEPTH: f64 = 24.0;

/// Log-ratios up to which the second row's weights do not overflow then.
fn reach<R: Exp2>() -> f64 {
    0.9 * LN_2 * (-R::LEAST - headroom::<R>())
}

/// The sums of a stretch about its own guess.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Approach {
    pub(crate) basis: Basis,
    /// `mass`, `difference` and `kl` alone.
    pub(crate) sums: PairSums,
}

impl Approach {
    /// The same sums about another shift.
    fn moved(self, shift: f64) -> Self {
        let PairSums { mass, difference, kl, .. } = self.sums;
        let step = shift - self.basis.shift;
        let growth = step.exp_m1();
        let sums = PairSums {
            difference: difference + growth * (difference + mass),
            kl: kl + growth * difference + excess_of_exponential(step) * mass,
            ..self.sums
        };
        Self { basis: Basis { shift, ..self.basis }, sums }
    }

    /// The same sums, in weights relative to another reference.
    fn referred(self, reference: f64) -> Self {
        let scale = (self.basis.reference - reference).exp2();
        let PairSums { mass, difference, kl, .. } = self.sums;
        let sums = PairSums {
            mass: mass * scale,
            difference: difference * scale,
            kl: kl * scale,
            ..self.sums
        };
        Self { basis: Basis { reference, ..self.basis }, sums }
    }

    /// The shift at which the sums of `p` and `q` are the same.
    fn own_shift(&self) -> f64 {
        self.basis.shift - self.sums.surplus().ln_1p()
    }

    /// Whether most of `kl` is owed to the shift, or `q` is so small beside `p` that its
    /// rounding, and so that of the own shift, would show in what they differ.
    fn is_off(&self) -> bool {
        let PairSums { mass, difference, kl, .. } = self.sums;
        if mass * mass > (mass + difference) * (4.0 * mass + kl) {
            return true;
        }
        // For surpluses below 1/10 what is owed is at most 0.56 of their square.
        let little =
            difference.abs() < 0.1 * mass && 0.56 * difference * difference <= 0.5 * kl * mass;
        !little && mass * surplus_of_log(self.sums.surplus()) > 0.5 * kl
    }

    /// Both stretches.
    pub(crate) fn merge(self, later: Self) -> Self {
        let reference = self.basis.reference.max(later.basis.reference);
        let (a, b) = (self.referred(reference), later.referred(reference));
        let shift = own_shift_of([&a, &b]);
        let (a, b) = (a.moved(shift), b.moved(shift));
        // A stretch without its careful pass decides for both.
        let careful = a.basis.careful && b.basis.careful;
        Self { basis: Basis { careful, ..a.basis }, sums: a.sums.merge(b.sums) }
    }
}

/// That of two stretches together, about the same reference: not far from those of one of
/// them, either of which may be far from that of both.
fn own_shift_of(stretches: [&Approach; 2]) -> f64 {
    let own = stretches.map(Approach::own_shift);
    let mass = stretches.map(|stretch| stretch.sums.mass);
    let least = own[0].min(own[1]);
    let second = mass[0] * (least - own[0]).exp() + mass[1] * (least - own[1]).exp();
    least + ((mass[0] + mass[1]) / second).ln()
}

/// `e^x - 1 - x` without cancellation.
fn excess_of_exponential(x: f64) -> f64 {
    if x.abs() > 0.5 {
        return x.exp_m1() - x;
    }
    let mut term = x * x / 2.0;
    let mut sum = 0.0;
    for n in 3..20 {
        sum += term;
        term *= x / f64::from(n);
    }
    sum
}

/// What has been read so far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// No logits but -inf.
    Nothing,
    Some(Approach),
    /// Something that a single reading is not enough for.
    TooMuch,
}

impl Found {
    /// Whether two rows may be read like this at all.
    pub(crate) fn is_possible([t, u]: [f64; 2], terms: Terms) -> bool {
        t == u && PLAIN_TEMPERATURES.contains(&t) && terms == Terms::KullbackLeibler
    }

    /// Both stretches.
    pub(crate) fn merge(self, later: Self) -> Self {
        match (self, later) {
            (Found::Some(a), Found::Some(b)) => Found::Some(a.merge(b)),
            (Found::Nothing, other) | (other, Found::Nothing) => other,
            _ => Found::TooMuch,
        }
    }

    /// What is known of whole rows of so many tokens, if a single reading was enough.
    pub(crate) fn settled<R: Real>(&self, tokens: usize) -> Option<Settled> {
        let Found::Some(approach) = self else { return None };
        let Approach { basis, sums } = *approach;
        let finite = (sums.mass + sums.difference + sums.kl).is_finite();
        let settled = Settled {
            sums,
            temperature: basis.temperature,
            logsumexp: (basis.reference + sums.mass.log2()) * LN_2,
            shift: approach.own_shift(),
            careful: basis.careful,
            exact: basis.is_exact_for::<R>(&sums, Terms::KullbackLeibler, tokens),
        };
        (finite && sums.mass > 0.0).then_some(settled)
    }
}

/// What a single reading tells of two rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) sums: PairSums,
    pub(crate) temperature: f64,
    /// Of the first row.
    pub(crate) logsumexp: f64,
    /// That of the second less than that.
    pub(crate) shift: f64,
    /// Whether nothing was lost of differences of logits.
    pub(crate) careful: bool,
    /// Whether KL is as exact as it is to be, or a careful reading would be.
    pub(crate) exact: bool,
}

/// Reads a stretch of pairs as elements of type `C`.
pub(crate) struct RunningRead<'a, C> {
    pub(crate) p: PairSide<'a>,
    pub(crate) q: PairSide<'a>,
    /// Tokens, at most a chunk of them.
    pub(crate) tokens: Range<usize>,
    /// One for each pair; `None` for one that is not to be read.
    pub(crate) temperatures: &'a [Option<f64>],
    /// Whether to be careful from the start.
    pub(crate) careful: bool,
    pub(crate) element: PhantomData<C>,
}

impl<C: Element> Kernel for RunningRead<'_, C> {
    /// What is found in each pair.
    type Output = Vec<Found>;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Vec<Found> {
        let mut states = Vec::with_capacity(self.temperatures.len());
        for temperature in self.temperatures {
            states.push(temperature.map(|t| Running::<S, C>::new(simd, t, self.careful)));
        }
        for at in self.tokens.clone().step_by(BLOCK) {
            let len = BLOCK.min(self.tokens.end - at);
            self.p.gather(at, len);
            self.q.gather(at, len);
            for (row, state) in states.iter_mut().enumerate() {
                if let Some(state) = state {
                    state.push(
                        self.p.block::<C>(row, at, len),
                        self.q.block::<C>(row, at, len),
                    );
                }
            }
        }
        let mut found = Vec::with_capacity(states.len());
        for state in &states {
            found.push(state.as_ref().map_or(Found::TooMuch, Running::finish));
        }
        found
    }
}

/// State of reading a stretch.
pub(crate) struct Running<S: Simd, C: Element> {
    simd: S,
    temperature: f64,
    /// Exponents of weights are logits times this.
    rate: f64,
    careful: bool,
    found: Found,
    frame: DifferenceFrame<Vector<C, S>>,
    outlook: Outlook,
}

impl<S: Simd, C: Element> Running<S, C> {
    /// Nothing read yet.
    #[inline(always)]
    fn new(simd: S, temperature: f64, careful: bool) -> Self {
        let frame = DifferenceFrame::new(simd, &Basis::new(temperature, 0.0, 0.0, careful));
        let rate = LOG2_E / temperature;
        let outlook = Outlook::default();
        Self { simd, temperature, rate, careful, found: Found::Nothing, frame, outlook }
    }

    /// What has been found in all blocks.
    #[inline(always)]
    fn finish(&self) -> Found {
        self.found
    }

    /// Reads the next block of both rows.
    #[inline(always)]
    fn push(&mut self, p: &[u8], q: &[u8]) {
        let mut approach = match self.found {
            Found::TooMuch => return,
            Found::Some(approach) => approach,
            Found::Nothing => match self.start(p, q) {
                Found::Some(approach) => approach,
                other => {
                    self.found = other;
                    return;
                }
            },
        };
        self.found = Found::TooMuch;
        // Once about the guess, then about what that has shown to be better.
        for _ in 0..3 {
            let block = self.terms(p, q);
            let largest = block.largest.unwrap_or(f64::NEG_INFINITY);
            let top = largest * self.rate - approach.basis.reference;
            if top > headroom::<C::Lane>() {
                let reference = approach.basis.reference + top.round() - DEPTH;
                let Some(moved) = self.rest_on(approach, reference, approach.basis.shift)
                else {
                    return;
                };
                approach = moved;
                continue;
            }
            let sums = &block.sums;
            let finite = (sums.mass + sums.difference + sums.kl).is_finite();
            if block.cut || !finite || block.reach > reach::<C::Lane>() {
                return;
            }
            let both = Approach { sums: approach.sums.merge(*sums), ..approach };
            let outweighs = sums.mass > approach.sums.mass || sums.kl > approach.sums.kl;
            if outweighs && self.is_lost(&both) {
                let (reference, shift) = (approach.basis.reference, both.own_shift());
                let Some(moved) = self.rest_on(approach, reference, shift) else { return };
                approach = moved;
                continue;
            }
            approach = both;
            if self.is_lost(&approach) {
                let (reference, shift) = (approach.basis.reference, approach.own_shift());
                let Some(moved) = self.rest_on(approach, reference, shift) else { return };
                approach = moved;
            }
            self.found = Found::Some(approach);
            return;
        }
    }

    /// Whether most of `kl` is owed to the shift, and there is a better one.
    fn is_lost(&self, approach: &Approach) -> bool {
        approach.is_off() && !self.is_settled(approach)
    }

    /// Whether the shift is as close to its own as the passes can tell.
    fn is_settled(&self, approach: &Approach) -> bool {
        let (shift, own) = (approach.basis.shift, approach.own_shift());
        if approach.basis.careful {
            let last_place = (C::Lane::EPSILON * C::Lane::EPSILON).max(f64::EPSILON);
            (own - shift).abs() <= last_place * shift.abs()
        } else {
            C::Lane::from_f64(own).to_f64() == shift
        }
    }

    #[inline(always)]
    fn terms(&mut self, p: &[u8], q: &[u8]) -> BlockTerms {
        let Self { frame, outlook, .. } = self;
        difference_terms::<S, C, KL_ALONE, true>(self.simd, [p, q], frame, [None; 2], outlook)
    }

    /// A first guess from the maxima of the first block that has any.
    #[inline(always)]
    fn start(&mut self, p: &[u8], q: &[u8]) -> Found {
        let (p, q) = (Block { bytes: p, start: 0 }, Block { bytes: q, start: 0 });
        let top = largest::<S, C, true>(self.simd, p).to_f64();
        let other = largest::<S, C, true>(self.simd, q).to_f64();
        if top == f64::NEG_INFINITY && other == f64::NEG_INFINITY {
            let nan = has_nan::<S, C>(self.simd, p) || has_nan::<S, C>(self.simd, q);
            return if nan { Found::TooMuch } else { Found::Nothing };
        }
        if !top.is_finite() || !other.is_finite() {
            return Found::TooMuch;
        }
        let reference = (top * self.rate).round() - DEPTH;
        let shift = (top - other) / self.temperature;
        let basis = Basis::new(self.temperature, reference, shift, self.careful);
        let approach = Approach { basis, sums: PairSums::default() };
        self.rest_on(approach, reference, shift).map_or(Found::TooMuch, Found::Some)
    }

    /// Moves to another reference and shift, if registers can hold them.
    #[inline(always)]
    fn rest_on(&mut self, approach: Approach, reference: f64, shift: f64) -> Option<Approach> {
        // Only the careful pass knows of what the lane type lacks.
        let careful = approach.basis.careful;
        let shift = if careful { shift } else { C::Lane::from_f64(shift).to_f64() };
        let mut moved = approach;
        if approach.sums.mass > 0.0 {
            moved = approach.referred(reference).moved(shift);
        }
        moved.basis = Basis { reference, shift, ..approach.basis };
        self.frame = DifferenceFrame::new(self.simd, &moved.basis);
        // That of the guess before says nothing of this one.
        self.outlook = Outlook::default();
        moved.basis.is_plain::<C::Lane>().then_some(moved)
    }
}
