//! Rényi divergence of two softmaxes.

use super::pair::renyi::{grown, is_far_apart};
use super::pair::{Pair, PairPlan, PairStatistic, Terms};

/// `ln(sum p^a q^(1-a)) / (a - 1)`, with `a` the order, in nats times `scale`; its limits
/// at 0, `-ln` of the mass of `q` where `p` is not 0, and at infinity, the largest
/// `ln(p / q)`. Order 1 is [`super::KlDivergence`].
///
/// From terms of one sign and of second order ([`super::pair`]), in 64-bit lanes, or from
/// the sum itself where that is small: the error is relative, at most 1e-6 for logits of 32 bits and 1e-11 for those of 64.
pub struct RenyiDivergence {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
    /// From 0 to infinity, but not 1.
    pub order: f64,
}

impl PairStatistic for RenyiDivergence {
    type Output = Vec<f64>;
    const DOUBLE: bool = true;

    fn plan(&self) -> PairPlan {
        PairPlan { order: self.order, ..PairPlan::new(Terms::Renyi) }
    }

    fn finish(&self, pair: &Pair, output: &mut Vec<f64>) {
        let power = 1.0 - self.order;
        let grown = grown(&pair.sums, self.order);
        // What the sums know of q is too large by the surplus.
        let surplus = pair.sums.surplus().ln_1p();
        let divergence = if self.order.is_infinite() {
            pair.sums.furthest + surplus
        } else if is_far_apart(grown) {
            surplus - pair.sums.affinity.ln() / power
        } else {
            surplus - grown.ln_1p() / power
        };
        output.push(pair.valid(divergence) * self.scale);
    }
}
