//! KL with its gradient with respect to the second logits, written by the thread that
//! read the pair, from the cache.

use std::marker::PhantomData;

use super::reader::{Buffers, PairReader};
use super::work::Work;
use super::{Pairs, PerRow};
use crate::batch::dense::Destination;
use crate::batch::tasks::rows_in_tasks;
use crate::element::Element;
use crate::error::Error;
use crate::row::pair::alignment::Alignment;
use crate::row::pair::common::Common;
use crate::row::pair::gradient::{Second, WriteDifferences};
use crate::row::pair::read::PairSide;
use crate::row::{KlDivergence, PairStatistic};
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, fill};

/// What KL and its gradient, `(q - p) / U` for `q` at the temperature `U`, are computed
/// on. The arguments go together: [`Pairs::new`] has seen them.
pub struct KlGradient<'a> {
    /// The first logits.
    pub p: &'a StridedRows<'a>,
    /// Names of the types of both.
    pub elements: [&'a str; 2],
    /// For each row, or one for all.
    pub temperatures: [PerRow<'a>; 2],
    /// `1 / ln(base)`, of both results.
    pub scale: f64,
}

impl KlGradient<'_> {
    /// Computes it; the divergences. `q` are the second logits, unless they are in the
    /// destination. `C` holds the elements of both exactly.
    pub fn compute<C: Element, O: Element<Lane = C::Lane>>(
        &self,
        q: Option<&StridedRows>,
        destination: Destination,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>, Error> {
        let isa = Isa::current()?;
        let (rows, vocab) = (self.p.rows(), self.p.vocab());
        let (out, q) = match destination {
            Destination::InPlace(out, _) => (out, None),
            Destination::To(out) => (out, q),
            Destination::Nowhere => (&mut [][..], q),
        };
        let (given, expected) = (out.len(), rows * vocab * O::SIZE);
        if given != expected {
            return Err(Error::LengthMismatch { name: "grad_out", given, expected });
        }
        let q_size = q.map_or(O::SIZE, StridedRows::item_size);
        let row_bytes = vocab * (self.p.item_size() + q_size);
        let around_cache = q.is_some() && fill::goes_around(out);
        let work = |row, out: &mut [u8], buffers: &mut Buffers, values: &mut Vec<f64>| {
            self.row::<C, O>(isa, (row, q), (out, around_cache), buffers, values)
        };
        rows_in_tasks((rows, row_bytes), (out, vocab * O::SIZE), threads, interrupted, work)
    }

    fn row<C: Element, O: Element<Lane = C::Lane>>(
        &self,
        isa: Isa,
        (index, q): (usize, Option<&StridedRows>),
        (out, around_cache): (&mut [u8], bool),
        buffers: &mut Buffers,
        values: &mut Vec<f64>,
    ) -> Result<(), Error> {
        let p = self.p.row(index);
        let temperatures = self.temperatures.map(|each| each.get(index));
        let own = q.map_or_else(|| StridedRows::of_row(out, O::SIZE), |q| q.row(index));
        let pairs = Pairs::new(
            [self.p.row(index), own],
            self.elements,
            temperatures.map(PerRow::One),
            None,
        )?;
        let statistic = KlDivergence { scale: self.scale };
        let reader = PairReader { pairs: &pairs, isa, plan: statistic.plan(), group: 1 };
        let mut work = reader.read::<C>(0, false, buffers)?;
        reader.finish(&work, &statistic, values)?;
        let alignment = self.alignment::<C>(&reader, &mut work, buffers)?;
        let Buffers { p: p_scratch, q: q_scratch, common } = buffers;
        let [p_common, q_common] = &mut **common;
        let q_common = Common::new::<C>(isa, self.elements[1], q_common)?;
        let q = q.map(|q| q.row(index));
        isa.run(WriteDifferences::<C, O> {
            p: PairSide::new(
                &p,
                0,
                p_scratch,
                Common::new::<C>(isa, self.elements[0], p_common)?,
            ),
            q: match &q {
                Some(q) => Second::Row(PairSide::new(q, 0, q_scratch, q_common)),
                None => Second::InPlace(q_common, O::SIZE),
            },
            out,
            alignment,
            factor: self.scale / temperatures[1],
            around_cache,
            elements: PhantomData,
        });
        Ok(())
    }

    /// The alignment of the one pair of a group that has been read, as exact as its sums.
    fn alignment<C: Element>(
        &self,
        reader: &PairReader,
        work: &mut Work,
        buffers: &mut Buffers,
    ) -> Result<Option<Alignment>, Error> {
        let sums = work.sums[0];
        let Some(settled) = work.settled[0] else {
            return Ok(work.alignments[0].map(|alignment| alignment.corrected(&sums)));
        };
        // Other quotients are rounded, which KL does not notice: it is of second order.
        let is_power_of_two = settled.temperature.log2().fract() == 0.0;
        if !settled.careful && !is_power_of_two {
            work.approachable[0] = Some(settled.temperature);
            reader.approach_all::<C>(work, true, buffers)?;
        }
        Ok(Some(Alignment::settled(&work.settled[0].unwrap_or(settled))))
    }
}
