//! Cross-entropy `-sum p ln q` of two softmaxes.

use super::pair::{Pair, PairPlan, PairStatistic, Terms};
use super::{Plan, entropy::entropy};

/// `H(p) + KL(p||q)`, in nats times `scale`: two terms that are not negative, each
/// with an error relative to itself.
pub struct CrossEntropyBetween {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

impl PairStatistic for CrossEntropyBetween {
    type Output = Vec<f64>;

    fn plan(&self) -> PairPlan {
        PairPlan { p: Plan::Entropy, ..PairPlan::new(Terms::KullbackLeibler) }
    }

    fn finish(&self, pair: &Pair, output: &mut Vec<f64>) {
        output.push((entropy(&pair.parts[0]) + pair.kl()) * self.scale);
    }
}
