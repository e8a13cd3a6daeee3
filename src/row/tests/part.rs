//! Merging against the definition of a part.

use super::super::part::Kind;
use super::{Part, errors, naive_part};
use crate::simd::tests::Random;

/// Rows with what merging has to tell apart: ties of the maximum, far and near
/// values, -inf, offsets.
fn row(random: &mut Random) -> Vec<f64> {
    let (offset, scale) = (random.uniform(-1e4, 1e4), random.uniform(-3.0, 6.0).exp2());
    let (step, masked) = ([0.0, 1.0][random.below(2)], random.below(5));
    (0..1 + random.below(200))
        .map(|_| {
            let x = random.normal() * scale;
            let x = if step > 0.0 { x.round() } else { x };
            if random.below(8) < masked { f64::NEG_INFINITY } else { offset + x }
        })
        .collect()
}

/// The whole from parts of these rows, grouped at random.
fn merged(parts: &[Part], temperature: f64, random: &mut Random) -> Part {
    match parts {
        [] => Part::NONE,
        [part] => *part,
        _ => {
            let (left, right) = parts.split_at(1 + random.below(parts.len() - 1));
            let left = merged(left, temperature, random);
            left.merge(merged(right, temperature, random), temperature)
        }
    }
}

#[test]
fn parts_merge_to_the_whole_however_they_are_grouped() {
    let mut random = Random(7);
    let mut worst = 0.0_f64;
    for round in 0..4000 {
        let values = row(&mut random);
        let temperature = [1.0, 0.5, 7.0, 1e-8, 1e8][round % 5];
        let whole = naive_part(&values, 0, temperature);
        let mut parts = Vec::new();
        let mut start = 0;
        while start < values.len() {
            let end = start + 1 + random.below(values.len() - start);
            parts.push(naive_part(&values[start..end], start, temperature));
            start = end;
        }
        for _ in 0..3 {
            let found = merged(&parts, temperature, &mut random);
            let place = |part: &Part| (part.max, part.argmax, part.count, part.kind());
            if whole.count > 0.0 {
                assert_eq!(place(&found), place(&whole), "{values:?}");
                let error = errors(&found, &whole).into_iter().fold(0.0, f64::max);
                assert!(error < 1e-12, "{error:e} of {values:?} at {temperature}");
                worst = worst.max(error);
            } else {
                assert_eq!(found.kind(), Kind::Empty);
            }
        }
    }
    println!("merging: {worst:e} off at worst");
}

#[test]
fn nothing_is_neutral_and_ties_keep_the_lowest_index() {
    let part = naive_part(&[1.0, 3.0, 3.0, 0.5], 10, 1.0);
    for both in [part.merge(Part::NONE, 1.0), Part::NONE.merge(part, 1.0)] {
        assert_eq!(format!("{both:?}"), format!("{part:?}"));
    }
    let tied = part.merge(naive_part(&[3.0], 14, 1.0), 1.0);
    assert_eq!((tied.argmax, tied.count), (11, 3.0));
}

#[test]
fn nan_and_infinities_decide_the_kind_in_any_order() {
    let valid = naive_part(&[1.0, 2.0], 0, 1.0);
    let nan = Part { nan: true, ..Part::NONE };
    let infinite = Part { max: f64::INFINITY, argmax: 3, count: 1.0, ..Part::NONE };
    let cases = [
        (valid, Part::NONE, Kind::Valid),
        (valid, infinite, Kind::Infinite),
        (infinite, infinite, Kind::Infinite),
        (valid, nan, Kind::NotANumber),
        (infinite, nan, Kind::NotANumber),
        (Part::NONE, Part::NONE, Kind::Empty),
    ];
    for (a, b, kind) in cases {
        assert_eq!(a.merge(b, 1.0).kind(), kind);
        assert_eq!(b.merge(a, 1.0).kind(), kind);
    }
}

/// A maximum so far above that nothing of the rest is left, not even by way of an
/// infinite distance.
#[test]
fn a_far_maximum_leaves_no_rest() {
    for (low, temperature) in [(-1e4, 1.0), (-3e38, 1e-8), (f64::MIN, 1e-300)] {
        let far = naive_part(&[low, low], 0, temperature);
        let part = far.merge(naive_part(&[1.0], 2, temperature), temperature);
        assert_eq!((part.argmax, part.count, part.rest), (2, 1.0, 0.0));
        assert_eq!((part.log_total(), part.mean_gap(), part.variance()), (0.0, 0.0, 0.0));
    }
}
