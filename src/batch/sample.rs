//! Tokens drawn from rows as they are, over the threads.

use std::marker::PhantomData;

use super::PerRow;
use super::filter::{Gathered, read};
use super::reader::Workspace;
use super::tasks::rows_in_tasks;
use crate::element::{Element, Float64, Real};
use crate::error::Error;
use crate::row::Columns;
use crate::row::read::Plan;
use crate::row::topk::LogProbs;
use crate::sample::Draws;
use crate::sample::apart::apart;
use crate::sample::blocks::{RowSums, SumBlocks};
use crate::sample::draw::{Definition, Sums};
use crate::select::{Finish, Wanted};
use crate::simd::Isa;
use crate::simd::strided::StridedRows;

/// Bounds of the relative error of sums of weights, in lanes of 32 and of 64 bits.
const ERRORS: [f64; 2] = [4e-6, 1e-12];

/// Draws from rows as they are.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// At least 0, where the largest logit is drawn.
    pub temperatures: PerRow<'a>,
    /// What is drawn.
    pub draws: Draws<'a>,
}

/// Tokens and their log-probabilities, as many for each row; and whether rows are valid.
#[derive(Debug, Default)]
pub struct Drawn {
    /// -1 where there is none.
    pub ids: Vec<i64>,
    /// NaN there; empty if not wanted.
    pub log_probs: Vec<f64>,
    /// A large logit of each row, NaN if it has one: finite if the largest is.
    pub largest: Vec<f64>,
}

impl Columns for Drawn {
    fn append(&mut self, later: &mut Self) {
        Columns::append(&mut self.ids, &mut later.ids);
        Columns::append(&mut self.log_probs, &mut later.log_probs);
        Columns::append(&mut self.largest, &mut later.largest);
    }
}

/// Room for a thread's rows.
struct Room<E: Element> {
    gathered: Gathered,
    workspace: Workspace<E>,
    found: RowSums,
    widened: Vec<u8>,
    sums: Sums,
    numbers: Vec<f64>,
}

impl<E: Element> Default for Room<E> {
    fn default() -> Self {
        Self {
            gathered: Gathered::default(),
            workspace: Workspace::default(),
            found: RowSums::default(),
            widened: Vec::new(),
            sums: Sums::default(),
            numbers: Vec::new(),
        }
    }
}

impl Draw<'_> {
    /// Draws the tokens of the rows.
    pub fn compute<E: Element>(
        &self,
        rows: &StridedRows,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Drawn, Error> {
        let isa = Isa::current()?;
        self.draws.check(rows.rows())?;
        let shape = (rows.rows(), rows.vocab() * E::SIZE);
        let work = |index, _: &mut [u8], room: &mut Room<E>, drawn: &mut Drawn| {
            let mut gathered = std::mem::take(&mut room.gathered);
            self.row::<E>(isa, index, &gathered.row::<E>(rows, index), room, drawn);
            room.gathered = gathered;
            Ok(())
        };
        rows_in_tasks(shape, (&mut [], 0), threads, interrupted, work)
    }

    fn row<E: Element>(
        &self,
        isa: Isa,
        index: usize,
        row: &StridedRows,
        room: &mut Room<E>,
        drawn: &mut Drawn,
    ) {
        let temperature = self.temperatures.get(index);
        let begin = drawn.ids.len();
        let Draws { sources, count, replace, log_probs } = self.draws;
        let end = begin + count;
        let max = if temperature == 0.0 {
            self.greedy(isa, row, room, drawn)
        } else {
            let element = PhantomData;
            let own = row.contiguous_row(0);
            isa.run(SumBlocks::<E> { row: own, temperature, sums: &mut room.found, element });
            let max = room.found.max;
            if max.is_finite() {
                if replace {
                    room.numbers.clear();
                    room.numbers.extend(self.draws.numbers(index));
                    with_replacement(isa, row, temperature, room, drawn);
                } else {
                    let tokens = Tokens::<E>::new(row, temperature);
                    let ids: Vec<_> = tokens.each().map(|(id, _)| id).collect();
                    let places = apart(tokens.each(), tokens.max, count, &sources[index]);
                    drawn.ids.extend(places.iter().map(|&place| ids[place] as i64));
                }
            }
            max
        };
        drawn.largest.push(max);
        drawn.ids.resize(end, -1);
        if !log_probs {
            return;
        }
        if temperature == 0.0 {
            let ids = drawn.ids[begin..].iter();
            drawn.log_probs.extend(ids.map(|&id| if id < 0 { f64::NAN } else { 0.0 }));
            return;
        }
        let part =
            read(isa, row, temperature, (Plan::Weights, Wanted::NOTHING), &mut room.workspace);
        let log_probs = LogProbs::new(&part, temperature, 1.0);
        let items = row.contiguous_row(0);
        drawn.log_probs.extend(drawn.ids[begin..].iter().map(|&id| {
            usize::try_from(id).map_or(f64::NAN, |id| log_probs.of(logit::<E>(items, id)))
        }));
    }

    /// The largest logit, the first of equal ones; what it is.
    fn greedy<E: Element>(
        &self,
        isa: Isa,
        row: &StridedRows,
        room: &mut Room<E>,
        drawn: &mut Drawn,
    ) -> f64 {
        let part = read(isa, row, 1.0, (Plan::Largest, Wanted::First(1)), &mut room.workspace);
        let Some(search) = room.workspace.searches.first_mut() else { return f64::NAN };
        let selection = &mut search.selection;
        isa.run(Finish { selection: &mut *selection, by_index: false });
        let Some((x, id)) = selection.sorted().next() else { return f64::NAN };
        let max = if part.nan { f64::NAN } else { x.to_f64() };
        if max.is_finite() {
            let Draws { count, replace, .. } = self.draws;
            let copies = if replace { count } else { count.min(1) };
            drawn.ids.extend(std::iter::repeat_n(id as i64, copies));
        }
        max
    }
}

/// Draws tokens that may be the same, from a row whose blocks have been summed up.
fn with_replacement<E: Element>(
    isa: Isa,
    row: &StridedRows,
    temperature: f64,
    room: &mut Room<E>,
    drawn: &mut Drawn,
) {
    let Room { found, widened, sums, numbers, .. } = room;
    let items = row.contiguous_row(0);
    let vocab = row.vocab();
    let begin = drawn.ids.len();
    let rate = std::f64::consts::LOG2_E / temperature;
    let is_wide = E::NAME == Float64::NAME;
    let mut open: Vec<usize> = Vec::new();
    if found.plain {
        sums.of(found, rate, ERRORS[usize::from(is_wide)]);
        for (i, &u) in numbers.iter().enumerate() {
            let token = sums.draw(u, vocab, |id| logit::<E>(items, id));
            drawn.ids.push(token.map_or(-1, |id| id as i64));
            if token.is_none() {
                open.push(i);
            }
        }
        if !open.is_empty() && !is_wide {
            widened.clear();
            let each = items.chunks_exact(E::SIZE);
            widened.extend(each.flat_map(|item| E::widen(item).to_f64().to_ne_bytes()));
            let element = PhantomData;
            isa.run(SumBlocks::<Float64> { row: widened, temperature, sums: found, element });
            sums.of(found, rate, ERRORS[1]);
            open.retain(|&i| {
                let token = sums.draw(numbers[i], vocab, |id| logit::<E>(items, id));
                drawn.ids[begin + i] = token.map_or(-1, |id| id as i64);
                token.is_none()
            });
        }
    } else {
        open.extend(0..numbers.len());
        drawn.ids.resize(begin + numbers.len(), -1);
    }
    if !open.is_empty() {
        let tokens = Tokens::<E>::new(row, temperature);
        let ids: Vec<_> = tokens.each().map(|(id, _)| id).collect();
        let definition = Definition::new(tokens.each(), tokens.max);
        for i in open {
            drawn.ids[begin + i] = ids[definition.draw(numbers[i])] as i64;
        }
    }
}

/// The logit of a token.
fn logit<E: Element>(items: &[u8], id: usize) -> f64 {
    E::widen(&items[id * E::SIZE..][..E::SIZE]).to_f64()
}

/// Tokens that are not -inf, with tempered logits.
struct Tokens<'a, E> {
    items: &'a [u8],
    temperature: f64,
    /// The largest logit, tempered.
    max: f64,
    /// What is taken from each logit first: the largest, where they would overflow.
    shift: f64,
    element: PhantomData<E>,
}

impl<'a, E: Element> Tokens<'a, E> {
    fn new(row: &'a StridedRows, temperature: f64) -> Self {
        let items = row.contiguous_row(0);
        let (mut least, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for item in items.chunks_exact(E::SIZE) {
            let x = E::widen(item).to_f64();
            max = max.max(x);
            least = if x > f64::NEG_INFINITY { least.min(x) } else { least };
        }
        let fits = (max / temperature).is_finite() && (least / temperature).is_finite();
        let (shift, max) = if fits { (0.0, max / temperature) } else { (max, 0.0) };
        Self { items, temperature, max, shift, element: PhantomData }
    }

    fn each(&self) -> impl Iterator<Item = (usize, f64)> {
        let tokens = self.items.chunks_exact(E::SIZE).map(|item| E::widen(item).to_f64());
        let own = tokens.enumerate().filter(|(_, x)| *x > f64::NEG_INFINITY);
        own.map(|(id, x)| (id, (x - self.shift) / self.temperature))
    }
}
