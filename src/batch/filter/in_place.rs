//! Rows that take the place of the logits, none of which is lost if one cannot be filtered.

use super::compact::Rows;
use super::dense::{DenseFilter, FEW, Found, Taken, Writer};
use super::row::{Decided, Room};
use crate::batch::tasks::rows_in_tasks;
use crate::element::Element;
use crate::error::Error;
use crate::filter::chain::Left;
use crate::row::Columns;
use crate::simd::strided::StridedRows;
use crate::simd::{Isa, Kernel, Simd, fill};

/// Of a word of a mask.
const BITS: usize = u32::BITS as usize;

/// What is left of a row.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// So many tokens, few, whose ids are listed.
    Listed(usize),
    /// Those whose bits are set: one for each token takes less memory than many ids.
    Masked,
    /// It stays what it was.
    Unknown,
}

/// What is left of rows, found before any of them is written to.
#[derive(Debug, Default)]
struct Plan {
    found: Found,
    /// For each row, with its temperature at the end of the chain.
    which: Vec<(Which, f64)>,
    ids: Vec<u32>,
    masks: Vec<u32>,
}

impl Columns for Plan {
    fn append(&mut self, later: &mut Self) {
        self.found.append(&mut later.found);
        Columns::append(&mut self.which, &mut later.which);
        Columns::append(&mut self.ids, &mut later.ids);
        Columns::append(&mut self.masks, &mut later.masks);
    }
}

impl Plan {
    fn push<E: Element>(&mut self, room: &Room<E>, left: Left, vocab: usize) {
        let ids = &room.ids[left.first..left.end];
        let which = if ids.len() <= vocab / FEW {
            self.ids.extend_from_slice(ids);
            Which::Listed(ids.len())
        } else {
            let begin = self.masks.len();
            self.masks.resize(begin + vocab.div_ceil(BITS), 0);
            let mask = &mut self.masks[begin..];
            ids.iter().for_each(|&id| mask[id as usize / BITS] |= 1 << (id as usize % BITS));
            Which::Masked
        };
        self.which.push((which, left.temperature));
    }

    /// Where the ids and the bits of each row begin.
    fn begins(&self, vocab: usize) -> Vec<(usize, usize)> {
        let mut next = (0, 0);
        let mut begin = |(which, _): &(Which, f64)| {
            let own = next;
            match which {
                Which::Listed(count) => next.0 += count,
                Which::Masked => next.1 += vocab.div_ceil(BITS),
                Which::Unknown => {}
            }
            own
        };
        self.which.iter().map(&mut begin).collect()
    }
}

impl DenseFilter<'_> {
    /// Filters rows that lie behind one another and writes them there. Unless all are valid
    /// it writes to none.
    ///
    /// The second pass is little more than writing. To look for rows that are not valid
    /// first, and then to filter and to write each row at once, took a fifth longer.
    pub(super) fn in_two_passes<E: Element>(
        &self,
        isa: Isa,
        (out, vocab): (&mut [u8], usize),
        threads: Option<usize>,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Found, Error> {
        let row_bytes = vocab * E::SIZE;
        let shape = (out.len() / row_bytes, row_bytes);
        let logits = &*out;
        let decide = |index, _: &mut [u8], room: &mut Rows<E>, plan: &mut Plan| {
            let room = &mut room.room;
            self.filter.chain(index, vocab, &mut room.chain)?;
            let row = &logits[index * row_bytes..][..row_bytes];
            let decided = room.filter(isa, &StridedRows::of_row(row, E::SIZE));
            plan.found.0.push(room.largest);
            match decided {
                Decided::Left(left) => plan.push(room, left, vocab),
                Decided::Invalid => plan.which.push((Which::Unknown, 1.0)),
                Decided::Undecided => {
                    plan.which.push((Which::Unknown, 1.0));
                    plan.found.1.push(index as i64);
                }
            }
            Ok(())
        };
        let plan: Plan = rows_in_tasks(shape, (&mut [], 0), threads, interrupted, decide)?;
        if plan.found.0.iter().any(|largest| !largest.is_finite()) {
            return Ok(plan.found);
        }
        let writer = Writer::<E>::new(isa, self.fill);
        let is_large = out.len() >= fill::LARGE;
        let begins = plan.begins(vocab);
        let write = |index: usize, out: &mut [u8], taken: &mut Taken, _: &mut ()| {
            let ((which, temperature), (id, word)) = (plan.which[index], begins[index]);
            let around_cache = match which {
                Which::Listed(count) => {
                    taken.ids.clear();
                    taken.ids.extend_from_slice(&plan.ids[id..id + count]);
                    is_large
                }
                Which::Masked => {
                    let mask = &plan.masks[word..word + vocab.div_ceil(BITS)];
                    isa.run(ListBits { mask, places: &mut taken.ids });
                    false
                }
                Which::Unknown => return Ok(()),
            };
            taken.look::<E>(out, temperature);
            writer.write(out, taken, around_cache);
            Ok(())
        };
        rows_in_tasks::<_, ()>(shape, (out, row_bytes), threads, interrupted, write)?;
        Ok(plan.found)
    }
}

/// Lists the places of the bits that are set, in order.
struct ListBits<'a> {
    mask: &'a [u32],
    places: &'a mut Vec<u32>,
}

impl Kernel for ListBits<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { mask, places } = self;
        places.resize((mask.len() + 1) * BITS, 0);
        let mut count = 0;
        for (start, &bits) in (0..).step_by(BITS).zip(mask) {
            count += simd.places(bits, start, &mut places[count..]);
        }
        places.truncate(count);
    }
}
