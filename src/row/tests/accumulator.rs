//! Reading rows, from the first logit to the merged part.

use super::super::part::Kind;
use super::{
    BFloat16, BLOCK, CHUNK, Encode, Float16, Float32, Float64, PIECE, Part, Plan, decoded,
    encoded, errors, naive_part, read,
};
use crate::simd::tests::{Random, sets};
use crate::simd::{Isa, processor};

/// Around every length at which something changes.
const LENGTHS: [usize; 20] = [
    1,
    2,
    15,
    16,
    17,
    33,
    200,
    PIECE - 1,
    PIECE + 1,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    BLOCK + 3 * PIECE - 7,
    3 * BLOCK - 7,
    5000,
    CHUNK - 1,
    CHUNK,
    CHUNK + 1,
    CHUNK + BLOCK + 3,
    2 * CHUNK + 77,
];

/// Within and beyond what needs no scaling.
const TEMPERATURES: [f64; 8] = [1.0, 0.7, 1e-3, 5e5, 1e-8, 1e8, 1e-30, 1e37];

/// Rows of these names and a length; for the types of less range they are cut off.
fn rows(len: usize) -> Vec<(&'static str, Vec<f64>)> {
    let mut random = Random(len as u64);
    let mut row = |logit: &mut dyn FnMut(usize, &mut Random) -> f64| {
        (0..len).map(|i| logit(i, &mut random)).collect()
    };
    let middle = len / 2;
    vec![
        ("normal", row(&mut |_, random| 3.0 * random.normal())),
        ("peaked", row(&mut |i, random| if i == middle { 45.0 } else { random.normal() })),
        ("two values", row(&mut |i, _| if i % 7 == 3 { 2.5 } else { -2.5 })),
        ("equal", row(&mut |_, _| -4.25)),
        ("rounded", row(&mut |_, random| (2.0 * random.normal()).round())),
        ("ascending", row(&mut |i, _| i as f64 * 1e-3)),
        ("descending", row(&mut |i, _| i as f64 * -1e-3)),
        ("steep", row(&mut |i, _| i as f64 * 3.0 - 2e4)),
        ("far above", row(&mut |_, random| 1e6 + 2.0 * random.normal())),
        ("far below", row(&mut |_, random| -3e4 + 2.0 * random.normal())),
        ("huge", row(&mut |_, random| random.uniform(-3e38, 3e38))),
        (
            "huge and normal",
            row(&mut |i, random| if i == middle { -3e38 } else { random.normal() }),
        ),
        (
            "huge after normal ones",
            row(&mut |i, random| if i == middle { 3e38 } else { random.normal() }),
        ),
        ("tiny", row(&mut |_, random| 1e-38 * random.normal())),
        (
            "masked",
            row(&mut |i, random| {
                if i != middle && random.below(3) > 0 {
                    f64::NEG_INFINITY
                } else {
                    random.normal()
                }
            }),
        ),
        (
            "masked to the end",
            row(&mut |i, _| if i + 1 < len { f64::NEG_INFINITY } else { 7.0 }),
        ),
        (
            "maxima in some pieces",
            row(&mut |i, random| {
                let steps = [0.0, 3.0, 0.0, 4.0, 6.0, 0.0, 7.0, 7.0, 0.0, 90.0, 91.0, 0.0];
                let top = if i % PIECE == 77 { steps[i / PIECE % steps.len()] } else { 0.0 };
                if top > 0.0 { 2.0 + top } else { 0.3 * random.normal() }
            }),
        ),
        (
            "masked late",
            row(&mut |i, random| {
                if 4 * i > 3 * len && random.below(4) == 0 {
                    f64::NEG_INFINITY
                } else {
                    random.normal()
                }
            }),
        ),
        (
            "masked by numbers",
            row(&mut |i, random| if i > middle { -1e4 } else { random.normal() }),
        ),
        (
            "low ones, some lanes lower",
            row(&mut |i, random| {
                let low = if i % 16 < 8 { -1.0 } else { -31.0 };
                if i == 0 { 75.0 } else { low + 0.1 * random.normal() }
            }),
        ),
        (
            "the same beside more maxima",
            row(&mut |i, random| {
                let low = if i % 16 < 8 { -1.0 } else { -31.0 };
                if i % BLOCK == 0 { 75.0 } else { low + 0.1 * random.normal() }
            }),
        ),
        (
            "two levels",
            row(&mut |i, random| {
                if i < middle { -60.0 + random.normal() } else { random.normal() }
            }),
        ),
    ]
}

fn check<E: Encode>() {
    let mut worst = [(); 3].map(|()| (0.0, String::new()));
    for len in LENGTHS {
        let temperatures =
            if len < CHUNK - 1 { &TEMPERATURES[..] } else { &TEMPERATURES[..6] };
        for (name, row) in rows(len) {
            let bytes = encoded::<E>(&row);
            let values = decoded::<E>(&bytes);
            let target = values[len / 3];
            let above = values.iter().filter(|&&x| x > target).count() as u64;
            for &temperature in temperatures {
                let expected = naive_part(&values, 0, temperature);
                for isa in sets() {
                    let what = format!("{} {name} {len} T={temperature} {isa:?}", E::NAME);
                    let (part, greater) =
                        read::<E>(isa, Plan::VarentropyAndRanks, &bytes, temperature, target);
                    assert_eq!(greater, above, "{what}: rank");
                    let place = |part: &Part| (part.max, part.argmax, part.count, part.kind());
                    assert_eq!(place(&part), place(&expected), "{what}");
                    let mut found = errors(&part, &expected);
                    // Fewer moments must not mean less exact ones.
                    for (plan, known) in [(Plan::Weights, 1), (Plan::Entropy, 2)] {
                        let (part, _) = read::<E>(isa, plan, &bytes, temperature, target);
                        let fewer = errors(&part, &expected);
                        (0..known).for_each(|i| found[i] = found[i].max(fewer[i]));
                    }
                    for (worst, found) in worst.iter_mut().zip(found) {
                        if found > worst.0 {
                            *worst = (found, what.clone());
                        }
                    }
                }
            }
        }
    }
    for (name, (error, at)) in ["ln A", "entropy", "varentropy"].into_iter().zip(worst) {
        println!("{name} {error:.1e} off at worst: {at}");
        assert!(error <= E::TOLERANCE, "{name} {error:e} off: {at}");
    }
}

#[test]
fn float32_rows_are_as_exact_as_promised() {
    check::<Float32>();
}

#[test]
fn float16_rows_are_as_exact_as_promised() {
    check::<Float16>();
}

#[test]
fn bfloat16_rows_are_as_exact_as_promised() {
    check::<BFloat16>();
}

#[test]
fn float64_rows_are_as_exact_as_promised() {
    check::<Float64>();
}

/// Few logits, as far apart as the temperature makes it count: the difference from
/// the maximum is then rounded, and its rounding must not be lost.
#[test]
fn far_temperatures_lose_no_accuracy() {
    let mut random = Random(11);
    for temperature in [1e-30, 1e-8, 1e7, 1e8, 1e36] {
        for _ in 0..2000 {
            let row: Vec<f64> = (0..2 + random.below(3))
                .map(|_| temperature * random.uniform(-60.0, 60.0))
                .collect();
            let bytes = encoded::<Float32>(&row);
            let expected = naive_part(&decoded::<Float32>(&bytes), 0, temperature);
            for isa in sets() {
                for plan in [Plan::Weights, Plan::Entropy, Plan::Varentropy] {
                    let (part, _) = read::<Float32>(isa, plan, &bytes, temperature, 0.0);
                    let known = PLANS.iter().position(|known| *known == plan).unwrap_or(0);
                    for error in &errors(&part, &expected)[..known] {
                        assert!(*error <= 1e-6, "{isa:?} {plan:?} {row:?}: {error:e} off");
                    }
                }
            }
        }
    }
}

const PLANS: [Plan; 5] =
    [Plan::Ranks, Plan::Weights, Plan::Entropy, Plan::Varentropy, Plan::VarentropyAndRanks];

fn check_special<E: Encode>() {
    let len = CHUNK + BLOCK + 5;
    let mut random = Random(8);
    let normal: Vec<f64> = (0..len).map(|_| random.normal()).collect();
    let with = |special: &[(usize, f64)], row: &[f64]| {
        let mut row = row.to_vec();
        special.iter().for_each(|&(at, x)| row[at] = x);
        encoded::<E>(&row)
    };
    let (inf, masked) = (f64::INFINITY, vec![f64::NEG_INFINITY; len]);
    let places =
        [0, 1, 31, BLOCK - 1, BLOCK, BLOCK + PIECE, 3 * BLOCK - 1, CHUNK - 1, CHUNK, len - 1];
    for isa in sets() {
        let kind = |plan, bytes: &[u8]| read::<E>(isa, plan, bytes, 1.0, 0.0).0.kind();
        for at in places {
            let other = (at + 9) % len;
            for row in [&normal, &masked] {
                // Blocks and pieces with a new maximum take another way than those without.
                let top = if at + PIECE < len { at + PIECE } else { at - PIECE };
                for others in [&[][..], &[(other, inf)], &[(other, 9.0)], &[(top, 9.0)]] {
                    let bytes = with(&[&[(at, f64::NAN)], others].concat(), row);
                    for plan in PLANS {
                        let what = format!("{} {isa:?} {plan:?}: NaN at {at}", E::NAME);
                        assert_eq!(kind(plan, &bytes), Kind::NotANumber, "{what}");
                    }
                }
                let bytes = with(&[(at, inf), (len / 2, inf)], row);
                for plan in &PLANS[1..] {
                    let (part, _) = read::<E>(isa, *plan, &bytes, 1.0, 0.0);
                    let what = format!("{} {isa:?} {plan:?}: +inf at {at}", E::NAME);
                    assert_eq!(
                        (part.kind(), part.argmax),
                        (Kind::Infinite, at.min(len / 2)),
                        "{what}"
                    );
                }
            }
        }
        for plan in PLANS {
            assert_eq!(kind(plan, &encoded::<E>(&masked)), Kind::Empty, "{isa:?} {plan:?}");
        }
    }
}

/// One NaN among 132,101 logits is found, wherever it lies and whatever else
/// there is; +inf is an argmax; a row of -inf has none.
#[test]
fn special_values_decide_the_kind_of_a_row() {
    check_special::<Float32>();
    check_special::<Float16>();
    check_special::<BFloat16>();
    check_special::<Float64>();
}

fn check_bits<E: Encode>() {
    let fused: Vec<Isa> = sets().into_iter().filter(|isa| *isa != Isa::Portable).collect();
    if fused.is_empty() {
        return;
    }
    for len in LENGTHS {
        for (name, row) in rows(len) {
            let bytes = encoded::<E>(&row);
            let plain = PLANS.into_iter().zip([1.0; PLANS.len()]);
            for (plan, temperature) in PLANS.into_iter().zip(TEMPERATURES).chain(plain) {
                let mut first = None;
                let bits = |isa: &Isa| {
                    let (part, greater) = read::<E>(*isa, plan, &bytes, temperature, 0.5);
                    let sums = [part.max, part.count, part.rest, part.gap, part.spread];
                    (sums.map(f64::to_bits), part.argmax, part.nan, greater)
                };
                for scales_in_one in [true, false] {
                    processor::pretend(scales_in_one);
                    let found: Vec<_> = fused.iter().map(bits).collect();
                    let expected = first.get_or_insert(found[0]);
                    for found in found {
                        assert_eq!(found, *expected, "{} {name} {len}", E::NAME);
                    }
                }
            }
        }
    }
}

/// Whatever the processor is quick at.
#[test]
fn avx2_and_avx512_give_the_same_bits() {
    check_bits::<Float32>();
    check_bits::<Float16>();
    check_bits::<BFloat16>();
    check_bits::<Float64>();
}
