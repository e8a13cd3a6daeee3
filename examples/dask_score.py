"""Entropies of an array that Dask holds in blocks: one process, or a cluster of them.

    pip install logitkit 'dask[array]'
    python examples/dask_score.py

Every block is a task; the vocabulary must not be cut. Each task runs on the thread that the
scheduler gives it, so that logitkit is told to use one.
"""

import dask.array as da
import logitkit
import numpy as np


def entropies(logits: da.Array) -> da.Array:
    """Return the entropy of each row, lazily."""
    return da.apply_gufunc(logitkit.entropy, "(v)->()", logits, threads=1, output_dtypes=np.float32)


if __name__ == "__main__":
    rows = da.random.default_rng(0).normal(0, 3, (4096, 32000), chunks=(256, -1))
    found = entropies(rows.astype(np.float32)).compute()
    print(f"{found.size} rows, mean entropy {found.mean():.4f} nats")
