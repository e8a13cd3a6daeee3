"""JAX on the CPU, under `jax.jit`."""

from collections.abc import Callable
from typing import Any

from ..workloads import TOP_K_NAMES, Logits, Statistic
from .peer import Peer


class Jax(Peer):
    name = "JAX"
    package = "jax"
    statistics = TOP_K_NAMES | {"logsumexp", "entropy", "varentropy", "log_prob", "rank"}
    # float64 is off in JAX unless the whole process turns it on.
    dtypes = ("float32", "bfloat16")

    def thread_counts(self, cores: int) -> tuple[int, ...]:
        """Every core: XLA takes them all and cannot be told otherwise once it runs."""
        return (cores,)

    def bind(self, statistic: Statistic, logits: Logits, threads: int) -> Callable[[], object]:
        import jax
        import ml_dtypes
        from jax import numpy as jnp

        def logsumexp(x: Any, _: Any) -> Any:
            return jax.scipy.special.logsumexp(x, axis=-1)

        def entropy(x: Any, _: Any) -> Any:
            log_p = jax.nn.log_softmax(x, axis=-1)
            return -(jnp.exp(log_p) * log_p).sum(axis=-1)

        def varentropy(x: Any, _: Any) -> Any:
            log_p = jax.nn.log_softmax(x, axis=-1)
            p = jnp.exp(log_p)
            mean = (p * log_p).sum(axis=-1, keepdims=True)
            return (p * (log_p - mean) ** 2).sum(axis=-1)

        def log_prob(x: Any, targets: Any) -> Any:
            return jnp.take_along_axis(jax.nn.log_softmax(x, axis=-1), targets[:, None], axis=-1)

        def rank(x: Any, targets: Any) -> Any:
            return (x > jnp.take_along_axis(x, targets[:, None], axis=-1)).sum(axis=-1) + 1

        def top(x: Any, _: Any) -> Any:
            return jax.lax.top_k(x, statistic.k)

        formulas = {
            **dict.fromkeys(TOP_K_NAMES, top),
            "logsumexp": logsumexp,
            "entropy": entropy,
            "varentropy": varentropy,
            "log_prob": log_prob,
            "rank": rank,
        }
        bfloat16 = logits.dtype == "bfloat16"
        x = jnp.asarray(logits.values.view(ml_dtypes.bfloat16) if bfloat16 else logits.values)
        targets = jnp.asarray(logits.targets.astype("int32"))
        compiled = jax.jit(formulas[statistic.name])

        def call() -> object:
            return jax.block_until_ready(compiled(x, targets))

        call()
        return call
