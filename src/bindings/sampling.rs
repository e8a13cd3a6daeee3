//! Draws of tokens.
#![allow(
    clippy::too_many_arguments,
    reason = "private functions, called by position from one place each"
)]

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::arrays::{Cells, Interrupted, Temperature, interruptible};
use crate::batch::{Draw, Drawn, Numbers};
use crate::element::{Element, ForElement, for_element};
use crate::error::Error;
use crate::sample::Source;
use crate::sample::apart::apart;
use crate::sample::draw::Definition;
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

/// Ids, log-probabilities (empty if not wanted) and the largest logit of each row.
type Result3<'py> = PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)>;

/// Draws `count` tokens from each row: by `numbers` in [0, 1), or different ones by
/// `sources`.
#[pyfunction]
pub(super) fn sample<'py>(
    py: Python<'py>,
    cells: Cells<'py>,
    element: String,
    swapped: bool,
    temperature: Temperature<'py>,
    numbers: Option<PyReadonlyArray1<'py, f64>>,
    sources: Option<Sources<'py>>,
    count: usize,
    log_probs: bool,
    threads: Option<i64>,
) -> Result3<'py> {
    let threads = threads::checked(threads)?;
    let rows = StridedRows::new(cells.as_array(), swapped)?;
    let sources = sources.as_ref().map(sources_of).transpose()?.unwrap_or_default();
    let numbers = match &numbers {
        Some(numbers) => Numbers::Uniform(numbers.as_slice()?),
        None => Numbers::Apart(&sources),
    };
    let draw = Draw { temperatures: temperature.per_row()?, numbers, count, log_probs };
    let drawn = interruptible(py, |interrupted| {
        for_element(&element, Work { draw, rows: &rows, threads, interrupted })?
    })?;
    Ok((
        PyArray1::from_vec(py, drawn.ids).into_any(),
        PyArray1::from_vec(py, drawn.log_probs).into_any(),
        PyArray1::from_vec(py, drawn.largest).into_any(),
    ))
}

/// The places, in all rows, of the tokens that are drawn from compact rows; -1 where there
/// are none. Without `numbers` they are different ones, by `sources`.
#[pyfunction]
pub(super) fn sample_candidates<'py>(
    py: Python<'py>,
    indptr: PyReadonlyArray1<'py, i64>,
    ids: PyReadonlyArray1<'py, i32>,
    logits: PyReadonlyArray1<'py, f64>,
    numbers: Option<PyReadonlyArray1<'py, f64>>,
    sources: Option<Sources<'py>>,
    count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (indptr, ids, logits) = (indptr.as_slice()?, ids.as_slice()?, logits.as_slice()?);
    let sources = sources.as_ref().map(sources_of).transpose()?.unwrap_or_default();
    let numbers = numbers.as_ref().map(|numbers| numbers.as_slice()).transpose()?;
    let rows = indptr.len().saturating_sub(1);
    let fits = logits.len() == ids.len()
        && indptr.is_sorted()
        && indptr.first().is_none_or(|&first| first == 0)
        && indptr.last().is_none_or(|&last| usize::try_from(last) == Ok(ids.len()))
        && numbers.map_or(sources.len() == rows, |numbers| numbers.len() == rows * count);
    if !fits {
        return Err(PyValueError::new_err("the rows, tokens and numbers do not go together"));
    }
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
            if let Some(numbers) = numbers {
                let definition = Definition::new(tokens, max);
                for (place, &u) in own.iter_mut().zip(&numbers[i * count..]) {
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
