//! What is known of all tokens of a row: sums that registers make, as fast as the row's
//! type allows or in 64-bit lanes.

use std::marker::PhantomData;

use crate::batch::reader::{Reader, Workspace};
use crate::batch::{Batch, PerRow};
use crate::element::{Element, Float64, Real};
use crate::filter::bounded::ROUNDING;
use crate::filter::spread::ReadSpread;
use crate::filter::tail::SumTail;
use crate::filter::weighed::{Weighed, gap};
use crate::filter::{Head, Spread, Whole, WholeSums};
use crate::row::blocks::CHUNK;
use crate::row::part::Part;
use crate::row::read::Plan;
use crate::select::Wanted;
use crate::select::packed::Ordered;
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// Rows up to this length have their sums made in 64-bit lanes at once.
const SHORT_ROW: usize = 4096;
/// Sums of weights in 32-bit lanes have a tenth of this error in the worst row of the
/// tests; 33 roundings of 2^-24 and that of the exponential are 2.3e-6.
const ERROR_OF_32_BITS: f64 = 4e-6;
/// The same in 64-bit lanes: 4e-14 in the tests.
const ERROR_OF_64_BITS: f64 = 1e-12;

/// Reads a row for the sums of a plan, and for the first tokens of its order.
pub(crate) fn read<E: Element>(
    isa: Isa,
    row: &StridedRows,
    temperature: f64,
    (plan, wanted): (Plan, Wanted),
    workspace: &mut Workspace<E>,
) -> Part {
    let batch =
        Batch { rows: row.row(0), temperatures: PerRow::One(temperature), targets: None };
    let reader = Reader { batch: &batch, isa, plan, wanted };
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

/// The head that a decision was left open with.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    temperature: f64,
    /// Its least logit.
    last: f64,
    /// How many equal the largest.
    count: f64,
    /// Weights of the others above the least.
    rest: f64,
}

impl Cut {
    /// Of a head that has been weighed from its first token on.
    fn of(head: Head, weighed: &Weighed) -> Option<Self> {
        let (&max, &last) = (head.logits.first()?, head.logits.last()?);
        let temperature = weighed.temperature_of(0)?;
        // Those equal to the last are of the tail, which may hold others like them.
        let above = head.logits.partition_point(|&x| x > last);
        let count = head.logits.partition_point(|&x| x == max) as f64;
        let sum = *weighed.sums.get(above.checked_sub(1)?)?;
        Some(Self { temperature, last, count, rest: sum - count })
    }
}

/// How sums are made.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// As fast as the row's type allows.
    Fast,
    /// So of what stands behind the head alone, which is nearly exact itself: the error is
    /// the smaller, the less that is.
    Apart(Cut),
    /// In 64-bit lanes.
    Wide,
}

/// All tokens of a row.
pub(super) struct OfRow<'a, E: Element> {
    isa: Isa,
    row: &'a StridedRows<'a>,
    rooms: &'a mut Rooms<E>,
    way: Way,
    /// The one that sums are made in first.
    first: Way,
    moments: bool,
    max: f64,
    /// By way and temperature; the row is read again for others.
    known: Vec<(Way, f64, WholeSums)>,
    /// Whether the row has been widened.
    widened: bool,
}

impl<'a, E: Element> OfRow<'a, E> {
    /// Of a row that has been read at a temperature.
    pub(super) fn new(
        isa: Isa,
        row: &'a StridedRows<'a>,
        rooms: &'a mut Rooms<E>,
        (temperature, moments, part): (f64, bool, &Part),
    ) -> Self {
        let (short, wide) = (row.vocab() <= SHORT_ROW, E::NAME == Float64::NAME);
        let way = if wide || short { Way::Wide } else { Way::Fast };
        let mut known = Vec::new();
        if wide || !short {
            known.push((way, temperature, sums_of(part, error_of::<E>())));
        }
        Self {
            isa,
            row,
            rooms,
            way,
            first: way,
            moments,
            max: part.max,
            known,
            widened: false,
        }
    }

    /// Makes sums more exactly from here on, if they can be; `head` was not enough for what
    /// was known.
    pub(super) fn refine(&mut self, head: Head, weighed: &Weighed) -> bool {
        self.way = match self.way {
            Way::Fast => {
                let apart = !self.moments && !head.complete;
                let cut = if apart { Cut::of(head, weighed) } else { None };
                cut.map_or(Way::Wide, Way::Apart)
            }
            Way::Apart(_) => Way::Wide,
            Way::Wide => return false,
        };
        true
    }

    /// Room to read the row again for other tokens.
    pub(super) fn workspace(&mut self) -> &mut Workspace<E> {
        &mut self.rooms.own
    }

    fn sums_by(&mut self, way: Way, temperature: f64) -> WholeSums {
        let same = |known: &&(Way, f64, WholeSums)| (known.0, known.1) == (way, temperature);
        if let Some((.., sums)) = self.known.iter().find(same) {
            return *sums;
        }
        let plan = if self.moments { Plan::Entropy } else { Plan::Weights };
        let (isa, plan) = (self.isa, (plan, Wanted::NOTHING));
        let sums = match way {
            Way::Wide if E::NAME != Float64::NAME => {
                self.widen();
                let row = StridedRows::of_row(&self.rooms.widened, Float64::SIZE);
                let part = read(isa, &row, temperature, plan, &mut self.rooms.wide);
                sums_of(&part, ERROR_OF_64_BITS)
            }
            Way::Apart(cut) => match self.apart(cut, temperature) {
                Some(sums) => sums,
                None => self.sums_by(Way::Wide, temperature),
            },
            Way::Fast | Way::Wide => {
                let part = read(isa, self.row, temperature, plan, &mut self.rooms.own);
                sums_of(&part, error_of::<E>())
            }
        };
        self.known.push((way, temperature, sums));
        sums
    }

    /// The sums of the head, and those of what stands behind it; at the temperature that the
    /// head was weighed at.
    fn apart(&self, cut: Cut, temperature: f64) -> Option<WholeSums> {
        if cut.temperature != temperature {
            return None;
        }
        let Cut { last, count, rest: own, .. } = cut;
        let row = self.row.contiguous_row(0);
        // The next number, so that those equal to the last are taken along.
        let bound = E::Lane::at_place(E::Lane::from_f64(last).place() + 1);
        let tail = SumTail::<E> { row, temperature, max: self.max, bound };
        let tail = self.isa.run(tail)?;
        let rest = own + tail;
        let error = ((count + own) * ROUNDING + tail * error_of::<E>()) / rest;
        (rest > 0.0).then_some(WholeSums { count, rest, gap: f64::NAN, error })
    }

    /// Has the row in `f64`.
    fn widen(&mut self) {
        if std::mem::replace(&mut self.widened, true) {
            return;
        }
        let widened = &mut self.rooms.widened;
        widened.resize(self.row.vocab() * Float64::SIZE, 0);
        let items = self.row.contiguous_row(0).chunks_exact(E::SIZE);
        for (item, wide) in items.zip(widened.chunks_exact_mut(Float64::SIZE)) {
            wide.copy_from_slice(&E::widen(item).to_f64().to_ne_bytes());
        }
    }
}

fn sums_of(part: &Part, error: f64) -> WholeSums {
    WholeSums { count: part.count, rest: part.rest, gap: part.gap, error }
}

impl<E: Element> Whole for OfRow<'_, E> {
    fn sums(&mut self, temperature: f64) -> WholeSums {
        self.sums_by(self.way, temperature)
    }

    fn first_sums(&mut self, temperature: f64) -> WholeSums {
        self.sums_by(self.first, temperature)
    }

    fn behind(&mut self, last: f64, end: usize, temperature: f64) -> Option<f64> {
        let (isa, max, bound) = (self.isa, self.max, E::Lane::from_f64(last));
        let below = if self.first == Way::Wide && E::NAME != Float64::NAME {
            self.widen();
            let row = &*self.rooms.widened;
            isa.run(SumTail::<Float64> { row, temperature, max, bound: last })?
        } else {
            let row = self.row.contiguous_row(0);
            isa.run(SumTail::<E> { row, temperature, max, bound })?
        };
        // Both zeros are equal.
        let lowest = if last == 0.0 { E::Lane::from_f64(-0.0) } else { bound };
        let before = E::Lane::at_place(lowest.place() - 1);
        let equal = self.count_above(before.to_f64()).saturating_sub(end);
        Some(below + equal as f64 * (-gap(max, last, temperature)).exp())
    }

    fn count_above(&mut self, x: f64) -> usize {
        self.rooms.own.count_above(self.isa, self.row, x)
    }

    fn spread(&mut self) -> Spread {
        let max = self.max;
        if self.way == Way::Wide && E::NAME != Float64::NAME {
            self.widen();
            let (row, error) = (&*self.rooms.widened, ERROR_OF_64_BITS);
            let element = PhantomData::<Float64>;
            return self.isa.run(ReadSpread { row, max, error, element });
        }
        let (row, element) = (self.row.contiguous_row(0), PhantomData::<E>);
        self.isa.run(ReadSpread { row, max, error: error_of::<E>(), element })
    }
}
