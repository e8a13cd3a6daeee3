//! Weights of the head and their running sums, kept while nothing changes them.

/// Terms of a partial sum of weights, counted from the first token that a step sees.
pub(crate) const SUMMED: usize = 1024;

/// Tokens from some place of the order on, at a temperature.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weighed {
    first: usize,
    temperature: f64,
    /// Distance from the first, in nats.
    pub(crate) gap: Vec<f64>,
    /// `e^-gap`
    pub(crate) weight: Vec<f64>,
    /// Sums up to and with each weight.
    pub(crate) sums: Vec<f64>,
}

impl Weighed {
    /// Forgets the row.
    pub(crate) fn clear(&mut self) {
        self.gap.clear();
    }

    /// Brings it up to date for the tokens from `first` on of those of a head.
    pub(crate) fn look(&mut self, logits: &[f64], first: usize, temperature: f64) {
        let logits = &logits[first..];
        let same = (self.first, self.temperature, self.gap.len());
        if same == (first, temperature, logits.len()) {
            return;
        }
        (self.first, self.temperature) = (first, temperature);
        self.gap.clear();
        self.gap.extend(logits.iter().map(|&x| gap(logits[0], x, temperature)));
        self.weight.clear();
        self.weight.extend(self.gap.iter().map(|gap| (-gap).exp()));
        running_sums(&self.weight, &mut self.sums);
    }
}

/// How far `x` is below `first`, in nats, as a finite number.
pub(crate) fn gap(first: f64, x: f64, temperature: f64) -> f64 {
    ((first - x) / temperature).min(f64::MAX)
}

/// Sums up to and with each term: within a block one after the other, and so are the
/// sums of the blocks, as the definition of a draw has them.
pub(crate) fn running_sums(terms: &[f64], sums: &mut Vec<f64>) {
    sums.clear();
    let mut before = 0.0;
    for block in terms.chunks(SUMMED) {
        let mut sum = 0.0;
        sums.extend(block.iter().map(|term| {
            sum += term;
            before + sum
        }));
        before += sum;
    }
}
