//! Values for every logit, through the cache and around it.

use std::marker::PhantomData;

use super::{Encode, encoded, naive_part, rows_of};
use crate::element::{BFloat16, Element, Float16, Float32, Float64};
use crate::row::dense::{Map, Source, Write};
use crate::simd::Isa;

/// What bytes are before anything is written to them.
const UNTOUCHED: u8 = 0xa5;

/// The values of a row, written so many bytes behind a cache line; nothing beside them is
/// touched.
fn written<E: Encode, O: Element<Lane = E::Lane>>(
    isa: Isa,
    map: Map,
    values: &[f64],
    around_cache: bool,
    offset: usize,
) -> Vec<u8> {
    let bytes = encoded::<E>(values);
    let mut room = vec![UNTOUCHED; values.len() * O::SIZE + 256];
    let start = room.as_ptr().align_offset(64) + offset;
    let end = start + values.len() * O::SIZE;
    isa.run(Write::<E, O> {
        source: Source::Row(&rows_of::<E>(&bytes, values.len()), 0),
        out: &mut room[start..end],
        map,
        part: naive_part(values, 0, 1.0),
        temperature: 1.0,
        linear: None,
        goes_on: false,
        around_cache,
        element: PhantomData,
    });
    let beside = room[..start].iter().chain(&room[end..]);
    assert!(beside.copied().all(|byte| byte == UNTOUCHED), "{isa:?} {offset}");
    room[start..end].to_vec()
}

fn check<E: Encode, O: Element<Lane = E::Lane>>() {
    let softmax =
        Map::Softmax { constant: 1.0, slope: 0.0, linear: 0.0, target: Some((0, -0.25)) };
    for isa in Isa::available() {
        for vocab in [1, 5, 31, 32, 33, 63, 100, 2047, 2048, 2049, 4100] {
            let values: Vec<f64> = (0..vocab).map(|i| (i * i % 61) as f64 / 8.0).collect();
            for map in [Map::LogSoftmax, softmax, Map::Fill(2.0)] {
                let expected = written::<E, O>(isa, map, &values, false, 0);
                for offset in [0, O::SIZE, 16, 32, 64 - O::SIZE, 1, 63] {
                    let found = written::<E, O>(isa, map, &values, true, offset);
                    let (from, to) = (E::NAME, O::NAME);
                    let case = format!("{isa:?} {from} to {to}, {vocab} {map:?} {offset}");
                    assert_eq!(found, expected, "{case}");
                }
            }
        }
    }
}

#[test]
fn values_around_the_cache_are_the_same() {
    check::<Float32, Float32>();
    check::<Float64, Float64>();
    check::<BFloat16, Float32>();
    check::<Float16, Float32>();
    check::<Float32, BFloat16>();
    check::<BFloat16, BFloat16>();
}
