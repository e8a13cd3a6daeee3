//! Rows of what is left among what fills the rest.

use std::marker::PhantomData;

use super::Filter;
use super::compact::Rows;
use super::row::Decided;
use crate::batch::dense::Destination;
use crate::batch::tasks::rows_in_tasks;
use crate::element::{Element, Real};
use crate::error::Error;
use crate::row::put::Narrow;
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, fill};

/// Filters that write every token of a row.
#[derive(Debug)]
pub struct DenseFilter<'a> {
    /// The steps.
    pub filter: &'a Filter<'a>,
    /// What stands for the tokens that go.
    pub fill: f64,
    /// Whether rows that are not valid are filled like others. If not, none in whose place
    /// the result goes is written to unless all are valid.
    pub mark: bool,
}

/// Up to one token in so many that is left, what fills the row may go around the cache: more
/// stand in too many of its lines.
pub(super) const FEW: usize = 256;

/// What rows have come to: their largest logits, and which of them could not be decided.
pub(super) type Found = (Vec<f64>, Vec<i64>);

impl DenseFilter<'_> {
    /// Writes the rows, those of `rows` or those in the destination. Rows that are not
    /// valid become `fill`; those that are not decided, whose numbers are the second
    /// result, are what they were.
    pub fn compute<E: Element, O: Element<Lane = E::Lane>>(
        &self,
        rows: Option<&StridedRows>,
        destination: Destination,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Found, Error> {
        let isa = Isa::current()?;
        let (out, rows, vocab) = match (destination, rows) {
            (Destination::InPlace(out, vocab), _) => (out, None, vocab),
            (Destination::To(out), Some(rows)) => (out, Some(rows), rows.vocab()),
            _ => return Err(Error::EmptyVocabulary),
        };
        let row_bytes = vocab * O::SIZE;
        let count = rows.map_or(out.len() / row_bytes, StridedRows::rows);
        let (given, expected) = (out.len(), count * row_bytes);
        if given != expected {
            return Err(Error::LengthMismatch { name: "out", given, expected });
        }
        if rows.is_none() && !self.mark {
            return self.in_two_passes::<E>(isa, (out, vocab), threads, interrupted);
        }
        let writer = Writer::<O>::new(isa, self.fill);
        // What is written where it was read is in the cache.
        let is_apart = rows.is_some() && out.len() >= fill::LARGE;
        let work = |index, out: &mut [u8], own: &mut (Rows<E>, Taken), found: &mut Found| {
            let (Rows { room, gathered }, taken) = own;
            self.filter.chain(index, vocab, &mut room.chain)?;
            let row = match rows {
                Some(rows) => gathered.row::<E>(rows, index),
                None => StridedRows::of_row(out, E::SIZE),
            };
            let decided = room.filter(isa, &row);
            found.0.push(room.largest);
            taken.ids.clear();
            let mut temperature = 1.0;
            match decided {
                Decided::Undecided => {
                    found.1.push(index as i64);
                    return Ok(());
                }
                Decided::Invalid => {}
                Decided::Left(left) => {
                    taken.ids.extend_from_slice(&room.ids[left.first..left.end]);
                    temperature = left.temperature;
                }
            }
            taken.look::<E>(row.contiguous_row(0), temperature);
            let around_cache = is_apart && taken.ids.len() <= vocab / FEW;
            writer.write(out, taken, around_cache);
            Ok(())
        };
        let shape = (count, vocab * E::SIZE);
        rows_in_tasks(shape, (out, row_bytes), threads, interrupted, work)
    }
}

/// Tokens of a row, with what is written for them.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) ids: Vec<u32>,
    logits: Vec<f64>,
    /// Room for their bytes.
    values: Vec<u8>,
}

impl Taken {
    /// Looks up the logits in the row, which is still as it was.
    pub(super) fn look<E: Element>(&mut self, row: &[u8], temperature: f64) {
        let logit = |id: &u32| E::widen(&row[*id as usize * E::SIZE..][..E::SIZE]).to_f64();
        self.logits.clear();
        self.logits.extend(self.ids.iter().map(|id| logit(id) / temperature));
    }
}

/// Writes rows.
pub(super) struct Writer<O> {
    isa: Isa,
    fill: Vec<u8>,
    element: PhantomData<O>,
}

impl<O: Element> Writer<O> {
    pub(super) fn new(isa: Isa, value: f64) -> Self {
        let mut fill = Vec::new();
        isa.run(Narrow::<O> { values: &[value], out: &mut fill, element: PhantomData });
        Self { isa, fill, element: PhantomData }
    }

    /// These tokens at their places, and what fills the others; that stays out of the cache
    /// if it is not wanted there.
    pub(super) fn write(&self, out: &mut [u8], taken: &mut Taken, around_cache: bool) {
        let Taken { ids, logits, values } = taken;
        self.isa.run(Narrow::<O> { values: logits, out: values, element: PhantomData });
        if around_cache {
            fill::around_cache(out, &self.fill);
        } else {
            fill::with(out, &self.fill);
        }
        for (&id, value) in ids.iter().zip(values.chunks_exact(O::SIZE)) {
            out[id as usize * O::SIZE..][..O::SIZE].copy_from_slice(value);
        }
    }
}
