//! Each statistic on each element type and instruction set, on one thread: a row
//! that stays in the cache, and an array that does not fit it.
//!
//! `cargo bench --bench kernels -- 'memory/entropy/bfloat16'` runs a part.
//! `LOGITKIT_BENCH_MB` sets the size of the array (256 if it is not set).

use std::hint::black_box;
use std::time::Duration;

use _native::batch::{Batch, PerRow, Targets};
use _native::element::{BFloat16, Element, Float16, Float32, Float64};
use _native::row::{Entropy, LogProb, LogSumExp, Rank, Statistic, TokenStats, Varentropy};
use _native::simd::Isa;
use _native::simd::strided::StridedRows;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::{ArrayViewD, IxDyn};

/// The vocabulary of Llama 3.
const VOCAB: usize = 128_256;
/// Its logits are a bell of about this width, from where the targets stand out.
const WIDTH: f64 = 2.5;

/// An element type whose codes the benches can make from a number.
trait Encode: Element {
    fn encode(x: f64) -> impl AsRef<[u8]>;
}

impl Encode for Float64 {
    fn encode(x: f64) -> impl AsRef<[u8]> {
        x.to_ne_bytes()
    }
}

impl Encode for Float32 {
    fn encode(x: f64) -> impl AsRef<[u8]> {
        (x as f32).to_ne_bytes()
    }
}

impl Encode for BFloat16 {
    fn encode(x: f64) -> impl AsRef<[u8]> {
        (((x as f32).to_bits() >> 16) as u16).to_ne_bytes()
    }
}

impl Encode for Float16 {
    /// For what has a normal code; zero else.
    fn encode(x: f64) -> impl AsRef<[u8]> {
        let bits = (x as f32).to_bits();
        let magnitude = (bits >> 13 & 0x3_ffff).saturating_sub(112 << 10) as u16;
        (magnitude | (bits >> 16) as u16 & 0x8000).to_ne_bytes()
    }
}

/// A row with the bell of a sum of uniform numbers, the same in every run.
fn row<E: Encode>() -> Vec<u8> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 24) - 0.5
    };
    let mut bytes = Vec::with_capacity(VOCAB * E::SIZE);
    for _ in 0..VOCAB {
        let bell: f64 = (0..12).map(|_| uniform()).sum();
        bytes.extend_from_slice(E::encode(WIDTH * bell).as_ref());
    }
    bytes
}

fn bench<E: Encode, T: Statistic>(
    group: &mut BenchmarkGroup<WallTime>,
    statistic: &T,
    bytes: &[u8],
    targets: &[i64],
) {
    let rows = bytes.len() / (VOCAB * E::SIZE);
    let cells = ArrayViewD::from_shape(IxDyn(&[rows, VOCAB, E::SIZE]), bytes);
    let rows = StridedRows::new(cells.expect("whole rows"), false);
    let targets = Targets { values: targets, per_row: 1, ignore: None };
    let batch = rows.and_then(|rows| Batch::new(rows, PerRow::One(1.0), Some(targets)));
    let batch = batch.expect("the arguments go together");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    for isa in Isa::available() {
        Isa::force(Some(isa));
        group.bench_function(format!("{}/{}", E::NAME, isa.name()), |bencher| {
            bencher.iter(|| {
                let results =
                    black_box(&batch).compute::<E, T>(statistic, Some(1), &mut || false);
                results.expect("nobody interrupts")
            });
        });
    }
    Isa::force(None);
}

/// All element types, each with an array made for it and given up after it.
fn bench_all<T: Statistic>(
    criterion: &mut Criterion,
    place: &str,
    size: usize,
    name: &str,
    statistic: &T,
) {
    fn one<E: Encode, T: Statistic>(
        group: &mut BenchmarkGroup<WallTime>,
        statistic: &T,
        size: usize,
    ) {
        let row = row::<E>();
        let rows = (size / row.len()).max(1);
        // Likely and unlikely ones.
        let targets: Vec<i64> = (0..rows).map(|i| (i * 7919 % VOCAB) as i64).collect();
        bench::<E, T>(group, statistic, &row.repeat(rows), &targets);
    }
    let mut group = criterion.benchmark_group(format!("{place}/{name}"));
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(200));
    group.measurement_time(Duration::from_secs(1));
    one::<Float32, T>(&mut group, statistic, size);
    one::<Float16, T>(&mut group, statistic, size);
    one::<BFloat16, T>(&mut group, statistic, size);
    one::<Float64, T>(&mut group, statistic, size);
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    let megabytes = std::env::var("LOGITKIT_BENCH_MB").map_or(256, |value| {
        value.parse().expect("LOGITKIT_BENCH_MB is a number of megabytes")
    });
    for (place, size) in [("cache", 0), ("memory", megabytes << 20)] {
        bench_all(criterion, place, size, "logsumexp", &LogSumExp);
        bench_all(criterion, place, size, "log_prob", &LogProb { scale: 1.0 });
        bench_all(criterion, place, size, "rank", &Rank);
        bench_all(criterion, place, size, "entropy", &Entropy { scale: 1.0 });
        bench_all(criterion, place, size, "varentropy", &Varentropy { scale: 1.0 });
        let all = TokenStats { scale: 1.0, targets: true };
        bench_all(criterion, place, size, "token_stats", &all);
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
