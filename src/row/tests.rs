//! Rows against plain sums in `f64`, on every instruction set.

mod accumulator;
mod dense;
mod part;

use ndarray::{ArrayViewD, IxDyn};

use super::blocks::{BLOCK, CHUNK, PIECE};
use super::entropy::entropy;
use super::part::Part;
use super::read::{Plan, Read, Stretch};
use super::varentropy::varentropy;
use crate::element::{BFloat16, Element, Float16, Float32, Float64, Real};
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// An element type that the tests can write.
pub(crate) trait Encode: Element {
    /// What the promised relative error of a statistic is.
    const TOLERANCE: f64;
    /// Adds an element near `x`.
    fn encode(x: f64, bytes: &mut Vec<u8>);
}

impl Encode for Float64 {
    const TOLERANCE: f64 = 1e-12;
    fn encode(x: f64, bytes: &mut Vec<u8>) {
        bytes.extend(x.to_ne_bytes());
    }
}

impl Encode for Float32 {
    const TOLERANCE: f64 = 1e-6;
    fn encode(x: f64, bytes: &mut Vec<u8>) {
        bytes.extend((x as f32).to_ne_bytes());
    }
}

impl Encode for BFloat16 {
    const TOLERANCE: f64 = 1e-6;
    fn encode(x: f64, bytes: &mut Vec<u8>) {
        bytes.extend(((((x as f32).to_bits()) >> 16) as u16).to_ne_bytes());
    }
}

impl Encode for Float16 {
    const TOLERANCE: f64 = 1e-6;
    /// Cut off, not rounded; subnormal numbers become zero.
    fn encode(x: f64, bytes: &mut Vec<u8>) {
        let bits = (x.clamp(-65504.0, 65504.0) as f32).to_bits();
        let magnitude = (bits >> 13 & 0x3_ffff).saturating_sub(112 << 10) as u16;
        let code = match x {
            _ if x.is_nan() => 0x7e00,
            _ if x.is_infinite() => 0x7c00,
            _ if magnitude < 1 << 10 => 0,
            _ => magnitude,
        };
        bytes.extend((code | (bits >> 16) as u16 & 0x8000).to_ne_bytes());
    }
}

pub(crate) fn encoded<E: Encode>(values: &[f64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * E::SIZE);
    values.iter().for_each(|&x| E::encode(x, &mut bytes));
    bytes
}

/// The logits as they stand in the bytes.
fn decoded<E: Element>(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(E::SIZE).map(|own| E::widen(own).to_f64()).collect()
}

/// Bytes of rows of a length as the rows of a batch.
pub(crate) fn rows_of<E: Element>(bytes: &[u8], vocab: usize) -> StridedRows<'_> {
    let shape = [bytes.len() / (vocab * E::SIZE), vocab, E::SIZE];
    let cells = ArrayViewD::from_shape(IxDyn(&shape), bytes).expect("whole rows");
    StridedRows::new(cells, false).expect("the rows are not empty")
}

/// Reads a single row chunk by chunk; with the logits above `target`.
fn read<E: Element>(
    isa: Isa,
    plan: Plan,
    bytes: &[u8],
    temperature: f64,
    target: f64,
) -> (Part, u64) {
    let rows = rows_of::<E>(bytes, bytes.len() / E::SIZE);
    let threshold = [E::Lane::from_f64(target)];
    let mut scratch = [[0; BLOCK * 8]];
    let mut greater = [0];
    let mut whole = Part::NONE;
    for start in (0..rows.vocab()).step_by(CHUNK) {
        let mut parts = [Part::NONE];
        isa.run(Read::<E> {
            stretch: Stretch::new(&rows, 0, start, &mut scratch),
            plan,
            temperatures: &[temperature],
            thresholds: if plan.ranks() { &threshold } else { &[] },
            greater: &mut greater,
            parts: &mut parts,
            searches: &mut [],
        });
        whole = whole.merge(parts[0], temperature);
    }
    (whole, greater[0])
}

/// A part by its definition, from two passes; `values` hold no NaN or +inf.
fn naive_part(values: &[f64], first_index: usize, temperature: f64) -> Part {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let gaps = || values.iter().filter(|&&x| x < max).map(|x| (max - x) / temperature);
    let rest = compensated_sum(gaps().map(|gap| (-gap).exp()));
    let gap = compensated_sum(gaps().map(|gap| times((-gap).exp(), gap)));
    let mean = if rest > 0.0 { gap / rest } else { 0.0 };
    let squares = gaps().map(|gap| times((-gap).exp(), (gap - mean) * (gap - mean)));
    let spread = compensated_sum(squares);
    let is_max = |x: &f64| *x == max && max.is_finite();
    Part {
        max,
        argmax: values.iter().position(is_max).map_or(0, |at| at + first_index),
        count: values.iter().filter(|x| is_max(x)).count() as f64,
        rest,
        gap,
        spread,
        nan: false,
    }
}

/// A sum of positive terms with the roundings added up apart (Kahan 1965): a plain
/// one of 100,000 equal terms is less exact than what it is to judge.
fn compensated_sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0, 0.0);
    for term in terms {
        let term = term - lost;
        let next = sum + term;
        lost = (next - sum) - term;
        sum = next;
    }
    sum
}

/// A product in which a weight of 0 (that of -inf) beats any distance.
fn times(weight: f64, distance: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * distance }
}

/// Share by which `found` is off; what is below 1e-30 counts as 0.
fn relative_error(found: f64, expected: f64) -> f64 {
    let distance = (found - expected).abs();
    if distance <= 1e-30 { 0.0 } else { distance / expected.abs() }
}

/// Worst relative error of the statistics that hang on the weights.
fn errors(found: &Part, expected: &Part) -> [f64; 3] {
    [
        relative_error(found.log_total(), expected.log_total()),
        relative_error(entropy(found), entropy(expected)),
        relative_error(varentropy(found), varentropy(expected)),
    ]
}
