//! Draws of tokens.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::arrays::{Cells, Interrupted, Temperature, interruptible};
use super::filters::{Chain, Steps};
use crate::batch::{Draw, Drawn, Filter};
use crate::element::{Element, ForElement, for_element};
use crate::error::Error;
use crate::sample::apart::apart;
use crate::sample::draw::Definition;
use crate::sample::{Draws, Source};
use crate::simd::strided::StridedRows;
use crate::threads;

/// Seeds, ids of rows and numbers of draws, one of each for each row.
type Sources<'py> =
    (PyReadonlyArray1<'py, u64>, PyReadonlyArray1<'py, u64>, PyReadonlyArray1<'py, u64>);

fn sources_of(sources: &Sources) -> PyResult<Vec<Source>> {
    let (seeds, rows, draws) =
        (sources.0.as_slice()?, sources.1.as_slice()?, sources.2.as_slice()?);
    let each = seeds.iter().zip(rows).zip(draws);
    Ok(each.map(|((&seed, &row), &draw)| Source { seed, row, draw: draw as u32 }).collect())
}

/// Work that waits for its element type.
struct Work<'a> {
    draw: Draw<'a>,
    rows: &'a StridedRows<'a>,
    threads: Option<usize>,
    interrupted: Interrupted<'a>,
}

impl ForElement for Work<'_> {
    type Output = Result<Drawn, Error>;

    fn run<E: Element>(self) -> Self::Output {
        self.draw.compute::<E>(self.rows, self.threads, self.interrupted)
    }
}

/// Work on filtered rows that waits for its element type.
struct Filtered<'a> {
    filter: &'a Filter<'a>,
    draws: Draws<'a>,
    rows: &'a StridedRows<'a>,
    threads: Option<usize>,
    interrupted: Interrupted<'a>,
}

impl ForElement for Filtered<'_> {
    type Output = Result<(Drawn, Vec<i64>), Error>;

    fn run<E: Element>(self) -> Self::Output {
        self.filter.draw::<E>(self.rows, &self.draws, self.threads, self.interrupted)
    }
}

type Array<'py> = Bound<'py, PyAny>;

/// Ids, log-probabilities (empty if not wanted) and the largest logit of each row.
type Result3<'py> = PyResult<(Array<'py>, Array<'py>, Array<'py>)>;

/// The same, and the rows that are not decided.
type Result4<'py> = PyResult<(Array<'py>, Array<'py>, Array<'py>, Array<'py>)>;

/// Draws `count` tokens from each row, different ones or with replacement.
#[pyfunction]
pub(super) fn sample<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    sources: Sources<'py>,
    replace: bool,
    count: usize,
    log_probs: bool,
    threads: Option<i64>,
) -> Result3<'py> {
    let threads = threads::checked(threads)?;
    let rows = StridedRows::new(cells.as_array(), swapped)?;
    let sources = sources_of(&sources)?;
    let draws = Draws { sources: &sources, count, replace, log_probs };
    let draw = Draw { temperatures: temperature.per_row()?, draws };
    let drawn = interruptible(py, |interrupted| {
        for_element(&element, Work { draw, rows: &rows, threads, interrupted })?
    })?;
    Ok((
        PyArray1::from_vec(py, drawn.ids).into_any(),
        PyArray1::from_vec(py, drawn.log_probs).into_any(),
        PyArray1::from_vec(py, drawn.largest).into_any(),
    ))
}

/// Draws from what the steps leave of each row.
#[pyfunction]
pub(super) fn sample_filtered<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    steps: Steps<'py>,
    joint: bool,
    ties_all: bool,
    min_keep: usize,
    sources: Sources<'py>,
    replace: bool,
    count: usize,
    log_probs: bool,
    threads: Option<i64>,
) -> Result4<'py> {
    let threads = threads::checked(threads)?;
    let rows = StridedRows::new(cells.as_array(), swapped)?;
    let chain = Chain { steps: &steps, joint, ties_all, min_keep };
    let filter = chain.filter()?;
    filter.check(&rows)?;
    let sources = sources_of(&sources)?;
    let draws = Draws { sources: &sources, count, replace, log_probs };
    let (drawn, undecided) = interruptible(py, |interrupted| {
        let work = Filtered { filter: &filter, draws, rows: &rows, threads, interrupted };
        for_element(&element, work)?
    })?;
    Ok((
        PyArray1::from_vec(py, drawn.ids).into_any(),
        PyArray1::from_vec(py, drawn.log_probs).into_any(),
        PyArray1::from_vec(py, drawn.largest).into_any(),
        PyArray1::from_vec(py, undecided).into_any(),
    ))
}

/// The places, in all rows, of the tokens that are drawn from compact rows; -1 where there
/// are none.
#[pyfunction]
pub(super) fn sample_candidates<'py>(
    py: Python<'py>,
    indptr: PyReadonlyArray1<'py, i64>,
    ids: PyReadonlyArray1<'py, i32>,
    logits: PyReadonlyArray1<'py, f64>,
    sources: Sources<'py>,
    replace: bool,
    count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (indptr, ids, logits) = (indptr.as_slice()?, ids.as_slice()?, logits.as_slice()?);
    let sources = sources_of(&sources)?;
    let rows = indptr.len().saturating_sub(1);
    let fits = logits.len() == ids.len()
        && indptr.is_sorted()
        && indptr.first().is_none_or(|&first| first == 0)
        && indptr.last().is_none_or(|&last| usize::try_from(last) == Ok(ids.len()))
        && sources.len() == rows;
    if !fits {
        return Err(PyValueError::new_err("the rows, tokens and sources do not go together"));
    }
    let draws = Draws { sources: &sources, count, replace, log_probs: false };
    let places = py.detach(|| {
        let mut places = vec![-1; rows * count];
        let mut order: Vec<usize> = Vec::new();
        for (i, own) in places.chunks_exact_mut(count.max(1)).enumerate() {
            let (begin, end) = (indptr[i] as usize, indptr[i + 1] as usize);
            if begin == end {
                continue;
            }
            order.clear();
            order.extend(begin..end);
            order.sort_unstable_by_key(|&place| ids[place]);
            let tokens = order.iter().map(|&place| (ids[place] as usize, logits[place]));
            let max = logits[begin..end].iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            if replace {
                let definition = Definition::new(tokens, max);
                for (place, u) in own.iter_mut().zip(draws.numbers(i)) {
                    *place = order[definition.draw(u)] as i64;
                }
            } else {
                let drawn = apart(tokens, max, count, &sources[i]);
                for (place, drawn) in own.iter_mut().zip(drawn) {
                    *place = order[drawn] as i64;
                }
            }
        }
        places
    });
    Ok(PyArray1::from_vec(py, places).into_any())
}
