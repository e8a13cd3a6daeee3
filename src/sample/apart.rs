//! Several different tokens: those with the largest `x / T - ln E`.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::Source;
use super::philox::exponentials;

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
        if (logit - max).exp() == 0.0 {
            continue;
        }
        let pair = (id / 2) as u32;
        if known.0 != pair {
            known = (pair, exponentials(source, pair));
        }
        let key = logit - known.1[id % 2].ln();
        let own = Keyed { key, place, id };
        if first.len() < count {
            first.push(Reverse(own));
        } else if first.peek().is_some_and(|Reverse(last)| own > *last) {
            first.pop();
            first.push(Reverse(own));
        }
    }
    let mut chosen: Vec<_> = first.into_iter().map(|Reverse(own)| own).collect();
    chosen.sort_unstable_by(|a, b| b.cmp(a));
    chosen.iter().map(|own| own.place).collect()
}
