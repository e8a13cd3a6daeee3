//! Reads groups of rows, chunk by chunk, and merges what the chunks know.

use std::ops::Range;

use super::tasks::in_tasks;
use super::{Batch, Targets, Top};
use crate::element::{Element, Real};
use crate::error::Error;
use crate::row::blocks::{BLOCK, CHUNK, Scratch};
use crate::row::part::Part;
use crate::row::read::{Plan, Read, Stretch, span};
use crate::row::search::Search;
use crate::row::{Row, Statistic};
use crate::select::{CountAbove, Finish, More, Span, Wanted};
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, ahead};

/// Buffers of one thread, used for group after group of rows.
pub(super) struct Workspace<E: Element> {
    scratch: Vec<Scratch>,
    temperatures: Vec<f64>,
    target_logits: Vec<Option<f64>>,
    thresholds: Vec<E::Lane>,
    greater: Vec<u64>,
    pub(super) searches: Vec<Search<E::Lane>>,
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
            searches: Vec::new(),
            chunk: Vec::new(),
            parts: Vec::new(),
        }
    }
}

impl<E: Element> Workspace<E> {
    /// Looks for the `k` largest logits of the one row that has been read, which lies
    /// together: more than are known.
    pub(super) fn look_for_more(&mut self, isa: Isa, row: &StridedRows, k: usize) {
        let row = whole::<E>(row, &self.scratch);
        if let (Some(search), Some(row)) = (self.searches.first_mut(), row) {
            isa.run(More::<E> { selection: &mut search.selection, row, k });
        }
    }

    /// How many logits of that row are above `x`, up to the rounding of its type.
    pub(super) fn count_above(&self, isa: Isa, row: &StridedRows, x: f64) -> usize {
        let count = |row| isa.run(CountAbove::<E> { row, x: E::Lane::from_f64(x) });
        whole::<E>(row, &self.scratch).map_or(0, count)
    }
}

/// All of a row that lies together, if it is the one that has been read.
fn whole<'a, E: Element>(row: &'a StridedRows, scratch: &'a [Scratch]) -> Option<Span<'a>> {
    let [scratch] = scratch else { return None };
    Some(span::<E>(row.contiguous_row(0), 0..row.vocab(), scratch))
}

/// Reads groups of rows: one row, or a tile of neighbours that are not contiguous.
pub(super) struct Reader<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) isa: Isa,
    pub(super) plan: Plan,
    /// Of the largest logits of each row.
    pub(super) wanted: Wanted,
}

impl Reader<'_> {
    /// Looks up what belongs to the rows, and starts them with nothing read.
    pub(super) fn open<E: Element>(
        &self,
        first_row: usize,
        rows: usize,
        workspace: &mut Workspace<E>,
    ) {
        let range = first_row..first_row + rows;
        workspace.scratch.resize(rows, [0; BLOCK * 8]);
        workspace.temperatures.clear();
        workspace
            .temperatures
            .extend(range.clone().map(|row| self.batch.temperatures.get(row)));
        workspace.parts.clear();
        workspace.parts.resize(rows, Part::NONE);
        workspace.chunk.clone_from(&workspace.parts);
        workspace.target_logits.clear();
        if let Some(Targets { values, per_row, ignore }) = self.batch.targets {
            self.ask_for_targets::<E>(range.end..range.end + rows);
            for row in range {
                let own = &values[row * per_row..(row + 1) * per_row];
                workspace.target_logits.extend(own.iter().map(|&target| {
                    (Some(target) != ignore)
                        .then(|| self.item::<E>(row, target as usize).to_f64())
                }));
            }
        }
        if self.searches() {
            workspace.searches.resize_with(rows, Search::new);
            let len = self.batch.rows.vocab();
            let searches = workspace.searches.iter_mut();
            searches.for_each(|search| search.restart(self.wanted, len));
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

    /// Whether any of the largest logits are wanted.
    fn searches(&self) -> bool {
        self.wanted.count() > 0
    }

    fn item<E: Element>(&self, row: usize, index: usize) -> E::Lane {
        let rows = &self.batch.rows;
        if rows.is_contiguous() {
            E::widen(&rows.contiguous_row(row)[index * E::SIZE..][..E::SIZE])
        } else {
            E::widen(&rows.item(row, index)[..E::SIZE])
        }
    }

    /// Asks for the targets' logits of the rows that come next: to wait for one takes as
    /// long as to read 2000.
    fn ask_for_targets<E: Element>(&self, range: Range<usize>) {
        let Batch { rows, targets: Some(targets), .. } = self.batch else { return };
        if !rows.is_contiguous() {
            return;
        }
        for row in range.start..range.end.min(rows.rows()) {
            let own = rows.contiguous_row(row);
            for &target in &targets.values[row * targets.per_row..][..targets.per_row] {
                // One to be skipped may be anything.
                if (0..rows.vocab() as i64).contains(&target) {
                    ahead::prefetch_one(&own[target as usize * E::SIZE..]);
                }
            }
        }
    }

    /// Reads the chunk at `start` of the rows opened.
    pub(super) fn read<E: Element>(
        &self,
        first_row: usize,
        start: usize,
        workspace: &mut Workspace<E>,
    ) {
        let scratch = &mut workspace.scratch;
        // What has been found in a row before is still there.
        let searches = if self.searches() { workspace.searches.len() } else { 0 };
        self.isa.run(Read::<E> {
            stretch: Stretch::new(&self.batch.rows, first_row, start, scratch),
            plan: self.plan,
            temperatures: &workspace.temperatures,
            thresholds: &workspace.thresholds,
            greater: &mut workspace.greater,
            parts: &mut workspace.chunk,
            searches: &mut workspace.searches[..searches],
        });
    }

    /// Joins the chunk just read to what was known.
    pub(super) fn merge<E: Element>(&self, first_row: usize, workspace: &mut Workspace<E>) {
        let parts = workspace.parts.iter_mut().zip(&workspace.chunk);
        for (i, (part, chunk)) in parts.enumerate() {
            *part = part.merge(*chunk, self.batch.temperatures.get(first_row + i));
        }
    }

    pub(super) fn finish<E: Element, T: Statistic>(
        &self,
        first_row: usize,
        statistic: &T,
        workspace: &mut Workspace<E>,
        output: &mut T::Output,
        top: &mut Top,
    ) {
        for i in 0..workspace.parts.len() {
            self.write_top(first_row, i, workspace, top);
            statistic.finish(&self.row(first_row, i, workspace), output);
        }
    }

    /// Writes the largest logits of row `i` where they belong.
    fn write_top<E: Element>(
        &self,
        first_row: usize,
        i: usize,
        workspace: &mut Workspace<E>,
        top: &mut Top,
    ) {
        if let Some(search) = workspace.searches.get_mut(i) {
            let selection = &mut search.selection;
            self.isa.run(Finish { selection: &mut *selection, by_index: top.by_index });
            let row = first_row + i;
            // The order takes both zeros for one.
            let picks = selection.sorted().map(|(x, index)| {
                (if x.to_f64() == 0.0 { self.item::<E>(row, index) } else { x }, index)
            });
            top.push(&workspace.parts[i], self.batch.temperatures.get(row), picks);
        }
    }

    /// What is known of row `i` of those that have been opened and read.
    pub(super) fn row<'w, E: Element>(
        &self,
        first_row: usize,
        i: usize,
        workspace: &'w Workspace<E>,
    ) -> Row<'w> {
        let per_row = self.batch.targets.map_or(0, |targets| targets.per_row);
        let own = i * per_row..(i + 1) * per_row;
        Row {
            part: workspace.parts[i],
            temperature: self.batch.temperatures.get(first_row + i),
            target_logits: &workspace.target_logits[own.clone()],
            greater: workspace.greater.get(own).unwrap_or_default(),
        }
    }

    /// Few long rows: their chunks over the threads, merged here in order.
    pub(super) fn by_chunk<E: Element, T: Statistic>(
        &self,
        statistic: &T,
        group: usize,
        threads: usize,
        interrupted: &mut dyn FnMut() -> bool,
        top: &mut Top,
    ) -> Result<T::Output, Error> {
        let rows = self.batch.rows.rows();
        let chunks = self.batch.rows.vocab().div_ceil(CHUNK);
        let groups = rows.div_ceil(group);
        let len = |first_row| group.min(rows - first_row);
        let read = in_tasks(groups * chunks, threads, interrupted, |task, workspace| {
            let first_row = task / chunks * group;
            self.open::<E>(first_row, len(first_row), workspace);
            self.read(first_row, task % chunks * CHUNK, workspace);
            let found = workspace.searches.iter_mut().map(Search::take_found);
            let found: Vec<_> = found.collect();
            (workspace.chunk.clone(), workspace.greater.clone(), found)
        })?;
        let mut output = T::Output::default();
        let mut workspace = Workspace::<E>::default();
        for (i, chunks) in read.chunks(chunks).enumerate() {
            let first_row = i * group;
            self.open(first_row, len(first_row), &mut workspace);
            for (parts, greater, found) in chunks {
                workspace.chunk.clone_from(parts);
                self.merge(first_row, &mut workspace);
                let counts = workspace.greater.iter_mut().zip(greater);
                counts.for_each(|(all, chunk)| *all += chunk);
                let searches = workspace.searches.iter_mut().zip(found);
                searches.for_each(|(search, found)| search.selection.absorb(found));
            }
            self.finish(first_row, statistic, &mut workspace, &mut output, top);
        }
        Ok(output)
    }
}
