//! What is known of a stretch of a row once it has been read: enough for every
//! statistic, mergeable, and free of cancellation.
//!
//! The maximum is kept out of the sums. With `y = x / T`, `m` the largest `y` and
//! `cnt` its copies:
//!
//! * `rest = sum of e^(y - m)` over the `y < m`,
//! * `gap = sum of e^(y - m) (m - y)` over them, >= 0,
//! * `spread = sum of e^(y - m) (y - mean)^2` over them, about their own mean.
//!
//! With `A = cnt + rest`: `ln A = ln cnt + log1p(rest / cnt)`, entropy
//! `ln A + gap / A`, variance of the surprisal
//! `(spread + cnt rest / A (gap / rest)^2) / A`: sums of terms that are never
//! negative, so that an entropy of 1e-20 is as accurate as one of 10. Merging
//! moves the lower maximum into the other part's rest, then joins two means as
//! Chan, Golub and LeVeque (1983) do.

/// A stretch of a row, its maximum apart from the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Largest logit, NaN aside.
    pub(crate) max: f64,
    /// Lowest index in the row at which it stands.
    pub(crate) argmax: usize,
    /// Logits equal to it.
    pub(crate) count: f64,
    /// Weight of the others, relative to the maximum's.
    pub(crate) rest: f64,
    /// Their weighted distance from the maximum, in nats.
    pub(crate) gap: f64,
    /// Their weighted squared distance from their mean.
    pub(crate) spread: f64,
    /// Whether there is NaN.
    pub(crate) nan: bool,
}

/// What a row's numbers can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// At least one finite logit, no NaN, no +inf.
    Valid,
    /// There is a NaN.
    NotANumber,
    /// There is +inf.
    Infinite,
    /// All are -inf.
    Empty,
}

impl Part {
    /// The part of no logits at all.
    pub(crate) const NONE: Part = Part {
        max: f64::NEG_INFINITY,
        argmax: 0,
        count: 0.0,
        rest: 0.0,
        gap: 0.0,
        spread: 0.0,
        nan: false,
    };

    /// Both parts; `later` lies behind `self` in the row.
    pub(crate) fn merge(self, later: Part, temperature: f64) -> Part {
        let nan = self.nan | later.nan;
        let (high, low) = if later.max > self.max { (later, self) } else { (self, later) };
        if nan || low.count == 0.0 || !high.max.is_finite() {
            return Part { nan, ..high };
        }
        let low = low.below(high.max, temperature);
        let rest = high.rest + low.rest;
        let spread = match (high.rest > 0.0, low.rest > 0.0) {
            (true, true) => {
                let between = high.gap / high.rest - low.gap / low.rest;
                let joint = high.rest * low.rest / rest;
                high.spread + low.spread + between * between * joint
            }
            _ => high.spread + low.spread,
        };
        Part { count: high.count + low.count, rest, gap: high.gap + low.gap, spread, ..high }
    }

    /// This part as the rest of one whose maximum is `max`. Copies of that
    /// maximum stay what they are.
    fn below(self, max: f64, temperature: f64) -> Part {
        if self.max == max {
            return self;
        }
        let step = (max - self.max) / temperature;
        let scale = (-step).exp();
        if scale == 0.0 {
            return Part { count: 0.0, rest: 0.0, gap: 0.0, spread: 0.0, ..self };
        }
        let rest = self.count + self.rest;
        Part {
            count: 0.0,
            rest: rest * scale,
            gap: (self.gap + step * rest) * scale,
            spread: (self.spread + self.between()) * scale,
            ..self
        }
    }

    /// Spread that comes from the distance between the maximum and the rest.
    fn between(&self) -> f64 {
        if self.rest > 0.0 {
            let mean_gap = self.gap / self.rest;
            self.count * (self.rest / (self.count + self.rest)) * mean_gap * mean_gap
        } else {
            0.0
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.nan {
            Kind::NotANumber
        } else if self.max == f64::INFINITY {
            Kind::Infinite
        } else if self.max == f64::NEG_INFINITY {
            Kind::Empty
        } else {
            Kind::Valid
        }
    }

    /// `ln A`: how far log-sum-exp lies above the maximum, in nats.
    pub(crate) fn log_total(&self) -> f64 {
        self.count.ln() + (self.rest / self.count).ln_1p()
    }

    /// `A`, the sum of all weights relative to the maximum's.
    pub(crate) fn total(&self) -> f64 {
        self.count + self.rest
    }

    /// Mean distance from the maximum, in nats.
    pub(crate) fn mean_gap(&self) -> f64 {
        self.gap / self.total()
    }

    /// Variance of the surprisal, in square nats.
    pub(crate) fn variance(&self) -> f64 {
        (self.spread + self.between()) / self.total()
    }
}
