//! Polynomials of registers.

use crate::simd::Lanes;
use crate::simd::two::Two;

/// Numbers of a polynomial, `MOST` of them or fewer, spread over registers: coefficients,
/// lowest term first, unless something else is said.
#[derive(Clone, Copy)]
pub(crate) struct Spread<V, const MOST: usize>([V; MOST]);

impl<V: Lanes, const MOST: usize> Spread<V, MOST> {
    #[inline(always)]
    pub(crate) fn new(simd: V::Simd, numbers: &[V::Scalar]) -> Self {
        let mut spread = [V::splat(simd, numbers[0]); MOST];
        for (own, &number) in spread.iter_mut().zip(numbers) {
            *own = V::splat(simd, number);
        }
        Self(spread)
    }

    /// Itself, at the start of a pass: see [`Lanes::uniform`].
    #[inline(always)]
    pub(crate) fn uniform(&self) -> Self {
        let mut spread = self.0;
        for own in &mut spread {
            *own = own.uniform();
        }
        Self(spread)
    }

    /// The same for two registers in step.
    #[inline(always)]
    pub(crate) fn in_step(&self) -> Spread<Two<V>, MOST> {
        let mut spread = [Two::of(self.0[0]); MOST];
        for (own, &number) in spread.iter_mut().zip(&self.0) {
            *own = Two::of(number);
        }
        Spread(spread)
    }

    #[inline(always)]
    pub(crate) fn first(&self) -> V {
        self.0[0]
    }

    /// `sum of c[i] x^i` of the first `len` numbers.
    #[inline(always)]
    pub(crate) fn in_chain(&self, len: usize, x: V) -> V {
        let mut sum = self.0[len - 1];
        for &c in self.0[..len - 1].iter().rev() {
            sum = sum.mul_add(x, c);
        }
        sum
    }

    /// The same, even and odd terms apart: as many operations as in one chain of them, and
    /// half as long to wait for. `square` is `x^2`.
    #[inline(always)]
    pub(crate) fn in_halves(&self, len: usize, x: V, square: V) -> V {
        let last = len - 1;
        let mut sums = [self.0[last], self.0[last - 1]];
        for (i, &c) in self.0[..last - 1].iter().enumerate().rev() {
            let sum = &mut sums[(last - i) % 2];
            *sum = sum.mul_add(square, c);
        }
        let [even, odd] = if last.is_multiple_of(2) { sums } else { [sums[1], sums[0]] };
        odd.mul_add(x, even)
    }

    /// `(square + a)^2 + b + x ((square + c)^2 + d)` of the first four numbers.
    #[inline(always)]
    pub(crate) fn in_squares(&self, x: V, square: V) -> V {
        let [a, b, c, d] = [self.0[0], self.0[1], self.0[2], self.0[3]];
        let (even, odd) = (square.add(a), square.add(c));
        odd.mul_add(odd, d).mul_add(x, even.mul_add(even, b))
    }
}
