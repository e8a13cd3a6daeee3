//! What a chain leaves of one row: more of its order is looked at, and sums are made more
//! exactly, until that is decided.

use super::whole::{OfRow, Rooms, read};
use crate::batch::reader::Workspace;
use crate::element::{Element, Real};
use crate::filter::chain::{Chain, Left};
use crate::filter::seen::Swap;
use crate::filter::weighed::Weighed;
use crate::filter::{Head, Short};
use crate::row::part::Kind;
use crate::row::read::Plan;
use crate::select::packed::Packed;
use crate::select::{Finish, Selection, Wanted};
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, Kernel, Simd};

/// Tokens to look at first where a chain does not tell.
const FEW: usize = 64;

/// What is decided of a row.
pub(super) enum Decided {
    /// It has a NaN, +inf or nothing finite.
    Invalid,
    /// These tokens of the order.
    Left(Left),
    /// It hangs on the last bits of an exponential.
    Undecided,
}

/// Room for a row at a time.
pub(super) struct Room<E: Element> {
    pub(super) chain: Chain,
    rooms: Rooms<E>,
    pub(super) weighed: Weighed,
    /// The first tokens of the order.
    pub(super) logits: Vec<f64>,
    pub(super) ids: Vec<u32>,
    swaps: Vec<Swap>,
    /// Largest logit, NaN if there is one.
    pub(super) largest: f64,
    /// How much of the order the last rows took.
    recent: Recent,
}

impl<E: Element> Default for Room<E> {
    fn default() -> Self {
        Self {
            chain: Chain::default(),
            rooms: Rooms::default(),
            weighed: Weighed::default(),
            logits: Vec::new(),
            ids: Vec::new(),
            swaps: Vec::new(),
            largest: f64::NAN,
            recent: Recent::default(),
        }
    }
}

impl<E: Element> Room<E> {
    /// Takes a row, whose items lie together, through the chain.
    pub(super) fn filter(&mut self, isa: Isa, row: &StridedRows) -> Decided {
        let vocab = row.vocab();
        let (temperature, moments) = self.chain.first_look();
        let wanted = match self.chain.first_guess() {
            Some(k) => Wanted::First(k.clamp(1, vocab)),
            None => Wanted::About(self.recent.guess().min(vocab)),
        };
        let plan = if moments { Plan::Entropy } else { Plan::Weights };
        let part = read::<E>(isa, row, temperature, (plan, wanted), &mut self.rooms.own);
        self.largest = if part.nan { f64::NAN } else { part.max };
        if part.kind() != Kind::Valid {
            return Decided::Invalid;
        }
        self.weighed.clear();
        let Self { rooms, logits, ids, swaps, weighed, chain, .. } = self;
        let mut whole = OfRow::new(isa, row, rooms, (temperature, moments, &part));
        logits.clear();
        ids.clear();
        if let Some(search) = whole.workspace().searches.first_mut() {
            isa.run(Finish { selection: &mut search.selection, by_index: false });
        }
        let mut complete = take(isa, whole.workspace(), vocab, logits, ids);
        let decided = loop {
            let head = Head { logits, complete };
            let k = match chain.run(isa, head, &mut whole, weighed, swaps) {
                Ok(left) => break Decided::Left(left),
                Err(_) if complete => break Decided::Undecided,
                Err(Short::Uncertain) if whole.refine(head, weighed) => continue,
                Err(Short::Uncertain) => vocab,
                // More than half of the order is as well sorted.
                Err(Short::More(wanted)) if wanted > vocab / 2 => vocab,
                Err(Short::More(wanted)) => wanted,
            };
            whole.workspace().look_for_more(isa, row, k);
            weighed.clear();
            complete = take(isa, whole.workspace(), vocab, logits, ids);
        };
        if let Decided::Left(left) = &decided {
            self.recent.push(left.end);
            for &Swap { first, kept, end } in &*swaps {
                ids[first..end].rotate_left(kept);
            }
        }
        decided
    }
}

/// Takes the tokens that have been found, those that are new; whether they are all that are
/// not -inf.
fn take<E: Element>(
    isa: Isa,
    workspace: &mut Workspace<E>,
    vocab: usize,
    logits: &mut Vec<f64>,
    ids: &mut Vec<u32>,
) -> bool {
    let Some(search) = workspace.searches.first() else { return false };
    let selection = &search.selection;
    let (found, known) = (selection.packed().len(), selection.above_infinity());
    isa.run(Listed { selection, known, logits, ids });
    known < found || found >= vocab
}

/// The first tokens of the order as a chain sees them, behind those that it has seen.
struct Listed<'a, R: Real> {
    selection: &'a Selection<R>,
    known: usize,
    logits: &'a mut Vec<f64>,
    ids: &'a mut Vec<u32>,
}

impl<R: Real> Kernel for Listed<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let new = &self.selection.packed()[self.ids.len()..self.known];
        self.logits.extend(new.iter().map(|packed| packed.value().to_f64()));
        self.ids.extend(new.iter().map(|packed| packed.index()));
    }
}

/// How much of the order the last rows took.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    ends: [usize; 8],
    rows: usize,
}

impl Recent {
    fn push(&mut self, end: usize) {
        self.ends[self.rows % self.ends.len()] = end;
        self.rows += 1;
    }

    /// How much to look at first: a quarter more than the median, which is enough for rows
    /// that take about as much each. Where some take much more it is not: to know that
    /// from few tokens takes less time than to put many in order for nothing.
    fn guess(&self) -> usize {
        let mut ends = self.ends;
        let ends = &mut ends[..self.rows.min(self.ends.len())];
        ends.sort_unstable();
        let median = ends.get(ends.len() / 2).copied().unwrap_or(0);
        (median + median / 4).max(FEW)
    }
}
