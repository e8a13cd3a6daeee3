//! The tokens that are left of rows, one row behind the other.

use super::Filter;
use super::gathered::Gathered;
use super::row::{Decided, Room};
use crate::batch::tasks::rows_in_tasks;
use crate::element::{Element, Float64, Real};
use crate::error::Error;
use crate::filter::chain::log_total;
use crate::row::Columns;
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// What is left of rows.
#[derive(Debug, Default)]
pub struct Kept {
    /// How many tokens of each row.
    pub counts: Vec<i64>,
    /// The tokens, row after row, in the order; in pieces, which are not put together here:
    /// where most of a vocabulary is left they are as large as the rows.
    pub tokens: Vec<Tokens>,
    /// For each row, the logarithm of what they had of all; NaN for rows not valid.
    pub log_mass: Vec<f64>,
    /// The largest logit of each row, NaN if there is one.
    pub largest: Vec<f64>,
    /// Numbers of the rows that the definition itself has to decide.
    pub undecided: Vec<i64>,
}

/// Tokens of neighbouring rows.
#[derive(Debug, Default)]
pub struct Tokens {
    /// Their ids.
    pub ids: Vec<i32>,
    /// Their logits, tempered.
    pub logits: Reals,
    /// Their log-probabilities, renormalised.
    pub log_probs: Reals,
}

/// Numbers as results have them.
#[derive(Debug)]
pub enum Reals {
    /// As most logits have it.
    Narrow(Vec<f32>),
    /// Where logits are.
    Wide(Vec<f64>),
}

impl Default for Reals {
    fn default() -> Self {
        Reals::Narrow(Vec::new())
    }
}

impl Reals {
    /// None yet, in the type that results from logits of a type have.
    fn of<E: Element>() -> Self {
        if E::NAME == Float64::NAME { Reals::Wide(Vec::new()) } else { Reals::default() }
    }

    fn extend(&mut self, values: impl Iterator<Item = f64>) {
        match self {
            Reals::Narrow(all) => all.extend(values.map(|x| x as f32)),
            Reals::Wide(all) => all.extend(values),
        }
    }
}

impl Columns for Kept {
    fn append(&mut self, later: Self) {
        Columns::append(&mut self.counts, later.counts);
        Columns::append(&mut self.tokens, later.tokens);
        Columns::append(&mut self.log_mass, later.log_mass);
        Columns::append(&mut self.largest, later.largest);
        Columns::append(&mut self.undecided, later.undecided);
    }
}

impl Filter<'_> {
    /// What is left of the rows.
    pub fn compact<E: Element>(
        &self,
        rows: &StridedRows,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Kept, Error> {
        let isa = Isa::current()?;
        let shape = (rows.rows(), rows.vocab() * E::SIZE);
        let work = |index, _: &mut [u8], room: &mut Rows<E>, kept: &mut Kept| {
            let Rows { room, gathered } = room;
            self.chain(index, rows.vocab(), &mut room.chain)?;
            let row = gathered.row::<E>(rows, index);
            let decided = room.filter(isa, &row);
            kept.push(isa, index, &row, room, decided);
            Ok(())
        };
        rows_in_tasks(shape, (&mut [], 0), threads, interrupted, work)
    }
}

impl Kept {
    fn push<E: Element>(
        &mut self,
        isa: Isa,
        index: usize,
        row: &StridedRows,
        room: &mut Room<E>,
        decided: Decided,
    ) {
        self.largest.push(room.largest);
        let Decided::Left(left) = decided else {
            self.counts.push(0);
            self.log_mass.push(f64::NAN);
            if matches!(decided, Decided::Undecided) {
                self.undecided.push(index as i64);
            }
            return;
        };
        let (first, end) = (left.first, left.end);
        self.counts.push((end - first) as i64);
        self.log_mass.push(left.log_mass);
        if self.tokens.is_empty() {
            let (logits, log_probs) = (Reals::of::<E>(), Reals::of::<E>());
            self.tokens.push(Tokens { ids: Vec::new(), logits, log_probs });
        }
        let tokens = &mut self.tokens[0];
        let ids = &room.ids[first..end];
        tokens.ids.extend(ids.iter().map(|&id| id as i32));
        room.weighed.look(isa, &room.logits, first, left.temperature);
        let count = end - first;
        let (gaps, weights) = (&room.weighed.gap[..count], &room.weighed.weight[..count]);
        let log_total = log_total(gaps, weights);
        tokens.log_probs.extend(gaps.iter().map(|gap| 0.0 - (gap + log_total)));
        // The order takes both zeros for one.
        let logits = &mut room.logits[first..end];
        let items = row.contiguous_row(0);
        let zeros =
            logits.partition_point(|&x| x > 0.0)..logits.partition_point(|&x| x >= 0.0);
        for (x, &id) in logits[zeros.clone()].iter_mut().zip(&room.ids[first..end][zeros]) {
            *x = E::widen(&items[id as usize * E::SIZE..][..E::SIZE]).to_f64();
        }
        tokens.logits.extend(logits.iter().map(|x| x / left.temperature));
    }
}

/// Room for a thread's rows.
pub(super) struct Rows<E: Element> {
    pub(super) room: Room<E>,
    pub(super) gathered: Gathered,
}

impl<E: Element> Default for Rows<E> {
    fn default() -> Self {
        Self { room: Room::default(), gathered: Gathered::default() }
    }
}
