//! Draws from the tokens that filters have left, which stand in the order of their logits.
//!
//! The definition has them by id. But a draw with replacement needs no more of that order
//! than the block of ids where the sums pass what is wanted: the sums of the others may be
//! made in any order, for what that changes is bounded.

use super::apart::apart;
use super::draw::Definition;
use super::{Draws, Source};
use crate::filter::bounded::ROUNDING;
use crate::row::blocks::BLOCK;

/// More samples than this from one row are worth to have its tokens put in order.
const FEW: usize = 8;

/// Tokens of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptTokens<'a> {
    pub(crate) ids: &'a [u32],
    /// Logits, and what they are to be divided by.
    pub(crate) logits: &'a [f64],
    pub(crate) temperature: f64,
    /// Weights relative to the first.
    pub(crate) weights: &'a [f64],
    /// Log-probabilities, but for a constant.
    pub(crate) gaps: &'a [f64],
}

impl KeptTokens<'_> {
    /// Whether all tempered logits are finite; logits descend.
    fn is_finite(&self) -> bool {
        let ends = [self.logits.first(), self.logits.last()];
        ends.iter().flatten().all(|&x| (x / self.temperature).is_finite())
    }

    /// Tempered logits by id, ascending, as the definition has them; `order` are places.
    fn by_id<'s>(&'s self, order: &'s [u32]) -> impl Iterator<Item = (usize, f64)> + 's {
        let finite = self.is_finite();
        order.iter().map(move |&place| {
            let place = place as usize;
            let gap = || -self.gaps[place];
            let own = if finite { self.logits[place] / self.temperature } else { gap() };
            (self.ids[place] as usize, own)
        })
    }

    /// The largest of these.
    fn max(&self) -> f64 {
        if self.is_finite() { self.logits[0] / self.temperature } else { 0.0 }
    }

    /// What the sum of any of the weights may be off by from that of the definition,
    /// relative to all: it divides logits by the temperature before it subtracts them.
    fn error(&self) -> f64 {
        let ends = [self.logits[0], self.logits[self.logits.len() - 1]];
        let largest = ends.iter().fold(0.0_f64, |a, x| a.max((x / self.temperature).abs()));
        4.0f64.mul_add(f64::EPSILON * largest, ROUNDING)
    }
}

/// Room for the tokens of one row after the other.
#[derive(Debug, Default)]
pub(crate) struct KeptDraws {
    /// Sums of weights up to and with each block of ids.
    upto: Vec<f64>,
    /// Places of tokens, in the order of their ids.
    order: Vec<u32>,
}

impl KeptDraws {
    /// The places of the tokens that are drawn, at most as many as are wanted.
    pub(crate) fn draw(
        &mut self,
        tokens: &KeptTokens,
        draws: &Draws,
        row: usize,
        places: &mut Vec<usize>,
    ) {
        places.clear();
        if !draws.replace {
            self.apart(tokens, draws.count, &draws.sources[row], places);
            return;
        }
        if draws.count <= FEW {
            self.sum_up(tokens);
            places.extend(draws.numbers(row).map_while(|u| self.place(tokens, u)));
            if places.len() == draws.count {
                return;
            }
            places.clear();
        }
        self.put_in_order(tokens, |_| true);
        let definition = Definition::new(tokens.by_id(&self.order), tokens.max());
        let drawn = draws.numbers(row).map(|u| self.order[definition.draw(u)] as usize);
        places.extend(drawn);
    }

    fn apart(
        &mut self,
        tokens: &KeptTokens,
        count: usize,
        source: &Source,
        places: &mut Vec<usize>,
    ) {
        self.put_in_order(tokens, |_| true);
        let drawn = apart(tokens.by_id(&self.order), tokens.max(), count, source);
        places.extend(drawn.into_iter().map(|place| self.order[place] as usize));
    }

    /// Lists the tokens with chosen ids.
    fn put_in_order(&mut self, tokens: &KeptTokens, choose: impl Fn(u32) -> bool) {
        let ids = tokens.ids;
        self.order.clear();
        self.order.extend((0..ids.len() as u32).filter(|&place| choose(ids[place as usize])));
        self.order.sort_unstable_by_key(|&place| ids[place as usize]);
    }

    fn sum_up(&mut self, tokens: &KeptTokens) {
        self.upto.clear();
        for (&id, weight) in tokens.ids.iter().zip(tokens.weights) {
            let block = id as usize / BLOCK;
            if block >= self.upto.len() {
                self.upto.resize(block + 1, 0.0);
            }
            self.upto[block] += weight;
        }
        let mut sum = 0.0;
        for upto in &mut self.upto {
            sum += *upto;
            *upto = sum;
        }
    }

    /// The place of the token that `u` draws; `None` if that is within what the sums may be
    /// off by.
    fn place(&mut self, tokens: &KeptTokens, u: f64) -> Option<usize> {
        let total = *self.upto.last()?;
        let (wanted, error) = (u * total, total * tokens.error());
        let block = self.upto.partition_point(|&sum| sum <= wanted);
        let mut sum = if block == 0 { 0.0 } else { self.upto[block - 1] };
        self.put_in_order(tokens, |id| id as usize / BLOCK == block);
        for &place in &self.order {
            let upto = sum + tokens.weights[place as usize];
            if upto > wanted {
                let clear = upto > wanted + error && sum <= wanted - error;
                return clear.then_some(place as usize);
            }
            sum = upto;
        }
        None
    }
}
