//! How many threads a call may use, and the threads themselves.
//!
//! A call borrows a pool of helpers for itself and gives it back, so calls from
//! several Python threads never wait for each other's work, and the calling
//! thread always takes part. Pools are known by the process that made them: after
//! a fork the child leaves its parent's (whose threads it does not have) alone
//! and makes its own. The list of free pools is only ever tried, not waited for:
//! a fork may have caught it locked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;

/// Where a number of threads came from.
const SET: &str = "set_num_threads";
const AVAILABLE: &str = "available cores";
const OWN_VARIABLE: &str = "LOGITKIT_NUM_THREADS";
/// Variables of others that say how much of the machine a process may use.
/// Engines that share a machine out (Ray, Dask, joblib) set the last one.
const OTHER_VARIABLES: [&str; 2] = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"];

/// 0: not set.
static SET_THREADS: AtomicUsize = AtomicUsize::new(0);
static ENVIRONMENT: OnceLock<(usize, &'static str)> = OnceLock::new();

/// Checks a number of threads that a caller gives.
pub fn checked(threads: Option<i64>) -> Result<Option<usize>, Error> {
    match threads {
        Some(given) => match usize::try_from(given) {
            Ok(threads) if threads > 0 => Ok(Some(threads)),
            _ => Err(Error::BadThreadCount(given)),
        },
        None => Ok(None),
    }
}

/// Sets the number for all calls that don't give one; `None` takes it back.
pub fn set(threads: Option<usize>) {
    SET_THREADS.store(threads.unwrap_or(0), Ordering::Relaxed);
}

/// The number for calls that don't give one, and where it comes from.
pub fn current() -> Result<(usize, &'static str), Error> {
    match SET_THREADS.load(Ordering::Relaxed) {
        0 => ENVIRONMENT.get().copied().map_or_else(from_environment, Ok),
        threads => Ok((threads, SET)),
    }
}

/// As [`current`], for a call that is about to use it: the environment is read
/// once, here.
pub(crate) fn settle() -> Result<usize, Error> {
    let (threads, source) = current()?;
    if source != SET {
        // Another thread may have been first; its reading stands.
        return Ok(ENVIRONMENT.get_or_init(|| (threads, source)).0);
    }
    Ok(threads)
}

fn from_environment() -> Result<(usize, &'static str), Error> {
    let read = |variable| std::env::var(variable).ok().filter(|value| !value.is_empty());
    if let Some(value) = read(OWN_VARIABLE) {
        return match value.trim().parse() {
            Ok(threads) if threads > 0 => Ok((threads, OWN_VARIABLE)),
            _ => Err(Error::BadThreadVariable { variable: OWN_VARIABLE, value }),
        };
    }
    for variable in OTHER_VARIABLES {
        // OpenMP allows a list, one number for each level of nesting. What is not
        // a number is for that variable's owner to complain about.
        let first =
            read(variable).and_then(|value| value.split(',').next()?.trim().parse().ok());
        if let Some(threads @ 1..) = first {
            return Ok((threads, variable));
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok((cores, AVAILABLE))
}

struct Pool {
    process: u32,
    threads: ThreadPool,
}

static FREE: Mutex<Vec<Pool>> = Mutex::new(Vec::new());

/// More free pools than this are not worth their memory.
const MOST_FREE: usize = 8;

/// Runs `own` on this thread and `helper` on `helpers` others, all at once.
pub(crate) fn run_with_helpers(
    helpers: usize,
    helper: impl Fn() + Sync,
    own: impl FnOnce(),
) -> Result<(), Error> {
    let pool = take(helpers)?;
    pool.threads.in_place_scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|_| helper());
        }
        own();
    });
    give_back(pool);
    Ok(())
}

fn take(helpers: usize) -> Result<Pool, Error> {
    let process = std::process::id();
    if let Ok(mut free) = FREE.try_lock() {
        while let Some(i) = free.iter().position(|pool| pool.process != process) {
            // Dropping it would signal threads that this process does not have.
            std::mem::forget(free.swap_remove(i));
        }
        let fits = |pool: &Pool| pool.threads.current_num_threads() >= helpers;
        if let Some(i) = free.iter().position(fits) {
            return Ok(free.swap_remove(i));
        }
    }
    let built = ThreadPoolBuilder::new()
        .num_threads(helpers)
        .thread_name(|i| format!("logitkit-{i}"))
        .build();
    match built {
        Ok(threads) => Ok(Pool { process, threads }),
        Err(error) => {
            Err(Error::ThreadsUnavailable { threads: helpers, reason: error.to_string() })
        }
    }
}

fn give_back(pool: Pool) {
    if let Ok(mut free) = FREE.try_lock() {
        free.push(pool);
        if free.len() > MOST_FREE {
            free.sort_by_key(|pool| pool.threads.current_num_threads());
            drop(free.remove(0));
        }
    }
}
