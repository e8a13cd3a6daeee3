"""Ray Data on a local cluster: the same bytes as the command, also if a worker dies."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from logitkit.jobs import score

from ..command.files import random_logits, random_targets, write_safetensors

ray = pytest.importorskip("ray.data", reason="NOT TESTED, Ray Data: it is not installed")

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_score.py"

# Ray warns of its own deprecations, and leaves sockets to the collector.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ray_score", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ray_score"] = module
    spec.loader.exec_module(module)
    # Its functions go to the workers by value: they have no such module.
    import ray

    ray.cloudpickle.register_pickle_by_value(module)
    return module


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for i in range(4):
        logits = random_logits(300 + i, 500, seed=i)
        targets = random_targets(300 + i, vocab=500, seed=i)
        write_safetensors(folder / f"{i}.safetensors", logits=logits, targets=targets)
    return folder


@pytest.mark.parametrize("dying", [False, True])
@pytest.mark.usefixtures("cluster")
def test_same_bytes_as_the_command(
    dying: bool, example: ModuleType, shards: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "died"
    for suffix in (".parquet", ".csv"):
        score(shards, tmp_path / f"command{suffix}")
        mark.unlink(missing_ok=True)
        rows = example.score_shards(
            str(shards), str(tmp_path / f"ray{suffix}"), str(mark) if dying else None
        )
        assert rows == 1206
        assert mark.exists() == dying
        once, other = ((tmp_path / f"{n}{suffix}").read_bytes() for n in ("command", "ray"))
        assert once == other
