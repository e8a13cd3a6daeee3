//! Statistics of two rows: both are surveyed, then read again together, from the cache.

use std::f64::consts::LN_2;

use super::Reading;
use super::divergence::{self, DivergenceSums, Factors, Terms};
use super::scale::in_units;
use super::source::{Buffers, Source, scaled};
use super::surprisal::{self, OfTwo, SurprisalSums};
use super::survey::{Look, Survey};
use crate::error::Error;
use crate::row::blocks::{BLOCK, CHUNK};
use crate::simd::Isa;

/// A statistic of two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairStatistic {
    /// `-sum of p ln q`
    CrossEntropy,
    /// `sum of p ln(p / q)`
    KullbackLeibler,
    /// Half of `sum of p ln(p / m) + q ln(q / m)`, with `m` the mean of `p` and `q`.
    JensenShannon,
}

/// Rows of two arrays, and what is to be known of them.
#[derive(Debug)]
pub struct Pair<'a> {
    sources: [Source<'a>; 2],
    statistic: PairStatistic,
    isa: Isa,
}

impl<'a> Pair<'a> {
    /// Checks that there are as many rows, of the same length.
    pub fn new(sources: [Source<'a>; 2], statistic: PairStatistic) -> Result<Self, Error> {
        let [p, q] = &sources;
        for (given, expected) in [(q.rows(), p.rows()), (q.outcomes(), p.outcomes())] {
            if given != expected {
                return Err(Error::LengthMismatch { name: "q", given, expected });
            }
        }
        Ok(Self { sources, statistic, isa: Isa::current()? })
    }

    /// Sums over blocks, of which each has been brought to units.
    fn sums(&self, known: &Known, raw_q: &[u8], [p, q]: [&[u8]; 2]) -> Sums {
        let unit = known.surveys[1].unit();
        let mut sums = Sums::default();
        match self.statistic {
            PairStatistic::CrossEntropy => {
                let max = in_units(known.surveys[1].max, unit);
                sums.surprisal = self.isa.run(OfTwo { p, q, max }).unwrap_or_else(|| {
                    surprisal::one_by_one(p, raw_q, known.surveys[1].max, unit)
                });
            }
            PairStatistic::KullbackLeibler => {
                let factors = Factors::new(&known.surveys[0], &known.surveys[1]);
                sums.divergence = self
                    .isa
                    .run(Terms::<false> { p, q, factors })
                    .unwrap_or_else(|| divergence::one_by_one(p, raw_q, factors, unit));
            }
            PairStatistic::JensenShannon => {
                let factors = Factors::new(&known.surveys[0], &known.surveys[1]);
                sums.divergence =
                    self.isa.run(Terms::<true> { p, q, factors }).unwrap_or_default();
            }
        }
        sums
    }
}

/// Sums of the second round; which of them depends on the statistic.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    surprisal: SurprisalSums,
    divergence: DivergenceSums,
}

impl Sums {
    fn merge(self, later: Self) -> Self {
        Self {
            surprisal: self.surprisal.merge(later.surprisal),
            divergence: self.divergence.merge(later.divergence),
        }
    }
}

/// What is known of a pair of rows, or of a chunk of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    surveys: [Survey; 2],
    sums: Sums,
}

impl Known {
    fn are_distributions(&self) -> bool {
        self.surveys.iter().all(Survey::is_distribution)
    }
}

impl Reading for Pair<'_> {
    type Known = Known;
    const ROUNDS: usize = 2;

    fn sources(&self) -> &[Source<'_>] {
        &self.sources
    }

    fn read(
        &self,
        round: usize,
        known: &[Known],
        first_row: usize,
        start: usize,
        buffers: &mut Buffers,
    ) -> Vec<Known> {
        buffers.resize(known.len());
        let Buffers { gathered, wide, scaled: rooms } = buffers;
        let ([p_wide, q_wide], [p_room, q_room]) = (&mut wide[..], &mut rooms[..]) else {
            return Vec::new();
        };
        let [p, q] = &self.sources;
        let mut parts = vec![Known::default(); known.len()];
        let end = p.outcomes().min(start + CHUNK);
        for at in (start..end).step_by(BLOCK) {
            let len = BLOCK.min(end - at);
            p.gather(first_row, at, len, &mut gathered[0]);
            q.gather(first_row, at, len, &mut gathered[1]);
            for (i, part) in parts.iter_mut().enumerate() {
                if round > 0 && !known[i].are_distributions() {
                    continue;
                }
                let row = first_row + i;
                let p = p.block(self.isa, row, at, len, &gathered[0][i], p_wide);
                let q = q.block(self.isa, row, at, len, &gathered[1][i], q_wide);
                if round == 0 {
                    for (survey, block) in part.surveys.iter_mut().zip([p, q]) {
                        *survey = survey.merge(self.isa.run(Look { block }));
                    }
                } else {
                    let [p_unit, q_unit] = known[i].surveys.map(|survey| survey.unit());
                    let both = [scaled(p, p_unit, p_room), scaled(q, q_unit, q_room)];
                    part.sums = part.sums.merge(self.sums(&known[i], q, both));
                }
            }
        }
        parts
    }

    fn merge(&self, row: &mut Known, part: Known) {
        row.surveys = [0, 1].map(|i| row.surveys[i].merge(part.surveys[i]));
        row.sums = row.sums.merge(part.sums);
    }

    fn finish(&self, row: &Known) -> f64 {
        if !row.are_distributions() {
            return f64::NAN;
        }
        let [p, q] = &row.surveys;
        match self.statistic {
            PairStatistic::CrossEntropy => {
                let max = in_units(q.max, q.unit());
                row.sums.surprisal.mean(max, p.total())
            }
            PairStatistic::KullbackLeibler => row.sums.divergence.kullback_leibler(),
            PairStatistic::JensenShannon => row.sums.divergence.jensen_shannon().min(LN_2),
        }
    }
}
