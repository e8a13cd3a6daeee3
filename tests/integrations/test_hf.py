"""The warpers against those of transformers, where it is installed."""

import doctest
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from logitkit import steps  # noqa: E402
from logitkit.integrations import hf  # noqa: E402
from transformers.generation import logits_process as theirs  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")
IDS = torch.tensor([[1], [2], [3], [4]])
SCORES = torch.from_numpy(np.random.default_rng(7).normal(0, 3, (4, 500)).astype(np.float32))

PAIRS: list[tuple[Any, Any, dict[str, Any]]] = [
    (hf.ExactTopKLogitsWarper, theirs.TopKLogitsWarper, {"top_k": 7}),
    (hf.ExactTopKLogitsWarper, theirs.TopKLogitsWarper, {"top_k": 900}),
    (hf.ExactTopPLogitsWarper, theirs.TopPLogitsWarper, {"top_p": 0.83}),
    (hf.ExactTopPLogitsWarper, theirs.TopPLogitsWarper, {"top_p": 0.1, "min_tokens_to_keep": 5}),
    (hf.ExactMinPLogitsWarper, theirs.MinPLogitsWarper, {"min_p": 0.07, "filter_value": -1e4}),
    (hf.ExactTypicalLogitsWarper, theirs.TypicalLogitsWarper, {"mass": 0.7}),
    (hf.ExactEpsilonLogitsWarper, theirs.EpsilonLogitsWarper, {"epsilon": 0.003}),
    (hf.ExactEtaLogitsWarper, theirs.EtaLogitsWarper, {"epsilon": 0.003, "device": "cpu"}),
    (hf.ExactTopHLogitsWarper, theirs.TopHLogitsWarper, {"top_h": 0.4}),
]


@pytest.mark.parametrize(("own", "other", "arguments"), PAIRS)
def test_a_warper_keeps_what_that_of_transformers_keeps(
    own: Any, other: Any, arguments: dict[str, Any]
) -> None:
    before = SCORES.clone()
    torch.testing.assert_close(own(**arguments)(IDS, SCORES), other(**arguments)(IDS, SCORES))
    assert torch.equal(SCORES, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_dtypes(dtype: Any) -> None:
    scores = SCORES.to(dtype)
    kept = hf.ExactTopKLogitsWarper(9)(IDS, scores)
    assert kept.dtype == dtype
    torch.testing.assert_close(kept, theirs.TopKLogitsWarper(9)(IDS, scores))


def test_a_chain_in_a_list_of_processors() -> None:
    chain = hf.LogitkitProcessor(temperature=0.7, top_k=50, top_p=0.9, min_p=0.02)
    assert isinstance(chain, transformers.LogitsProcessor)
    separate = transformers.LogitsProcessorList(
        [
            theirs.TemperatureLogitsWarper(0.7),
            theirs.TopKLogitsWarper(50),
            theirs.TopPLogitsWarper(0.9),
            theirs.MinPLogitsWarper(0.02),
        ]
    )
    together = transformers.LogitsProcessorList([chain])
    torch.testing.assert_close(together(IDS, SCORES), separate(IDS, SCORES))
    per_row = hf.LogitkitProcessor([steps.TopK([1, 2, 3, 4])])
    assert torch.isfinite(per_row(IDS, SCORES)).sum(dim=1).tolist() == [1, 2, 3, 4]


def test_in_generate() -> None:
    config = transformers.GPT2Config(
        vocab_size=60,
        n_positions=32,
        n_embd=16,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config).eval()
    prompt = torch.tensor([[5, 6, 7]])
    options = {"do_sample": True, "max_new_tokens": 8, "pad_token_id": 0}
    torch.manual_seed(1)
    own = model.generate(
        prompt, logits_processor=[hf.LogitkitProcessor(top_k=9, top_p=0.8)], top_k=0, **options
    )
    torch.manual_seed(1)
    expected = model.generate(prompt, top_k=9, top_p=0.8, **options)
    assert own.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("own", "arguments", "message"),
    [
        (hf.ExactTopKLogitsWarper, {"top_k": 0}, "top_k=0; expected an int >= 1"),
        (hf.ExactTopPLogitsWarper, {"top_p": 1.5}, "top_p=1.5; expected a number from 0 to 1"),
        (hf.ExactMinPLogitsWarper, {"min_p": -1.0}, "expected a number from 0"),
        (hf.ExactTypicalLogitsWarper, {"mass": 1.0}, "mass=1.0; expected"),
        (hf.ExactEpsilonLogitsWarper, {"epsilon": 0.0}, "epsilon=0.0; expected"),
        (hf.ExactEtaLogitsWarper, {"epsilon": 0.1, "device": "meta"}, "expected the CPU"),
        (hf.ExactTopHLogitsWarper, {"top_h": 0.0}, "top_h=0.0; expected"),
        (hf.ExactTopPLogitsWarper, {"top_p": 0.5, "min_tokens_to_keep": 0}, "min_keep=0"),
    ],
)
def test_bad_arguments(own: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own(**arguments)


def test_other_devices_and_options() -> None:
    with pytest.raises(ValueError, match=r"scores are on meta; expected a tensor in main memory"):
        hf.LogitkitProcessor(top_k=2)(IDS, SCORES.to("meta"))
    with pytest.raises(TypeError, match="axis is no option; expected"):
        hf.LogitkitProcessor(top_k=2, axis=0)
    assert repr(hf.LogitkitProcessor(top_k=2)) == "LogitkitProcessor(top_k=2)"


def test_the_examples_of_the_docstrings() -> None:
    flags = doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(hf, optionflags=flags).failed == 0
