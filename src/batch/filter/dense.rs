//! Rows of what is left among what fills the rest.

use std::marker::PhantomData;

use super::Filter;
use super::compact::Rows;
use super::row::Decided;
use crate::batch::dense::Destination;
use crate::batch::tasks::rows_in_tasks;
use crate::element::Element;
use crate::error::Error;
use crate::row::dense::Narrow;
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// Filters that write every token of a row.
#[derive(Debug)]
pub struct DenseFilter<'a> {
    /// The steps.
    pub filter: &'a Filter<'a>,
    /// What stands for the tokens that go.
    pub fill: f64,
}

/// What rows have come to: their largest logits, and which of them could not be decided.
type Found = (Vec<f64>, Vec<i64>);

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
        let mut fill = Vec::new();
        isa.run(Narrow::<O> { values: &[self.fill], out: &mut fill, element: PhantomData });
        let work = |index, out: &mut [u8], room: &mut Rows<E>, found: &mut Found| {
            let Rows { room, gathered } = room;
            self.filter.chain(index, vocab, &mut room.chain)?;
            let decided = match rows {
                Some(rows) => room.filter(isa, &gathered.row::<E>(rows, index)),
                None => room.filter(isa, &StridedRows::of_row(out, E::SIZE)),
            };
            found.0.push(room.largest);
            let left = match decided {
                Decided::Undecided => {
                    found.1.push(index as i64);
                    return Ok(());
                }
                Decided::Invalid => None,
                Decided::Left(left) => Some(left),
            };
            let mut values = Vec::new();
            let mut ids = &room.ids[..0];
            if let Some(left) = left {
                ids = &room.ids[left.first..left.end];
                let logits = &room.logits[left.first..left.end];
                let tempered: Vec<_> = logits.iter().map(|x| x / left.temperature).collect();
                isa.run(Narrow::<O> {
                    values: &tempered,
                    out: &mut values,
                    element: PhantomData,
                });
            }
            out.chunks_exact_mut(O::SIZE).for_each(|cell| cell.copy_from_slice(&fill));
            for (&id, value) in ids.iter().zip(values.chunks_exact(O::SIZE)) {
                out[id as usize * O::SIZE..][..O::SIZE].copy_from_slice(value);
            }
            Ok(())
        };
        let shape = (count, vocab * E::SIZE);
        rows_in_tasks(shape, (out, row_bytes), threads, interrupted, work)
    }
}
