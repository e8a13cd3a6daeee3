//! Where in a row the value stands that so many of its logits exceed, from a glance at its
//! first blocks and from the rows before.
//!
//! # Method
//! The first blocks of a row tell its level: the mean of the maxima of their groups. The
//! value stands about as far above the level as it did in the rows before, if these are rows
//! of one model: of rows of 32,000 tokens 99 in 100 have 50 logits or more above a value meant
//! for 136, 95 in 100 have 256 above one for 352, 97 have 1000 above one for 1251, and few
//! have twice as many. (A bound of the row before, as it is, would do for 40.)

use super::bound::log2;

/// Logits of the blocks that tell the level of a row: in vocabularies whose first tokens are
/// single bytes 2048 tell too little.
pub(super) const TELLING: usize = 8192;

/// What rows have told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forecast {
    /// How far above the level the value is that so many logits exceed (their binary
    /// logarithm); NaN until a row has told.
    offset: f64,
    log_count: f64,
    /// So far above a value those that are above shrink to half.
    fall: f64,
    /// Of the row that is being read; NaN until it is known.
    level: f64,
}

impl Forecast {
    /// No row has told anything.
    pub(super) const NONE: Self =
        Self { offset: f64::NAN, log_count: 0.0, fall: 0.0, level: f64::NAN };

    /// Starts with another row.
    pub(super) fn restart(&mut self) {
        self.level = f64::NAN;
    }

    /// Tells nothing of this row, and learns nothing from it.
    pub(super) fn hold(&mut self) {
        self.level = f64::INFINITY;
    }

    /// Whether the level of the row is still to be told.
    pub(super) fn waits(&self) -> bool {
        self.level.is_nan()
    }

    /// The value that `count` logits of a row exceed, if that can be told from its level.
    pub(super) fn value(&mut self, level: f64, count: usize) -> Option<f64> {
        self.level = level;
        let log_count = log2(count);
        let offset = self.offset_for(log_count);
        let value = level + offset;
        value.is_finite().then(|| {
            (self.offset, self.log_count) = (offset, log_count);
            value
        })
    }

    /// The offset for so many logits (their binary logarithm).
    fn offset_for(&self, log_count: f64) -> f64 {
        self.offset + self.fall * (self.log_count - log_count)
    }

    /// Learns where `count` logits are above a value from a row of so many groups, of which
    /// about `k` logits are above `value`, and from how they fall there.
    pub(super) fn learn(
        &mut self,
        (value, k): (f64, usize),
        count: usize,
        fall: f64,
        groups: usize,
    ) {
        let fall = self.no_steeper(fall, value, k, groups);
        let is_known = (value - self.level).is_finite() && fall > 0.0 && fall.is_finite();
        if !is_known {
            return;
        }
        let log_count = log2(count);
        let offset = value - self.level - fall * (log_count - log2(k));
        // Half of it is the row's own.
        let before = self.offset_for(log_count);
        self.offset = if before.is_finite() { (before + offset) / 2.0 } else { offset };
        (self.fall, self.log_count) = (fall, log_count);
    }

    /// Learns from the `k`-th largest logit of a row, and from how many were above the
    /// `threshold` that had been told.
    pub(super) fn learn_fall(
        &mut self,
        (threshold, count): (f64, usize),
        (value, k): (f64, usize),
        groups: usize,
    ) {
        let fewer = log2(count) - log2(k);
        let fall = self.no_steeper((value - threshold) / fewer, value, k, groups);
        // From few more than those wanted there is nothing to learn of how they fall.
        if fewer > 0.1 && fall > 0.0 && fall.is_finite() {
            self.fall = fall;
        }
    }

    /// How logits fall near `value`, which about `k` are above, but no more than they do on the
    /// way from the level of the groups. Where a few tokens stand out from all others the
    /// last of them tell nothing of what comes below.
    fn no_steeper(&self, fall: f64, value: f64, k: usize, groups: usize) -> f64 {
        if groups > 8 * k && value > self.level {
            fall.min((value - self.level) / (log2(groups) - log2(k)))
        } else {
            fall
        }
    }

    /// Moves the value for the rows that come by a part of what would have been right for
    /// this one, of which `count` were above it.
    pub(super) fn adjust(&mut self, count: usize, part: f64, most: f64) {
        let excess = (log2(count) - self.log_count).clamp(-most, most);
        self.offset += part * self.fall * excess;
    }
}
