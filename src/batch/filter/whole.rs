//! What is known of all tokens of a row: sums that registers make, as fast as the row's
//! type allows or in 64-bit lanes.

use std::marker::PhantomData;

use crate::batch::reader::{Reader, Workspace};
use crate::batch::{Batch, PerRow};
use crate::element::{Element, Float64, Real};
use crate::filter::spread::ReadSpread;
use crate::filter::{Spread, Whole, WholeSums};
use crate::row::blocks::CHUNK;
use crate::row::part::Part;
use crate::row::read::Plan;
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// Sums of weights in 32-bit lanes have a tenth of this error in the worst row of the
/// tests; 33 roundings of 2^-24 and that of the exponential are 2.3e-6.
const ERROR_OF_32_BITS: f64 = 4e-6;
/// The same in 64-bit lanes: 4e-14 in the tests.
const ERROR_OF_64_BITS: f64 = 1e-12;

/// Reads a row for the sums of a plan, and for its first `top_k` tokens.
pub(crate) fn read<E: Element>(
    isa: Isa,
    row: &StridedRows,
    temperature: f64,
    (plan, top_k): (Plan, usize),
    workspace: &mut Workspace<E>,
) -> Part {
    let batch =
        Batch { rows: row.row(0), temperatures: PerRow::One(temperature), targets: None };
    let reader = Reader { batch: &batch, isa, plan, top_k };
    reader.open(0, 1, workspace);
    for start in (0..row.vocab()).step_by(CHUNK) {
        reader.read(0, start, workspace);
        reader.merge(0, workspace);
    }
    reader.row(0, 0, workspace).part
}

/// The error of sums over a row read as it is.
fn error_of<E: Element>() -> f64 {
    if E::NAME == Float64::NAME { ERROR_OF_64_BITS } else { ERROR_OF_32_BITS }
}

/// Room for what may have to be known.
pub(super) struct Rooms<E: Element> {
    pub(super) own: Workspace<E>,
    wide: Workspace<Float64>,
    /// The row in `f64`.
    widened: Vec<u8>,
}

impl<E: Element> Default for Rooms<E> {
    fn default() -> Self {
        Self { own: Workspace::default(), wide: Workspace::default(), widened: Vec::new() }
    }
}

/// All tokens of a row.
pub(super) struct OfRow<'a, E: Element> {
    isa: Isa,
    row: &'a StridedRows<'a>,
    rooms: &'a mut Rooms<E>,
    /// Sums are made in 64-bit lanes.
    exact: bool,
    moments: bool,
    max: f64,
    /// By temperature; the row is read again for another.
    known: Vec<(f64, WholeSums)>,
}

impl<'a, E: Element> OfRow<'a, E> {
    /// Of a row that has been read at a temperature.
    pub(super) fn new(
        isa: Isa,
        row: &'a StridedRows<'a>,
        rooms: &'a mut Rooms<E>,
        (temperature, moments, part): (f64, bool, &Part),
    ) -> Self {
        let known = vec![(temperature, sums_of(part, error_of::<E>()))];
        Self {
            isa,
            row,
            rooms,
            exact: E::NAME == Float64::NAME,
            moments,
            max: part.max,
            known,
        }
    }

    /// Makes sums as exact as can be from here on; whether they were not so before.
    pub(super) fn refine(&mut self) -> bool {
        self.known.clear();
        !std::mem::replace(&mut self.exact, true)
    }

    /// Room to read the row again for other tokens.
    pub(super) fn workspace(&mut self) -> &mut Workspace<E> {
        &mut self.rooms.own
    }

    /// The row in `f64`.
    fn widen(&mut self) {
        let widened = &mut self.rooms.widened;
        widened.clear();
        let items = self.row.contiguous_row(0).chunks_exact(E::SIZE);
        widened.extend(items.flat_map(|item| E::widen(item).to_f64().to_ne_bytes()));
    }
}

fn sums_of(part: &Part, error: f64) -> WholeSums {
    WholeSums { count: part.count, rest: part.rest, gap: part.gap, error }
}

impl<E: Element> Whole for OfRow<'_, E> {
    fn sums(&mut self, temperature: f64) -> WholeSums {
        if let Some((_, sums)) = self.known.iter().find(|(known, _)| *known == temperature) {
            return *sums;
        }
        let plan = if self.moments { Plan::Entropy } else { Plan::Weights };
        let isa = self.isa;
        let sums = if self.exact && E::NAME != Float64::NAME {
            if self.known.is_empty() {
                self.widen();
            }
            let row = StridedRows::of_row(&self.rooms.widened, Float64::SIZE);
            let part = read(isa, &row, temperature, (plan, 0), &mut self.rooms.wide);
            sums_of(&part, ERROR_OF_64_BITS)
        } else {
            let part = read(isa, self.row, temperature, (plan, 0), &mut self.rooms.own);
            sums_of(&part, error_of::<E>())
        };
        self.known.push((temperature, sums));
        sums
    }

    fn spread(&mut self) -> Spread {
        let (row, max) = (self.row.contiguous_row(0), self.max);
        if self.exact && E::NAME != Float64::NAME {
            if self.known.is_empty() {
                self.widen();
            }
            let (row, error) = (&*self.rooms.widened, ERROR_OF_64_BITS);
            let element = PhantomData::<Float64>;
            return self.isa.run(ReadSpread { row, max, error, element });
        }
        let element = PhantomData::<E>;
        self.isa.run(ReadSpread { row, max, error: error_of::<E>(), element })
    }
}
