//! Batches: what belongs together, and that nothing but the row itself has a say
//! in its result.

use ndarray::{ArrayViewD, Axis, IxDyn};

use super::{Batch, Pairs, PerRow, Targets};
use crate::element::{BFloat16, Element, Float32, Float64};
use crate::error::Error;
use crate::row::blocks::CHUNK;
use crate::row::tests::{Encode, encoded, rows_of};
use crate::row::{Entropy, KlDivergence, LogSumExp, Rank, TokenStats, TokenStatsColumns};
use crate::simd::strided::StridedRows;
use crate::simd::tests::Random;

const ALL: TokenStats = TokenStats { scale: 1.0, targets: true };

fn values(len: usize) -> Vec<f64> {
    let mut random = Random(len as u64);
    (0..len).map(|_| 4.0 * random.normal()).collect()
}

/// All columns, in bits.
fn bits(columns: &TokenStatsColumns) -> Vec<Vec<u64>> {
    let of = |column: &[f64]| column.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    let whole = |column: &[i64]| column.iter().map(|&x| x as u64).collect();
    vec![
        of(&columns.max),
        whole(&columns.argmax),
        of(&columns.logsumexp),
        of(&columns.entropy),
        of(&columns.varentropy),
        of(&columns.max_prob),
        columns.valid.iter().map(|&valid| valid.into()).collect(),
        of(&columns.log_prob),
        whole(&columns.rank),
    ]
}

fn compute<E: Element>(
    rows: StridedRows,
    temperatures: &[f64],
    targets: &[i64],
    threads: usize,
) -> Vec<Vec<u64>> {
    let per_row = targets.len() / rows.rows();
    let targets = Targets { values: targets, per_row, ignore: Some(-1) };
    let batch = Batch::new(rows, PerRow::Each(temperatures), Some(targets));
    let columns = batch
        .and_then(|batch| batch.compute::<E, _>(&ALL, Some(threads), &mut || false))
        .expect("the arguments go together");
    bits(&columns)
}

/// Threads, batch, position and strides leave the bits alone, for many short rows
/// and for few long ones that are split.
fn only_the_row_counts<E: Encode>(row_count: usize, vocab: usize, per_row: usize) {
    let bytes = encoded::<E>(&values(row_count * vocab));
    let temperatures: Vec<f64> = (0..row_count).map(|row| 0.5 + row as f64).collect();
    let targets: Vec<i64> = (0..row_count * per_row)
        .map(|i| if i % 5 == 4 { -1 } else { (i * 31 % vocab) as i64 })
        .collect();
    let whole = compute::<E>(rows_of::<E>(&bytes, vocab), &temperatures, &targets, 1);
    for threads in [2, 3, 5] {
        let found =
            compute::<E>(rows_of::<E>(&bytes, vocab), &temperatures, &targets, threads);
        assert!(found == whole, "{} {row_count} x {vocab}: {threads} threads", E::NAME);
    }
    for row in [0, row_count / 2, row_count - 1] {
        let own = &bytes[row * vocab * E::SIZE..][..vocab * E::SIZE];
        let targets = &targets[row * per_row..][..per_row];
        let alone =
            compute::<E>(rows_of::<E>(own, vocab), &temperatures[row..=row], targets, 2);
        for (alone, whole) in alone.iter().zip(&whole) {
            let len = alone.len();
            assert_eq!(alone[..], whole[row * len..][..len], "{} row {row} alone", E::NAME);
        }
    }
    let cells = ArrayViewD::from_shape(IxDyn(&[row_count, vocab, E::SIZE]), &bytes);
    let cells = cells.expect("whole rows");
    let mut order = cells.clone();
    order.swap_axes(0, 1);
    let mut transposed = order.as_standard_layout().into_owned();
    transposed.swap_axes(0, 1);
    assert_eq!(transposed.view(), cells);
    let gathered = StridedRows::new(transposed.view(), false).expect("there are logits");
    assert!(vocab == 1 || row_count == 1 || !gathered.is_contiguous());
    let found = compute::<E>(gathered, &temperatures, &targets, 2);
    assert!(found == whole, "{} {row_count} x {vocab}: gathered", E::NAME);
    let mut swapped = bytes.clone();
    swapped.chunks_exact_mut(E::SIZE).for_each(<[u8]>::reverse);
    let swapped = ArrayViewD::from_shape(IxDyn(&[row_count, vocab, E::SIZE]), &swapped[..])
        .expect("whole rows");
    let swapped = StridedRows::new(swapped, true).expect("there are logits");
    let found = compute::<E>(swapped, &temperatures, &targets, 3);
    assert!(found == whole, "{} {row_count} x {vocab}: swapped bytes", E::NAME);
}

#[test]
fn results_depend_on_the_row_alone() {
    for per_row in [1, 3] {
        only_the_row_counts::<Float32>(300, 1000, per_row);
        only_the_row_counts::<Float32>(37, 20_000, per_row);
        only_the_row_counts::<Float32>(3, 2 * CHUNK + 5, per_row);
        only_the_row_counts::<BFloat16>(2, 5 * CHUNK + 1, per_row);
        only_the_row_counts::<BFloat16>(1, 20 * CHUNK, per_row);
        only_the_row_counts::<Float64>(40, 9001, per_row);
        only_the_row_counts::<Float64>(70, 1, per_row);
    }
}

#[test]
fn no_rows_give_no_results() {
    let cells = ArrayViewD::from_shape(IxDyn(&[2, 3, 4]), &[0; 24]).expect("24 bytes");
    let (none, _) = cells.split_at(Axis(0), 0);
    let rows = StridedRows::new(none, false).expect("there is a vocabulary");
    let batch = Batch::new(rows, PerRow::One(1.0), None).expect("the arguments go together");
    let entropy = Entropy { scale: 1.0 };
    assert_eq!(batch.compute::<Float32, _>(&entropy, None, &mut || false), Ok(Vec::new()));
}

#[test]
fn arguments_that_do_not_go_together_are_named() {
    let bytes = encoded::<Float32>(&values(6));
    let batch = |temperatures: PerRow, values: &[i64], per_row| {
        let targets = Some(Targets { values, per_row, ignore: Some(-100) });
        let rows = rows_of::<Float32>(&bytes, 3);
        Batch::new(rows, temperatures, targets).err()
    };
    assert_eq!(batch(PerRow::Each(&[1.0, 2.0]), &[2, -100], 1), None);
    for temperature in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        let error = batch(PerRow::One(temperature), &[0, 0], 1);
        assert!(matches!(error, Some(Error::BadTemperature { row: None, .. })), "{error:?}");
    }
    let error = batch(PerRow::Each(&[1.0, -2.0]), &[0, 0], 1);
    assert_eq!(error, Some(Error::BadTemperature { row: Some(1), temperature: -2.0 }));
    let error = batch(PerRow::Each(&[1.0]), &[0, 0], 1);
    assert_eq!(
        error,
        Some(Error::LengthMismatch { name: "temperature", given: 1, expected: 2 })
    );
    let error = batch(PerRow::One(1.0), &[0, 0, 0], 1);
    assert_eq!(error, Some(Error::LengthMismatch { name: "targets", given: 3, expected: 2 }));
    for (target, per_row, position) in [(3, 1, vec![1]), (-1, 2, vec![0, 1])] {
        let error = batch(PerRow::One(1.0), &[0, target, 1, 1][..2 * per_row], per_row);
        assert_eq!(error, Some(Error::TargetOutOfRange { position, target, vocab: 3 }));
    }
}

#[test]
fn a_type_of_another_size_is_an_error() {
    let bytes = encoded::<Float32>(&values(6));
    let batch = Batch::new(rows_of::<Float32>(&bytes, 3), PerRow::One(1.0), None);
    let batch = batch.expect("the arguments go together");
    let error = batch.compute::<Float64, _>(&LogSumExp, None, &mut || false);
    assert_eq!(error, Err(Error::BadItemSize { element: "float64", given: 4, expected: 8 }));
}

/// The caller is asked while work goes on, on one thread and on two, between rows
/// and between the chunks of one row, and is obeyed long before the end.
#[test]
fn the_caller_can_stop_the_work() {
    let row = encoded::<Float32>(&values(20 * CHUNK));
    for (vocab, repeats) in [(20 * CHUNK, 1 << 14), (1000, 1 << 26)] {
        let row = ArrayViewD::from_shape(IxDyn(&[1, vocab, 4]), &row[..4 * vocab]);
        let row = row.expect("a whole row");
        // Hours of work on one row in memory.
        let rows = row.broadcast(IxDyn(&[repeats, vocab, 4])).expect("one row, repeated");
        let rows = StridedRows::new(rows, false).expect("there are logits");
        let batch =
            Batch::new(rows, PerRow::One(1.0), None).expect("the arguments go together");
        for threads in [1, 2] {
            let mut asked = 0;
            let mut interrupted = || {
                asked += 1;
                asked == 3
            };
            let stopped = batch.compute::<Float32, _>(&Rank, Some(threads), &mut interrupted);
            assert_eq!(stopped, Err(Error::Interrupted));
            assert_eq!(asked, 3, "not asked again after the answer");
        }
    }
}

/// As above for pairs of rows.
#[test]
fn the_caller_can_stop_the_work_on_pairs() {
    let row = encoded::<Float32>(&values(20 * CHUNK));
    for (vocab, repeats) in [(20 * CHUNK, 1 << 14), (1000, 1 << 26)] {
        let row = ArrayViewD::from_shape(IxDyn(&[1, vocab, 4]), &row[..4 * vocab]);
        let row = row.expect("a whole row");
        let rows = [(); 2].map(|()| {
            let rows = row.broadcast(IxDyn(&[repeats, vocab, 4])).expect("one row, repeated");
            StridedRows::new(rows, false).expect("there are logits")
        });
        let (names, temperatures) = ([Float32::NAME; 2], [PerRow::One(1.0); 2]);
        let pairs = Pairs::new(rows, names, temperatures, None).expect("they go together");
        for threads in [1, 2] {
            let mut asked = 0;
            let mut interrupted = || {
                asked += 1;
                asked == 1
            };
            let kl = KlDivergence { scale: 1.0 };
            let stopped = pairs.compute::<Float32, _>(&kl, Some(threads), &mut interrupted);
            assert_eq!(stopped.err(), Some(Error::Interrupted));
            assert_eq!(asked, 1, "not asked again after the answer");
        }
    }
}

#[test]
fn pairs_that_do_not_go_together_are_named() {
    let bytes = encoded::<Float32>(&values(12));
    let pairs = |vocab, name| {
        let rows = [rows_of::<Float32>(&bytes, 3), rows_of::<Float32>(&bytes, vocab)];
        Pairs::new(rows, [Float32::NAME, name], [PerRow::One(1.0); 2], None).err()
    };
    assert_eq!(pairs(3, Float32::NAME), None);
    let mismatch = Error::LengthMismatch { name: "q_logits", given: 2, expected: 4 };
    assert_eq!(pairs(6, Float32::NAME), Some(mismatch));
    let size = Error::BadItemSize { element: "float64", given: 4, expected: 8 };
    assert_eq!(pairs(3, Float64::NAME), Some(size));
}
