//! Whether numbers are weights, the largest of them and their sum.

use super::scale::{HUGE, HUGE_UNIT, total, unit_for};
use super::source::{PAIR_BYTES, weights};
use crate::simd::{Bits, Kernel, Lanes, Simd, ahead};

/// What a look at numbers tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Survey {
    pub(crate) max: f64,
    /// The sum of blocks without huge weights, and of the others in their own unit.
    sum: f64,
    huge: f64,
    /// Whether a number is no weight.
    pub(crate) bad: bool,
}

impl Survey {
    /// Of two stretches.
    pub(crate) fn merge(self, later: Self) -> Self {
        Self {
            max: self.max.max(later.max),
            sum: self.sum + later.sum,
            huge: self.huge + later.huge,
            bad: self.bad || later.bad,
        }
    }

    /// Whether the weights make a distribution.
    pub(crate) fn is_distribution(&self) -> bool {
        !self.bad && self.max > 0.0
    }

    /// The exponent of the unit that the weights are to be read in.
    pub(crate) fn unit(&self) -> i32 {
        unit_for(self.max)
    }

    /// The sum of the weights in that unit.
    pub(crate) fn total(&self) -> f64 {
        total(self.sum, self.huge, self.unit())
    }
}

/// Looks at a block, and asks for the memory behind it.
pub(crate) struct Look<'a> {
    pub(crate) block: &'a [u8],
}

impl Kernel for Look<'_> {
    type Output = Survey;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Survey {
        let zero = S::F64::splat(simd, 0.0);
        let mut max = [zero; 2];
        let mut sum = [zero; 2];
        let mut signs = [zero; 2];
        for bytes in self.block.chunks_exact(PAIR_BYTES) {
            ahead::prefetch(simd, bytes);
            let w = simd.load_f64(bytes);
            for i in 0..2 {
                max[i] = w[i].max(max[i]);
                sum[i] = sum[i].add(w[i]);
                signs[i] = signs[i].or(w[i]);
            }
        }
        let max = max[0].max(max[1]).largest();
        let mut survey = Survey { max, sum: sum[0].add(sum[1]).sum(), ..Survey::default() };
        // -0 is a weight.
        let is_negative =
            signs[0].or(signs[1]).any_sign() && weights(self.block).any(|w| w < 0.0);
        if is_negative || survey.sum.is_nan() || max == f64::INFINITY {
            survey.bad = true;
        } else if max > HUGE {
            survey.huge = weights(self.block).map(|w| w * HUGE_UNIT).sum();
            survey.sum = 0.0;
        }
        survey
    }
}
