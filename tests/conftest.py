"""What every test may use: each instruction set that this machine has."""

from collections.abc import Iterator
from types import ModuleType

import logitkit
import pytest
from logitkit import _native, reference

INSTRUCTION_SETS = ("portable", "avx2", "avx512")


def pytest_report_header() -> list[str]:
    found, chosen = _native.instruction_sets()
    absent = [name for name in INSTRUCTION_SETS if name not in found]
    header = [f"logitkit: instruction sets {', '.join(found)}; {chosen} where a test names none"]
    if absent:
        header.append(f"logitkit: NOT TESTED, this machine lacks {', '.join(absent)}")
    return header


@pytest.fixture(scope="module", params=INSTRUCTION_SETS)
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once on every instruction set; one that the machine lacks is a skip."""
    name: str = request.param
    found, _ = _native.instruction_sets()
    if name not in found:
        pytest.skip(f"this machine lacks {name}: nothing here tested it")
    _native.use_instruction_set(name)
    assert _native.instruction_sets()[1] == name, "the switch did not take"
    yield name
    _native.use_instruction_set(None)


@pytest.fixture(params=[logitkit, reference], ids=lambda module: module.__name__)
def implementation(request: pytest.FixtureRequest) -> ModuleType:
    """Whatever filters and samples: each must give what the tables say."""
    module: ModuleType = request.param
    return module
