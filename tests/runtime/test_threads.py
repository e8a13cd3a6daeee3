"""Many Python threads, the GIL, and where the number of threads comes from."""

import os
import sys

import pytest

from .process import run_script

ASK = """
import logitkit
from logitkit import _native
print(*_native.num_threads())
assert logitkit.get_num_threads() == _native.num_threads()[0]
"""

LOGITS = """
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import logitkit

rng = np.random.default_rng(0)
"""

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux about its threads")


def test_many_python_threads_at_once() -> None:
    script = """
        batches = [rng.normal(size=(n, 40_000)).astype(np.float32) for n in (1, 2, 9, 33)]
        targets = [rng.integers(40_000, size=len(batch)) for batch in batches]
        def answer(i, threads):
            stats = logitkit.token_stats(batches[i], targets[i], threads=threads)
            return stats.entropy.tobytes() + stats.log_prob.tobytes() + stats.rank.tobytes()
        expected = [answer(i, 1) for i in range(len(batches))]
        def work(task):
            i, threads = task % 4, (None, 1, 2, 3, 4, 7)[task % 6]
            if task % 11 == 0:
                logitkit.set_num_threads(1 + task % 5)
            return answer(i, threads) == expected[i]
        with ThreadPoolExecutor(8) as executor:
            assert all(executor.map(work, range(400)))
    """
    run_script(LOGITS, script)


def test_the_gil_is_released() -> None:
    script = """
        row = rng.normal(size=128_256).astype(np.float32)
        ticks = []
        stop = threading.Event()
        def tick():
            while not stop.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.001)
        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        def timed(call, rows):
            many = np.broadcast_to(row, (rows, row.size))
            began = time.monotonic()
            call(many, np.full(rows, 3))
            return began, time.monotonic()
        calls = {
            "logsumexp": lambda many, targets: logitkit.logsumexp(many, threads=1),
            "entropy": lambda many, targets: logitkit.entropy(many, threads=2),
            "log_prob": lambda many, targets: logitkit.log_prob(many, targets, threads=1),
            "rank": lambda many, targets: logitkit.rank(many, targets, threads=1),
            "token_stats": lambda many, targets: logitkit.token_stats(many, targets, threads=1),
        }
        for name, call in calls.items():
            began, ended = timed(call, 100)
            # Long enough, on any machine, for hundreds of ticks. One that is busy with much else
            # may let the clock wait as well: then it is tried for twice as long, and once more.
            rows = int(50 / (ended - began))
            for times in (1, 2, 4):
                began, ended = timed(call, times * rows)
                longest = max(np.diff([began, *(t for t in ticks if began < t < ended), ended]))
                if longest < (ended - began) / 3:
                    break
            else:
                raise AssertionError(f"{name}: the clock stood still for {longest} s")
        stop.set()
        clock.join()
    """
    run_script(LOGITS, script)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            {"LOGITKIT_NUM_THREADS": "2", "RAYON_NUM_THREADS": "3", "OMP_NUM_THREADS": "4"},
            "2 LOGITKIT_NUM_THREADS",
        ),
        ({"RAYON_NUM_THREADS": "3", "OMP_NUM_THREADS": "4"}, "3 RAYON_NUM_THREADS"),
        ({"LOGITKIT_NUM_THREADS": "2", "OMP_NUM_THREADS": "4"}, "2 LOGITKIT_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "4"}, "4 OMP_NUM_THREADS"),
    ],
)
def test_environment_variables_in_their_order(environment: dict[str, str], expected: str) -> None:
    assert run_script(ASK, environment=environment) == [expected]


def test_an_empty_variable_says_nothing() -> None:
    environment = {"LOGITKIT_NUM_THREADS": "", "RAYON_NUM_THREADS": "", "OMP_NUM_THREADS": "3"}
    assert run_script(ASK, environment=environment) == ["3 OMP_NUM_THREADS"]


@on_linux
def test_without_variables_the_cores_count() -> None:
    (line,) = run_script(ASK)
    number, source = line.split(" ", 1)
    assert source == "available cores"
    # Fewer than the affinity allows if a control group limits the processor time.
    assert 1 <= int(number) <= len(os.sched_getaffinity(0))


@on_linux
def test_affinity_to_one_core() -> None:
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" + ASK
    assert run_script(script) == ["1 available cores"]


def test_variables_are_read_after_import() -> None:
    script = 'import os, logitkit; os.environ["LOGITKIT_NUM_THREADS"] = "3"\n' + ASK
    assert run_script(script) == ["3 LOGITKIT_NUM_THREADS"]


def test_a_setting_goes_before_the_environment() -> None:
    script = """
        logitkit.set_num_threads(5)
        print(*_native.num_threads())
        with logitkit.num_threads(2):
            print(*_native.num_threads())
            with logitkit.num_threads(4):
                print(*_native.num_threads())
            print(*_native.num_threads())
        print(*_native.num_threads())
        logitkit.set_num_threads(None)
        with logitkit.num_threads(2):
            print(*_native.num_threads())
        print(*_native.num_threads())
    """
    variable = "3 LOGITKIT_NUM_THREADS"
    assert run_script(ASK, script, environment={"LOGITKIT_NUM_THREADS": "3"}) == [
        variable,
        *(f"{number} set_num_threads" for number in (5, 2, 4, 2, 5, 2)),
        variable,
    ]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "99999999999999999999"])
def test_a_variable_that_is_no_number_of_threads(value: str) -> None:
    script = """
        logits = rng.normal(size=(64, 50_000))
        for function in (logitkit.entropy, logitkit.logsumexp):
            try:
                function(logits)
            except ValueError as error:
                print(error)
        # One that says it itself needs no variable.
        logitkit.entropy(logits, threads=2)
        logitkit.set_num_threads(2)
        logitkit.entropy(logits)
    """
    messages = run_script(LOGITS, script, environment={"LOGITKIT_NUM_THREADS": value})
    assert len(messages) == 2
    for message in messages:
        assert "LOGITKIT_NUM_THREADS" in message
        assert value in message


@on_linux
def test_threads_of_one_call() -> None:
    script = """
        def tasks():
            return len(os.listdir("/proc/self/task"))
        before = tasks()
        logits = rng.normal(size=(64, 50_000)).astype(np.float32)
        logitkit.entropy(logits[0, :2000], threads=4)
        assert tasks() == before, "a small call started threads"
        logitkit.entropy(logits, threads=1)
        assert tasks() == before, "threads=1 started threads"
        logitkit.entropy(logits, threads=3)
        assert tasks() >= before + 2, "threads=3 did not start them"
        print(logitkit.get_num_threads())
    """
    # The argument of a call is that call's alone.
    assert run_script(LOGITS, script, environment={"LOGITKIT_NUM_THREADS": "2"}) == ["2"]
