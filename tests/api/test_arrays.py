"""Every kind of array that is accepted gives the right numbers in place; every other, its error."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import logitkit
import ml_dtypes
import numpy as np
import pytest
from logitkit import reference
from logitkit._arrays import as_rows

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(t) for t in (np.float32, np.float16, np.float64, BFLOAT16)]

# The tests of acceptance hold for the core and for the reference, which share the door.
both = pytest.mark.parametrize("module", [logitkit, reference], ids=["core", "reference"])
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)


def logits_of(dtype: np.dtype[Any], shape: tuple[int, ...] = (5, 37)) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).normal(0, 3, shape).astype(dtype)


def expected_entropy(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return reference.entropy(np.array(logits, dtype=np.float64))


def check(module: Any, given: Any, logits: np.ndarray[Any, Any], **arguments: Any) -> None:
    """`given` has the values of `logits`, and so must have its entropy."""
    np.testing.assert_allclose(
        module.entropy(given, **arguments), expected_entropy(logits), rtol=1e-6
    )


def misaligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    buffer = np.zeros(array.nbytes + 1, np.uint8)[1:]
    result = buffer.view(array.dtype).reshape(array.shape)
    result[...] = array
    assert not result.flags.aligned
    return result


LAYOUTS = {
    "contiguous": lambda x: x,
    "fortran": np.asfortranarray,
    "every other token": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "misaligned": misaligned,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder("S")),
    "byte-swapped, strided": lambda x: np.repeat(x, 3, axis=-1).astype(x.dtype.newbyteorder("S"))[
        :, 1::3
    ],
}


@both
@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_read_in_place(module: Any, dtype: np.dtype[Any], layout: str) -> None:
    logits = logits_of(dtype)
    given = LAYOUTS[layout](logits)
    given.setflags(write=False)
    assert np.shares_memory(as_rows(given).cells, given)
    check(module, given, logits)


# What stands beside five rows, in any layout that one axis can have.
BESIDE: dict[str, tuple[Callable[..., Any], np.ndarray[Any, Any]]] = {
    "targets": (lambda m, x, given: m.rank(x, given), np.array([3, 36, 0, 7, 7])),
    "several targets": (lambda m, x, given: m.log_prob(x, given), np.arange(15).reshape(5, 3)),
    "ids of a loss": (lambda m, x, given: m.cross_entropy(x, given), np.array([3, 36, 0, 7, 7])),
    "temperature": (
        lambda m, x, given: m.entropy(x, temperature=given),
        np.array([0.5, 1.0, 2.0, 3.0, 0.1]),
    ),
    "weight": (
        lambda m, x, given: m.cross_entropy(x, np.arange(5), weight=given),
        np.linspace(0.5, 2.0, 37),
    ),
    "top_p": (lambda m, x, given: m.top_p_filter(x, given), np.array([0.5, 0.9, 1.0, 0.1, 0.3])),
    "seed": (lambda m, x, given: m.sample(x, seed=given), np.arange(5, dtype=np.uint64)),
}


@both
@pytest.mark.parametrize("layout", ["misaligned", "byte-swapped", "every other token", "fortran"])
@pytest.mark.parametrize("what", BESIDE)
def test_layouts_of_what_stands_beside_logits(module: Any, what: str, layout: str) -> None:
    call, values = BESIDE[what]
    logits = logits_of(np.dtype(np.float32))
    found = call(module, logits, LAYOUTS[layout](values))
    np.testing.assert_array_equal(found, call(module, logits, values))


@both
@each_dtype
def test_results_have_their_dtype(module: Any, dtype: np.dtype[Any]) -> None:
    wide = module is reference or dtype == np.float64
    logits = logits_of(dtype)
    result = module.token_stats(logits, np.zeros(5, np.int8))
    for name in ("max", "logsumexp", "entropy", "varentropy", "max_prob", "log_prob"):
        assert getattr(result, name).dtype == (np.float64 if wide else np.float32), name
    assert result.argmax.dtype == result.rank.dtype == np.int64
    assert result.valid.dtype == np.bool_
    assert type(module.entropy(logits[0])) is (np.float64 if wide else np.float32)


@both
@pytest.mark.parametrize("shape", [(0, 7), (3, 0, 7), (7,), (2, 1), (1, 1, 1), (1,)])
def test_zero_rows_and_a_vocabulary_of_one(module: Any, shape: tuple[int, ...]) -> None:
    logits = logits_of(np.dtype(np.float32), shape)
    result = module.token_stats(logits, np.zeros(shape[:-1], np.int64))
    for name in ("max", "argmax", "entropy", "log_prob", "rank", "valid"):
        assert getattr(result, name).shape == shape[:-1]
    if shape[-1] == 1:
        assert np.all(result.entropy == 0)
        assert np.all(result.log_prob == 0)
        assert np.all(result.max_prob == 1)
        assert np.all(result.logsumexp == logits[..., 0])


@both
def test_a_memory_map_is_read_in_place(module: Any, tmp_path: Path) -> None:
    logits = logits_of(np.dtype(np.float32))
    np.save(tmp_path / "logits.npy", logits)
    given = np.load(tmp_path / "logits.npy", mmap_mode="r")
    assert np.shares_memory(as_rows(given).cells, given)
    check(module, given, logits)
    assert type(module.entropy(given)) is np.ndarray


@both
@each_dtype
def test_logits_are_not_changed(module: Any, dtype: np.dtype[Any]) -> None:
    logits = logits_of(dtype)
    before = logits.tobytes()
    module.token_stats(logits, [0] * 5, temperature=0.5)
    assert logits.tobytes() == before


@both
def test_lists_of_floats_count_as_float64(module: Any) -> None:
    result = module.entropy([[0.0, 0.0], [0.0, -np.inf]])
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, [np.log(2), 0])


# bfloat16


@both
@pytest.mark.parametrize("bits", ["uint16", "swapped uint16", "void", "strided uint16"])
def test_bfloat16_bits(module: Any, bits: str) -> None:
    logits = logits_of(BFLOAT16)
    given = {
        "uint16": logits.view(np.uint16),
        "swapped uint16": logits.view(np.uint16).astype(np.dtype(np.uint16).newbyteorder("S")),
        "void": logits.view("V2"),
        "strided uint16": np.repeat(logits.view(np.uint16), 2, axis=-1)[:, ::2],
    }[bits]
    assert np.shares_memory(as_rows(given, -1, "bfloat16").cells, given)
    check(module, given, logits, dtype="bfloat16")


@both
def test_dtype_may_repeat_what_a_bfloat16_array_says(module: Any) -> None:
    logits = logits_of(BFLOAT16)
    check(module, logits, logits, dtype="bfloat16")


@both
@pytest.mark.parametrize("dtype", ["uint16", "V2"])
def test_bits_without_dtype_are_an_error_that_names_it(module: Any, dtype: str) -> None:
    with pytest.raises(TypeError, match='dtype="bfloat16"'):
        module.entropy(np.zeros((2, 3), dtype))


@both
def test_dtype_that_does_not_fit(module: Any) -> None:
    with pytest.raises(TypeError, match="dtype float32; expected uint16"):
        module.entropy(np.zeros((2, 3), np.float32), dtype="bfloat16")
    with pytest.raises(ValueError, match="dtype='float32' is not known"):
        module.entropy(np.zeros((2, 3), np.float32), dtype="float32")


# Arrays of others


class DLPackOnly:
    """What only DLPack knows to read, on a device of one's choice."""

    def __init__(self, array: np.ndarray[Any, Any], device: int = 1) -> None:
        self.array = array
        self.device = device

    def __dlpack__(self, **arguments: Any) -> Any:
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0


class Sharded(DLPackOnly):
    """As JAX has it: spread over devices, which DLPack cannot say."""

    def __dlpack_device__(self) -> tuple[int, int]:
        raise BufferError("only for unsharded arrays")


@both
def test_dlpack(module: Any) -> None:
    logits = logits_of(np.dtype(np.float32))
    assert np.shares_memory(as_rows(DLPackOnly(logits)).cells, logits)
    check(module, DLPackOnly(logits), logits)


@both
def test_an_array_on_another_device_is_an_error(module: Any) -> None:
    with pytest.raises(TypeError, match=r"DLPackOnly is on a device .* copy it to the CPU"):
        module.entropy(DLPackOnly(np.zeros((2, 3), np.float32), device=2))
    with pytest.raises(TypeError, match=r"Sharded cannot be read in place .*unsharded"):
        module.entropy(Sharded(np.zeros((2, 3), np.float32)))


@both
def test_objects_with_an_array_method(module: Any) -> None:
    logits = logits_of(BFLOAT16)

    class Wrapper:
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return logits

    assert np.shares_memory(as_rows(Wrapper()).cells, logits)  # type: ignore[arg-type]
    check(module, Wrapper(), logits)


@both
def test_subclasses_of_ndarray_give_plain_results(module: Any) -> None:
    class Labelled(np.ndarray[Any, Any]):
        pass

    logits = logits_of(np.dtype(np.float32))
    check(module, logits.view(Labelled), logits)
    assert type(module.entropy(logits.view(Labelled))) is np.ndarray


class Tensor:
    """The part of a PyTorch tensor that is relied on."""

    def __init__(
        self, array: np.ndarray[Any, Any], dtype: str, device: str = "cpu", grad: bool = False
    ) -> None:
        self.array, self.dtype, self.requires_grad = array, dtype, grad
        self.device = SimpleNamespace(type=device.partition(":")[0])

    def detach(self) -> "Tensor":
        return Tensor(self.array, self.dtype)

    def view(self, dtype: str) -> "Tensor":
        return Tensor(self.array.view(dtype), dtype)

    def numpy(self) -> np.ndarray[Any, Any]:
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self.dtype == "bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.array


@pytest.fixture
def tensors_are_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = SimpleNamespace(Tensor=Tensor, bfloat16="bfloat16", int16="int16")
    monkeypatch.setitem(sys.modules, "torch", torch)


@both
@pytest.mark.usefixtures("tensors_are_of_torch")
@each_dtype
@pytest.mark.parametrize("grad", [False, True])
def test_tensors_are_read_in_place(module: Any, dtype: np.dtype[Any], grad: bool) -> None:
    logits = logits_of(dtype)
    given: Any = Tensor(logits, dtype.name, grad=grad)
    assert np.shares_memory(as_rows(given).cells, logits)
    check(module, given, logits)


@both
@pytest.mark.usefixtures("tensors_are_of_torch")
def test_a_tensor_on_another_device_is_an_error(module: Any) -> None:
    logits = Tensor(logits_of(np.dtype(np.float32)), "float32", device="cuda:0")
    with pytest.raises(TypeError, match=r"logits: the tensor is on device .*cuda.*\.cpu\(\)"):
        module.entropy(logits)


@pytest.mark.usefixtures("tensors_are_of_torch")
def test_bfloat16_tensors_are_neither_temperatures_nor_targets() -> None:
    logits = logits_of(np.dtype(np.float32))
    other = Tensor(np.ones(5, BFLOAT16), "bfloat16")
    with pytest.raises(TypeError, match="temperature of dtype bfloat16"):
        logitkit.entropy(logits, temperature=other)
    with pytest.raises(TypeError, match="targets of dtype bfloat16"):
        logitkit.rank(logits, other)


@both
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_pytorch(module: Any, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    logits = logits_of(np.dtype(np.float64))
    tensor = torch.from_numpy(logits).to(getattr(torch, dtype)).requires_grad_()
    assert as_rows(tensor).cells.ctypes.data == tensor.data_ptr()
    exact = tensor.detach().double().numpy()
    check(module, tensor, exact)
    check(module, tensor.detach().T.contiguous().T, exact)
    target = torch.tensor([1, 2, 3, 4, 5])
    np.testing.assert_array_equal(
        module.rank(tensor, target), reference.rank(exact, target.numpy())
    )
    with pytest.raises(TypeError, match=r"\.cpu\(\)"):
        module.entropy(tensor.to("meta"))


@both
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_jax(module: Any, dtype: str) -> None:
    jax = pytest.importorskip("jax")
    array = jax.numpy.asarray(logits_of(np.dtype(np.float32)), dtype=dtype)
    assert as_rows(array).cells.ctypes.data == array.unsafe_buffer_pointer()
    check(module, array, np.asarray(array).astype(np.float64))


# What is not accepted


REFUSED: dict[str, tuple[Any, str]] = {
    "int": (np.zeros((2, 3), np.int64), "dtype int64; expected float32.*np.float32"),
    "list of int": ([[1, 2, 3]], "dtype int64; expected float32"),
    "bool": (np.zeros((2, 3), bool), "dtype bool; expected float32"),
    "complex": (np.zeros((2, 3), complex), r"dtype complex128; .*\.real"),
    "object": (np.zeros((2, 3), object), "dtype object; expected float32"),
    "string": (np.array([["1.0", "2.0"]]), "dtype <U3; expected float32"),
    "time": (np.zeros((2, 3), "m8[s]"), r"dtype timedelta64\[s\]; expected float32"),
    "float8": (np.zeros((2, 3), ml_dtypes.float8_e4m3fn), "dtype float8_e4m3fn; expected float32"),
    "four bits": (np.zeros((2, 3), ml_dtypes.int4), "dtype int4; expected float32"),
    "record": (np.zeros((2, 3), "u1,u1"), "expected float32"),
    "None": (None, "dtype object; expected float32"),
    "masked": (np.ma.masked_array(np.zeros((2, 3)), mask=True), "masked arrays.*-inf"),
}


@both
@pytest.mark.parametrize("kind", REFUSED)
def test_refused_arrays_say_what_to_do(module: Any, kind: str) -> None:
    given, message = REFUSED[kind]
    with pytest.raises(TypeError, match=message):
        module.entropy(given)


@both
def test_long_double_is_refused_not_narrowed(module: Any) -> None:
    with pytest.raises(TypeError, match=r"expected float32.*\.astype\(np\.float64\)"):
        module.entropy(np.zeros((2, 3), np.longdouble))


@both
@pytest.mark.parametrize("given", [np.float32(1), np.zeros((), np.float16), 1.5])
def test_a_number_is_no_row(module: Any, given: Any) -> None:
    with pytest.raises(
        ValueError, match=r"logits have no axes .* expected shape \(\.\.\., vocab\)"
    ):
        module.entropy(given)


@both
@pytest.mark.parametrize(
    ("shape", "axis"), [((0,), -1), ((3, 0), -1), ((0, 3), 0), ((2, 0, 3), 1), ((0, 0), -1)]
)
def test_an_empty_vocabulary_is_an_error(module: Any, shape: tuple[int, ...], axis: int) -> None:
    with pytest.raises(ValueError, match=r"the vocabulary axis of logits is empty") as error:
        module.entropy(np.zeros(shape, np.float32), axis=axis)
    assert str(shape) in str(error.value)
