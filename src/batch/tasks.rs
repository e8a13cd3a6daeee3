//! Numbered tasks over the threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{TASK_BYTES, threads_for};
use crate::error::Error;
use crate::row::Columns;
use crate::threads;

/// How often the caller is asked whether to go on.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// Runs tasks `0..tasks` on up to `threads` threads, this one among them; their
/// results in order. Each thread has a workspace of its own.
pub(super) fn in_tasks<W: Default, R: Send>(
    tasks: usize,
    threads: usize,
    interrupted: &mut dyn FnMut() -> bool,
    run: impl Fn(usize, &mut W) -> R + Sync,
) -> Result<Vec<R>, Error> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let work = |go_on: &mut dyn FnMut() -> bool| {
        let mut workspace = W::default();
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let task = next.fetch_add(1, Ordering::Relaxed);
            if task >= tasks {
                break;
            }
            done.push((task, run(task, &mut workspace)));
            if !go_on() {
                stop.store(true, Ordering::Relaxed);
            }
        }
        done
    };
    let mut asked = Instant::now();
    let mut patiently = || {
        if asked.elapsed() < PATIENCE {
            return true;
        }
        asked = Instant::now();
        !interrupted()
    };
    let helpers = threads.min(tasks).saturating_sub(1);
    let done = if helpers == 0 {
        work(&mut patiently)
    } else {
        let others = Mutex::new(Vec::new());
        let mut own = Vec::new();
        threads::run_with_helpers(
            helpers,
            || {
                let done = work(&mut || true);
                locked(&others).extend(done);
            },
            || own = work(&mut patiently),
        )?;
        own.extend(others.into_inner().unwrap_or_else(PoisonError::into_inner));
        own.sort_unstable_by_key(|(task, _)| *task);
        own
    };
    if stop.into_inner() {
        return Err(Error::Interrupted);
    }
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// Runs `run` for each of `rows` rows, for which so many bytes are read, with its own
/// piece of `out`, so many bytes of it; several rows to a task. Their outputs in order.
pub(super) fn rows_in_tasks<W: Default, T: Columns>(
    rows: (usize, usize),
    out: (&mut [u8], usize),
    threads: Option<usize>,
    interrupted: &mut dyn FnMut() -> bool,
    run: impl Fn(usize, &mut [u8], &mut W, &mut T) -> Result<(), Error> + Sync,
) -> Result<T, Error> {
    let of_row = |turn: Turn, out: &mut [u8], workspace: &mut W, output: &mut T| {
        run(turn.row, out, workspace, output)
    };
    turns_in_tasks(rows, out, threads, interrupted, of_row)
}

/// A row whose turn it is.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) row: usize,
    /// Whether the next row's turn comes after it, on the same thread.
    pub(super) goes_on: bool,
}

/// As [`rows_in_tasks`], for what also has a use for knowing whether there is a next row.
pub(super) fn turns_in_tasks<W: Default, T: Columns>(
    (rows, row_bytes): (usize, usize),
    (out, out_bytes): (&mut [u8], usize),
    threads: Option<usize>,
    interrupted: &mut dyn FnMut() -> bool,
    run: impl Fn(Turn, &mut [u8], &mut W, &mut T) -> Result<(), Error> + Sync,
) -> Result<T, Error> {
    let threads = threads_for(rows.saturating_mul(row_bytes), threads)?;
    let task_bytes =
        (rows * row_bytes / (8 * threads)).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
    let rows_per_task = (task_bytes / row_bytes).max(1);
    let mut parts = out.chunks_mut((rows_per_task * out_bytes).max(1));
    let tasks = rows.div_ceil(rows_per_task);
    let outs: Vec<_> =
        (0..tasks).map(|_| Mutex::new(parts.next().unwrap_or_default())).collect();
    columns_in_tasks(tasks, threads, interrupted, |task, workspace, output| {
        // Each is locked once, by the thread that has the task.
        let mut out = locked(&outs[task]);
        let first = task * rows_per_task;
        let end = rows.min(first + rows_per_task);
        for row in first..end {
            let own = (row - first) * out_bytes;
            let goes_on = row + 1 < if threads == 1 { rows } else { end };
            run(Turn { row, goes_on }, &mut out[own..own + out_bytes], workspace, output)?;
        }
        Ok(())
    })
}

/// Runs tasks whose outputs are to stand behind one another.
pub(super) fn columns_in_tasks<W: Default, T: Columns>(
    tasks: usize,
    threads: usize,
    interrupted: &mut dyn FnMut() -> bool,
    run: impl Fn(usize, &mut W, &mut T) -> Result<(), Error> + Sync,
) -> Result<T, Error> {
    let joined = Mutex::new(Joined { tasks, ..Joined::default() });
    let done = in_tasks(tasks, threads, interrupted, |task, room: &mut (W, T)| {
        let (workspace, output) = room;
        locked(&joined).lend(task, output);
        run(task, workspace, output)?;
        locked(&joined).put(task, output);
        Ok(())
    })?;
    done.into_iter().collect::<Result<(), Error>>()?;
    Ok(joined.into_inner().unwrap_or_else(PoisonError::into_inner).all)
}

/// Outputs of tasks, put behind one another while others are at work: their room is used
/// again, so that the memory of a large result is touched for the first time once. That
/// takes up to two microseconds for 4 KiB, more than to compute what goes there.
#[derive(Default)]
struct Joined<T> {
    all: T,
    tasks: usize,
    /// The task whose output comes next.
    next: usize,
    /// Outputs that have come before it.
    early: BTreeMap<usize, T>,
    /// Room of others.
    spare: Vec<T>,
}

impl<T: Columns> Joined<T> {
    /// Has a task whose turn it is add to the output of those before: nothing is copied then,
    /// for what it gives back goes where nothing is.
    fn lend(&mut self, task: usize, output: &mut T) {
        if task == self.next {
            std::mem::swap(&mut self.all, output);
        }
    }

    /// Takes the output of a task; in its place there is room for another.
    fn put(&mut self, task: usize, output: &mut T) {
        if task > self.next {
            let room = self.spare.pop().unwrap_or_default();
            self.early.insert(task, std::mem::replace(output, room));
            return;
        }
        self.all.append(output);
        self.next += 1;
        self.all.expect(self.next, self.tasks);
        while let Some(mut output) = self.early.remove(&self.next) {
            self.all.append(&mut output);
            self.next += 1;
            self.spare.push(output);
        }
    }
}

/// The value, also after a panic of who held it before: nobody leaves one half-written.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
