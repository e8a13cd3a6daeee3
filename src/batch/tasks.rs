//! Numbered tasks over the threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
                others.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(done);
            },
            || own = work(&mut patiently),
        )?;
        own.extend(others.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()));
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
    (rows, row_bytes): (usize, usize),
    (out, out_bytes): (&mut [u8], usize),
    threads: Option<usize>,
    interrupted: &mut dyn FnMut() -> bool,
    run: impl Fn(usize, &mut [u8], &mut W, &mut T) -> Result<(), Error> + Sync,
) -> Result<T, Error> {
    let threads = threads_for(rows.saturating_mul(row_bytes), threads)?;
    let task_bytes =
        (rows * row_bytes / (8 * threads)).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
    let rows_per_task = (task_bytes / row_bytes).max(1);
    let mut parts = out.chunks_mut((rows_per_task * out_bytes).max(1));
    let tasks = rows.div_ceil(rows_per_task);
    let outs: Vec<_> =
        (0..tasks).map(|_| Mutex::new(parts.next().unwrap_or_default())).collect();
    let outputs = in_tasks(tasks, threads, interrupted, |task, workspace| {
        // Each is locked once, by the thread that has the task.
        let mut out = outs[task].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let first = task * rows_per_task;
        let mut output = T::default();
        for row in first..rows.min(first + rows_per_task) {
            let own = (row - first) * out_bytes;
            run(row, &mut out[own..own + out_bytes], workspace, &mut output)?;
        }
        Ok(output)
    })?;
    let mut all = T::default();
    for output in outputs {
        all.append(output?);
    }
    Ok(all)
}
