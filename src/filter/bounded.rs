//! Numbers that are known up to an error, and comparisons that know when to give up.

use super::Short;

/// What rounding and the exponentials of different libraries may change a sum of weights
/// by, relative to it: sums of a block run over a thousand terms.
pub(crate) const ROUNDING: f64 = 2e-14;

/// A number and the bound of its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounded {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

impl Bounded {
    /// With a relative error.
    pub(crate) fn relative(value: f64, error: f64) -> Self {
        Self { value, error: (value * error).abs() }
    }

    /// The least and the largest that it may be.
    fn ends(self) -> [f64; 2] {
        [self.value - self.error, self.value + self.error]
    }

    /// The product with a number that is exact.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { value: self.value * factor, error: self.error * factor.abs() }
    }

    /// What `count` makes of it, if that is the same wherever in its bounds it lies. It
    /// must not fall, or not rise.
    pub(crate) fn decides<T: PartialEq>(self, count: impl Fn(f64) -> T) -> Result<T, Short> {
        let ends = self.ends();
        let [low, high] = ends.map(count);
        let known = ends.iter().all(|end| end.is_finite());
        if known && low == high { Ok(low) } else { Err(Short::Uncertain) }
    }
}
