//! Chains over heads whose wholes are known exactly, on every instruction set.

use super::chain::{Chain, Left};
use super::step::Step;
use super::weighed::Weighed;
use super::{Head, Short, Spread, Whole, WholeSums};
use crate::simd::tests::sets;

/// A row that is sorted already.
struct Row(Vec<f64>);

impl Whole for Row {
    fn sums(&mut self, temperature: f64) -> WholeSums {
        let mut sums = WholeSums { count: 0.0, rest: 0.0, gap: 0.0, error: 1e-12 };
        for x in &self.0 {
            let gap = (self.0[0] - x) / temperature;
            if gap == 0.0 {
                sums.count += 1.0;
            } else {
                sums.rest += (-gap).exp();
                sums.gap += (-gap).exp() * gap;
            }
        }
        sums
    }

    fn first_sums(&mut self, temperature: f64) -> WholeSums {
        self.sums(temperature)
    }

    fn behind(&mut self, last: f64, end: usize, temperature: f64) -> Option<f64> {
        assert_eq!(self.0[end - 1].to_bits(), last.to_bits());
        let weights = self.0[end..].iter().map(|x| ((x - self.0[0]) / temperature).exp());
        Some(weights.sum())
    }

    fn count_above(&mut self, x: f64) -> usize {
        self.0.partition_point(|&logit| logit > x)
    }

    fn spread(&mut self) -> Spread {
        let mean = self.0.iter().sum::<f64>() / self.0.len() as f64;
        let squares = self.0.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        Spread { deviation: (squares / self.0.len() as f64).sqrt(), error: 1e-12 }
    }
}

fn row() -> Row {
    Row((0..500).map(|i| 9.0 - f64::from(i) * 0.11 - f64::from(i % 7) * 1e-3).collect())
}

fn run(steps: &[Step], k: usize) -> Result<Left, Short> {
    let mut row = row();
    let chain = Chain { steps: steps.to_vec(), min_keep: 1, ..Chain::default() };
    let logits = row.0.clone();
    let head = Head { logits: &logits[..k], complete: k == logits.len() };
    let mut results = sets().into_iter().map(|isa| {
        let (mut weighed, mut swaps) = (Weighed::default(), Vec::new());
        chain.run(isa, head, &mut row, &mut weighed, &mut swaps)
    });
    let first = results.next().expect("an instruction set");
    // The portable set rounds products that the others do not.
    let near = |a: Left, b: Left| {
        (a.first, a.end, a.temperature) == (b.first, b.end, b.temperature)
            && (a.log_mass - b.log_mass).abs() < 1e-13
    };
    assert!(results.all(|other| match (first, other) {
        (Ok(a), Ok(b)) => near(a, b),
        (a, b) => a == b,
    }));
    first
}

/// What a head tells is what the whole order does.
#[test]
fn heads_of_every_length_tell_the_same() {
    let all: [&[Step]; 9] = [
        &[Step::TopP(0.9)],
        &[Step::Typical(0.6)],
        &[Step::Epsilon(0.004)],
        &[Step::Eta(0.01)],
        &[Step::TopNSigma(0.3)],
        &[Step::TopH(0.5)],
        &[Step::MaxSurprise(6.5)],
        &[Step::Temperature(0.7), Step::TopK(20.0), Step::MinP(3.0), Step::TopP(0.8)],
        &[Step::TopK(30.0), Step::Temperature(1.4)],
    ];
    for steps in all {
        let expected = run(steps, 500).expect("all of the order");
        let mut told = 0;
        for k in 1..500 {
            match run(steps, k) {
                Ok(left) => {
                    assert_eq!((left.first, left.end), (expected.first, expected.end));
                    assert!((left.log_mass - expected.log_mass).abs() < 1e-11);
                    told += 1;
                }
                Err(Short::More(wanted)) => assert!(wanted > k, "{steps:?} {k}"),
                Err(Short::Uncertain) => panic!("{steps:?} {k}"),
            }
        }
        assert!(told > 250, "{steps:?} {told}");
    }
}

/// What is likely to be enough for a mass is so, and not much more than that.
#[test]
fn few_more_than_enough_are_asked_for() {
    let steps = [Step::Temperature(3.0), Step::TopP(0.9)];
    let end = run(&steps, 500).expect("all of the order").end;
    for k in 1..end {
        let Err(Short::More(wanted)) = run(&steps, k) else { panic!("{k}") };
        assert!((end..end + (end - k) / 4 + 12).contains(&wanted), "{end} {k} {wanted}");
    }
}

/// Where a sum may be on either side nothing is decided.
#[test]
fn knife_edges_are_left_open() {
    let logits: Vec<f64> = [0.5_f64, 0.3, 0.1, 0.1].iter().map(|p| p.ln()).collect();
    let isa = sets()[0];
    for (p, decided) in [(0.8, false), (0.8 - 1e-9, true), (0.8 + 1e-9, true)] {
        let chain = Chain { steps: vec![Step::TopP(p)], min_keep: 1, ..Chain::default() };
        let head = Head { logits: &logits, complete: true };
        let (mut weighed, mut swaps) = (Weighed::default(), Vec::new());
        let found = chain.run(isa, head, &mut row(), &mut weighed, &mut swaps);
        assert_eq!(found.is_ok(), decided, "{p}");
    }
    // Equal logits have sums without error.
    let chain = Chain { steps: vec![Step::TopP(0.5)], min_keep: 1, ..Chain::default() };
    let head = Head { logits: &[1.0; 4], complete: true };
    let (mut weighed, mut swaps) = (Weighed::default(), Vec::new());
    let found = chain.run(isa, head, &mut row(), &mut weighed, &mut swaps);
    assert_eq!(found.map(|left| left.end), Ok(2));
}
