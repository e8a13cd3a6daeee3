//! Selection against a plain sort, on every instruction set.

use ndarray::{Array, ArrayViewD, Ix3};

use super::packed::{Ordered, Packed};
use super::{Finish, More, Wanted, bound, order};
use crate::element::{BFloat16, Element, Float16, Float32, Float64, Real};
use crate::row::blocks::{BLOCK, CHUNK, Scratch};
use crate::row::part::Part;
use crate::row::read::{Plan, Read, Stretch, span};
use crate::row::search::Search;
use crate::row::tests::{Encode, encoded, rows_of};
use crate::simd::Isa;
use crate::simd::strided::StridedRows;
use crate::simd::tests::{Random, sets};

/// Around every length at which something changes: of a register, of a pair, of a step
/// of the sketch, of a block, of a span of gathered blocks, of a chunk.
const LENGTHS: [usize; 16] = [
    1,
    7,
    16,
    33,
    100,
    513,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    5 * BLOCK + 17,
    16 * BLOCK,
    16 * BLOCK + 1,
    40_000,
    CHUNK,
    CHUNK + 3,
    2 * CHUNK + 77,
];

const COUNTS: [usize; 9] = [1, 2, 10, 50, 256, 1000, 5000, usize::MAX - 1, usize::MAX];

/// Rows of these names and a length.
fn rows(len: usize) -> Vec<(&'static str, Vec<f64>)> {
    let mut random = Random(len as u64);
    let mut row = |logit: &mut dyn FnMut(usize, &mut Random) -> f64| {
        (0..len).map(|i| logit(i, &mut random)).collect()
    };
    let none = f64::NEG_INFINITY;
    let step = 9.0 / len as f64;
    vec![
        ("normal", row(&mut |_, random| 3.0 * random.normal())),
        ("equal", row(&mut |_, _| -4.25)),
        ("two values", row(&mut |_, random| random.below(2) as f64)),
        ("few high ones", row(&mut |_, random| f64::from(u8::from(random.below(90) == 0)))),
        ("rounded", row(&mut |_, random| (2.0 * random.normal()).round())),
        ("ascending", row(&mut |i, _| i as f64 * step)),
        ("descending", row(&mut |i, _| i as f64 * -step)),
        ("both ways", row(&mut |i, _| (i as f64 - len as f64 / 2.0).abs() * step)),
        ("one outlier", row(&mut |i, _| if i == len / 3 { 3e4 } else { 0.0 })),
        ("masked", row(&mut |i, _| if i % 1009 == 8 { i as f64 * step } else { none })),
        ("half masked", row(&mut |i, random| if i % 2 == 0 { none } else { random.normal() })),
        ("nothing", row(&mut |_, _| none)),
        (
            "infinite",
            row(&mut |i, random| if i % 3 == 0 { f64::INFINITY } else { random.normal() }),
        ),
        ("zeros", row(&mut |i, _| if i % 2 == 0 { -0.0 } else { 0.0 })),
        ("signs", row(&mut |_, random| [-1e-38, -0.0, 0.0, 1e-38][random.below(4)])),
        ("one group", row(&mut |i, _| if i % 32 == 5 { i as f64 } else { none })),
    ]
}

/// A chosen logit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pick {
    logit: f64,
    index: usize,
}

/// The first `k` of a stable sort.
fn expected<E: Element>(bytes: &[u8], k: usize) -> Vec<Pick> {
    let logits = bytes.chunks_exact(E::SIZE).map(|own| E::widen(own).to_f64());
    let mut all: Vec<Pick> =
        logits.enumerate().map(|(i, logit)| Pick { logit, index: i }).collect();
    all.sort_by(|a, b| b.logit.partial_cmp(&a.logit).expect("no NaN"));
    all.truncate(k);
    all
}

/// Selects from neighbouring rows as a batch does: with one `search` for each, used
/// before.
fn select<E: Element>(
    isa: Isa,
    plan: Plan,
    rows: &StridedRows,
    wanted: Wanted,
    searches: &mut Vec<Search<E::Lane>>,
    scratch: &mut Vec<Scratch>,
) -> Vec<Vec<Pick>> {
    let count = rows.rows();
    scratch.resize(count, [0; BLOCK * 8]);
    let mut parts = vec![Part::NONE; count];
    searches.resize_with(count, Search::new);
    searches.iter_mut().for_each(|search| search.restart(wanted, rows.vocab()));
    for start in (0..rows.vocab()).step_by(CHUNK) {
        isa.run(Read::<E> {
            stretch: Stretch::new(rows, 0, start, scratch),
            plan,
            temperatures: &vec![1.0; count],
            thresholds: &[],
            greater: &mut [],
            parts: &mut parts,
            searches,
        });
    }
    let finish = |search: &mut Search<E::Lane>| {
        isa.run(Finish { selection: &mut search.selection, by_index: false });
        picks(search)
    };
    searches.iter_mut().map(finish).collect()
}

fn picks<R: Real>(search: &Search<R>) -> Vec<Pick> {
    let sorted = search.selection.sorted();
    sorted.map(|(x, index)| Pick { logit: x.to_f64(), index }).collect()
}

fn selects_what_a_sort_does<E: Encode>() {
    for isa in sets() {
        let (mut searches, mut scratch) = (Vec::new(), Vec::new());
        for len in LENGTHS {
            for (name, values) in rows(len) {
                let bytes = encoded::<E>(&values);
                for k in COUNTS {
                    // Two of the largest numbers: the row, and all of it but one.
                    let k = if k > len { len - (usize::MAX - k).min(len - 1) } else { k };
                    let rows = rows_of::<E>(&bytes, len);
                    for plan in [Plan::Largest, Plan::Varentropy] {
                        let wanted = Wanted::First(k);
                        let found =
                            select::<E>(isa, plan, &rows, wanted, &mut searches, &mut scratch);
                        let expected = expected::<E>(&bytes, k);
                        assert!(found[0] == expected, "{isa:?} {} {name} {len}: {k}", E::NAME);
                    }
                    // And again, for more and more of them.
                    let mut known = k;
                    for k in [k + 1, 3 * k + 400, len] {
                        if k <= known || k > len {
                            continue;
                        }
                        known = k;
                        let row = span::<E>(&bytes, 0..len, &scratch[0]);
                        let selection = &mut searches[0].selection;
                        isa.run(More::<E> { selection, row, k });
                        let expected = expected::<E>(&bytes, k);
                        let found = picks(&searches[0]);
                        assert!(found == expected, "{isa:?} {} {name} {len}: +{k}", E::NAME);
                    }
                }
            }
        }
    }
}

#[test]
fn selects_what_a_sort_does_f32() {
    selects_what_a_sort_does::<Float32>();
}

#[test]
fn selects_what_a_sort_does_f16() {
    selects_what_a_sort_does::<Float16>();
}

#[test]
fn selects_what_a_sort_does_bf16() {
    selects_what_a_sort_does::<BFloat16>();
}

#[test]
fn selects_what_a_sort_does_f64() {
    selects_what_a_sort_does::<Float64>();
}

/// Rows one after another, like each other or not: what is caught as a row is read is guessed
/// from those before it. Whether they are to be caught.
fn rows_on_end(len: usize) -> Vec<(&'static str, Option<bool>, Vec<f64>)> {
    let mut random = Random(len as u64);
    let mut normal = |mean: f64, spread: f64| -> Vec<f64> {
        (0..len).map(|_| mean + spread * random.normal()).collect()
    };
    let none = f64::NEG_INFINITY;
    let plain = normal(0.0, 2.0);
    let changed = |change: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        plain.iter().enumerate().map(|(i, &x)| change(i, x)).collect()
    };
    let (caught, not) = (Some(true), Some(false));
    vec![
        ("first", not, normal(0.0, 2.0)),
        ("like it", caught, normal(0.0, 2.0)),
        ("moved", caught, normal(5.0, 2.0)),
        ("plain", caught, plain.clone()),
        ("masked", caught, changed(&|i, x| if i % 9 == 8 { none } else { x })),
        ("huge", caught, changed(&|i, x| if i == 30_000 { 3e38 } else { x })),
        ("plain after it", caught, plain.clone()),
        ("masked before", not, changed(&|i, x| if i < 600 { none } else { x })),
        ("infinite", not, changed(&|i, x| if i == 77 { f64::INFINITY } else { x })),
        ("many above", not, changed(&|i, x| if i < 9000 { x } else { x + 9.0 })),
        ("few above", not, changed(&|i, x| if i < 9000 { x.min(3.0) } else { x - 9.0 })),
        ("after them", None, normal(1.0, 2.0)),
        ("equal", None, vec![1.5; len]),
        ("two values", None, changed(&|_, x| x.signum())),
        ("few again", None, changed(&|i, x| if i < 9000 { x + 9.0 } else { x })),
        ("moved far", None, normal(-900.0, 2.0)),
        ("plain again", None, plain.clone()),
    ]
}

/// Rows like each other in which nothing but the largest logits weighs anything.
fn steep_rows(len: usize) -> Vec<(&'static str, Option<bool>, Vec<f64>)> {
    let mut random = Random(len as u64);
    let mut normal = || (0..len).map(|_| 120.0 * random.normal()).collect();
    [("first", false), ("second", true), ("third", true)]
        .map(|(name, is_caught)| (name, Some(is_caught), normal()))
        .into()
}

fn rows_on_end_are_searched_alike<E: Encode>() {
    // Of two chunks, too.
    for len in [40_000, CHUNK + 20_001] {
        for rows in [rows_on_end(len), steep_rows(len)] {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|(name, is_caught, values)| (name, is_caught, encoded::<E>(&values)))
                .collect();
            for isa in sets() {
                for k in [10, 201, 1000, 3000] {
                    for plan in [Plan::Largest, Plan::Weights, Plan::Varentropy] {
                        are_searched_alike::<E>(isa, plan, &rows, len, k);
                    }
                }
            }
        }
    }
}

fn are_searched_alike<E: Encode>(
    isa: Isa,
    plan: Plan,
    rows: &[(&str, Option<bool>, Vec<u8>)],
    len: usize,
    k: usize,
) {
    let (mut searches, mut scratch) = (Vec::new(), Vec::new());
    for (name, is_caught, bytes) in rows {
        let row = rows_of::<E>(bytes, len);
        let wanted = Wanted::First(k);
        let found = select::<E>(isa, plan, &row, wanted, &mut searches, &mut scratch);
        let about = format!("{isa:?} {} {plan:?} {name} {len}: {k}", E::NAME);
        assert!(found[0] == expected::<E>(bytes, k), "{about}");
        let caught = searches[0].selection.net.threshold().is_some();
        // A few are caught where they are weighed.
        let may_be = plan != Plan::Largest || k > 200;
        assert!(is_caught.is_none_or(|is| (is && may_be) == caught), "{about}");
        // And more of them, for which the row is to be looked at.
        let (row, k) = (span::<E>(bytes, 0..len, &scratch[0]), 2 * k + 100);
        let mut search = searches[0].clone();
        isa.run(More::<E> { selection: &mut search.selection, row, k });
        assert!(picks(&search) == expected::<E>(bytes, k), "{about}, +{k}");
    }
}

/// About as many as are wanted: as many of the first as come up, and then more of them.
fn about_as_many_are_the_first<E: Encode>() {
    for len in [40_000, CHUNK + 20_001] {
        for (isa, k) in sets().into_iter().flat_map(|isa| [1, 50, 1000].map(|k| (isa, k))) {
            let (mut searches, mut scratch) = (Vec::new(), Vec::new());
            let mut others = 0;
            for (name, _, values) in rows_on_end(len) {
                let bytes = encoded::<E>(&values);
                let (rows, plan) = (rows_of::<E>(&bytes, len), Plan::Weights);
                let wanted = Wanted::About(k);
                let found = select::<E>(isa, plan, &rows, wanted, &mut searches, &mut scratch);
                let about = format!("{isa:?} {} {name} {len}: about {k}", E::NAME);
                let count = found[0].len();
                assert!(found[0] == expected::<E>(&bytes, count), "{about}");
                assert!(2 * count >= k && count > 0, "{about}, {count}");
                others += usize::from(count != k);
                let mut search = searches[0].clone();
                let (row, k) = (span::<E>(&bytes, 0..len, &scratch[0]), count + 100);
                isa.run(More::<E> { selection: &mut search.selection, row, k });
                assert!(picks(&search) == expected::<E>(&bytes, k), "{about}, +{k}");
            }
            // Those that were caught.
            assert!(others > 3, "{isa:?} {} {len}: about {k}", E::NAME);
        }
    }
}

#[test]
fn about_as_many_are_the_first_f32() {
    about_as_many_are_the_first::<Float32>();
}

#[test]
fn about_as_many_are_the_first_bf16() {
    about_as_many_are_the_first::<BFloat16>();
}

#[test]
fn rows_on_end_are_searched_alike_f32() {
    rows_on_end_are_searched_alike::<Float32>();
}

#[test]
fn rows_on_end_are_searched_alike_bf16() {
    rows_on_end_are_searched_alike::<BFloat16>();
}

#[test]
fn rows_on_end_are_searched_alike_f64() {
    rows_on_end_are_searched_alike::<Float64>();
}

/// Rows that lie across each other are gathered, and searched in other spans.
#[test]
fn gathered_rows_are_searched_alike() {
    for len in [2, 100, 16 * BLOCK, 16 * BLOCK + 1, 33 * BLOCK + 5, CHUNK + 9] {
        let rows = rows(len);
        let bytes: Vec<Vec<u8>> = rows.iter().map(|(_, v)| encoded::<BFloat16>(v)).collect();
        let joined = Array::from_vec(bytes.concat());
        let cells = joined.into_shape_with_order((rows.len(), len, 2)).expect("whole rows");
        let mut across = Array::<u8, Ix3>::zeros((len, rows.len(), 2));
        across.assign(&cells.permuted_axes([1, 0, 2]));
        let mut view: ArrayViewD<u8> = across.view().into_dyn();
        view.swap_axes(0, 1);
        let gathered = StridedRows::new(view, false).expect("there are logits");
        assert!(!gathered.is_contiguous());
        for isa in sets() {
            let (mut searches, mut scratch) = (Vec::new(), Vec::new());
            for k in [1, 50, 1000, 20_000] {
                let k = k.min(len);
                for plan in [Plan::Largest, Plan::Weights] {
                    let found = select::<BFloat16>(
                        isa,
                        plan,
                        &gathered,
                        Wanted::First(k),
                        &mut searches,
                        &mut scratch,
                    );
                    for ((found, bytes), (name, _)) in found.iter().zip(&bytes).zip(&rows) {
                        let expected = expected::<BFloat16>(bytes, k);
                        assert!(found == &expected, "{isa:?} {name} {len}: {k}");
                    }
                }
            }
        }
    }
}

#[test]
fn rough_logarithms() {
    for count in (1..5000).chain([CHUNK, 1 << 30]) {
        let exact = (count as f64).log2();
        assert!((bound::log2(count) - exact).abs() < 0.01, "{count}");
        assert!(bound::log2(count) < bound::log2(count + 1), "{count}");
    }
    assert!(bound::log2(0) < bound::log2(1));
}

#[test]
fn places_are_in_the_order_of_the_numbers() {
    let numbers = [
        f64::NEG_INFINITY,
        f64::MIN,
        -1.0,
        -f64::MIN_POSITIVE,
        -5e-324,
        -0.0,
        0.0,
        5e-324,
        1.0,
        f64::MAX,
        f64::INFINITY,
    ];
    assert!(numbers.map(Ordered::place).is_sorted());
    assert!(numbers.map(|x| (x as f32).place()).is_sorted());
    for x in numbers {
        assert_eq!(f64::at_place(x.place()).to_bits(), x.to_bits());
        assert_eq!(f32::at_place((x as f32).place()).to_bits(), (x as f32).to_bits());
    }
    assert_eq!((-0.0_f64).place() + 1, 0.0_f64.place());
    assert_eq!((-0.0_f32).place() + 1, 0.0_f32.place());
    assert!(f32::NAN.place() > f32::INFINITY.place());
}

#[test]
fn sorts_by_logit_then_index() {
    let mut random = Random(11);
    for len in [0, 1, 63, 64, 199, 200, 300, 512, 2999, 5000] {
        for spread in [0.0, 1.0, 8.0, 1e30] {
            for digits in [1.0, 1e9] {
                let logits: Vec<f64> = (0..len)
                    .map(|_| (random.normal() * spread * digits).round() / digits)
                    .collect();
                let mut items: Vec<u64> =
                    logits.iter().map(|&x| u64::new(x as f32, random.bits() as u32)).collect();
                let mut wide: Vec<u128> =
                    logits.iter().map(|&x| u128::new(x, random.bits() as u32)).collect();
                let mut expected = (items.clone(), wide.clone());
                expected.0.sort();
                expected.1.sort();
                order::sort(&mut items, &mut Vec::new());
                order::sort(&mut wide, &mut Vec::new());
                assert!((items, wide) == expected, "{len} of {spread} in {digits}");
            }
        }
    }
    let item = u64::new(-1.5, 9);
    assert_eq!((item.value(), item.index()), (-1.5, 9));
    assert!(u64::new(2.0, 5) < u64::new(1.0, 4) && u64::new(2.0, 4) < u64::new(2.0, 5));
    assert!(u64::new(-0.0, 1) < u64::new(0.0, 2) && u64::new(f32::NEG_INFINITY, 0) > item);
}
