//! The loads and the stores, at any alignment, and of every 16-bit code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Random, lanes, same, sets};
use crate::simd::ahead::Following;
use crate::simd::{Isa, Kernel, Simd, ahead, fill};

/// Which load.
#[derive(Clone, Copy, Debug)]
enum Load {
    F32,
    F64,
    F16,
    BF16,
}

const LOADS: [(Load, usize); 4] =
    [(Load::F32, 128), (Load::F64, 128), (Load::F16, 64), (Load::BF16, 64)];

/// The two registers of a load, as `f64`, one behind the other.
struct Loaded<'a>(Load, &'a [u8]);

impl Kernel for Loaded<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f64> {
        let [low, high] = match self.0 {
            Load::F32 => simd.load_f32(self.1),
            Load::F16 => simd.load_f16(self.1),
            Load::BF16 => simd.load_bf16(self.1),
            Load::F64 => {
                let [low, high] = simd.load_f64(self.1);
                return [lanes(low), lanes(high)].concat();
            }
        };
        [lanes(low), lanes(high)].concat().into_iter().map(f64::from).collect()
    }
}

/// A number of sign, exponent and mantissa fields, by IEEE 754's definition.
fn by_definition(code: u16, exponent_bits: u32, mantissa_bits: u32) -> f64 {
    let sign = if code >> 15 == 0 { 1.0 } else { -1.0 };
    let bias = (1 << (exponent_bits - 1)) - 1;
    let exponent = i32::from(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
    let fraction =
        f64::from(code & ((1 << mantissa_bits) - 1)) / f64::from(1 << mantissa_bits);
    sign * match exponent {
        0 => fraction * 2.0_f64.powi(1 - bias),
        top if top == 2 * bias + 1 && fraction == 0.0 => f64::INFINITY,
        top if top == 2 * bias + 1 => f64::NAN,
        _ => (1.0 + fraction) * 2.0_f64.powi(exponent - bias),
    }
}

#[track_caller]
fn assert_same(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        assert!(same(found, expected), "{what}, lane {i}: {found}, expected {expected}");
    }
}

/// Zero and the infinities with their signs, subnormals, NaN of both kinds.
#[test]
fn half_precision_codes_are_what_they_stand_for() {
    let codes: Vec<u16> = (0..=u16::MAX).collect();
    for isa in sets() {
        for block in codes.chunks_exact(32) {
            let bytes: Vec<u8> = block.iter().flat_map(|code| code.to_ne_bytes()).collect();
            let expected: Vec<f64> =
                block.iter().map(|&code| by_definition(code, 5, 10)).collect();
            let found = isa.run(Loaded(Load::F16, &bytes));
            assert_same(&found, &expected, &format!("{isa:?}, codes from {:#x}", block[0]));
        }
    }
}

#[test]
fn bfloat16_codes_are_what_they_stand_for_even_ones_first() {
    let codes: Vec<u16> = (0..=u16::MAX).collect();
    for isa in sets() {
        for block in codes.chunks_exact(32) {
            let bytes: Vec<u8> = block.iter().flat_map(|code| code.to_ne_bytes()).collect();
            let half = |odd: usize| block.iter().skip(odd).step_by(2);
            let expected: Vec<f64> =
                half(0).chain(half(1)).map(|&code| by_definition(code, 8, 7)).collect();
            let found = isa.run(Loaded(Load::BF16, &bytes));
            assert_same(&found, &expected, &format!("{isa:?}, codes from {:#x}", block[0]));
        }
    }
}

/// What a load reads does not depend on where it lies.
#[test]
fn loads_take_any_alignment_and_keep_the_order() {
    let mut random = Random(4);
    let bytes: Vec<u8> = (0..256).map(|_| random.bits() as u8).collect();
    for isa in sets() {
        for (load, len) in LOADS {
            for offset in 0..=64 {
                let own = &bytes[offset..offset + len];
                let codes =
                    || own.chunks_exact(2).map(|code| u16::from_ne_bytes([code[0], code[1]]));
                let expected: Vec<f64> = match load {
                    Load::F32 => own
                        .chunks_exact(4)
                        .map(|x| f32::from_ne_bytes([x[0], x[1], x[2], x[3]]).into())
                        .collect(),
                    Load::F64 => own
                        .chunks_exact(8)
                        .map(|x| f64::from_ne_bytes(std::array::from_fn(|i| x[i])))
                        .collect(),
                    Load::F16 => codes().map(|code| by_definition(code, 5, 10)).collect(),
                    Load::BF16 => codes()
                        .step_by(2)
                        .chain(codes().skip(1).step_by(2))
                        .map(|code| by_definition(code, 8, 7))
                        .collect(),
                };
                let what = format!("{isa:?}, {load:?} at offset {offset}");
                assert_same(&isa.run(Loaded(load, &bytes[offset..])), &expected, &what);
            }
        }
    }
}

/// A slice that is a byte short stops the load before it reads.
#[test]
fn loads_do_not_read_past_their_slice() {
    let bytes = [0; 128];
    for isa in sets() {
        for (load, len) in LOADS {
            let read = |bytes| catch_unwind(AssertUnwindSafe(|| isa.run(Loaded(load, bytes))));
            assert!(read(&bytes[..len]).is_ok(), "{isa:?}, {load:?}");
            assert!(read(&bytes[..len - 1]).is_err(), "{isa:?}, {load:?} read past its slice");
        }
    }
}

/// Far outside of any array; a fault would end the process.
#[test]
fn prefetch_takes_any_address() {
    struct Prefetch(usize);
    impl Kernel for Prefetch {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            simd.prefetch(&[0; 4], self.0);
            simd.prefetch(&[], self.0);
            simd.prefetch_to_second_level(&[], self.0);
            // At the end of what there is, and behind it.
            ahead::prefetch(simd, &[0; 512]);
            // Wherever the next row stands, and if these bytes are in neither.
            let (bytes, next) = ([0; 512], [0; 4]);
            for row in [&bytes[..], &bytes[256..], &next] {
                ahead::prefetch_again(simd, &bytes, Some(Following::<3>::new(row, &next)));
                ahead::prefetch_again(simd, &bytes, Following::<2>::of_light_pass(row, &next));
            }
        }
    }
    for isa in sets() {
        for ahead in [0, 1 << 14, 1 << 47, usize::MAX] {
            isa.run(Prefetch(ahead));
        }
    }
}

#[test]
fn what_comes_cycles_later_is_the_same() {
    for number in [0, 1, 64, 1 << 47, usize::MAX] {
        assert_eq!(ahead::cycles_later(number), number);
    }
}

#[test]
fn sets_are_known_by_name() {
    for isa in sets() {
        assert_eq!(Isa::parse(isa.name()), Ok(isa));
    }
    let message = Isa::parse("sse9").expect_err("no such set").to_string();
    assert!(message.contains("sse9") && message.contains("portable"), "{message}");
}

/// Loads and stores again, 3 bytes further on; `in_order` too.
struct Stored<'a>(Load, &'a [u8]);

impl Kernel for Stored<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<u8> {
        let mut out = vec![0xa5; self.1.len() + 6];
        let place = &mut out[3..self.1.len() + 3];
        match self.0 {
            Load::F32 => simd.store_f32(simd.load_f32(self.1), place),
            Load::F64 => simd.store_f64(simd.load_f64(self.1), place),
            Load::F16 => simd.store_f16(simd.load_f16(self.1), place),
            Load::BF16 => simd.store_bf16(simd.load_bf16(self.1), place),
        }
        out
    }
}

/// Loads and stores again around the cache, so many bytes behind a cache line.
struct Streamed<'a>(Load, &'a [u8], usize);

impl Kernel for Streamed<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<u8> {
        let Streamed(load, bytes, offset) = self;
        let mut out = vec![0xa5; 320];
        let start = out.as_ptr().align_offset(64) + offset;
        let place = &mut out[start..start + 128];
        match load {
            Load::F32 => simd.stream_f32(simd.load_f32(bytes), place),
            _ => simd.stream_f64(simd.load_f64(bytes), place),
        }
        fill::fence();
        let beside = out[..start].iter().chain(&out[start + 128..]);
        assert!(beside.copied().all(|byte| byte == 0xa5));
        out[start..start + 128].to_vec()
    }
}

/// As plain stores do, aligned or not.
#[test]
fn streams_undo_loads() {
    let mut random = Random(13);
    for isa in sets() {
        for load in [Load::F32, Load::F64] {
            for offset in [64, 0, 4, 8, 16, 32, 48, 3] {
                // No NaN: numbers of either type below 1.
                let bytes: Vec<u8> = (0..128)
                    .map(|i| if i % 4 == 3 { 0x3e } else { random.bits() as u8 })
                    .collect();
                let out = isa.run(Streamed(load, &bytes, offset));
                assert_eq!(out, bytes, "{isa:?} {load:?} {offset}");
            }
            let short = || isa.run(ShortStream(load));
            assert!(catch_unwind(AssertUnwindSafe(short)).is_err(), "{isa:?} {load:?}");
        }
    }
}

/// A store around the cache to one byte less than it takes.
struct ShortStream(Load);

impl Kernel for ShortStream {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let zeros = [0; 128];
        match self.0 {
            Load::F32 => simd.stream_f32(simd.load_f32(&zeros), &mut [0; 127]),
            _ => simd.stream_f64(simd.load_f64(&zeros), &mut [0; 127]),
        }
    }
}

/// What is loaded is stored bit by bit, NaN aside, and nothing beside it.
#[test]
fn stores_undo_loads() {
    let mut random = Random(12);
    for isa in sets() {
        for (load, len) in LOADS {
            for _ in 0..500 {
                let bytes: Vec<u8> = (0..len).map(|_| random.bits() as u8).collect();
                let out = isa.run(Stored(load, &bytes));
                assert_eq!(out[..3], [0xa5; 3], "{isa:?} {load:?}");
                assert_eq!(out[len + 3..], [0xa5; 3], "{isa:?} {load:?}");
                let (before, after) =
                    (isa.run(Loaded(load, &bytes)), isa.run(Loaded(load, &out[3..len + 3])));
                assert_same(&after, &before, &format!("{isa:?} {load:?}"));
            }
            assert!(
                catch_unwind(AssertUnwindSafe(|| isa.run(Short(load)))).is_err(),
                "{isa:?} {load:?}: a store to too few bytes"
            );
        }
    }
}

/// A store to one byte less than it takes.
struct Short(Load);

impl Kernel for Short {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let zeros = [0; 128];
        match self.0 {
            Load::F32 => simd.store_f32(simd.load_f32(&zeros), &mut [0; 127]),
            Load::F64 => simd.store_f64(simd.load_f64(&zeros), &mut [0; 127]),
            Load::F16 => simd.store_f16(simd.load_f16(&zeros), &mut [0; 63]),
            Load::BF16 => simd.store_bf16(simd.load_bf16(&zeros), &mut [0; 63]),
        }
    }
}

/// 32 `f32` as codes of a 16-bit type.
struct Narrowed<'a>(Load, &'a [u8]);

impl Kernel for Narrowed<'_> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<u8> {
        let mut codes = vec![0; 64];
        let values = simd.load_f32(self.1);
        match self.0 {
            Load::F16 => simd.store_f16(values, &mut codes),
            _ => simd.store_bf16(values, &mut codes),
        }
        let [low, high] = simd.in_order(values);
        let ordered: Vec<f32> = [lanes(low), lanes(high)].concat();
        let given: Vec<f32> = values.into_iter().flat_map(lanes).collect();
        for (i, value) in ordered.into_iter().enumerate() {
            assert!(same(value, given[i % 2 * 16 + i / 2]), "place {i}");
        }
        codes
    }
}

/// Around every code and half-way between it and the next one: nearest, ties to even.
#[test]
fn stores_of_16_bits_round_to_nearest() {
    for isa in sets() {
        for (load, exponent_bits, mantissa_bits) in [(Load::F16, 5, 10), (Load::BF16, 8, 7)] {
            let value = |code| by_definition(code, exponent_bits, mantissa_bits);
            let infinity: u16 = ((1 << exponent_bits) - 1) << mantissa_bits;
            let mut cases = vec![(f32::NAN, None)];
            for code in 0..infinity {
                let next = if code + 1 == infinity {
                    2.0 * value(code) - value(code - 1)
                } else {
                    value(code + 1)
                };
                let middle = ((value(code) + next) / 2.0) as f32;
                let even = if code % 2 == 0 { code } else { code + 1 };
                for sign in [0_u16, 1 << 15] {
                    let signed = |x: f32| if sign == 0 { x } else { -x };
                    cases.push((signed(value(code) as f32), Some(code | sign)));
                    cases.push((signed(middle), Some(even | sign)));
                    cases.push((signed(middle.next_down()), Some(code | sign)));
                    if middle.is_finite() && middle > 0.0 {
                        cases.push((signed(middle.next_up()), Some((code + 1) | sign)));
                    }
                }
            }
            cases.push((f32::INFINITY, Some(infinity)));
            cases.retain(|(x, _)| *x != 0.0 || x.is_sign_positive());
            for cases in cases.chunks(32) {
                let mut bytes = vec![0; 128];
                for (cell, (x, _)) in bytes.chunks_exact_mut(4).zip(cases) {
                    cell.copy_from_slice(&x.to_ne_bytes());
                }
                let codes = isa.run(Narrowed(load, &bytes));
                for (i, (x, expected)) in cases.iter().enumerate() {
                    // `store_bf16` takes the even ones first.
                    let place = match load {
                        Load::BF16 => i % 16 * 2 + i / 16,
                        _ => i,
                    };
                    let code = u16::from_ne_bytes([codes[2 * place], codes[2 * place + 1]]);
                    match expected {
                        Some(expected) => {
                            assert_eq!(code, *expected, "{isa:?} {load:?} {x:e}");
                        }
                        None => assert!(value(code).is_nan(), "{isa:?} {load:?}: NaN"),
                    }
                }
            }
        }
    }
}

#[test]
fn places_are_those_of_the_bits_that_are_set() {
    struct Check(Isa);
    impl Kernel for Check {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            let mut random = Random(5);
            let single = (0..32).map(|bit| 1 << bit);
            let others = (0..500).map(|_| random.bits() as u32 & random.bits() as u32);
            for bits in
                [0, u32::MAX, 0xffff, 0xffff_0000].into_iter().chain(single).chain(others)
            {
                let expected: Vec<u32> =
                    (0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| bit + 1000).collect();
                let mut room = [7; 40];
                let count = simd.places(bits, 1000, &mut room);
                assert_eq!(room[..count], expected, "{:?}: {bits:b}", self.0);
                assert_eq!(room[32..], [7; 8], "{:?}: {bits:b}", self.0);
            }
        }
    }
    for isa in sets() {
        isa.run(Check(isa));
    }
}

#[test]
fn room_is_filled_up_to_its_ends() {
    for size in [2, 4, 8] {
        let cell: Vec<u8> = (1..=size as u8).collect();
        for first in 0..65 {
            for cells in [0, 1, 3, 16, 17, 100] {
                let end = first + cells * size;
                for fill in [fill::with, fill::around_cache] {
                    let mut room = vec![0; end + 5];
                    fill(&mut room[first..end], &cell);
                    let expected = [vec![0; first], cell.repeat(cells), vec![0; 5]].concat();
                    assert_eq!(room, expected, "{cells} of {size} at {first}");
                }
            }
        }
    }
}
