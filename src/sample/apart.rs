//! Several different tokens: those with the largest `x / T - ln E`.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::Source;
use super::philox::token_uniforms;

/// A token by its key, larger for what comes first.
#[derive(Clone, Copy, Debug)]
struct Keyed {
    key: f64,
    place: usize,
    id: usize,
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.total_cmp(&other.key).then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Keyed {}

/// `e^x` is not 0 from here on.
const LOWEST: f64 = -745.0;
/// Keys of logits up to this magnitude are not rounded by as much as [`is_behind`] spares.
const LARGE: f64 = 1e9;

/// Whether a token surely comes after one with the key `last`, without a logarithm: nearly all
/// do. Five of 32,000 tokens took nearly twice as long with two logarithms and an exponential for
/// each.
///
/// With `E = -ln U >= 1 - U` the key is at most `x / T - ln(1 - U)`. That is below `last` where
/// `1 - U` is above `e^(x / T - last)`, for which the next power of two is taken.
fn is_behind(logit: f64, uniform: f64, last: f64) -> bool {
    let exponent = (logit - last) * std::f64::consts::LOG2_E;
    // `1 - U` is below 1.
    if exponent > 0.0 || logit.abs() > LARGE || last.abs() > LARGE {
        return false;
    }
    // Rounded towards 0, that is up: rounding proper is a call without an instruction set.
    let power = f64::from_bits(((exponent.max(-1022.0) as i64 + 1023) as u64) << 52);
    1.0 - uniform > 1.001 * power
}

/// The places of up to `count` tokens, in the order in which they come, of `(id, logit)`
/// with tempered logits, of which `max` is the largest.
pub(crate) fn apart(
    tokens: impl Iterator<Item = (usize, f64)>,
    max: f64,
    count: usize,
    source: &Source,
) -> Vec<usize> {
    let mut first: BinaryHeap<Reverse<Keyed>> = BinaryHeap::new();
    let mut known = (u32::MAX, [0.0; 2]);
    for (place, (id, logit)) in tokens.enumerate() {
        let gap = logit - max;
        if gap < LOWEST && gap.exp() == 0.0 {
            continue;
        }
        let pair = (id / 2) as u32;
        if known.0 != pair {
            known = (pair, token_uniforms(source, pair));
        }
        let uniform = known.1[id % 2];
        let last = first.peek().filter(|_| first.len() == count).map(|&Reverse(last)| last);
        if last.is_some_and(|last| is_behind(logit, uniform, last.key)) {
            continue;
        }
        let own = Keyed { key: logit - (-uniform.ln()).ln(), place, id };
        if first.len() < count {
            first.push(Reverse(own));
        } else if last.is_some_and(|last| own > last) {
            first.pop();
            first.push(Reverse(own));
        }
    }
    let mut chosen: Vec<_> = first.into_iter().map(|Reverse(own)| own).collect();
    chosen.sort_unstable_by(|a, b| b.cmp(a));
    chosen.iter().map(|own| own.place).collect()
}
