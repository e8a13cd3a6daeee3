//! Rows through chains of filters, over the threads: [`row`] decides on one row,
//! [`compact`] keeps what is left of all, [`dense`] writes it among what fills the rest,
//! [`in_place`] where the logits are, [`drawn`] draws from it.

mod compact;
mod dense;
mod drawn;
mod gathered;
mod in_place;
mod row;
mod whole;

pub use compact::{Kept, Reals, Tokens};
pub use dense::DenseFilter;
pub(super) use gathered::Gathered;
pub(super) use whole::read;

use super::PerRow;
use crate::error::Error;
use crate::filter::Step;
use crate::filter::chain::Chain;
use crate::simd::strided::StridedRows;

/// Rows, and the steps that each goes through.
#[derive(Debug)]
pub struct Filter<'a> {
    /// Names of the steps, in order, with their parameters.
    pub steps: Vec<(String, Vec<PerRow<'a>>)>,
    /// Whether every step sees what the others removed.
    pub joint: bool,
    /// Whether tokens tied with the last one are kept.
    pub ties_all: bool,
    /// How many tokens stay at least.
    pub min_keep: usize,
}

impl Filter<'_> {
    /// Checks the steps, and that there is a parameter for each row.
    pub fn check(&self, rows: &StridedRows) -> Result<(), Error> {
        let vocab = rows.vocab();
        if i32::try_from(vocab).is_err() {
            return Err(Error::RowTooLong { vocab });
        }
        for parameter in self.steps.iter().flat_map(|(_, parameters)| parameters) {
            if let PerRow::Each(values) = parameter
                && values.len() != rows.rows()
            {
                let (given, expected) = (values.len(), rows.rows());
                return Err(Error::LengthMismatch { name: "a parameter", given, expected });
            }
        }
        if rows.rows() > 0 {
            self.chain(0, vocab, &mut Chain::default())?;
        }
        Ok(())
    }

    /// The chain of a row of so many tokens.
    fn chain(&self, row: usize, vocab: usize, chain: &mut Chain) -> Result<(), Error> {
        chain.steps.clear();
        for (name, parameters) in &self.steps {
            let mut own = [0.0; 3];
            for (own, parameter) in own.iter_mut().zip(parameters) {
                *own = parameter.get(row);
            }
            let own = own.get(..parameters.len()).unwrap_or_default();
            chain.steps.push(match Step::new(name, own)? {
                // All of them are not to be sorted for it.
                Step::TopK(k) if k >= vocab as f64 => Step::TopK(0.0),
                step => step,
            });
        }
        chain.joint = self.joint;
        chain.ties_all = self.ties_all;
        chain.min_keep = self.min_keep;
        Ok(())
    }
}
