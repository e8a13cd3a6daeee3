//! Binary cross-entropy over the threads, stretch by stretch. Stretches are of fixed
//! lengths, so that the bits of a sum do not depend on the number of threads.

use std::marker::PhantomData;
use std::sync::Mutex;

use super::tasks::{in_tasks, locked};
use super::threads_for;
use crate::binary::{BinaryCrossEntropy, Losses, Shares, Total};
use crate::element::{Element, Real};
use crate::error::Error;
use crate::row::blocks::{BLOCK, Scratch};
use crate::row::dense;
use crate::simd::Isa;
use crate::weights::Source;

/// Logits that a thread takes at a time: short rows together, or a part of a long one.
const STRETCH: usize = 16 * BLOCK;

impl BinaryCrossEntropy<'_> {
    /// Puts the losses in `out`, of the type of the logits' lanes; without it, sums them.
    /// `None`, with anything in `out`, if a target is not a probability. `interrupted` is
    /// asked now and then, on this thread.
    pub fn compute<E: Element>(
        &self,
        out: Option<&mut [u8]>,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Option<f64>, Error> {
        let (rows, len) = (self.logits.rows(), self.logits.vocab());
        let size = <E::Lane as Real>::Own::SIZE;
        self.check::<E>(out.as_deref())?;
        let isa = Isa::current()?;
        let row_bytes = len * E::SIZE + self.others().map(Source::row_bytes).sum::<usize>();
        let threads = threads_for(rows.saturating_mul(row_bytes), threads)?;
        let rows_per_task = (STRETCH / len).max(1);
        let stretches = len.div_ceil(STRETCH);
        let outs: Option<Vec<_>> = out.map(|out| {
            out.chunks_mut(rows_per_task * len * size)
                .flat_map(|rows| rows.chunks_mut(STRETCH * size))
                .map(Mutex::new)
                .collect()
        });
        let tasks = rows.div_ceil(rows_per_task) * stretches;
        let sums =
            in_tasks(tasks, threads, interrupted, |task, workspace: &mut Workspace| {
                // Each is locked once, by the thread that has the task.
                let mut out = outs.as_ref().map(|outs| locked(&outs[task]));
                let first = task / stretches * rows_per_task;
                let start = task % stretches * STRETCH;
                let (mut sum, mut done) = (Some(0.0), 0);
                for row in first..rows.min(first + rows_per_task) {
                    for at in (start..len.min(start + STRETCH)).step_by(BLOCK) {
                        let count = BLOCK.min(len - at);
                        let known = self.block::<E>(isa, (row, at, count), workspace);
                        let losses = &workspace.losses[..count * size];
                        let loss = match &mut out {
                            Some(out) => {
                                out[done..done + losses.len()].copy_from_slice(losses);
                                done += losses.len();
                                0.0
                            }
                            None => isa.run(Total::<E::Lane> { losses, lane: PhantomData }),
                        };
                        sum = sum.filter(|_| known).map(|sum| sum + loss);
                    }
                }
                sum
            })?;
        Ok(sums.into_iter().sum())
    }

    /// Checks that all arrays go together.
    fn check<E: Element>(&self, out: Option<&[u8]>) -> Result<(), Error> {
        let (rows, len) = (self.logits.rows(), self.logits.vocab());
        if self.logits.item_size() != E::SIZE {
            let given = self.logits.item_size();
            return Err(Error::BadItemSize { element: E::NAME, given, expected: E::SIZE });
        }
        let expected = rows * len;
        for other in self.others() {
            if (other.rows(), other.outcomes()) != (rows, len) {
                let given = other.rows() * other.outcomes();
                let name = "an array beside the logits";
                return Err(Error::LengthMismatch { name, given, expected });
            }
        }
        let given = out.map_or(expected, |out| out.len() / <E::Lane as Real>::Own::SIZE);
        if given != expected {
            return Err(Error::LengthMismatch { name: "out", given, expected });
        }
        Ok(())
    }

    /// Computes the losses of so many logits from a place in a row, in the workspace; says
    /// whether all targets are probabilities.
    fn block<E: Element>(
        &self,
        isa: Isa,
        (row, at, len): (usize, usize, usize),
        workspace: &mut Workspace,
    ) -> bool {
        let Workspace { logits, targets, weight, pos_weight, yes, no, losses } = workspace;
        let place = (row, at, len);
        // Both registers of a pair, and what fills the last up: -inf, which has no share.
        let row = dense::Source::Row(&self.logits, row);
        let logits = row.block::<E>(&[], at, len, logits).bytes;
        let size = <E::Lane as Real>::Own::SIZE;
        let (given, filled) = (len * size, logits.len() / E::SIZE * size);
        yes[given..filled].fill(0);
        no[given..filled].fill(0);
        let known = isa.run(Shares::<E::Lane> {
            targets: targets.read(isa, &self.targets, place),
            weight: self.weight.as_ref().map(|source| weight.read(isa, source, place)),
            pos_weight: (self.pos_weight.as_ref())
                .map(|source| pos_weight.read(isa, source, place)),
            yes: &mut yes[..given],
            no: &mut no[..given],
            lane: PhantomData,
        });
        isa.run(Losses::<E> {
            logits,
            yes: &yes[..filled],
            no: &no[..filled],
            losses: &mut losses[..filled],
            element: PhantomData,
        });
        known
    }
}

/// Memory of one thread, used for block after block.
struct Workspace {
    logits: Box<Scratch>,
    targets: Room,
    weight: Room,
    pos_weight: Room,
    yes: Box<Scratch>,
    no: Box<Scratch>,
    losses: Box<Scratch>,
}

impl Default for Workspace {
    fn default() -> Self {
        let scratch = || Box::new([0; BLOCK * 8]);
        let room = || Room { gathered: Box::new([[0; BLOCK * 8]]), wide: scratch(), held: 0 };
        Self {
            logits: scratch(),
            targets: room(),
            weight: room(),
            pos_weight: room(),
            yes: scratch(),
            no: scratch(),
            losses: scratch(),
        }
    }
}

/// Memory for a block of one array.
struct Room {
    gathered: Box<[Scratch; 1]>,
    wide: Box<Scratch>,
    /// How many have been gathered: more of the same are not, where all are one number.
    held: usize,
}

impl Room {
    /// So many numbers from a place in a row, as `f64`.
    fn read<'b>(
        &'b mut self,
        isa: Isa,
        source: &Source<'b>,
        (row, at, len): (usize, usize, usize),
    ) -> &'b [u8] {
        if self.held < len || !source.is_one_number() {
            source.gather(row, at, len, &mut *self.gathered);
            self.held = len;
        }
        source.block(isa, row, at, len, &self.gathered[0], &mut self.wide)
    }
}
