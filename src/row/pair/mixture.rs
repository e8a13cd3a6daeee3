//! The terms of JS by any weights, from how far each row is off the mixture.
//!
//! With `f(t) = (1 + t) ln(1 + t) - t` and `m` the mixture, a token's term is
//! `w m f(p / m - 1) + (1 - w) m f(q / m - 1)`, a sum of two that are not negative. Where a
//! row is close to the mixture, `s = z / (2 - z)` makes `f(-z) = z s (1 - (1 - s) s A(s^2))`
//! of its distance `z`, which is a multiple of `q - p`: nothing cancels, however small the
//! weights. `A` is [`atanh_excess`].

use crate::element::Real;
use crate::math::excess::atanh_excess;
use crate::math::exp2::Exp2;
use crate::simd::Lanes;

/// Largest `s` of a row that is close to the mixture: the domain of [`atanh_excess`].
const CLOSE: f64 = 0.46;

/// The weights of a mixture, spread over registers.
#[derive(Clone, Copy)]
pub(super) struct Mixture<V: Lanes> {
    simd: V::Simd,
    share_p: V,
    share_q: V,
    /// Doublings that bring the smaller of them to 1/2.
    doublings: u32,
}

impl<V: Lanes<Scalar: Real>> Mixture<V> {
    /// `weight` is that of the first row.
    #[inline(always)]
    pub(super) fn new(simd: V::Simd, weight: f64) -> Self {
        let splat = |x| V::splat(simd, V::Scalar::from_f64(x));
        let least = weight.min(1.0 - weight);
        Self {
            simd,
            share_p: splat(weight),
            share_q: splat(1.0 - weight),
            doublings: if least > 0.0 { (-least.log2()).ceil() as u32 - 1 } else { 0 },
        }
    }

    #[inline(always)]
    fn splat(&self, x: f64) -> V {
        V::splat(self.simd, V::Scalar::from_f64(x))
    }

    /// The terms of tokens with `u = (q - p) / p` between `1 / e - 1` and `e - 1`.
    #[inline(always)]
    pub(super) fn near(&self, p: V, u: V) -> V {
        let two = self.splat(2.0);
        // `m / p - 1`, and what `q` is beyond the mixture.
        let [a, w] = [self.share_q.mul(u), self.share_p.mul(u)];
        let below_p = a.div(two.add(a));
        let below_q = w.div(two.add(a).add(a.add(w)));
        let of_p = below_p.mul(self.shape(below_p));
        let of_q = below_q.mul(self.shape(self.splat(0.0).sub(below_q)));
        p.mul(a).mul(self.share_p.mul(of_p.add(of_q)))
    }

    /// The terms of tokens with `r = ln p - ln q` beyond 1.
    #[inline(always)]
    pub(super) fn far(&self, [p, q]: [V; 2], r: V) -> V {
        let (zero, one, two) = (self.splat(0.0), self.splat(1.0), self.splat(2.0));
        let limit = self.splat(CLOSE);
        let tiny = self.splat(V::Scalar::LEAST.exp2());
        let p_is_less = r.not_ge(zero);
        let share = self.share_p.choose(p_is_less, self.share_q);
        let other = self.share_q.choose(p_is_less, self.share_p);
        // The lesser of p and q, and the mixture, by the greater.
        let greater = q.max(p);
        let t = p.choose(p_is_less, q).div(tiny.max(greater));
        let c = share.mul_add(t, other);
        let log = self.log(c);
        // Of each, by distance where it is close to the mixture, else by logarithms.
        let above_c = share.mul(one.sub(t));
        let s = above_c.div(two.sub(above_c));
        let by_distance = above_c.mul_add(s, s.add(s).mul(self.atanh_tail(s)));
        let by_logarithm = zero.sub(log.add(above_c));
        let of_greater = by_distance.choose(s.not_ge(limit), by_logarithm);
        let below_c = other.mul(one.sub(t));
        let s = below_c.div(tiny.max(c.add(t)));
        let by_distance = below_c.mul(s).mul(self.shape(s));
        let by_logarithm = below_c.sub(t.mul(r.abs().add(log)));
        let of_less = by_distance.choose(s.not_ge(limit), by_logarithm);
        greater.mul(other.mul(of_greater).add(share.mul(of_less)))
    }

    /// `ln c`, no larger than 0.
    #[inline(always)]
    fn log(&self, c: V) -> V {
        let (one, half) = (self.splat(1.0), self.splat(0.5));
        let (mut mantissa, mut log) = (c, self.splat(0.0));
        for _ in 0..self.doublings {
            let low = mantissa.not_ge(half);
            mantissa = mantissa.add(mantissa.keep(low));
            log = log.sub(self.splat(std::f64::consts::LN_2).keep(low));
        }
        let s = mantissa.sub(one).div(mantissa.add(one));
        let twice = s.add(s);
        twice.mul_add(self.atanh_tail(s), twice).add(log)
    }

    /// `atanh(s) / s - 1`
    #[inline(always)]
    fn atanh_tail(&self, s: V) -> V {
        let square = s.mul(s);
        square.mul(atanh_excess(self.simd, square))
    }

    /// `f(-z) / (z s)`
    #[inline(always)]
    fn shape(&self, s: V) -> V {
        let one = self.splat(1.0);
        one.sub(one.sub(s).mul(s).mul(atanh_excess(self.simd, s.mul(s))))
    }
}
