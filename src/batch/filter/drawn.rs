//! Tokens drawn from what is left of rows, which is not kept.

use super::Filter;
use super::gathered::Gathered;
use super::row::{Decided, Room};
use crate::batch::sample::Drawn;
use crate::batch::tasks::rows_in_tasks;
use crate::element::Element;
use crate::error::Error;
use crate::filter::chain::{Left, log_total};
use crate::filter::step::Step;
use crate::sample::Draws;
use crate::sample::kept::{KeptDraws, KeptTokens};
use crate::sample::philox::{Stream, uniform};
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// Room for a thread's rows.
struct Rows<E: Element> {
    room: Room<E>,
    gathered: Gathered,
    kept: KeptDraws,
    places: Vec<usize>,
}

impl<E: Element> Default for Rows<E> {
    fn default() -> Self {
        Self {
            room: Room::default(),
            gathered: Gathered::default(),
            kept: KeptDraws::default(),
            places: Vec::new(),
        }
    }
}

impl Filter<'_> {
    /// Draws from the rows; with the numbers of those that the definition itself has to
    /// decide, which are left without a token.
    pub fn draw<E: Element>(
        &self,
        rows: &StridedRows,
        draws: &Draws,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<(Drawn, Vec<i64>), Error> {
        let isa = Isa::current()?;
        draws.check(rows.rows())?;
        let shape = (rows.rows(), rows.vocab() * E::SIZE);
        let work = |index, _: &mut [u8], own: &mut Rows<E>, all: &mut (Drawn, Vec<i64>)| {
            let (drawn, undecided) = all;
            let Rows { room, gathered, .. } = own;
            self.chain(index, rows.vocab(), &mut room.chain)?;
            if room.chain.steps.iter().any(|step| matches!(step, Step::Xtc { .. })) {
                room.chain.coin = uniform(&draws.sources[index], Stream::Xtc, 0);
            }
            let decided = room.filter(isa, &gathered.row::<E>(rows, index));
            drawn.largest.push(room.largest);
            own.places.clear();
            match decided {
                Decided::Left(left) => own.draw(isa, &left, draws, index, drawn),
                Decided::Undecided => undecided.push(index as i64),
                Decided::Invalid => {}
            }
            let missing = draws.count - own.places.len();
            drawn.ids.extend(std::iter::repeat_n(-1, missing));
            if draws.log_probs {
                drawn.log_probs.extend(std::iter::repeat_n(f64::NAN, missing));
            }
            Ok(())
        };
        rows_in_tasks(shape, (&mut [], 0), threads, interrupted, work)
    }
}

impl<E: Element> Rows<E> {
    /// Draws from a row that has been filtered.
    fn draw(&mut self, isa: Isa, left: &Left, draws: &Draws, index: usize, drawn: &mut Drawn) {
        let Self { room, kept, places, .. } = self;
        let (first, end) = (left.first, left.end);
        room.weighed.look(isa, &room.logits, first, left.temperature);
        let count = end - first;
        let tokens = KeptTokens {
            ids: &room.ids[first..end],
            logits: &room.logits[first..end],
            temperature: left.temperature,
            weights: &room.weighed.weight[..count],
            gaps: &room.weighed.gap[..count],
        };
        kept.draw(&tokens, draws, index, places);
        drawn.ids.extend(places.iter().map(|&place| i64::from(tokens.ids[place])));
        if draws.log_probs {
            let log_total = log_total(tokens.gaps, tokens.weights);
            let own = places.iter().map(|&place| 0.0 - (tokens.gaps[place] + log_total));
            drawn.log_probs.extend(own);
        }
    }
}
