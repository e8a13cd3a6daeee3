"""Ctrl-C during one long call."""

import os

import pytest

from .process import run_script

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals to itself")

# A terabyte of logits in the memory of one row: a call on them ends by a signal or not at all.
PRELUDE = """
import os
import signal
import threading
import time
import numpy as np
import logitkit

row = np.random.default_rng(0).normal(size=128256).astype(np.float32)
endless = np.broadcast_to(row, (2_000_000, row.size))

def interrupted(call, number, expected):
    sent = []
    def send():
        sent.append(time.monotonic())
        os.kill(os.getpid(), number)
    timer = threading.Timer(0.2, send)
    timer.start()
    try:
        call()
    except expected:
        delay = time.monotonic() - sent[0]
    else:
        raise AssertionError("the call came to its end")
    assert delay < 1.0, f"it took {delay:.2f} s"

def works(threads):
    expected = logitkit.reference.entropy(row)
    return np.allclose(logitkit.entropy(endless[:50], threads=threads), expected, rtol=1e-6)

# A shell that runs tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_many_rows(dtype: str, threads: int) -> None:
    script = f"""
        row = row.astype(np.{dtype})
        endless = np.broadcast_to(row, (2_000_000, row.size))
        call = lambda: logitkit.entropy(endless, threads={threads})
        for _ in range(2):
            interrupted(call, signal.SIGINT, KeyboardInterrupt)
            assert works({threads})
    """
    run_script(PRELUDE, script)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_function(threads: int) -> None:
    script = f"""
        targets = np.broadcast_to(np.int64(5), endless.shape[:1])
        calls = [
            lambda: logitkit.logsumexp(endless, threads={threads}),
            lambda: logitkit.varentropy(endless, threads={threads}),
            lambda: logitkit.log_prob(endless, targets, threads={threads}),
            lambda: logitkit.rank(endless, targets, threads={threads}),
            lambda: logitkit.perplexity(endless, targets, threads={threads}),
            lambda: logitkit.token_stats(endless, targets, threads={threads}),
            lambda: logitkit.topk(endless, 1, threads={threads}),
            lambda: logitkit.kl_divergence(endless, endless, threads={threads}),
            lambda: logitkit.compare_stats(endless, endless, threads={threads}),
            lambda: logitkit.candidates(endless, top_p=0.5, threads={threads}),
            lambda: logitkit.sample(endless, seed=1, threads={threads}),
        ]
        for call in calls:
            interrupted(call, signal.SIGINT, KeyboardInterrupt)
        assert works({threads})
    """
    run_script(PRELUDE, script)


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_that_are_gathered(threads: int) -> None:
    script = f"""
        strided = np.broadcast_to(np.repeat(row, 3)[::3], endless.shape)
        call = lambda: logitkit.token_stats(strided, threads={threads})
        interrupted(call, signal.SIGINT, KeyboardInterrupt)
        assert works({threads})
    """
    run_script(PRELUDE, script)


@pytest.mark.parametrize("threads", [1, 2])
def test_one_row_without_end(threads: int) -> None:
    script = f"""
        constant = np.broadcast_to(row[:1], 2**37)
        call = lambda: logitkit.entropy(constant, threads={threads})
        interrupted(call, signal.SIGINT, KeyboardInterrupt)
        assert works({threads})
    """
    run_script(PRELUDE, script)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_handler_of_another_signal_runs(threads: int) -> None:
    script = f"""
        class Late(Exception):
            pass
        def handler(number, frame):
            raise Late
        signal.signal(signal.SIGUSR1, handler)
        interrupted(lambda: logitkit.entropy(endless, threads={threads}), signal.SIGUSR1, Late)
        assert works({threads})
    """
    run_script(PRELUDE, script)


def test_a_handler_that_returns_lets_the_call_finish() -> None:
    script = """
        seen = []
        signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
        threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        began = time.monotonic()
        some = np.broadcast_to(row, (1000, row.size))
        while not seen:
            result = logitkit.entropy(some, threads=2)
            assert time.monotonic() - began < 30
        assert (result == logitkit.entropy(row)).all()
    """
    run_script(PRELUDE, script)
