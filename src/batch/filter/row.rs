//! What a chain leaves of one row: more of its order is looked at, and sums are made more
//! exactly, until that is decided.

use super::whole::{OfRow, Rooms, read};
use crate::element::{Element, Real};
use crate::filter::chain::{Chain, Left};
use crate::filter::seen::Swap;
use crate::filter::weighed::Weighed;
use crate::filter::{Head, Short};
use crate::row::part::{Kind, Part};
use crate::row::read::Plan;
use crate::select::{Finish, Selection};
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
    /// How much of the order the last row took, and by how much that changes.
    looked_at: usize,
    change: usize,
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
            looked_at: FEW,
            change: FEW,
        }
    }
}

impl<E: Element> Room<E> {
    /// Takes a row, whose items lie together, through the chain.
    pub(super) fn filter(&mut self, isa: Isa, row: &StridedRows) -> Decided {
        let vocab = row.vocab();
        let (temperature, moments) = self.chain.first_look();
        let guess = || {
            // A little too much takes less time than a second look.
            let more = (3 * self.change).clamp(self.looked_at / 32, self.looked_at / 4);
            (self.looked_at + more).max(FEW)
        };
        let mut k = self.chain.first_guess().unwrap_or_else(guess).clamp(1, vocab);
        let plan = if moments { Plan::Entropy } else { Plan::Weights };
        let part = read::<E>(isa, row, temperature, (plan, k), &mut self.rooms.own);
        self.largest = if part.nan { f64::NAN } else { part.max };
        if part.kind() != Kind::Valid {
            return Decided::Invalid;
        }
        self.weighed.clear();
        let Self { rooms, logits, ids, swaps, weighed, chain, .. } = self;
        let mut whole = OfRow::new(isa, row, rooms, (temperature, moments, &part));
        let mut complete = take(isa, whole.workspace(), (k, vocab), logits, ids);
        let decided = loop {
            let head = Head { logits, complete };
            match chain.run(isa, head, &mut whole, weighed, swaps) {
                Ok(left) => break Decided::Left(left),
                Err(_) if complete => break Decided::Undecided,
                Err(Short::Uncertain) if whole.refine(head, weighed) => continue,
                Err(Short::Uncertain) => k = vocab,
                // More than a third of the order is as well sorted.
                Err(Short::More(wanted)) => {
                    k = if wanted > vocab / 3 { vocab } else { wanted };
                }
            }
            let _: Part = read(isa, row, 1.0, (Plan::Largest, k), whole.workspace());
            weighed.clear();
            complete = take(isa, whole.workspace(), (k, vocab), logits, ids);
        };
        if let Decided::Left(left) = &decided {
            let change = left.end.abs_diff(self.looked_at);
            self.change = change.max(self.change - self.change / 8);
            self.looked_at = left.end;
            for &Swap { first, kept, end } in &*swaps {
                ids[first..end].rotate_left(kept);
            }
        }
        decided
    }
}

/// Takes the tokens that a reading has found; whether they are all that are not -inf.
fn take<E: Element>(
    isa: Isa,
    workspace: &mut crate::batch::reader::Workspace<E>,
    (k, vocab): (usize, usize),
    logits: &mut Vec<f64>,
    ids: &mut Vec<u32>,
) -> bool {
    logits.clear();
    ids.clear();
    let Some(search) = workspace.searches.first_mut() else { return false };
    let selection = &mut search.selection;
    isa.run(Finish { selection: &mut *selection, by_index: false });
    let known = selection.above_infinity();
    isa.run(Listed { selection, known, logits, ids });
    known < k || k >= vocab
}

/// The first tokens of the order as a chain sees them.
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
        let sorted = || self.selection.sorted().take(self.known);
        self.logits.extend(sorted().map(|(x, _)| x.to_f64()));
        self.ids.extend(sorted().map(|(_, id)| id as u32));
    }
}
