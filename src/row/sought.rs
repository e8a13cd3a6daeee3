//! Where in a block the logits above a given one may stand, by what the block's pieces weigh.

use super::blocks::PIECES;
use super::moments::{bound, nothing};
use super::tally::Tally;
use super::totals::Totals;
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

    /// Seeks what is above `logit` from here on, in sums that are relative to what `totals` are.
    #[inline(always)]
    pub(super) fn seek<const MOMENTS: u8>(
        &mut self,
        simd: V::Simd,
        logit: Option<V::Scalar>,
        totals: &Totals<V::Scalar, MOMENTS>,
    ) {
        let logit = logit.map(|logit| [logit.to_f64(), totals.reference]);
        if std::mem::replace(&mut self.logit, logit) == logit {
            return;
        }
        let weight = logit.map(|[logit, _]| totals.weight(logit));
        let shown = weight.filter(|&weight| weight >= nothing::<V::Scalar>());
        self.weight = shown.map(|weight| bound(simd, weight));
    }

    /// Looks at the sums of a block's pieces but for those that hold a logit as large as the
    /// maximum, `reaching`: their sums need not tell.
    #[inline(always)]
    pub(super) fn find(
        &mut self,
        tallies: &[Tally<V>; PIECES],
        reaching: &[Option<f64>; PIECES],
    ) {
        let Some(weight) = self.weight else { return };
        let mut lanes = 0;
        for (piece, (tally, reaching)) in tallies.iter().zip(reaching).enumerate() {
            let own = if reaching.is_some() { u16::MAX } else { tally.lanes_above(weight) };
            lanes |= LanesOfPieces::from(own) << (16 * piece);
        }
        self.lanes = Some(lanes);
    }
}
