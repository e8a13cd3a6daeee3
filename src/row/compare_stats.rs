//! Everything about a pair of rows, from one reading of both.

use super::entropy::entropy;
use super::log_prob::log_prob;
use super::pair::{Pair, PairPlan, PairStatistic, Terms};
use super::part::Kind;
use super::{Columns, Plan};

/// All statistics of pairs and of their targets, if they have any.
pub struct CompareStats {
    /// `1 / ln(base)`; 1 for nats.
    pub scale: f64,
}

/// A column for each statistic, a row for each pair; the last three have one for
/// each target.
#[derive(Default)]
pub struct CompareStatsColumns {
    /// [`super::KlDivergence`]
    pub kl: Vec<f64>,
    /// [`super::JsDivergence`] with equal weights.
    pub js: Vec<f64>,
    /// [`super::TotalVariation`]
    pub total_variation: Vec<f64>,
    /// [`super::Entropy`] of the first row.
    pub p_entropy: Vec<f64>,
    /// Of the second.
    pub q_entropy: Vec<f64>,
    /// Whether the first of the largest logits is the same in both; not with NaN.
    pub same_argmax: Vec<bool>,
    /// Whether both rows are finite somewhere and have neither NaN nor +inf.
    pub valid: Vec<bool>,
    /// [`super::LogProb`] in the first row.
    pub p_log_prob: Vec<f64>,
    /// In the second.
    pub q_log_prob: Vec<f64>,
    /// Probability in the second less that in the first.
    pub delta_prob: Vec<f64>,
}

impl Columns for CompareStatsColumns {
    fn append(&mut self, later: &mut Self) {
        Columns::append(&mut self.kl, &mut later.kl);
        Columns::append(&mut self.js, &mut later.js);
        Columns::append(&mut self.total_variation, &mut later.total_variation);
        Columns::append(&mut self.p_entropy, &mut later.p_entropy);
        Columns::append(&mut self.q_entropy, &mut later.q_entropy);
        Columns::append(&mut self.same_argmax, &mut later.same_argmax);
        Columns::append(&mut self.valid, &mut later.valid);
        Columns::append(&mut self.p_log_prob, &mut later.p_log_prob);
        Columns::append(&mut self.q_log_prob, &mut later.q_log_prob);
        Columns::append(&mut self.delta_prob, &mut later.delta_prob);
    }
}

impl PairStatistic for CompareStats {
    type Output = CompareStatsColumns;

    fn plan(&self) -> PairPlan {
        let (p, q) = (Plan::Entropy, Plan::Entropy);
        PairPlan { p, q, ..PairPlan::new(Terms::JensenShannon) }
    }

    fn finish(&self, pair: &Pair, output: &mut CompareStatsColumns) {
        let [p, q] = &pair.parts;
        let ordered = p.kind() != Kind::NotANumber && q.kind() != Kind::NotANumber;
        output.kl.push(pair.kl() * self.scale);
        output.js.push(pair.js() * self.scale);
        output.total_variation.push(pair.total_variation());
        output.p_entropy.push(entropy(p) * self.scale);
        output.q_entropy.push(entropy(q) * self.scale);
        output.same_argmax.push(ordered && p.argmax == q.argmax);
        output.valid.push(pair.valid);
        let [t, u] = pair.temperatures;
        // The sums of both rows' differences tell the distance of their log-sum-exps better
        // than these do.
        let alignment = pair.alignment.map(|alignment| alignment.corrected(&pair.sums));
        for target in pair.target_logits {
            let of_p = log_prob(p, t, target.map(|logits| logits[0]));
            let of_q = log_prob(q, u, target.map(|logits| logits[1]));
            output.p_log_prob.push(of_p * self.scale);
            output.q_log_prob.push(of_q * self.scale);
            output.delta_prob.push(match (&alignment, target) {
                (Some(alignment), Some([x, y])) => {
                    let [_, ratio] = alignment.log_ratio(*x, *y);
                    // Of nearly equal models the probabilities themselves would cancel.
                    let near = ratio.abs() < 1.0;
                    let (of_p, of_q) = (of_p.exp(), of_q.exp());
                    if near { of_p * (-ratio).exp_m1() } else { of_q - of_p }
                }
                _ => f64::NAN,
            });
        }
    }
}
