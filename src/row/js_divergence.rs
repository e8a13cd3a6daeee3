//! Jensen-Shannon divergence of two softmaxes from their mixture.

use super::pair::{Pair, PairPlan, PairStatistic, Terms};

/// `w KL(p||m) + (1 - w) KL(q||m)`, `m = w p + (1 - w) q`, in nats times `scale`.
///
/// No term is negative ([`super::pair`]), so the error is relative, at most 1e-6 for 32-bit
/// lanes, whatever the weights.
pub struct JsDivergence {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
    /// Weight of the first row in the mixture, from 0 to 1.
    pub weight: f64,
}

impl PairStatistic for JsDivergence {
    type Output = Vec<f64>;

    fn plan(&self) -> PairPlan {
        PairPlan { weight: self.weight, ..PairPlan::new(Terms::JensenShannon) }
    }

    fn finish(&self, pair: &Pair, output: &mut Vec<f64>) {
        // A mixture of one is that one, and its terms may be rounding or no numbers.
        let is_mixed = self.weight > 0.0 && self.weight < 1.0;
        output.push(if is_mixed { pair.js() * self.scale } else { pair.valid(0.0) });
    }
}
