//! Cross-entropy of the softmax with targets, and its gradient.

use super::dense::Map;
use super::entropy::entropy;
use super::log_prob::log_prob;
use super::logsumexp::logsumexp;
use super::part::Kind;
use super::{DenseRow, DenseStatistic, Plan};

/// With `p = softmax(x / T)`, `a` the weight of the target `t` and `u` the linear
/// weights (smoothing, class weights, soft targets; `U` their sum):
///
/// `loss = -a ln p_t - sum u ln p + z lse^2 - b H`
///
/// `dloss / dx = (p (a + U + 2 z lse + b (E gap - gap)) - a [i = t] - u) / T`
///
/// with `gap` the distance from the maximum. Each logarithm is `gap + ln A` of
/// [`super::part::Part`], terms that are never negative; the gradient at the target is
/// computed from `p_t - 1 = expm1(ln p_t)`.
pub struct CrossEntropy<'a> {
    /// Weight of the target of each row, 0 for one to be skipped; empty without
    /// targets of their own (soft ones alone).
    pub target_weights: &'a [f64],
    /// The targets.
    pub targets: &'a [i64],
    /// `z`, of the squared log-sum-exp.
    pub z_loss: f64,
    /// `b`, of the entropy.
    pub entropy_weight: f64,
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
    /// What gradients are multiplied with, besides `scale`.
    pub gradient_scale: f64,
}

impl DenseStatistic for CrossEntropy<'_> {
    type Output = Vec<f64>;

    fn plan(&self) -> Plan {
        if self.entropy_weight == 0.0 { Plan::Weights } else { Plan::Entropy }
    }

    fn finish(&self, row: &DenseRow, output: &mut Vec<f64>) -> Map {
        let own = self.targets.get(row.index).zip(self.target_weights.get(row.index));
        if own.is_some() && row.target.is_none() {
            output.push(0.0);
            return Map::Fill(0.0);
        }
        let part = &row.part;
        if part.kind() != Kind::Valid {
            output.push(f64::NAN);
            return Map::Fill(f64::NAN);
        }
        let weight = own.map_or(0.0, |(_, &weight)| weight);
        let target_log_prob = log_prob(part, row.temperature, row.target);
        let lse = logsumexp(part, row.temperature);
        let linear = row.linear;
        // A weight of 0 counts for nothing, whatever it is the weight of.
        let mut loss = 0.0;
        if weight != 0.0 {
            loss -= weight * target_log_prob;
        }
        if linear.weight != 0.0 || linear.gap != 0.0 {
            loss += linear.weight.mul_add(part.log_total(), linear.gap);
        }
        loss += self.z_loss * lse * lse;
        if self.entropy_weight != 0.0 {
            loss -= self.entropy_weight * entropy(part);
        }
        output.push(loss * self.scale);

        let factor = self.scale * self.gradient_scale / row.temperature;
        let rest = 2.0f64.mul_add(self.z_loss * lse, linear.weight);
        let slope = -self.entropy_weight;
        let constant = self.entropy_weight.mul_add(part.mean_gap(), rest);
        let target = own.zip(row.target).map(|((&index, _), logit)| {
            let p = target_log_prob.exp();
            let gap = (part.max - logit) / row.temperature;
            let of_entropy = if p == 0.0 { 0.0 } else { p * slope.mul_add(gap, constant) };
            let value = weight * target_log_prob.exp_m1() + of_entropy - row.target_linear;
            (index as usize, factor * value)
        });
        Map::Softmax {
            constant: factor * (constant + weight),
            slope: factor * slope,
            linear: factor,
            target,
        }
    }
}
