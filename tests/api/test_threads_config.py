"""The number of threads, where it comes from, and what `show_config` tells."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import logitkit
import numpy as np
import pytest
from logitkit import _native

THREAD_VARIABLES = ("LOGITKIT_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS")


@pytest.fixture(autouse=True)
def setting_is_withdrawn() -> Iterator[None]:
    logitkit.set_num_threads(None)
    yield
    logitkit.set_num_threads(None)


def source() -> str:
    result: str = logitkit.show_config(mode="dicts")["threads"]["source"]
    return result


def config_with(**variables: str) -> dict[str, Any]:
    """What a new process shows in this environment."""
    environment = {k: v for k, v in os.environ.items() if k not in THREAD_VARIABLES}
    run = subprocess.run(
        [sys.executable, "-c", "import logitkit; logitkit.show_config()"],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def test_set_and_withdraw() -> None:
    before = logitkit.get_num_threads()
    assert source() != "set_num_threads"
    logitkit.set_num_threads(3)
    assert logitkit.get_num_threads() == 3
    assert source() == "set_num_threads"
    logitkit.set_num_threads(None)
    assert logitkit.get_num_threads() == before
    assert source() != "set_num_threads"


def test_the_context_manager_restores_what_was_set() -> None:
    logitkit.set_num_threads(3)
    with logitkit.num_threads(1):
        assert logitkit.get_num_threads() == 1
        with logitkit.num_threads(2):
            assert logitkit.get_num_threads() == 2
        assert logitkit.get_num_threads() == 1
    assert logitkit.get_num_threads() == 3


def test_the_context_manager_restores_that_nothing_was_set() -> None:
    before = logitkit.get_num_threads()
    with logitkit.num_threads(before + 1):
        assert source() == "set_num_threads"
        with logitkit.num_threads(None):
            assert logitkit.get_num_threads() == before
            assert source() != "set_num_threads"
        assert logitkit.get_num_threads() == before + 1
    assert logitkit.get_num_threads() == before
    assert source() != "set_num_threads"


def test_the_context_manager_restores_after_an_error() -> None:
    logitkit.set_num_threads(3)
    with pytest.raises(ZeroDivisionError), logitkit.num_threads(1):
        raise ZeroDivisionError
    assert logitkit.get_num_threads() == 3


@pytest.mark.parametrize("threads", [0, -1, 2**63])
def test_a_number_of_threads_out_of_range(threads: int) -> None:
    message = rf"threads={threads}; expected None for the package's setting, or an int >= 1"
    with pytest.raises(ValueError, match=message):
        logitkit.set_num_threads(threads)
    with pytest.raises(ValueError, match=message), logitkit.num_threads(threads):
        pass
    with pytest.raises(ValueError, match=message):
        logitkit.entropy(np.zeros((2, 3)), threads=threads)


@pytest.mark.parametrize("threads", [1.0, "2", [1]])
def test_a_number_of_threads_that_is_no_int(threads: Any) -> None:
    with pytest.raises(TypeError, match=r"threads=.* is not an int; expected None"):
        logitkit.set_num_threads(threads)
    with pytest.raises(TypeError, match=r"threads=.* is not an int; expected None"):
        logitkit.entropy(np.zeros((2, 3)), threads=threads)


def required(function: Any) -> list[inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return [each for each in parameters if each.default is inspect.Parameter.empty]


# What a function has to be given that is not logits.
GIVEN: dict[str, Any] = {
    "targets": np.arange(4),
    "target": 0.5,
    "k": 2,
    "low": 0.5,
    "high": 1.5,
    "alpha": 0.5,
    "p": 0.5,
    "epsilon": 0.1,
    "n": 1.0,
    "num_samples": 2,
    "seed": 1,
}
# Targets that are probabilities, one of each logit.
OWN = {"binary_cross_entropy": {"targets": 0.5}}
# A class, whose method does.
WITHOUT_THREADS = {"Mirostat"}


@pytest.mark.parametrize("name", sorted({*logitkit.reference.__all__} - WITHOUT_THREADS))
def test_every_statistic_takes_threads(name: str) -> None:
    positional, named = [], {}
    for each in required(getattr(logitkit, name)):
        value = (GIVEN | OWN.get(name, {})).get(each.name, np.zeros((4, 5), np.float32))
        if each.kind is inspect.Parameter.KEYWORD_ONLY:
            named[each.name] = value
        else:
            positional.append(value)
    for module in (logitkit, logitkit.reference):
        for threads in (None, 1, np.int16(2)):
            getattr(module, name)(*positional, **named, threads=threads)


def test_the_environment_in_its_order() -> None:
    everything = dict(zip(THREAD_VARIABLES, "345", strict=True))
    for variable in THREAD_VARIABLES:
        expected = {"number": int(everything[variable]), "source": variable}
        assert config_with(**everything)["threads"] == expected
        del everything[variable]
    assert config_with()["threads"]["source"] == "available cores"


def test_show_config_prints_what_it_returns(capsys: pytest.CaptureFixture[str]) -> None:
    assert logitkit.show_config() is None  # type: ignore[func-returns-value]
    assert json.loads(capsys.readouterr().out) == logitkit.show_config(mode="dicts")


def test_show_config_tells_versions_and_instruction_sets() -> None:
    config = logitkit.show_config(mode="dicts")
    found, in_use = _native.instruction_sets()
    assert config["logitkit"] == logitkit.__version__ == _native.__version__
    assert config["numpy"] == np.__version__
    assert config["instruction sets"] == {"found": found, "in use": in_use}
    assert config["threads"]["number"] == logitkit.get_num_threads()
    assert {"pyarrow", "tqdm", "fsspec", "matplotlib", "torch"} <= set(config["optional packages"])


def test_show_config_finds_packages_that_are_installed_and_no_others() -> None:
    packages = logitkit.show_config(mode="dicts")["optional packages"]
    import ml_dtypes

    assert packages["ml_dtypes"] == ml_dtypes.__version__
    assert all(version is None or version for version in packages.values())


def test_show_config_knows_two_modes() -> None:
    with pytest.raises(ValueError, match="mode='yaml' is not known"):
        logitkit.show_config(mode="yaml")  # type: ignore[call-overload]


def test_a_forced_instruction_set_is_shown() -> None:
    sets = config_with(LOGITKIT_ISA="portable")["instruction sets"]
    assert sets["in use"] == "portable"
