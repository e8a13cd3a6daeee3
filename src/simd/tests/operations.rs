//! Every operation of [`Lanes`], on both float types.

use std::marker::PhantomData;

use super::{Float, Random, lanes, same, sets, steps};
use crate::simd::{Isa, Kernel, Lanes, Simd};

/// A register's worth of values, of each of three operands: all pairs of special
/// values, then random ones of many magnitudes.
fn operands<S: Simd, T: Float>() -> Vec<[Vec<T>; 3]> {
    let len = T::Register::<S>::LEN;
    let mut random = Random(1);
    let special = T::SPECIAL;
    let mut triples: Vec<[T; 3]> = Vec::new();
    for a in special {
        triples.extend(special.map(|b| [a, b, special[random.below(special.len())]]));
    }
    for _ in 0..2048 {
        triples.push(
            [(); 3]
                .map(|()| T::from_f64(random.normal() * random.uniform(-30.0, 30.0).exp2())),
        );
    }
    let column = |chunk: &[[T; 3]], i: usize| chunk.iter().map(|triple| triple[i]).collect();
    triples.chunks_exact(len).map(|chunk| [0, 1, 2].map(|i| column(chunk, i))).collect()
}

/// Numbers without rounding trouble: distinct, finite.
fn ramp<S: Simd, T: Float>() -> Vec<T> {
    (0..T::Register::<S>::LEN).map(|i| T::from_f64(i as f64 - 3.0)).collect()
}

/// The lanes in a mask.
#[inline(always)]
fn chosen<S: Simd, T: Float>(simd: S, mask: <T::Register<S> as Lanes>::Mask) -> Vec<bool> {
    let ones = T::Register::<S>::splat(simd, T::from_f64(1.0)).keep(mask);
    lanes(ones).iter().map(|lane| lane.to_f64() == 1.0).collect()
}

#[track_caller]
pub(super) fn assert_lanes<T: Float>(isa: Isa, found: &[T], expected: impl Fn(usize) -> T) {
    for (i, &lane) in found.iter().enumerate() {
        let expected = expected(i);
        assert!(same(lane, expected), "{isa:?}, lane {i}: {lane:?}, expected {expected:?}");
    }
}

on_every_register! {
    fn splat_fills_all_lanes<S, T: Float>(simd, isa) {
        for value in T::SPECIAL {
            assert_lanes(isa, &lanes(T::Register::<S>::splat(simd, value)), |_| value);
        }
    }
}

on_every_register! {
    fn sums_differences_products<S, T: Float>(simd, isa) {
        for [a, b, _] in operands::<S, T>() {
            let (x, y) = (T::load(simd, &a), T::load(simd, &b));
            assert_lanes(isa, &lanes(x.add(y)), |i| a[i] + b[i]);
            assert_lanes(isa, &lanes(x.sub(y)), |i| a[i] - b[i]);
            assert_lanes(isa, &lanes(x.mul(y)), |i| a[i] * b[i]);
        }
    }
}

on_every_register! {
    fn quotients_are_those_of_the_scalars<S, T: Float>(simd, isa) {
        for [a, b, _] in operands::<S, T>() {
            let found = lanes(T::load(simd, &a).div(T::load(simd, &b)));
            assert_lanes(isa, &found, |i| a[i].over(b[i]));
        }
    }
}

on_every_register! {
    fn lanes_are_chosen_by_the_mask<S, T: Float>(simd, isa) {
        for [a, b, c] in operands::<S, T>() {
            let (a_lanes, b_lanes) = (T::load(simd, &a), T::load(simd, &b));
            let bound = T::load(simd, &c);
            let found = lanes(a_lanes.choose(a_lanes.not_ge(bound), b_lanes));
            assert_lanes(isa, &found, |i| if a[i] >= c[i] { b[i] } else { a[i] });
        }
    }
}

on_every_register! {
    fn mul_add_rounds_once_where_promised<S, T: Float>(simd, isa) {
        for [a, b, c] in operands::<S, T>() {
            let found = lanes(T::load(simd, &a).mul_add(T::load(simd, &b), T::load(simd, &c)));
            for i in 0..found.len() {
                let fused = a[i].fused(b[i], c[i]);
                let twice_is_fine = isa == Isa::Portable && same(found[i], a[i] * b[i] + c[i]);
                assert!(same(found[i], fused) || twice_is_fine, "{isa:?}: {a:?} {b:?} {c:?}");
            }
        }
    }
}

on_every_register! {
    /// Where the product and `c` cancel, only the error of the product is left.
    fn fused_mul_sub_keeps_the_error_of_the_product<S, T: Float>(simd, isa) {
        let mut random = Random(2);
        let len = T::Register::<S>::LEN;
        for round in 0..2000 {
            let mut number = |_| T::from_f64(random.normal() * random.uniform(-20.0, 20.0).exp2());
            let a: Vec<T> = (0..len).map(&mut number).collect();
            let b: Vec<T> = (0..len).map(&mut number).collect();
            let c: Vec<T> = (0..len)
                .map(|i| match round % 3 {
                    0 => a[i] * b[i],
                    // As in the exponential: rounded to a multiple of an eighth.
                    1 => T::from_f64(((a[i] * b[i]).to_f64() * 8.0).round() / 8.0),
                    _ => number(i),
                })
                .collect();
            let minus = |x: T| T::from_f64(-x.to_f64());
            let found =
                lanes(T::load(simd, &a).fused_mul_sub(T::load(simd, &b), T::load(simd, &c)));
            if isa == Isa::Portable && round % 3 == 2 {
                // No cancellation: roundings of the parts may add up to a step.
                let exact = |i: usize| a[i].fused(b[i], minus(c[i]));
                let far = (0..len).find(|&i| steps(found[i], exact(i)) > 1);
                assert_eq!(far, None, "{a:?} {b:?} {c:?} {found:?}");
            } else {
                assert_lanes(isa, &found, |i| a[i].fused(b[i], minus(c[i])));
            }
        }
    }
}

on_every_register! {
    fn max_gives_the_accumulator_for_nan<S, T: Float>(simd, isa) {
        for [a, acc, _] in operands::<S, T>() {
            let found = lanes(T::load(simd, &a).max(T::load(simd, &acc)));
            assert_lanes(isa, &found, |i| if a[i] > acc[i] { a[i] } else { acc[i] });
        }
    }
}

on_every_register! {
    fn min_gives_the_accumulator_for_nan<S, T: Float>(simd, isa) {
        for [a, acc, _] in operands::<S, T>() {
            let found = lanes(T::load(simd, &a).min(T::load(simd, &acc)));
            assert_lanes(isa, &found, |i| if a[i] < acc[i] { a[i] } else { acc[i] });
        }
    }
}

on_every_register! {
    fn abs_takes_the_sign<S, T: Float>(simd, isa) {
        for [a, ..] in operands::<S, T>() {
            let found = lanes(T::load(simd, &a).abs());
            assert_lanes(isa, &found, |i| T::from_f64(a[i].to_f64().abs()));
        }
    }
}

on_every_register! {
    fn comparisons_take_nan_as_their_names_say<S, T: Float>(simd, isa) {
        for [a, b, _] in operands::<S, T>() {
            let (x, y) = (T::load(simd, &a), T::load(simd, &b));
            let not_ge: Vec<bool> = (0..a.len())
                .map(|i| a[i].partial_cmp(&b[i]).is_none_or(|order| order.is_lt()))
                .collect();
            assert_eq!(chosen::<S, T>(simd, x.not_ge(y)), not_ge, "{isa:?}: {a:?} {b:?}");
        }
    }
}

on_every_register! {
    /// Infinities and NaN in the other lanes leave no trace, not even a sign.
    fn masked_lanes_are_zero_whatever_they_held<S, T: Float>(simd, isa) {
        let half = T::Register::<S>::splat(simd, T::from_f64(0.5));
        let mut random = Random(3);
        for [a, ..] in operands::<S, T>() {
            let dropped: Vec<T> =
                a.iter().map(|_| T::from_f64((random.bits() % 2) as f64)).collect();
            let kept = lanes(T::load(simd, &a).keep(T::load(simd, &dropped).not_ge(half)));
            let zero = T::from_f64(0.0);
            assert_lanes(isa, &kept, |i| if dropped[i].to_f64() == 1.0 { zero } else { a[i] });
        }
    }
}

on_every_register! {
    fn questions_about_any_lane<S, T: Float>(simd, isa) {
        let zero = T::Register::<S>::splat(simd, T::from_f64(0.0));
        let nan = T::Register::<S>::splat(simd, T::from_f64(f64::NAN));
        assert!(!zero.any_nan() && nan.any_nan(), "{isa:?}");
        assert!(!nan.any_ge(zero) && !zero.any_ge(nan) && zero.any_ge(zero), "{isa:?}");
        assert_eq!((nan.bits_eq(nan), zero.bits_eq(nan)), (0, 0), "{isa:?}");
        assert_eq!((nan.bits_gt(zero), zero.bits_gt(nan)), (0, 0), "{isa:?}");
        for i in 0..T::Register::<S>::LEN {
            for value in T::SPECIAL {
                let mut x = vec![T::from_f64(-1.0); T::Register::<S>::LEN];
                x[i] = value;
                let register = T::load(simd, &x);
                assert_eq!(register.any_nan(), value.to_f64().is_nan(), "{isa:?} {x:?}");
                assert_eq!(register.any_ge(zero), value.to_f64() >= 0.0, "{isa:?} {x:?}");
                let is_less = value.to_f64() < 0.0;
                assert_eq!(register.any_not_lt(zero), !is_less, "{isa:?} {x:?}");
                let equal = u32::from(value.to_f64() == 0.0) << i;
                assert_eq!(register.bits_eq(zero), equal, "{isa:?} {x:?}");
                let greater = u32::from(value.to_f64() > 0.0) << i;
                assert_eq!(register.bits_gt(zero), greater, "{isa:?} {x:?}");
            }
        }
        let ramp = ramp::<S, T>();
        let all = T::load(simd, &ramp);
        assert_eq!(all.bits_eq(all), ((1_u64 << ramp.len()) - 1) as u32, "{isa:?}");
    }
}

on_every_register! {
    fn counts_what_is_greater<S, T: Float>(simd, isa) {
        let mut counter = <T::Register<S> as Lanes>::counter(simd);
        let mut expected = 0;
        for _ in 0..20 {
            for [a, bound, _] in operands::<S, T>() {
                let (x, y) = (T::load(simd, &a), T::load(simd, &bound));
                counter = x.count_gt(y, counter);
                expected += a.iter().zip(&bound).filter(|(a, bound)| a > bound).count() as u64;
            }
        }
        assert_eq!(<T::Register<S> as Lanes>::counted(counter), expected, "{isa:?}");
    }
}

on_every_register! {
    /// The tree is part of the contract: results must not depend on the set.
    fn sum_adds_halves<S, T: Float>(simd, isa) {
        for [a, _, _] in operands::<S, T>() {
            let mut tree: Vec<f64> = a.iter().map(|x| x.to_f64()).collect();
            while tree.len() > 1 {
                let high = tree.split_off(tree.len() / 2);
                tree.iter_mut().zip(high).for_each(|(low, high)| *low += high);
            }
            let sum = T::load(simd, &a).sum();
            assert!(same(sum, tree[0]), "{isa:?}: {sum}, expected {} of {a:?}", tree[0]);
        }
    }
}

on_every_register! {
    fn largest_is_found_in_every_lane<S, T: Float>(simd, isa) {
        let none = T::Register::<S>::splat(simd, T::NEG_INFINITY);
        assert_eq!(none.largest().to_f64(), f64::NEG_INFINITY, "{isa:?}");
        let mut x = ramp::<S, T>();
        for _ in 0..x.len() {
            x.rotate_right(1);
            for (value, larger) in [(99.0, 99.0), (f64::INFINITY, f64::INFINITY)] {
                let mut with = x.clone();
                with[0] = T::from_f64(value);
                assert_eq!(T::load(simd, &with).largest().to_f64(), larger, "{isa:?}");
            }
            let largest = x.len() as f64 - 4.0;
            assert_eq!(T::load(simd, &x).largest().to_f64(), largest, "{isa:?}");
        }
    }
}
