//! Where in a block the logits above a given one may stand, by what the block's pieces weigh.

use super::blocks::PIECES;
use super::moments::{bound, nothing};
use super::tally::Tally;
use crate::element::Real;
use crate::select::LanesOfPieces;
use crate::simd::Lanes;

/// A logit above which others are sought. No weight is more than the sum that it is part of:
/// what is above the logit stands in lanes whose sums are above the logit's weight. To find
/// them takes a comparison for each piece of a block, where to look at all of its logits takes
/// one for each register.
pub(super) struct Sought<V> {
    /// With the reference of its weight.
    logit: Option<[f64; 2]>,
    /// The [`bound`] of the weight, if it is one that sums show.
    weight: Option<V>,
    /// Of the last block; `None` if that is not known.
    pub(super) lanes: Option<LanesOfPieces>,
}

impl<V: Lanes<Scalar: Real>> Sought<V> {
    /// None is sought.
    pub(super) fn none() -> Self {
        Self { logit: None, weight: None, lanes: None }
    }

    /// Seeks what is above another logit, of a weight with another reference. Tells whether it
    /// is another, whose [weight](Self::weigh) is to be known.
    #[inline(always)]
    pub(super) fn seek(&mut self, logit: Option<[f64; 2]>) -> bool {
        std::mem::replace(&mut self.logit, logit) != logit && logit.is_some()
    }

    /// Takes the weight of the logit.
    pub(super) fn weigh(&mut self, simd: V::Simd, weight: f64) {
        let shows = weight >= nothing::<V::Scalar>();
        self.weight = shows.then(|| bound(simd, weight));
    }

    /// Looks at the sums of a block's pieces but for those whose sums do not tell, `unclear`.
    #[inline(always)]
    pub(super) fn find(&mut self, tallies: &[Tally<V>; PIECES], unclear: &[bool; PIECES]) {
        let (Some(_), Some(weight)) = (self.logit, self.weight) else { return };
        let mut lanes = 0;
        for (piece, tally) in tallies.iter().enumerate() {
            let own = if unclear[piece] { u16::MAX } else { tally.lanes_above(weight) };
            lanes |= LanesOfPieces::from(own) << (16 * piece);
        }
        self.lanes = Some(lanes);
    }
}
