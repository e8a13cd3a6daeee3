"""The rules of the house that a machine can check: names, signatures, docstrings, layers."""

import ast
import inspect
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import logitkit
import pytest
from logitkit import (
    _native,
    control,
    dist,
    divergences,
    losses,
    probabilities,
    reference,
    selection,
    stats,
    targets,
)

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"
PACKAGE = ROOT / "python" / "logitkit"

# The function of that name hides its module.
calibration = sys.modules["logitkit.calibration"]
TOPICS = (calibration, control, divergences, losses, probabilities, selection, stats, targets)
PUBLIC_FUNCTIONS = [
    name for name in logitkit.__all__ if inspect.isfunction(getattr(logitkit, name))
]
STATISTICS = [
    name
    for name in PUBLIC_FUNCTIONS
    if getattr(logitkit, name).__module__ in {module.__name__ for module in TOPICS}
]
CHOOSING = [
    name
    for name in PUBLIC_FUNCTIONS
    if getattr(logitkit, name).__module__
    in {
        f"logitkit.{name}" for name in ("filters", "order_filters", "sampling", "threshold_filters")
    }
]
# Statistics that are a few words of Python, without a kernel of their own.
DERIVED = {
    "binary_cross_entropy",
    "calibration",
    "dynamic_temperature",
    "fit_temperature",
    "perplexity",
    "temperature_for_entropy",
}
# Kernels that do more than the one in whose file they are, for an option of that statistic.
VARIANTS = {"entropy_gradient", "kl_divergence_gradient"}


def stub() -> dict[str, ast.FunctionDef]:
    tree = ast.parse((PACKAGE / "_native.pyi").read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


# Kernels that choose tokens: no statistics, and their folders are `filter` and `sample`.
CHOICES = {"candidates", "filter_logits", "sample", "sample_filtered"}
# What ends the names of kernels of weights, whose statistics are those of `logitkit.dist`.
OF_WEIGHTS = "_of_weights"


def kernels() -> set[str]:
    return {
        name
        for name, node in stub().items()
        if {"cells", "p_cells"} & {argument.arg for argument in node.args.args}
        and not name.endswith(OF_WEIGHTS)
        and name not in CHOICES
    }


def test_there_is_something_to_check() -> None:
    some = {"entropy", "token_stats", "log_prob", "kl_divergence", "compare_stats"}
    assert some <= set(STATISTICS)
    assert some <= kernels()


# One statistic: a kernel, a binding, a Python function, a reference function.


@pytest.mark.parametrize("name", [*STATISTICS, *CHOOSING])
def test_a_statistic_has_a_reference_with_the_same_signature(name: str) -> None:
    assert name in reference.__all__
    assert inspect.signature(getattr(reference, name)) == inspect.signature(getattr(logitkit, name))


@pytest.mark.parametrize("name", [*STATISTICS, *CHOOSING])
def test_a_statistic_and_its_reference_are_in_modules_of_the_same_name(name: str) -> None:
    module = getattr(logitkit, name).__module__
    assert getattr(reference, name).__module__ == module.replace("logitkit", "logitkit.reference")


def test_there_is_no_reference_without_a_function() -> None:
    assert set(reference.__all__) == {*STATISTICS, *CHOOSING, "Mirostat"}


@pytest.mark.parametrize("name", dist.__all__)
def test_a_function_of_dist_has_a_reference_with_the_same_signature(name: str) -> None:
    twin = getattr(reference.dist, name)
    assert inspect.signature(twin) == inspect.signature(getattr(dist, name))
    assert twin.__module__ == reference.dist.__name__


def test_folders_named_dist_are_looked_into(pytestconfig: pytest.Config) -> None:
    assert "dist" not in pytestconfig.getini("norecursedirs"), "pytest's default leaves them out"


def test_dist_and_its_reference_have_the_same_names() -> None:
    assert dist.__all__ == reference.dist.__all__
    assert {"entropy", "kl_divergence", "entropy_of_samples"} <= set(dist.__all__)


def test_a_statistic_has_a_binding_and_a_binding_a_statistic() -> None:
    assert (kernels() - VARIANTS) | DERIVED == set(STATISTICS)


def test_a_kernel_has_a_file_of_its_name() -> None:
    missing = {
        name for name in kernels() - VARIANTS if not (SOURCES / "row" / f"{name}.rs").is_file()
    }
    assert not missing


def test_a_kernel_of_weights_is_a_statistic_of_distributions() -> None:
    names = {name.removesuffix(OF_WEIGHTS) for name in stub() if name.endswith(OF_WEIGHTS)}
    assert names <= set(logitkit.dist.__all__)
    assert names


# The native module is what its stub says.


def test_the_native_module_has_the_names_of_its_stub() -> None:
    names = {name for name in dir(_native) if not name.startswith("_")}
    assert names == set(stub())
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", _native.__version__)


@pytest.mark.parametrize("name", sorted(stub()))
def test_a_native_function_has_the_parameters_of_its_stub(name: str) -> None:
    given = inspect.signature(getattr(_native, name)).parameters
    assert list(given) == [argument.arg for argument in stub()[name].args.args]


# Names and docstrings.


def test_every_public_name_exists() -> None:
    for module in (logitkit, reference, dist, reference.dist):
        assert sorted(set(module.__all__)) == sorted(module.__all__)
        assert not [name for name in module.__all__ if not hasattr(module, name)]


@pytest.mark.parametrize("file", ["__init__.py", "dist/__init__.py", "reference/__init__.py"])
def test_a_package_only_re_exports(file: str) -> None:
    first, *rest = ast.parse((PACKAGE / file).read_text()).body
    assert isinstance(first, ast.Expr), "the docstring comes first"
    *imports, exports = rest
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert isinstance(exports, ast.Assign)
    assert ast.unparse(exports.targets[0]) == "__all__"


def sections(function: Callable[..., Any]) -> dict[str, str]:
    """The parts of a numpydoc docstring by their headings."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(function) or "", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    "function",
    [
        *(pytest.param(getattr(logitkit, name), id=name) for name in PUBLIC_FUNCTIONS),
        *(pytest.param(getattr(dist, name), id=f"dist.{name}") for name in dist.__all__),
    ],
)
def test_a_docstring_documents_every_parameter_and_shows_an_example(
    function: Callable[..., Any],
) -> None:
    signature = inspect.signature(function)
    documented = sections(function)
    # One line may document several parameters of one kind: "p, q : array_like".
    lines = re.findall(r"^(\w+(?:, \w+)*) :", documented.get("Parameters", ""), flags=re.MULTILINE)
    listed = [name for line in lines for name in line.split(", ")]
    assert listed == list(signature.parameters)
    assert signature.return_annotation is None or "Returns" in documented
    assert ">>> import logitkit" in documented["Examples"]


@pytest.mark.parametrize(
    "record",
    [
        logitkit.Candidates,
        logitkit.CompareStats,
        logitkit.TokenStats,
        logitkit.TopK,
        logitkit.TopKLogProbs,
    ],
)
def test_the_docstring_of_a_record_documents_every_field(record: type) -> None:
    documented = sections(record)["Attributes"]
    fields = re.findall(r"^(\w+) :", documented, flags=re.MULTILINE)
    assert fields == list(inspect.signature(record).parameters)


# Layers: what may be used where.


def code(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a Rust file without their comments."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        yield number, re.sub(r"//.*", "", line)


def uses(pattern: str, *, below: str = "", but_not: tuple[str, ...] = ()) -> list[str]:
    """Where a pattern stands in the code below one folder of src, outside the folders named.

    The Rust tests, which may compare instruction sets, are no part of that code.
    """
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((SOURCES / below).rglob("*.rs"))
        if not any(path.is_relative_to(SOURCES / folder) for folder in but_not)
        if "tests" not in {*path.parts[len(SOURCES.parts) :], path.stem}
        for number, line in code(path)
        if re.search(pattern, line)
    ]


def test_unsafe_code_and_intrinsics_are_in_simd_alone() -> None:
    assert uses(r"\bunsafe\b", below="simd")
    assert not uses(r"\bunsafe\b|\b(std|core)::arch\b", but_not=("simd",))


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="libraries elsewhere have no such symbols, or no such kernels",
)
def test_intrinsics_are_compiled_into_their_kernels() -> None:
    # In a closure that is a function of its own they would be calls, and ten times as slow.
    library = Path(_native.__file__).read_bytes()
    assert re.search(rb"_native4simd\w+trampoline", library), "there are no symbols to look at"
    assert not set(re.findall(rb"core_arch\w*?(_mm\w+)", library))


def test_python_is_known_to_the_bindings_alone() -> None:
    assert uses(r"\bpyo3\b", below="bindings")
    assert not uses(r"\b(pyo3|numpy)\b", but_not=("bindings", "lib.rs"))


@pytest.mark.parametrize("folder", ["row", "select", "math"])
def test_kernels_know_neither_instruction_sets_nor_threads(folder: str) -> None:
    assert not uses(r"(?i)\b(avx\w*|sse\d*|neon)\b|\brayon\b|\bthread::", below=folder)


def test_importing_the_package_imports_no_optional_package() -> None:
    script = "import sys, logitkit; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    optional = set(logitkit.show_config(mode="dicts")["optional packages"])
    assert not optional & set(run.stdout.split())
