//! What differences of logits are measured from, and when they tell enough.

use super::{PairSums, Terms};
use crate::element::Real;
use crate::math::exp2::Exp2;

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

    pub(super) fn rate(&self) -> f64 {
        LOG2_E / self.temperature
    }

    /// Whole-number reference of the second row's weights.
    pub(super) fn q_reference(&self) -> f64 {
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

    /// Whether rounding of the differences changes no divergence of rows of so many
    /// tokens by more than can be left in. KL and JS are of second order in `r`, so that
    /// an error of `r` counts by the root of what they are.
    ///
    /// A difference is exact where one logit is at most twice the other, so also where
    /// it is no larger than half of the first. Where it is not, and `|r|` is below the
    /// shift (or the rounding would be nothing beside it), the first logit is less than
    /// four times the shift: the weight of all such tokens is known to be small where
    /// others are likely.
    pub(crate) fn is_exact_for<R: Real>(
        &self,
        sums: &PairSums,
        terms: Terms,
        tokens: usize,
    ) -> bool {
        if self.careful {
            return true;
        }
        let size = self.shift.abs();
        let rounding = R::EPSILON / 2.0 * size;
        let exponent = 4.0 * size * LOG2_E - self.reference;
        let rounded = sums.mass.min(tokens as f64 * exponent.exp2());
        let second_order =
            |kl: f64| rounding * (2.0 * kl * rounded).sqrt() <= R::TOLERANCE * kl;
        let first_order = rounding * rounded <= R::TOLERANCE * sums.distance;
        match terms {
            Terms::Distance => first_order,
            Terms::KullbackLeibler => second_order(sums.kl),
            Terms::JensenShannon => first_order && second_order(4.0 * sums.js),
            Terms::Renyi => false,
        }
    }
}

/// How far exponents of weights may lie above the reference of a pair of rows.
pub(super) fn headroom<R: Exp2>() -> f64 {
    R::HEADROOM / 2.0
}
