"""The thread pool before, in and after `fork`."""

import os
import sys

import pytest

from .process import run_script

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

PRELUDE = """
import os
import threading
import traceback
import multiprocessing
import numpy as np
import logitkit

logits = np.random.default_rng(0).normal(size=(40, 65536)).astype(np.float32)

def answer(threads=3):
    return logitkit.entropy(logits, threads=threads).tobytes()

def in_child(work):
    child = os.fork()
    if child == 0:
        try:
            right = work()
        except BaseException:
            traceback.print_exc()
            right = False
        os._exit(0 if right else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_the_call_of_these_tests_uses_the_pool() -> None:
    script = """
        before = len(os.listdir("/proc/self/task"))
        answer()
        assert len(os.listdir("/proc/self/task")) > before
    """
    run_script(PRELUDE, script)


def test_fork_after_use() -> None:
    script = """
        expected = answer()
        assert in_child(lambda: answer() == expected)
        assert answer() == expected
    """
    run_script(PRELUDE, script)


def test_first_use_in_the_child() -> None:
    script = """
        expected = answer(threads=1)
        assert in_child(lambda: answer() == expected)
        assert answer() == expected
    """
    run_script(PRELUDE, script)


def test_child_of_a_child() -> None:
    script = """
        expected = answer()
        def child():
            return answer() == expected and in_child(grandchild) and answer() == expected
        def grandchild():
            return answer() == expected
        assert in_child(child)
        assert in_child(lambda: in_child(grandchild))
        assert answer() == expected
    """
    run_script(PRELUDE, script)


def test_a_pool_of_processes() -> None:
    script = """
        def work(threads):
            return answer(threads)
        expected = answer()
        context = multiprocessing.get_context("fork")
        for _ in range(2):
            with context.Pool(3) as pool:
                assert pool.map(work, [1, 2, 3, 4, None] * 2) == [expected] * 10
            assert answer() == expected
    """
    run_script(PRELUDE, script)


def test_fork_while_other_threads_compute() -> None:
    script = """
        expected = answer()
        stop = threading.Event()
        wrong = []
        def compute(threads):
            while not stop.is_set():
                if answer(threads) != expected:
                    wrong.append(threads)
        busy = [threading.Thread(target=compute, args=(threads,)) for threads in (1, 2, 3, 4)]
        for thread in busy:
            thread.start()
        for _ in range(30):
            assert in_child(lambda: answer() == expected and answer(4) == expected)
        stop.set()
        for thread in busy:
            thread.join()
        assert not wrong
        assert answer() == expected
    """
    run_script(PRELUDE, script)


def test_settings_survive() -> None:
    script = """
        logitkit.set_num_threads(3)
        answer(None)
        assert in_child(lambda: logitkit.get_num_threads() == 3)
        def change():
            logitkit.set_num_threads(2)
            return logitkit.get_num_threads() == 2
        assert in_child(change)
        assert logitkit.get_num_threads() == 3
    """
    run_script(PRELUDE, script)
