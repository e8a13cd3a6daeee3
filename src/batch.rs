//! Rows, and chunks of few long rows, over the threads; results in row order.
//!
//! A row's result is always its chunks' parts merged from first to last, whoever
//! computed them: threads, batch and position have no say in its bits.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::element::{Element, Real};
use crate::error::Error;
use crate::row::blocks::{BLOCK, CHUNK, Scratch};
use crate::row::part::Part;
use crate::row::read::{Plan, Read, Stretch};
use crate::row::{Columns, Row, Statistic};
use crate::simd::Isa;
use crate::simd::strided::{StridedRows, TILE};
use crate::threads;

/// A call works for less than 20 microseconds on this; waking a thread takes as
/// long.
const BYTES_WORTH_A_THREAD: usize = 1 << 19;
/// Bounds of what a thread takes at a time.
const TASK_BYTES: std::ops::RangeInclusive<usize> = 1 << 16..=1 << 22;
/// How often the caller is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

/// A number for each row, or one for all.
#[derive(Clone, Copy, Debug)]
pub enum PerRow<'a> {
    /// The same for all.
    One(f64),
    /// In row order.
    Each(&'a [f64]),
}

impl PerRow<'_> {
    fn get(&self, row: usize) -> f64 {
        match self {
            PerRow::One(value) => *value,
            PerRow::Each(values) => values[row],
        }
    }
}

/// Chosen tokens of each row.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Row after row.
    pub values: &'a [i64],
    /// As many for each row.
    pub per_row: usize,
    /// This one marks a target to be skipped.
    pub ignore: Option<i64>,
}

/// What to compute on.
#[derive(Debug)]
pub struct Batch<'a> {
    rows: StridedRows<'a>,
    temperatures: PerRow<'a>,
    targets: Option<Targets<'a>>,
}

impl<'a> Batch<'a> {
    /// Checks that the arguments go together.
    pub fn new(
        rows: StridedRows<'a>,
        temperatures: PerRow<'a>,
        targets: Option<Targets<'a>>,
    ) -> Result<Self, Error> {
        let bad = |t: &f64| !(t.is_finite() && *t > 0.0);
        match temperatures {
            PerRow::One(temperature) if bad(&temperature) => {
                return Err(Error::BadTemperature { row: None, temperature });
            }
            PerRow::Each(values) if values.len() != rows.rows() => {
                let given = values.len();
                return Err(Error::LengthMismatch {
                    name: "temperature",
                    given,
                    expected: rows.rows(),
                });
            }
            PerRow::Each(values) => {
                if let Some(row) = values.iter().position(bad) {
                    let temperature = values[row];
                    return Err(Error::BadTemperature { row: Some(row), temperature });
                }
            }
            PerRow::One(_) => {}
        }
        if let Some(Targets { values, per_row, ignore }) = targets {
            if values.len() != rows.rows() * per_row {
                return Err(Error::LengthMismatch {
                    name: "targets",
                    given: values.len(),
                    expected: rows.rows() * per_row,
                });
            }
            let vocab = rows.vocab();
            let out_of_range = |&target: &i64| {
                Some(target) != ignore
                    && usize::try_from(target).map_or(true, |target| target >= vocab)
            };
            if let Some(at) = values.iter().position(out_of_range) {
                let mut position = Vec::new();
                let mut rest = at / per_row;
                for len in rows.leading_shape().into_iter().rev() {
                    position.insert(0, rest % len);
                    rest /= len;
                }
                if per_row > 1 {
                    position.push(at % per_row);
                }
                return Err(Error::TargetOutOfRange { position, target: values[at], vocab });
            }
        }
        Ok(Self { rows, temperatures, targets })
    }

    /// Computes a statistic. `interrupted` is asked now and then, on this thread.
    pub fn compute<E: Element, T: Statistic>(
        &self,
        statistic: &T,
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T::Output, Error> {
        let isa = Isa::current()?;
        if self.rows.item_size() != E::SIZE {
            return Err(Error::BadItemSize {
                element: E::NAME,
                given: self.rows.item_size(),
                expected: E::SIZE,
            });
        }
        let reader = Reader { batch: self, isa, plan: statistic.plan() };
        let row_bytes = self.rows.vocab() * E::SIZE;
        let bytes = self.rows.rows().saturating_mul(row_bytes);
        let threads = match bytes / BYTES_WORTH_A_THREAD {
            0 | 1 => 1,
            useful => threads.map_or_else(threads::settle, Ok)?.min(useful),
        };
        let group = if self.rows.is_contiguous() { 1 } else { TILE };
        let groups = self.rows.rows().div_ceil(group);
        let chunks = self.rows.vocab().div_ceil(CHUNK);
        // Very long rows too, so that the caller can be asked between chunks.
        if chunks > 1 && (groups < 2 * threads || row_bytes > *TASK_BYTES.end()) {
            return reader.by_chunk::<E, T>(statistic, group, threads, interrupted);
        }
        let task_bytes =
            (bytes / (8 * threads)).clamp(*TASK_BYTES.start(), *TASK_BYTES.end());
        let groups_per_task = (task_bytes / (row_bytes * group)).max(1);
        let tasks = groups.div_ceil(groups_per_task);
        let rows_per_task = groups_per_task * group;
        let outputs = in_tasks(tasks, threads, interrupted, |task, workspace| {
            let first = task * rows_per_task;
            let end = self.rows.rows().min(first + rows_per_task);
            let mut output = T::Output::default();
            for first_row in (first..end).step_by(group) {
                let rows = group.min(end - first_row);
                reader.open::<E>(first_row, rows, workspace);
                for start in (0..self.rows.vocab()).step_by(CHUNK) {
                    reader.read(first_row, start, workspace);
                    reader.merge(first_row, workspace);
                }
                reader.finish(first_row, statistic, workspace, &mut output);
            }
            output
        })?;
        let mut all = T::Output::default();
        outputs.into_iter().for_each(|output| all.append(output));
        Ok(all)
    }
}

/// Buffers of one thread, used for group after group of rows.
struct Workspace<E: Element> {
    scratch: Vec<Scratch>,
    temperatures: Vec<f64>,
    target_logits: Vec<Option<f64>>,
    thresholds: Vec<E::Lane>,
    greater: Vec<u64>,
    chunk: Vec<Part>,
    parts: Vec<Part>,
}

impl<E: Element> Default for Workspace<E> {
    fn default() -> Self {
        Self {
            scratch: Vec::new(),
            temperatures: Vec::new(),
            target_logits: Vec::new(),
            thresholds: Vec::new(),
            greater: Vec::new(),
            chunk: Vec::new(),
            parts: Vec::new(),
        }
    }
}

/// Reads groups of rows: one row, or a tile of neighbours that are not contiguous.
struct Reader<'a> {
    batch: &'a Batch<'a>,
    isa: Isa,
    plan: Plan,
}

impl Reader<'_> {
    /// Looks up what belongs to the rows, and starts them with nothing read.
    fn open<E: Element>(&self, first_row: usize, rows: usize, workspace: &mut Workspace<E>) {
        let range = first_row..first_row + rows;
        workspace.scratch.resize(rows, [0; BLOCK * 8]);
        workspace.temperatures.clear();
        workspace.temperatures.extend(range.clone().map(|row| self.batch.temperatures.get(row)));
        workspace.parts.clear();
        workspace.parts.resize(rows, Part::NONE);
        workspace.chunk.clone_from(&workspace.parts);
        workspace.target_logits.clear();
        if let Some(Targets { values, per_row, ignore }) = self.batch.targets {
            for row in range {
                let own = &values[row * per_row..(row + 1) * per_row];
                workspace.target_logits.extend(own.iter().map(|&target| {
                    (Some(target) != ignore)
                        .then(|| self.item::<E>(row, target as usize).to_f64())
                }));
            }
        }
        workspace.thresholds.clear();
        workspace.greater.clear();
        if self.plan.ranks() {
            // Nothing is above NaN.
            let logits = workspace.target_logits.iter();
            let thresholds = logits.map(|x| E::Lane::from_f64(x.unwrap_or(f64::NAN)));
            workspace.thresholds.extend(thresholds);
            workspace.greater.resize(workspace.thresholds.len(), 0);
        }
    }

    fn item<E: Element>(&self, row: usize, index: usize) -> E::Lane {
        let rows = &self.batch.rows;
        if rows.is_contiguous() {
            E::widen(&rows.contiguous_row(row)[index * E::SIZE..][..E::SIZE])
        } else {
            E::widen(&rows.item(row, index)[..E::SIZE])
        }
    }

    /// Reads the chunk at `start` of the rows opened.
    fn read<E: Element>(&self, first_row: usize, start: usize, workspace: &mut Workspace<E>) {
        let scratch = &mut workspace.scratch;
        self.isa.run(Read::<E> {
            stretch: Stretch::new(&self.batch.rows, first_row, start, scratch),
            plan: self.plan,
            temperatures: &workspace.temperatures,
            thresholds: &workspace.thresholds,
            greater: &mut workspace.greater,
            parts: &mut workspace.chunk,
        });
    }

    /// Joins the chunk just read to what was known.
    fn merge<E: Element>(&self, first_row: usize, workspace: &mut Workspace<E>) {
        let parts = workspace.parts.iter_mut().zip(&workspace.chunk);
        for (i, (part, chunk)) in parts.enumerate() {
            *part = part.merge(*chunk, self.batch.temperatures.get(first_row + i));
        }
    }

    fn finish<E: Element, T: Statistic>(
        &self,
        first_row: usize,
        statistic: &T,
        workspace: &Workspace<E>,
        output: &mut T::Output,
    ) {
        let per_row = self.batch.targets.map_or(0, |targets| targets.per_row);
        for (i, &part) in workspace.parts.iter().enumerate() {
            let own = i * per_row..(i + 1) * per_row;
            let row = Row {
                part,
                temperature: self.batch.temperatures.get(first_row + i),
                target_logits: &workspace.target_logits[own.clone()],
                greater: workspace.greater.get(own).unwrap_or_default(),
            };
            statistic.finish(&row, output);
        }
    }

    /// Few long rows: their chunks over the threads, merged here in order.
    fn by_chunk<E: Element, T: Statistic>(
        &self,
        statistic: &T,
        group: usize,
        threads: usize,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T::Output, Error> {
        let rows = self.batch.rows.rows();
        let chunks = self.batch.rows.vocab().div_ceil(CHUNK);
        let groups = rows.div_ceil(group);
        let len = |first_row| group.min(rows - first_row);
        let read = in_tasks(groups * chunks, threads, interrupted, |task, workspace| {
            let first_row = task / chunks * group;
            self.open::<E>(first_row, len(first_row), workspace);
            self.read(first_row, task % chunks * CHUNK, workspace);
            (workspace.chunk.clone(), workspace.greater.clone())
        })?;
        let mut output = T::Output::default();
        let mut workspace = Workspace::<E>::default();
        for (i, chunks) in read.chunks(chunks).enumerate() {
            let first_row = i * group;
            self.open(first_row, len(first_row), &mut workspace);
            for (parts, greater) in chunks {
                workspace.chunk.clone_from(parts);
                self.merge(first_row, &mut workspace);
                let counts = workspace.greater.iter_mut().zip(greater);
                counts.for_each(|(all, chunk)| *all += chunk);
            }
            self.finish(first_row, statistic, &workspace, &mut output);
        }
        Ok(output)
    }
}

/// Runs tasks `0..tasks` on up to `threads` threads, this one among them; their
/// results in order.
fn in_tasks<E: Element, R: Send>(
    tasks: usize,
    threads: usize,
    interrupted: &mut dyn FnMut() -> bool,
    run: impl Fn(usize, &mut Workspace<E>) -> R + Sync,
) -> Result<Vec<R>, Error> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let work = |go_on: &mut dyn FnMut() -> bool| {
        let mut workspace = Workspace::default();
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
    let mut done = if helpers == 0 {
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
    Ok(done.drain(..).map(|(_, result)| result).collect())
}
