//! How many tokens of the order have a mass that those known have not.

use super::seen::Seen;
use super::weighed::gap;
use super::{Short, Whole};

/// Values that logits are counted above, at most.
const COUNTS: usize = 64;

/// Logits from one value down to another, whose number is taken to grow exponentially, as it
/// does nearly where it doubles.
struct Growth {
    /// Of the logits above the first value.
    count: f64,
    /// By so much the logarithm of the count rises for each unit of a logit.
    rise: f64,
    /// Mass for a unit of a logit, at the first value.
    density: f64,
    /// By so much the logarithm of the density falls.
    fall: f64,
    /// From the first value down to the last.
    length: f64,
}

impl Growth {
    fn mass(&self) -> f64 {
        let Self { fall, length, .. } = *self;
        let falling = fall * length;
        // The integral of e^(-fall s).
        self.density * if falling.abs() < 1e-9 { length } else { -(-falling).exp_m1() / fall }
    }

    /// How many logits there are when so much of the mass has come.
    fn count_with(&self, mass: f64) -> f64 {
        let area = mass / self.density;
        let falling = self.fall * area;
        let way = if falling.abs() < 1e-9 { area } else { -(-falling).ln_1p() / self.fall };
        self.count * (self.rise * way.min(self.length)).exp()
    }
}

impl<W: Whole> Seen<'_, W> {
    /// That the known tokens, which have been weighed, have not the `mass` of `all` that is
    /// wanted, and how many are likely to have it.
    ///
    /// Logits are counted above one value after another below those known. For rows of a
    /// language model with 32,000 tokens what that tells is enough for 118 of 119, and 9 in 100
    /// more than it takes. To go on as the known ones fall, without a count, was enough for
    /// half of them, with half as many more.
    pub(super) fn more_for(&mut self, mass: f64, all: f64) -> Short {
        let (before, known) = (self.stretch.first, self.logits().len());
        let sum = self.weighed.sums[known - 1];
        let (missing, others) = (mass - sum, all - sum);
        let mut found = 0.0;
        let mut growths = Vec::new();
        for growth in self.growths() {
            let mass = growth.mass();
            growths.push((found, growth));
            found += mass;
            if found >= missing {
                break;
            }
        }
        // Where they end first, nearly all is wanted: then as much of what they have.
        let wanted = if found >= missing { missing } else { missing * (found / others) };
        let Some((found, last)) = growths.into_iter().rfind(|(found, _)| *found < wanted)
        else {
            return self.more();
        };
        let count = last.count_with(wanted - found).max(known as f64);
        let slack = (count - known as f64) / 16.0 + 8.0;
        Short::More(before + (count + slack) as usize)
    }

    /// How the logits below those known grow in number, as far as they weigh anything.
    fn growths(&mut self) -> impl Iterator<Item = Growth> {
        let (before, temperature) = (self.stretch.first, self.temperature);
        let logits = self.logits();
        let (first, mut x) = (logits[0], logits[logits.len() - 1]);
        let mut count = logits.len() as f64;
        let half = logits[logits.len().div_ceil(2) - 1];
        let mut length = if half > x { half - x } else { temperature };
        let next = move || {
            let weight = (-gap(first, x, temperature)).exp();
            let end = x - length;
            if weight == 0.0 || !end.is_finite() {
                return None;
            }
            let above = self.whole.count_above(end).saturating_sub(before);
            let more = count.max(above as f64);
            let rise = (more / count).ln() / length;
            let density = count * rise * weight;
            let growth =
                Growth { count, rise, density, fall: temperature.recip() - rise, length };
            (x, count) = (end, more);
            length = (2.0_f64.ln() / rise).clamp(length / 4.0, length * 4.0);
            Some(growth)
        };
        std::iter::from_fn(next).take(COUNTS)
    }
}
