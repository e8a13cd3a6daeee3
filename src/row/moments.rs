//! The pass over one block that weighs its logits: weights and their moments.

use super::blocks::{BLOCK, Block, PIECE, PIECES, TURN, pieces, turns};
use super::mode::{leaves_out, watches};
use super::scaling::Shifter;
use super::tally::{Tally, Weighed, weigh};
use crate::element::{Element, Real, Vector};
use crate::math::exp2::{Exp2, Factors, Weigher};
use crate::simd::two::{InStep, Two};
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
    /// The [`bound`] of that logit: sums of weights below it are sums without.
    pub(crate) max_weight: V,
    /// `greater` counts the logits above this one.
    pub(crate) threshold: V,
    /// As `max_weight` for the threshold.
    pub(crate) threshold_weight: V,
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

    /// The same for two registers in step.
    #[inline(always)]
    fn in_step(&self) -> Frame<Two<V>> {
        Frame {
            weigher: self.weigher.in_step(),
            centre: Two::of(self.centre),
            max: Two::of(self.max),
            max_weight: Two::of(self.max_weight),
            threshold: Two::of(self.threshold),
            threshold_weight: Two::of(self.threshold_weight),
            shifter: self.shifter.in_step(),
        }
    }
}

/// Room for what a pass leaves behind, and for what it keeps for a while.
#[derive(Clone, Copy)]
pub(crate) struct Room<V> {
    /// The sums of each piece of the block.
    pub(crate) tallies: [Tally<V>; PIECES],
    /// The weights of a piece, where they are [put aside](Lanes::FEW_REGISTERS).
    aside: [V; PIECE / LEAST_LANES],
}

/// Of 64 bits each.
const LEAST_LANES: usize = 8;

impl<V: Lanes<Scalar: Real>> Room<V> {
    #[inline(always)]
    pub(crate) fn new(zero: V) -> Self {
        Self { tallies: [Tally::none(zero); PIECES], aside: [zero; PIECE / LEAST_LANES] }
    }
}

/// What a sum of weights is at least if one that large is among them, as computed and perhaps
/// [lowered](Weigher::lowered).
pub(crate) fn bound<V: Lanes<Scalar: Real>>(simd: V::Simd, weight: f64) -> V {
    const SLACK: f64 = 0.9999;
    V::splat(simd, V::Scalar::from_f64(SLACK * weight.min(V::Scalar::MOST.exp2())))
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
    /// Whether some logit may be as large as the maximum known.
    pub(crate) reaches: bool,
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
/// * `MODE`: one of those of [`mode`](super::mode). Those that leave nothing out give sums
///   that are of no use if some logit is as large as the frame's maximum.
///
/// No closures here and below: they would not be inlined for certain, and would
/// then be compiled without the instruction set.
#[inline(always)]
pub(crate) fn moments<
    S: Simd,
    E: Element,
    const MOMENTS: u8,
    const COUNT: bool,
    const MODE: u8,
>(
    simd: S,
    block: Block,
    frame: &Frame<Vector<E, S>>,
    room: &mut Room<Vector<E, S>>,
) -> Sums {
    let zero = Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0));
    let frame = &frame.uniform();
    let none = Tally::none(zero);
    // The largest sum that a lane has of a piece tells whether a weight may be too large. That
    // of the block would be as large wherever no token is likely: log-sum-exp of N(0, 1) took
    // 19.3 microseconds for a row of 128,256 so, in place of 15.8.
    let (mut total, mut most) = (none, zero);
    let mut state = State {
        tally: none,
        waiting: Weighed { y: Two::of(zero), factors: Factors::none(Two::of(zero)) },
        largest: Vector::<E, S>::splat(simd, E::Lane::NEG_INFINITY),
        greater: Vector::<E, S>::counter(simd),
    };
    // One register for each sum of a piece: two of them at once are more than AVX2 has
    // room for.
    for (piece, tally) in pieces::<E>(block.bytes).zip(&mut room.tallies) {
        state.tally = none;
        if MOMENTS > 1 && Vector::<E, S>::FEW_REGISTERS && !leaves_out(MODE) {
            let aside = &mut room.aside;
            put_aside::<S, E, MOMENTS, COUNT, MODE>(simd, piece, frame, &mut state, aside);
        } else {
            in_turns::<S, E, MOMENTS, COUNT, MODE>(simd, piece, frame, &mut state);
        }
        state.tally.show_large();
        total.add(&state.tally);
        most = state.tally.most(most);
        *tally = state.tally;
    }
    let mut sums = total.sums::<MOMENTS>();
    if COUNT {
        sums.greater = Vector::<E, S>::counted(state.greater);
    }
    if watches::<Vector<E, S>>(MODE) {
        sums.reaches = state.largest.any_ge(frame.max);
        sums.above = state.largest.any_ge(frame.threshold);
    } else if !leaves_out(MODE) {
        // Of NaN nothing is known.
        let nan = sums.weight.is_nan();
        sums.above = nan || most.any_ge(frame.threshold_weight);
        sums.reaches = nan || most.any_ge(frame.max_weight);
    }
    sums
}

/// Less than a block's worth of the least weight is nothing: -inf throughout.
pub(crate) const fn nothing<R: Real>() -> f64 {
    let exponent = R::LEAST as i64 + BLOCK.ilog2() as i64 + 1;
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// Registers of a pass.
struct State<V: Lanes> {
    /// That of a piece.
    tally: Tally<V>,
    /// The last pair.
    waiting: Weighed<Two<V>>,
    largest: V,
    /// Logits above the threshold.
    greater: V::Counter,
}

impl<V: Lanes<Scalar: Real>> State<V> {
    /// What is to be known of a register besides its weights.
    #[inline(always)]
    fn look<const COUNT: bool, const MODE: u8>(&mut self, frame: &Frame<V>, x: V) {
        if watches::<V>(MODE) {
            self.largest = x.max(self.largest);
        }
        if COUNT {
            self.greater = x.count_gt(frame.threshold, self.greater);
        }
    }
}

/// Weighs and sums the registers of a piece, turn by turn.
#[inline(always)]
fn in_turns<S: Simd, E: Element, const MOMENTS: u8, const COUNT: bool, const MODE: u8>(
    simd: S,
    piece: &[u8],
    frame: &Frame<Vector<E, S>>,
    state: &mut State<Vector<E, S>>,
) {
    let mut turns = turns::<E>(piece);
    let Some(first) = turns.next() else { return };
    turn::<S, E, MOMENTS, COUNT, MODE, false>(simd, first, frame, state);
    for later in turns {
        turn::<S, E, MOMENTS, COUNT, MODE, true>(simd, later, frame, state);
    }
    if Vector::<E, S>::WAITS {
        state.tally.add_weighed::<_, MOMENTS>(&frame.in_step(), state.waiting);
    }
}

/// Takes the registers of a turn, not the piece's first if `LATER`. Where there are registers
/// enough, pairs are taken [in step](crate::simd::two), and [wait](Lanes::WAITS) for the next
/// pair before they are added: a compiler keeps the order of the source, in which each
/// operation would come right after the one that it has to wait for, and fill the processor's
/// queues with such. Entropy takes 16.4 microseconds for a row so, 16.6 without pairs in step,
/// 17.0 without waiting (Zen 4). To wait for a whole turn took 3 % more, there are not enough
/// registers for that.
#[inline(always)]
fn turn<
    S: Simd,
    E: Element,
    const MOMENTS: u8,
    const COUNT: bool,
    const MODE: u8,
    const LATER: bool,
>(
    simd: S,
    turn: &[u8],
    frame: &Frame<Vector<E, S>>,
    state: &mut State<Vector<E, S>>,
) {
    if leaves_out(MODE) {
        ahead::prefetch_behind(simd, turn, BLOCK * E::SIZE);
    } else {
        ahead::prefetch(simd, turn);
    }
    for (i, pair) in turn.chunks_exact(E::PAIR * E::SIZE).enumerate() {
        let later = LATER || i > 0;
        if Vector::<E, S>::WAITS {
            let x = E::load_pair(simd, pair);
            for x in x {
                state.look::<COUNT, MODE>(frame, x);
            }
            let frame = &frame.in_step();
            let weighed = weigh::<_, MOMENTS, MODE>(Two(x), frame);
            if later {
                state.tally.add_weighed::<_, MOMENTS>(frame, state.waiting);
            }
            state.waiting = weighed;
        } else {
            let mut weights = [Vector::<E, S>::splat(simd, E::Lane::from_f64(0.0)); 2];
            for (half, own) in weights.iter_mut().enumerate() {
                let pair = state.tally.before::<MOMENTS>(pair);
                let x = E::load_pair(simd, pair)[half];
                state.look::<COUNT, MODE>(frame, x);
                let weighed = weigh::<_, MOMENTS, MODE>(x, frame);
                if MOMENTS == 0 {
                    state.tally.add_weighed::<_, MOMENTS>(frame, weighed);
                } else {
                    *own = frame.weigher.weight(weighed.factors);
                    state.tally.add_moments::<_, MOMENTS>(frame, weighed.y, *own);
                }
            }
            if MOMENTS > 0 {
                state.tally.add_weight(Two(weights).joined());
            }
        }
    }
}

/// Weighs the registers of a piece, then sums what has been weighed: two loops, each of which
/// has room for its constants. With AVX2 a row's second moments take 33.6 microseconds
/// so, in place of 36.4; its first ones would take longer.
#[inline(always)]
fn put_aside<S: Simd, E: Element, const MOMENTS: u8, const COUNT: bool, const MODE: u8>(
    simd: S,
    piece: &[u8],
    frame: &Frame<Vector<E, S>>,
    state: &mut State<Vector<E, S>>,
    aside: &mut [Vector<E, S>; PIECE / LEAST_LANES],
) {
    for (turn, weights) in turns::<E>(piece).zip(aside.chunks_exact_mut(TURN)) {
        ahead::prefetch(simd, turn);
        let pairs = turn.chunks_exact(E::PAIR * E::SIZE);
        for (pair, weights) in pairs.zip(weights.chunks_exact_mut(2)) {
            for (x, weight) in E::load_pair(simd, pair).into_iter().zip(weights) {
                let weighed = weigh::<_, MOMENTS, MODE>(x, frame);
                state.look::<COUNT, MODE>(frame, x);
                *weight = frame.weigher.weight(weighed.factors);
            }
        }
    }
    let pairs = piece.chunks_exact(E::PAIR * E::SIZE);
    for (pair, weights) in pairs.zip(aside.chunks_exact(2)) {
        let weights = [weights[0], weights[1]];
        for (x, weight) in E::load_pair(simd, pair).into_iter().zip(weights) {
            state.tally.add_moments::<_, MOMENTS>(frame, frame.weigher.raised(x), weight);
        }
        state.tally.add_weight(Two(weights).joined());
    }
}
