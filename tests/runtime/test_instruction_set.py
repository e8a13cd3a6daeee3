"""LOGITKIT_ISA: which instruction set a process uses."""

import pytest
from logitkit import _native

from .process import run_script

KNOWN = ("portable", "avx2", "avx512")

ASK = """
import numpy as np
import logitkit
from logitkit import _native

logits = np.random.default_rng(0).normal(size=(3, 1000)).astype(np.float32)
"""


@pytest.mark.parametrize("name", KNOWN)
def test_a_named_set_is_used(name: str) -> None:
    if name not in _native.instruction_sets()[0]:
        pytest.skip(f"this machine lacks {name}: nothing here tested it")
    script = """
        before = logitkit.entropy(logits)
        print(_native.instruction_sets()[1])
        print(logitkit.show_config(mode="dicts")["instruction sets"]["in use"])
        _native.use_instruction_set(_native.instruction_sets()[1])
        assert (logitkit.entropy(logits) == before).all()
    """
    assert run_script(ASK, script, environment={"LOGITKIT_ISA": name}) == [name, name]


@pytest.mark.parametrize("environment", [{}, {"LOGITKIT_ISA": ""}])
def test_without_a_name_the_best_is_used(environment: dict[str, str]) -> None:
    script = """
        found, chosen = _native.instruction_sets()
        print(chosen == found[-1])
    """
    assert run_script(ASK, script, environment=environment) == ["True"]


@pytest.mark.parametrize("name", ["sse9", "AVX2 ", "neon", "avx2,avx512", "\u00e9"])
def test_an_unknown_name_is_an_error_of_the_call(name: str) -> None:
    script = """
        for function in (logitkit.entropy, logitkit.logsumexp, logitkit.token_stats):
            try:
                function(logits)
            except ValueError as error:
                print(error)
            else:
                raise AssertionError("no error")
    """
    messages = run_script(ASK, script, environment={"LOGITKIT_ISA": name})
    assert len(messages) == 3
    for message in messages:
        for word in ("LOGITKIT_ISA", name, *KNOWN):
            assert word in message


def test_importing_needs_no_good_name() -> None:
    assert run_script("import logitkit; print(1)", environment={"LOGITKIT_ISA": "sse9"}) == ["1"]


def test_a_set_that_the_machine_lacks_is_an_error_of_the_call() -> None:
    found, _ = _native.instruction_sets()
    absent = [name for name in KNOWN if name not in found]
    if not absent:
        pytest.skip("this machine lacks no instruction set")
    script = """
        try:
            logitkit.entropy(logits)
        except ValueError as error:
            print(error)
    """
    (message,) = run_script(ASK, script, environment={"LOGITKIT_ISA": absent[0]})
    for word in ("LOGITKIT_ISA", absent[0], *found):
        assert word in message


def test_switching_within_a_process() -> None:
    script = """
        for name in [*_native.instruction_sets()[0], None]:
            _native.use_instruction_set(name)
            print(_native.instruction_sets()[1])
        try:
            _native.use_instruction_set("sse9")
        except ValueError:
            print("refused")
        print(_native.instruction_sets()[1])
    """
    found, _ = _native.instruction_sets()
    assert run_script(ASK, script) == [*found, found[-1], "refused", found[-1]]
