//! The steps, with their parameters for one row.

use crate::error::Error;

/// A step of a chain; see `logitkit.steps` for what it keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Divide the logits.
    Temperature(f64),
    /// By a number that follows the entropy.
    DynamicTemperature {
        /// Of a certain row.
        low: f64,
        /// Of an even row.
        high: f64,
        /// Of the share of the entropy.
        exponent: f64,
    },
    /// The first so many; 0 or less is off.
    TopK(f64),
    /// While the mass before is less.
    TopP(f64),
    /// Not further below the largest than so many nats, `-ln p`.
    MinP(f64),
    /// The nearest to the mean, by mass.
    Typical(f64),
    /// Probabilities of at least so much.
    Epsilon(f64),
    /// And less where the entropy is high.
    Eta(f64),
    /// Standard deviations below the largest.
    TopNSigma(f64),
    /// The share of the entropy.
    TopH(f64),
    /// Bits.
    MaxSurprise(f64),
    /// Without the top choices, if the coin says so.
    Xtc {
        /// Of doing so.
        probability: f64,
        /// Of a top choice.
        threshold: f64,
    },
}

impl Step {
    /// The step of that name.
    pub fn new(name: &str, parameters: &[f64]) -> Result<Self, Error> {
        Ok(match (name, parameters) {
            ("temperature", &[t]) => Self::Temperature(t),
            ("dynamic_temperature", &[low, high, exponent]) => {
                Self::DynamicTemperature { low, high, exponent }
            }
            ("top_k", &[k]) => Self::TopK(k),
            ("top_p", &[p]) => Self::TopP(p),
            ("min_p", &[gap]) => Self::MinP(gap),
            ("typical_p", &[p]) => Self::Typical(p),
            ("epsilon", &[epsilon]) => Self::Epsilon(epsilon),
            ("eta", &[epsilon]) => Self::Eta(epsilon),
            ("top_n_sigma", &[n]) => Self::TopNSigma(n),
            ("top_h", &[alpha]) => Self::TopH(alpha),
            ("max_surprise", &[bits]) => Self::MaxSurprise(bits),
            ("xtc", &[probability, threshold]) => Self::Xtc { probability, threshold },
            _ => return Err(Error::UnknownStep(name.into())),
        })
    }

    /// Whether it keeps every token, whatever the row.
    pub(crate) fn is_off(self) -> bool {
        match self {
            Self::Temperature(_) | Self::DynamicTemperature { .. } => false,
            Self::TopK(k) => k <= 0.0,
            Self::TopP(p) | Self::Typical(p) => p >= 1.0,
            Self::MinP(gap) => gap == f64::INFINITY,
            Self::Epsilon(epsilon) | Self::Eta(epsilon) => epsilon == 0.0,
            Self::TopNSigma(n) => n <= 0.0 || n == f64::INFINITY,
            Self::TopH(alpha) => alpha == f64::INFINITY,
            Self::MaxSurprise(bits) => bits == f64::INFINITY,
            Self::Xtc { probability, .. } => probability == 0.0,
        }
    }

    /// Whether it asks for the sum of all weights.
    pub(crate) fn sums(self) -> bool {
        !self.is_off()
            && match self {
                Self::TopP(_) | Self::Epsilon(_) | Self::MaxSurprise(_) | Self::Xtc { .. } => {
                    true
                }
                _ => self.moments(),
            }
    }

    /// Whether it asks for their mean distance from the largest, too.
    pub(crate) fn moments(self) -> bool {
        !self.is_off()
            && matches!(
                self,
                Self::DynamicTemperature { .. } | Self::Typical(_) | Self::Eta(_)
            )
    }

    /// Whether what comes after it sees but a head of the order, if it is not off.
    pub(crate) fn cuts(self) -> bool {
        let none = matches!(self, Self::Temperature(_) | Self::DynamicTemperature { .. });
        !(none || self.is_off() || matches!(self, Self::Xtc { .. }))
    }
}
