//! Random numbers against published ones, draws against their definition.

use std::marker::PhantomData;

use super::Source;
use super::apart::apart;
use super::blocks::{RowSums, SumBlocks};
use super::draw::{Definition, Sums};
use super::philox::philox4x32;
use crate::element::Float32;
use crate::simd::tests::sets;

/// The known answers of Random123, the authors' implementation.
#[test]
fn known_answers() {
    let ones = u32::MAX;
    assert_eq!(
        philox4x32([0; 4], [0; 2]),
        [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
    );
    assert_eq!(
        philox4x32([ones; 4], [ones; 2]),
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
    );
    let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
    assert_eq!(
        philox4x32(counter, [0xa409_3822, 0x299f_31d0]),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

fn row(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| ((i * 7919 % 1013) as f32 / 100.0) - if i % 5 == 0 { 9.0 } else { 0.0 })
        .collect()
}

#[test]
fn draws_are_those_of_the_definition() {
    for len in [1, 3, 1024, 1025, 5000] {
        let logits = row(len);
        let bytes: Vec<u8> = logits.iter().flat_map(|x| x.to_ne_bytes()).collect();
        let max = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        for temperature in [1.0, 0.6] {
            let tokens = logits.iter().map(|&x| f64::from(x) / temperature).enumerate();
            let definition = Definition::new(tokens, f64::from(max) / temperature);
            for isa in sets() {
                let mut found = RowSums::default();
                isa.run(SumBlocks::<Float32> {
                    row: &bytes,
                    temperature,
                    sums: &mut found,
                    element: PhantomData,
                });
                assert_eq!((found.max, found.plain), (f64::from(max), true));
                let mut sums = Sums::default();
                sums.of(&found, std::f64::consts::LOG2_E / temperature, 4e-6);
                let mut decided = 0;
                for i in 0..997 {
                    let u = f64::from(i) / 997.0;
                    if let Some(id) = sums.draw(u, len, |id| f64::from(logits[id])) {
                        assert_eq!(id, definition.draw(u), "{len} {u}");
                        decided += 1;
                    }
                }
                assert!(decided > 800, "{len}: {decided}");
            }
        }
    }
}

#[test]
fn what_is_invalid_is_told() {
    for (bad, is_nan) in [(f32::NAN, true), (f32::INFINITY, false)] {
        let mut logits = row(1500);
        logits[1203] = bad;
        logits[3] = f32::NEG_INFINITY;
        let bytes: Vec<u8> = logits.iter().flat_map(|x| x.to_ne_bytes()).collect();
        for isa in sets() {
            let mut found = RowSums::default();
            let sums = &mut found;
            let element = PhantomData;
            isa.run(SumBlocks::<Float32> { row: &bytes, temperature: 1.0, sums, element });
            assert_eq!(found.max.is_nan(), is_nan);
            assert!(is_nan || found.max == f64::INFINITY);
        }
    }
}

#[test]
fn different_tokens() {
    let source = Source { seed: 1 << 40 | 7, row: 9, draw: 3 };
    let logits: Vec<f64> = row(300).iter().map(|&x| f64::from(x)).collect();
    let tokens = || logits.iter().copied().enumerate();
    let all = apart(tokens(), 10.13, 300, &source);
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..300).collect::<Vec<_>>());
    assert_eq!(apart(tokens(), 10.13, 7, &source), all[..7]);
    let masked = tokens().map(|(id, x)| (id, if id % 3 == 0 { x } else { f64::NEG_INFINITY }));
    let expected: Vec<_> = all.iter().copied().filter(|id| id % 3 == 0).collect();
    assert_eq!(apart(masked, 10.13, 300, &source), expected);
}
