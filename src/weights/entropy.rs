//! Entropy: each block is looked at, and summed while it is in the cache.

use std::f64::consts::LN_2;

use super::Reading;
use super::scale::{in_units, unit_for};
use super::source::{Buffers, Source, scaled};
use super::surprisal::{OfOne, SurprisalSums};
use super::survey::Look;
use crate::row::blocks::{BLOCK, CHUNK, Scratch};
use crate::simd::Isa;

/// `-sum of p ln p`
#[derive(Debug)]
pub struct Entropy<'a> {
    source: [Source<'a>; 1],
    isa: Isa,
}

impl<'a> Entropy<'a> {
    /// Of these rows.
    pub fn new(source: Source<'a>) -> Result<Self, crate::error::Error> {
        Ok(Self { source: [source], isa: Isa::current()? })
    }
}

/// What is known of some of the weights of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    bad: bool,
    /// The largest, as it is; 0 if there is none.
    max: f64,
    /// The exponent of the unit of the sums.
    unit: i32,
    /// Of the weights below the largest.
    sums: SurprisalSums,
}

impl Part {
    /// The same in another unit.
    fn rebased(mut self, unit: i32) -> Self {
        if self.unit != unit {
            let shift = f64::from(self.unit - unit) * LN_2;
            let sums = &mut self.sums;
            sums.log = in_units(sums.log + shift * sums.rest, unit - self.unit);
            sums.rest = in_units(sums.rest, unit - self.unit);
            sums.mass = sums.rest;
            self.unit = unit;
        }
        self
    }

    /// The same where all weights are below the largest.
    fn below(mut self) -> Self {
        if self.sums.count > 0.0 {
            let max = in_units(self.max, self.unit);
            let mass = self.sums.count * max;
            self.sums.rest += mass;
            self.sums.mass = self.sums.rest;
            // What has underflowed has no logarithm, and nothing to weigh.
            self.sums.log += if mass > 0.0 { mass * max.ln() } else { 0.0 };
            self.sums.count = 0.0;
        }
        self
    }

    /// What is known of both.
    fn merge(self, later: Self) -> Self {
        let max = self.max.max(later.max);
        let unit = unit_for(max);
        let [a, b] = [self, later].map(|part| {
            let part = part.rebased(unit);
            if part.max < max { part.below() } else { part }
        });
        Self { bad: a.bad || b.bad, max, unit, sums: a.sums.merge(b.sums) }
    }

    /// Adds a block; `room` is for one in units.
    fn add(&mut self, isa: Isa, block: &[u8], room: &mut Scratch) {
        let look = isa.run(Look { block });
        if look.bad {
            self.bad = true;
        }
        if !look.is_distribution() {
            return;
        }
        let unit = unit_for(look.max.max(self.max));
        let block = scaled(block, unit, room);
        let max = in_units(look.max, unit);
        let sums = if look.max < self.max {
            isa.run(OfOne::<false> { block, max })
        } else {
            isa.run(OfOne::<true> { block, max })
        };
        *self = self.merge(Self { bad: false, max: look.max, unit, sums });
    }
}

impl Reading for Entropy<'_> {
    type Known = Part;
    const ROUNDS: usize = 1;

    fn sources(&self) -> &[Source<'_>] {
        &self.source
    }

    fn read(
        &self,
        _: usize,
        known: &[Part],
        first_row: usize,
        start: usize,
        buffers: &mut Buffers,
    ) -> Vec<Part> {
        buffers.resize(known.len());
        let [source] = &self.source;
        let Buffers { gathered: [gathered, _], wide, scaled } = buffers;
        let mut parts = vec![Part::default(); known.len()];
        let end = source.outcomes().min(start + CHUNK);
        for at in (start..end).step_by(BLOCK) {
            let len = BLOCK.min(end - at);
            source.gather(first_row, at, len, gathered);
            for (i, part) in parts.iter_mut().enumerate() {
                let row = first_row + i;
                let block = source.block(self.isa, row, at, len, &gathered[i], &mut wide[0]);
                part.add(self.isa, block, &mut scaled[0]);
            }
        }
        parts
    }

    fn merge(&self, row: &mut Part, part: Part) {
        *row = row.merge(part);
    }

    fn finish(&self, row: &Part) -> f64 {
        if row.bad || row.max == 0.0 {
            return f64::NAN;
        }
        let max = in_units(row.max, row.unit);
        row.sums.mean(max, row.sums.count * max + row.sums.rest)
    }
}
