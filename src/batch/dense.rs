//! Rows that become as many rows of values, written by the thread that read them.

use std::marker::PhantomData;

use super::reader::{Reader, Workspace};
use super::tasks::{Turn, turns_in_tasks};
use super::{Batch, PerRow, Targets};
use crate::element::{Element, Real};
use crate::error::Error;
use crate::row::blocks::CHUNK;
use crate::row::dense::{Source, Write};
use crate::row::linear::SumLinear;
use crate::row::part::Part;
use crate::row::{DenseRow, DenseStatistic, Linear, LinearSums};
use crate::select::Wanted;
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, fill};

/// Where a dense statistic goes.
pub enum Destination<'a> {
    /// Rows of values behind one another.
    To(&'a mut [u8]),
    /// The logits' own place: rows behind one another, of this length.
    InPlace(&'a mut [u8], usize),
    /// Nowhere: only the rows' results are wanted.
    Nowhere,
}

/// A dense statistic over rows: what it computes, on what, to where.
pub struct Dense<'a, T> {
    /// The statistic.
    pub statistic: &'a T,
    /// For each row, or one for all; checked by [`Batch::new`].
    pub temperatures: PerRow<'a>,
    /// One for each row; checked by [`Batch::new`].
    pub targets: Option<Targets<'a>>,
    /// Weights that do not depend on the logits.
    pub linear: Option<&'a Linear<'a>>,
}

impl<T: DenseStatistic> Dense<'_, T> {
    /// Computes it. `rows` are the logits, unless they are in the destination.
    pub fn compute<E: Element, O: Element<Lane = E::Lane>>(
        &self,
        rows: Option<&StridedRows>,
        destination: Destination,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T::Output, Error> {
        let isa = Isa::current()?;
        let (out, row_bytes, count) = match (destination, rows) {
            (Destination::InPlace(out, vocab), _) => {
                let count = out.len() / (vocab * E::SIZE);
                (out, vocab * E::SIZE, count)
            }
            (Destination::To(out), Some(rows)) => {
                let expected = rows.rows() * rows.vocab() * O::SIZE;
                if out.len() != expected {
                    let given = out.len();
                    return Err(Error::LengthMismatch { name: "out", given, expected });
                }
                (out, rows.vocab() * O::SIZE, rows.rows())
            }
            (Destination::Nowhere, Some(rows)) => (&mut [][..], 0, rows.rows()),
            (_, None) => return Err(Error::EmptyVocabulary),
        };
        if let Some(rows) = rows.filter(|rows| rows.item_size() != E::SIZE) {
            let given = rows.item_size();
            return Err(Error::BadItemSize { element: E::NAME, given, expected: E::SIZE });
        }
        let logits_bytes = rows.map_or(row_bytes, |rows| rows.vocab() * E::SIZE);
        let around_cache = rows.is_some() && fill::goes_around(out);
        let work = |turn, out: &mut [u8], workspace: &mut _, output: &mut _| {
            let out = (out, around_cache);
            self.row::<E, O>(isa, rows, turn, out, workspace, output);
            Ok(())
        };
        turns_in_tasks((count, logits_bytes), (out, row_bytes), threads, interrupted, work)
    }

    /// Reads a row and writes its values to `out`, which holds the logits if there
    /// are no `rows`; around the cache, if they are to stay out of it.
    fn row<E: Element, O: Element<Lane = E::Lane>>(
        &self,
        isa: Isa,
        rows: Option<&StridedRows>,
        Turn { row: index, goes_on }: Turn,
        (out, around_cache): (&mut [u8], bool),
        workspace: &mut Workspace<E>,
        output: &mut T::Output,
    ) {
        let temperature = self.temperatures.get(index);
        let targets = self.targets.map(|targets| Targets {
            values: &targets.values[index..=index],
            per_row: 1,
            ignore: targets.ignore,
        });
        let one = PerRow::One(temperature);
        let (part, target, vocab) = match rows {
            Some(rows) => {
                let reader = (rows, index);
                self.read(isa, reader, one, targets, workspace)
            }
            None => {
                let rows = StridedRows::of_row(out, E::SIZE);
                self.read(isa, (&rows, 0), one, targets, workspace)
            }
        };
        let source = rows.map_or(Source::InPlace, |rows| Source::Row(rows, index));
        let sums = self.linear.map_or(LinearSums::default(), |linear| {
            isa.run(SumLinear::<E> {
                linear,
                row: index,
                source,
                out,
                vocab,
                max: E::Lane::from_f64(part.max),
                temperature,
            })
        });
        let place = self.targets.map(|targets| targets.values[index] as usize);
        let target_linear = match (self.linear, place, target) {
            (Some(linear), Some(place), Some(_)) => linear.weight(index, place),
            _ => 0.0,
        };
        let row =
            DenseRow { index, part: &part, temperature, target, linear: sums, target_linear };
        let map = self.statistic.finish(&row, output);
        if !out.is_empty() {
            isa.run(Write::<E, O> {
                source,
                out,
                map,
                part,
                temperature,
                linear: self.linear.map(|linear| (linear, index)),
                goes_on,
                around_cache,
                element: PhantomData,
            });
        }
    }

    /// What is known of a row, its target's logit, and its length.
    fn read<E: Element>(
        &self,
        isa: Isa,
        (rows, index): (&StridedRows, usize),
        temperatures: PerRow,
        targets: Option<Targets>,
        workspace: &mut Workspace<E>,
    ) -> (Part, Option<f64>, usize) {
        let batch = Batch { rows: rows.row(index), temperatures, targets };
        let plan = self.statistic.plan();
        let reader = Reader { batch: &batch, isa, plan, wanted: Wanted::NOTHING };
        reader.open::<E>(0, 1, workspace);
        for start in (0..rows.vocab()).step_by(CHUNK) {
            reader.read(0, start, workspace);
            reader.merge(0, workspace);
        }
        let row = reader.row(0, 0, workspace);
        (row.part, row.target_logits.first().copied().flatten(), rows.vocab())
    }
}
