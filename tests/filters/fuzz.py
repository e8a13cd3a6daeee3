"""Random rows and chains through the core and the reference: how often do they differ?

    python -m tests.filters.fuzz --rows 1000000

prints a line for each kind of row. Run from the folder of the project.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import logitkit
import ml_dtypes
import numpy as np
from logitkit import reference, steps
from numpy.typing import NDArray

Row = NDArray[Any]
Random = np.random.Generator
INF = np.inf


def _gaussian(rng: Random, vocab: int) -> Row:
    return rng.normal(0, rng.choice([0.1, 1.0, 3.0, 10.0]), vocab)


def _zipf(rng: Random, vocab: int) -> Row:
    return rng.permutation(-rng.uniform(0.5, 2) * np.log(np.arange(1, vocab + 1)))


def _model(rng: Random, vocab: int) -> Row:
    row = rng.normal(0, 2, vocab)
    few = rng.integers(0, vocab, min(vocab, 64))
    row[few] = 10 + rng.exponential(2.5, few.size)
    return row


def _equal(rng: Random, vocab: int) -> Row:
    return np.full(vocab, rng.normal())


def _two_valued(rng: Random, vocab: int) -> Row:
    return rng.choice(rng.normal(0, 2, 2), vocab)


def _tied(rng: Random, vocab: int) -> Row:
    return rng.normal(0, 3, vocab).astype(ml_dtypes.bfloat16).astype(np.float64)


def _masked(rng: Random, vocab: int) -> Row:
    row = np.full(vocab, -INF)
    some = rng.integers(0, vocab, max(1, vocab // 10_000 + int(rng.integers(0, 5))))
    row[some] = rng.normal(0, 2, some.size)
    return row


def _ascending(rng: Random, vocab: int) -> Row:
    return np.sort(rng.normal(0, 2, vocab))


def _outlier(rng: Random, vocab: int) -> Row:
    row = rng.normal(0, 1, vocab)
    row[rng.integers(vocab)] = rng.choice([30.0, 100.0, 1000.0])
    return row


def _tail(rng: Random, vocab: int) -> Row:
    row = rng.normal(0, 0.01, vocab)
    row[rng.integers(vocab)] = np.log(vocab) - 2
    return row


def _edge(rng: Random, vocab: int) -> Row:
    """Probabilities of few digits, whose sums are the masses that are asked for."""
    parts = rng.multinomial(20, np.ones(min(vocab, 6)) / min(vocab, 6))
    row = np.full(vocab, -INF)
    with np.errstate(divide="ignore"):
        row[rng.permutation(vocab)[: parts.size]] = np.log(parts / 20)
    return row if np.isfinite(row).any() else np.zeros(vocab)


ROWS: dict[str, Callable[[Random, int], Row]] = {
    "Gaussian": _gaussian,
    "Zipf": _zipf,
    "LM-like": _model,
    "all equal": _equal,
    "two-valued": _two_valued,
    "bfloat16 ties": _tied,
    "99.99 % -inf": _masked,
    "ascending": _ascending,
    "one outlier": _outlier,
    "mass in the tail": _tail,
    "knife edges": _edge,
}
DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


def random_steps(rng: Random, vocab: int) -> list[steps.Step]:
    p = float(rng.choice([rng.uniform(0.01, 1), rng.integers(1, 20) / 20]))
    every = [
        steps.Temperature(
            float(rng.choice([0.0, 0.3, 0.7, 1.3, 3.0], p=[0.02, 0.24, 0.25, 0.25, 0.24]))
        ),
        steps.TopK(int(rng.integers(1, 2 + min(vocab, 3 * int(10 ** rng.uniform(0, 3)))))),
        steps.TopP(p),
        steps.MinP(float(10 ** rng.uniform(-5, 0))),
        steps.Typical(p),
        steps.Epsilon(float(10 ** rng.uniform(-6, -0.5))),
        steps.Eta(float(10 ** rng.uniform(-6, -0.5))),
        steps.TopNSigma(float(rng.uniform(0.1, 4))),
        steps.TopH(float(rng.choice([rng.uniform(0, 1), 0.0, 1.0]))),
        steps.MaxSurprise(float(rng.uniform(0, 20))),
        steps.DynamicTemperature(0.5, 1.5, float(rng.choice([0.5, 1.0, 2.0]))),
    ]
    # Of one step mostly: longer chains cut early what the later ones see.
    count = int(rng.choice([1, 1, 2, 3, 4]))
    return [every[i] for i in rng.permutation(len(every))[:count].tolist()]


def differences(
    rng: Random, rows: int, vocabs: tuple[int, ...], batch: int = 8
) -> Iterator[tuple[str, Any, dict[str, Any], Row, bool]]:
    """Yield for each row its kind, the steps and options, the row, and whether sets differ."""
    done = 0
    while done < rows:
        vocab = int(rng.choice(vocabs))
        vocab = int(rng.integers(max(1, vocab // 2), vocab + 1))
        kind = str(rng.choice(list(ROWS)))
        dtype = DTYPES[int(rng.integers(len(DTYPES)))]
        logits = np.stack([ROWS[kind](rng, vocab) for _ in range(batch)]).astype(dtype)
        chain = random_steps(rng, vocab)
        options: dict[str, Any] = {
            "ties": str(rng.choice(["index", "all"], p=[0.7, 0.3])),
            "joint": bool(rng.random() < 0.2),
            "min_keep": int(rng.choice([1, 1, 1, 3])),
        }
        kept = logitkit.candidates(logits, chain, **options)
        expected = reference.candidates(logits, chain, **options)
        for i in range(batch):
            same = np.array_equal(kept.row(i).ids, expected.row(i).ids)
            yield kind, chain, options, logits[i], not same
        done += batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocab", type=int, nargs="*", default=[8, 60, 600, 3000, 9000])
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    rows, different = Counter[str](), Counter[str]()
    for kind, chain, options, row, differs in differences(rng, given.rows, tuple(given.vocab)):
        rows[kind] += 1
        if differs:
            different[kind] += 1
            print("differs:", kind, row.dtype, row.size, chain, options)
    for kind in ROWS:
        print(f"{kind:18} {rows[kind]:9,} rows, {different[kind]:4} different")
    print(f"{'all':18} {rows.total():9,} rows, {different.total():4} different")


if __name__ == "__main__":
    main()
