//! The pass over one block that weighs its logits: weights and their moments.

use super::blocks::{BLOCK, Block, TURN, halves, turns};
use super::scaling::Shifter;
use super::scan::largest;
use super::tally::{Tally, Weighed, weigh};
use crate::element::{Element, Real, Vector};
use crate::math::exp2::{Factors, Weigher};
use crate::simd::{Lanes, Simd, ahead};

/// What a pass needs to know besides the block, spread over registers: made once
/// for many blocks.
#[derive(Clone, Copy)]
pub(crate) struct Frame<V: Lanes> {
    /// Weights are `2^(y * rate - reference)`.
    pub(crate) weigher: Weigher<V, true>,
    /// Moments are about this value of `y`.
    pub(crate) centre: V,
    /// The largest logit known; a pass below it leaves its equals out.
    pub(crate) max: V,
    /// Sums of weights below this one are sums without that logit.
    pub(crate) max_weight: f64,
    /// `greater` counts the logits above this one.
    pub(crate) threshold: V,
    /// As `max_weight` for the threshold.
    pub(crate) threshold_weight: f64,
    /// For rows out of the plain range.
    pub(crate) shifter: Shifter<V>,
}

impl<V: Lanes<Scalar: Real>> Frame<V> {
    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    fn uniform(&self) -> Self {
        Self {
            weigher: self.weigher.uniform(),
            centre: self.centre.uniform(),
            max: self.max.uniform(),
            threshold: self.threshold.uniform(),
            ..*self
        }
    }
}

/// Room for the weights of half a block, where they are [put aside](Lanes::PUTS_ASIDE).
#[derive(Clone, Copy)]
pub(crate) struct Aside<V>([V; BLOCK / 2 / LEAST_LANES]);

/// Of 64 bits each.
const LEAST_LANES: usize = 8;

impl<V: Copy> Aside<V> {
    #[inline(always)]
    pub(crate) fn new(zero: V) -> Self {
        Self([zero; BLOCK / 2 / LEAST_LANES])
    }
}

/// What a pass finds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    /// Sum of the weights `w`.
    pub(crate) weight: f64,
    /// Sum of `w (y - centre)`.
    pub(crate) first: f64,
    /// Sum of `w (y - centre)^2`.
    pub(crate) second: f64,
    /// The largest logit, if it may be as large as the maximum known.
    pub(crate) largest: Option<f64>,
    /// Whether some logit may be as large as the threshold.
    pub(crate) above: bool,
    /// Logits above the threshold, if asked for.
    pub(crate) greater: u64,
}

impl Sums {
    /// Whether so much of `second` is distance between centre and mean that taking
    /// that away would amplify rounding, to 1.7 times what it is or more.
    #[inline(always)]
    pub(crate) fn is_off_centre(&self) -> bool {
        self.first * self.first > 0.4 * self.weight * self.second
    }
}

/// The moments of a block: 0 for the weights alone, 1 and 2 for more.
///
/// * `COUNT`: also count the logits above `frame.threshold`.
/// * `BELOW`: leave out logits equal to `frame.max`; without it the sums are of
///   no use if the largest logit is as large.
/// * `SHIFTED`: apply `frame.shift`.
/// * `SATURATE`: as [`Weigher::factors`] has it.
///
/// With room for weights to put `aside` the block is neither `BELOW` nor `SHIFTED`.
///
/// Where weights saturate their sum tells that no logit is large, and the largest is
/// looked for only where it may matter; otherwise it is found along with the sums.
///
/// No closures here and below: they would not be inlined for certain, and would
/// then be compiled without the instruction set.
#[inline(always)]
pub(crate) fn moments<
    S: Simd,
    E: Element,
    const MOMENTS: u8,
    const COUNT: bool,
    const BELOW: bool,
    const SHIFTED: bool,
    const SATURATE: bool,
>(
    simd: S,
    block: Block,
    frame: &Frame<Vector<E, S>>,
    mut aside: Option<&mut Aside<Vector<E, S>>>,
) -> Sums {
    let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
    let frame = &frame.uniform();
    let none = Tally { weight: zero, first: zero, second: zero };
    let mut total = none;
    let mut state = State {
        tally: none,
        waiting: [Weighed { y: zero, factors: Factors::none(zero) }; TURN],
        seen: Seen {
            max: Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY),
            greater: Vector::<E, S>::counter(simd),
        },
    };
    // One register for each sum of a half: two of them at once are more than AVX2 has
    // room for.
    for half in halves::<E>(block.bytes) {
        state.tally = none;
        if let Some(aside) = aside.as_deref_mut() {
            put_aside::<S, E, MOMENTS, COUNT, SATURATE>(simd, half, frame, &mut state, aside);
            total.add(&state.tally);
            continue;
        }
        let mut turns = turns::<E>(half);
        let Some(first) = turns.next() else { break };
        turn::<S, E, MOMENTS, COUNT, BELOW, SHIFTED, SATURATE, false>(
            simd, first, frame, &mut state,
        );
        for later in turns {
            turn::<S, E, MOMENTS, COUNT, BELOW, SHIFTED, SATURATE, true>(
                simd, later, frame, &mut state,
            );
        }
        if Vector::<E, S>::WAITS {
            for weighed in state.waiting {
                state.tally.add_weighed::<MOMENTS>(frame, weighed);
            }
        }
        total.add(&state.tally);
    }
    let mut sums = Sums {
        weight: total.weight.sum(),
        first: if MOMENTS >= 1 { total.first.sum() } else { 0.0 },
        second: if MOMENTS >= 2 { total.second.sum() } else { 0.0 },
        largest: None,
        above: false,
        greater: if COUNT { Vector::<E, S>::counted(state.seen.greater) } else { 0 },
    };
    if watches::<Vector<E, S>, BELOW, SATURATE>() {
        sums.largest =
            state.seen.max.any_ge(frame.max).then(|| state.seen.max.largest().to_f64());
        sums.above = state.seen.max.any_ge(frame.threshold);
    } else if !BELOW {
        // Of NaN nothing is known.
        let nan = sums.weight.is_nan();
        sums.above = nan || sums.weight >= frame.threshold_weight;
        if nan || sums.weight >= frame.max_weight {
            sums.largest = Some(largest::<S, E, false>(simd, block).to_f64());
        }
    }
    if sums.weight < nothing::<E::Lane>() {
        (sums.weight, sums.first, sums.second) = (0.0, 0.0, 0.0);
    }
    sums
}

/// Less than a block's worth of the least weight is nothing: -inf throughout.
pub(crate) const fn nothing<R: Real>() -> f64 {
    let exponent = R::LEAST as i64 + BLOCK.ilog2() as i64 + 1;
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// Whether a pass finds the largest logit along with the sums.
#[inline(always)]
const fn watches<V: Lanes, const BELOW: bool, const SATURATE: bool>() -> bool {
    !(BELOW || SATURATE && V::SATURATES)
}

/// Registers of a pass.
struct State<V: Lanes> {
    /// That of half a block.
    tally: Tally<V>,
    /// Those of the last turn.
    waiting: [Weighed<V>; TURN],
    seen: Seen<V>,
}

/// What a pass sees of registers without weighing them.
struct Seen<V: Lanes> {
    max: V,
    greater: V::Counter,
}

impl<V: Lanes<Scalar: Real>> Seen<V> {
    #[inline(always)]
    fn look<const COUNT: bool, const BELOW: bool, const SATURATE: bool>(
        &mut self,
        frame: &Frame<V>,
        x: V,
    ) {
        if watches::<V, BELOW, SATURATE>() {
            self.max = x.max(self.max);
        }
        if COUNT {
            self.greater = x.count_gt(frame.threshold, self.greater);
        }
    }
}

/// Takes the registers of a turn. Where registers [wait](Lanes::WAITS), those of the last
/// turn are added, if there is one: a compiler keeps the order of the source, in which each
/// operation would come right after the one that it has to wait for, and fill the
/// processor's queues with such. For entropy that is a twentieth of the time on Zen 4.
#[inline(always)]
fn turn<
    S: Simd,
    E: Element,
    const MOMENTS: u8,
    const COUNT: bool,
    const BELOW: bool,
    const SHIFTED: bool,
    const SATURATE: bool,
    const LATER: bool,
>(
    simd: S,
    turn: &[u8],
    frame: &Frame<Vector<E, S>>,
    state: &mut State<Vector<E, S>>,
) {
    if BELOW {
        ahead::prefetch_behind(simd, turn, BLOCK * E::SIZE);
    } else {
        ahead::prefetch(simd, turn);
    }
    let pairs = turn.chunks_exact(E::PAIR * E::SIZE);
    for (pair, waiting) in pairs.zip(state.waiting.chunks_exact_mut(2)) {
        for (x, waiting) in E::load_pair(simd, pair).into_iter().zip(waiting) {
            let weighed = weigh::<_, MOMENTS, BELOW, SHIFTED, SATURATE>(x, frame);
            state.seen.look::<COUNT, BELOW, SATURATE>(frame, x);
            if !Vector::<E, S>::WAITS {
                state.tally.add_weighed::<MOMENTS>(frame, weighed);
                continue;
            }
            if LATER {
                state.tally.add_weighed::<MOMENTS>(frame, *waiting);
            }
            *waiting = weighed;
        }
    }
}

/// Weighs the registers of half a block, then sums what has been weighed: two loops, each of
/// which has room for its constants. With AVX2 a row's second moments take 36.2 microseconds
/// so, in place of 40.3; its first ones would take longer.
#[inline(always)]
fn put_aside<
    S: Simd,
    E: Element,
    const MOMENTS: u8,
    const COUNT: bool,
    const SATURATE: bool,
>(
    simd: S,
    half: &[u8],
    frame: &Frame<Vector<E, S>>,
    state: &mut State<Vector<E, S>>,
    aside: &mut Aside<Vector<E, S>>,
) {
    for (turn, weights) in turns::<E>(half).zip(aside.0.chunks_exact_mut(TURN)) {
        ahead::prefetch(simd, turn);
        let pairs = turn.chunks_exact(E::PAIR * E::SIZE);
        for (pair, weights) in pairs.zip(weights.chunks_exact_mut(2)) {
            for (x, weight) in E::load_pair(simd, pair).into_iter().zip(weights) {
                let weighed = weigh::<_, MOMENTS, false, false, SATURATE>(x, frame);
                state.seen.look::<COUNT, false, SATURATE>(frame, x);
                *weight = frame.weigher.weight(weighed.factors);
            }
        }
    }
    let pairs = half.chunks_exact(E::PAIR * E::SIZE);
    for (pair, weights) in pairs.zip(aside.0.chunks_exact(2)) {
        for (x, &weight) in E::load_pair(simd, pair).into_iter().zip(weights) {
            state.tally.add_weight::<MOMENTS>(frame, frame.weigher.raised(x), weight);
        }
    }
}
