//! The tokens that are left of rows, one row behind the other.

use super::Filter;
use super::gathered::Gathered;
use super::row::{Decided, Room};
use crate::batch::tasks::rows_in_tasks;
use crate::element::{Element, Float64, Real};
use crate::error::Error;
use crate::filter::chain::log_total;
use crate::row::Columns;
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, Kernel, Simd, pages};

/// What is left of rows.
#[derive(Debug, Default)]
pub struct Kept {
    /// How many tokens of each row.
    pub counts: Vec<i64>,
    /// The tokens, row after row, in the order.
    pub tokens: Tokens,
    /// For each row, the logarithm of what they had of all; NaN for rows not valid.
    pub log_mass: Vec<f64>,
    /// The largest logit of each row, NaN if there is one.
    pub largest: Vec<f64>,
    /// Numbers of the rows that the definition itself has to decide.
    pub undecided: Vec<i64>,
}

/// Tokens of rows.
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
    /// Takes the type that results from logits of a type have, while there are none.
    fn prepare<E: Element>(&mut self) {
        if E::NAME == Float64::NAME && matches!(self, Reals::Narrow(_)) {
            *self = Reals::Wide(Vec::new());
        }
    }

    /// Adds what becomes of some values.
    fn extend(&mut self, isa: Isa, values: &[f64], map: impl Fn(f64) -> f64) {
        match self {
            Reals::Narrow(all) => isa.run(Extend { all, values, map }),
            Reals::Wide(all) => isa.run(Extend { all, values, map }),
        }
    }
}

/// Adds what becomes of some values to others: what collections have for it would be compiled
/// without the instruction set.
struct Extend<'a, R, F> {
    all: &'a mut Vec<R>,
    values: &'a [f64],
    map: F,
}

impl<R: Real, F: Fn(f64) -> f64> Kernel for Extend<'_, R, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        const AT_ONCE: usize = 64;
        let Self { all, values, map } = self;
        pages::make_room(all, values.len());
        let mut some = [R::from_f64(0.0); AT_ONCE];
        for values in values.chunks(AT_ONCE) {
            let some = &mut some[..values.len()];
            for (own, &value) in some.iter_mut().zip(values) {
                *own = R::from_f64(map(value));
            }
            all.extend_from_slice(some);
        }
    }
}

impl Columns for Reals {
    fn append(&mut self, later: &mut Self) {
        match (self, later) {
            (Reals::Narrow(all), Reals::Narrow(later)) => Columns::append(all, later),
            (Reals::Wide(all), Reals::Wide(later)) => Columns::append(all, later),
            // One of them has had no rows: nothing is in it, and its type says nothing.
            (all @ Reals::Narrow(_), later) => std::mem::swap(all, later),
            (Reals::Wide(_), Reals::Narrow(_)) => {}
        }
    }

    fn expect(&mut self, done: usize, parts: usize) {
        match self {
            Reals::Narrow(all) => pages::expect(all, done, parts),
            Reals::Wide(all) => pages::expect(all, done, parts),
        }
    }
}

impl Tokens {
    fn prepare<E: Element>(&mut self) {
        self.logits.prepare::<E>();
        self.log_probs.prepare::<E>();
    }
}

impl Columns for Tokens {
    fn append(&mut self, later: &mut Self) {
        Columns::append(&mut self.ids, &mut later.ids);
        self.logits.append(&mut later.logits);
        self.log_probs.append(&mut later.log_probs);
    }

    fn expect(&mut self, done: usize, parts: usize) {
        let Self { ids, logits, log_probs } = self;
        pages::expect(ids, done, parts);
        logits.expect(done, parts);
        log_probs.expect(done, parts);
    }
}

impl Columns for Kept {
    fn append(&mut self, later: &mut Self) {
        Columns::append(&mut self.counts, &mut later.counts);
        self.tokens.append(&mut later.tokens);
        Columns::append(&mut self.log_mass, &mut later.log_mass);
        Columns::append(&mut self.largest, &mut later.largest);
        Columns::append(&mut self.undecided, &mut later.undecided);
    }

    fn expect(&mut self, done: usize, parts: usize) {
        self.tokens.expect(done, parts);
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
        let mut kept: Kept = rows_in_tasks(shape, (&mut [], 0), threads, interrupted, work)?;
        kept.tokens.prepare::<E>();
        Ok(kept)
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
        // Whatever becomes of the row, so that all that has rows has the type of their results.
        self.tokens.prepare::<E>();
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
        let tokens = &mut self.tokens;
        let ids = &room.ids[first..end];
        pages::make_room(&mut tokens.ids, ids.len());
        tokens.ids.extend(ids.iter().map(|&id| id as i32));
        room.weighed.look(isa, &room.logits, first, left.temperature);
        let count = end - first;
        let (gaps, weights) = (&room.weighed.gap[..count], &room.weighed.weight[..count]);
        let log_total = log_total(gaps, weights);
        tokens.log_probs.extend(isa, gaps, |gap| 0.0 - (gap + log_total));
        // The order takes both zeros for one.
        let logits = &mut room.logits[first..end];
        let items = row.contiguous_row(0);
        let zeros =
            logits.partition_point(|&x| x > 0.0)..logits.partition_point(|&x| x >= 0.0);
        for (x, &id) in logits[zeros.clone()].iter_mut().zip(&room.ids[first..end][zeros]) {
            *x = E::widen(&items[id as usize * E::SIZE..][..E::SIZE]).to_f64();
        }
        if left.temperature == 1.0 {
            tokens.logits.extend(isa, logits, |x| x);
        } else {
            tokens.logits.extend(isa, logits, |x| x / left.temperature);
        }
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
