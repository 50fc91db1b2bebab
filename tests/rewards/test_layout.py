"""Packed, shared or padded: the same outputs, the same loss, the same gradients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.heavy
torch = pytest.importorskip("torch")

ids = st.lists(st.integers(7, 200), min_size=1, max_size=12)
families = st.lists(
    st.tuples(st.lists(st.integers(7, 200), max_size=12), st.lists(ids, min_size=1, max_size=4)),
    min_size=1,
    max_size=4,
).map(lambda made: [[[*prefix, *own] for own in owns] for prefix, owns in made])


@pytest.fixture(scope="module")
def model(causal: Path) -> Any:
    from rlaif.rewards.models import load_tokenizer, new_model

    torch.manual_seed(0)
    made: Any = new_model(causal, load_tokenizer(causal), 2)
    assert made.packs
    return made


def tokens(given: list[list[list[int]]]) -> list[list[Any]]:
    from rlaif.rewards.layout import Tokens

    return [[Tokens(text, tuple(range(0, len(text), 3))) for text in family] for family in given]


@given(families)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_layout_gives_the_same_outputs(model: Any, given: list[list[list[int]]]) -> None:
    from rlaif.rewards.layout import packed, padded

    texts = tokens(given)
    with torch.inference_mode():
        alone = model(**padded(texts, 3)).logits
        for batch in (packed(texts), packed(texts, share=False), padded(texts, 3, left=True)):
            assert torch.allclose(model(**batch).logits, alone, atol=1e-5)
    assert packed(texts)["input_ids"].numel() <= sum(len(t) for f in given for t in f)


@given(families)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_layout_gives_the_same_gradients(model: Any, given: list[list[list[int]]]) -> None:
    from rlaif.rewards.layout import packed, padded

    texts = tokens(given)
    found = []
    for batch in (padded(texts, 3), packed(texts), packed(texts, share=False)):
        model.zero_grad()
        loss = torch.nn.functional.softplus(model(**batch).logits).mean()
        loss.backward()
        found.append((loss.item(), {n: p.grad.clone() for n, p in model.named_parameters()}))
    for loss, gradients in found[1:]:
        assert loss == pytest.approx(found[0][0], abs=1e-6)
        for name, gradient in gradients.items():
            scale = float(found[0][1][name].abs().max()) + 1e-6
            assert torch.allclose(gradient, found[0][1][name], atol=1e-4 * scale), name


def test_a_prompt_is_there_once() -> None:
    from rlaif.rewards.layout import Tokens, packed

    batch = packed([[Tokens([1, 2, 3, 4]), Tokens([1, 2, 3, 5, 6])]])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 5, 6]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 3, 4]]
    assert batch["ends"].tolist() == [3, 5]
    assert batch["trees"] == ((3, (1, 2)),)


@pytest.mark.parametrize("window", [3, 5, 64])
def test_a_sliding_window_is_kept(window: int, tmp_path: Path) -> None:
    from transformers import MistralConfig, MistralForSequenceClassification

    from rlaif.rewards.attention import PACKED, register
    from rlaif.rewards.layout import Tokens, packed, padded
    from rlaif.rewards.models import _ready
    from tests.rewards.tiny import tokenizer

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=300, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, sliding_window=window, num_labels=1,
    )  # fmt: skip
    register()
    made: Any = _ready(MistralForSequenceClassification(config).eval(), tokenizer(), None)
    assert made.config._attn_implementation == PACKED
    texts = [[Tokens([*range(10, 30), 40, 41]), Tokens([*range(10, 30), 50])]]
    with torch.inference_mode():
        alone, row = made(**padded(texts, 3)).logits, made(**packed(texts)).logits
    assert torch.allclose(row, alone, atol=1e-5)
