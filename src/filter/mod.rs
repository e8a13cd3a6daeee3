//! Filters: which tokens of a row are left after a chain of steps, exactly.
//!
//! # Method
//! The definitions order the tokens by logit, descending, then by index, and nearly every
//! step keeps a stretch of that order. So a row is not sorted: [`crate::select`] finds the
//! first few tokens of the order, the [`Head`], while the row is read for the sums of all
//! weights, and the steps are taken on the head, in `f64`, as the definitions have them
//! ([`chain`]). Where a step would keep more than the head, it says how much more it wants
//! ([`Short::More`]); a head of all tokens is the full sort.
//!
//! Once a step has cut the rest off, all is known of what is left. Before that, a step
//! sees sums that registers have made ([`Whole`]), each with a bound of its error. A
//! decision that the bound leaves open ([`Short::Uncertain`]) is not made: the sums are
//! made again, first of what stands behind the head alone ([`tail`]), then of all in 64-bit
//! lanes, then, if need be, by the definition itself over the sorted row, and what hangs
//! even there on the last bits of an exponential is left to the caller.
//! So the set is that of the definition, whatever the dtype or instruction set.
#![forbid(unsafe_code)]

pub(crate) mod bounded;
pub(crate) mod chain;
mod mass;
pub(crate) mod seen;
pub(crate) mod spread;
pub(crate) mod step;
pub(crate) mod tail;
#[cfg(test)]
mod tests;
pub(crate) mod typical;
pub(crate) mod weighed;

pub use step::Step;

/// The first tokens of the order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    /// Their logits, descending, all finite.
    pub(crate) logits: &'a [f64],
    /// Whether they are all that are not -inf.
    pub(crate) complete: bool,
}

/// Why a head does not tell what a chain leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Short {
    /// It takes more tokens, and so many are likely to be enough.
    More(usize),
    /// Errors of the sums leave a decision open.
    Uncertain,
}

/// What is known of all tokens of a row, without their order.
pub(crate) trait Whole {
    /// Sums of weights at a temperature, as exact as decisions have shown to need them.
    fn sums(&mut self, temperature: f64) -> WholeSums;
    /// The same sums as they are made first, whatever has been decided since: what else
    /// is known of a row has no say in their bits.
    fn first_sums(&mut self, temperature: f64) -> WholeSums;
    /// The weights of the tokens behind the first `end` of the order, the last of which has the
    /// logit `last`: as exact, relative to themselves, as those of all tokens. `None` where
    /// they can't be made so.
    fn behind(&mut self, last: f64, end: usize, temperature: f64) -> Option<f64>;
    /// How many logits are above `x`, up to the rounding of their type.
    fn count_above(&mut self, x: f64) -> usize;
    /// How the logits spread.
    fn spread(&mut self) -> Spread;
}

/// Sums over all tokens, of weights relative to that of the largest logit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeSums {
    /// Of logits equal to the largest.
    pub(crate) count: f64,
    /// Weights of the others.
    pub(crate) rest: f64,
    /// Their weighted distance from the largest, in nats.
    pub(crate) gap: f64,
    /// Bound of the relative error of `rest` and `gap`.
    pub(crate) error: f64,
}

/// Standard deviation of the logits, each counting as one, with its relative error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) deviation: f64,
    pub(crate) error: f64,
}
