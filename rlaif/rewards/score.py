"""Scoring with a trained model: batches without padding, one order in, the same order out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from rlaif.errors import ConfigError, InputError
from rlaif.records import Message
from rlaif.rewards.combine import combine_attributes, combine_members
from rlaif.rewards.gate import Gate
from rlaif.rewards.layout import Family, Tokens, packed, padded
from rlaif.rewards.meta import Meta, read_meta
from rlaif.rewards.models import is_causal, load_tokenizer, to, trained_model
from rlaif.rewards.steps import encode_steps
from rlaif.rewards.texts import (
    Cut,
    Encoded,
    Formatter,
    TooLongError,
    conversation,
    template_digest,
)
from rlaif.weights import check_folder, remote_code

Prompt = str | Sequence[Message] | Sequence[dict[str, str]]
Floats = NDArray[np.float64]
TOKENS = 4096
"""Tokens of one forward where the caller says nothing."""


class RewardModel:
    """A model and how it was trained. Not safe for several threads at once."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        meta: Meta,
        tokens: int = TOKENS,
        gate: Gate | None = None,
    ) -> None:
        self.gate = gate
        self.model, self.tokenizer, self.meta, self.tokens = model.eval(), tokenizer, meta, tokens
        self.formatter = Formatter(tokenizer, meta.max_length, meta.too_long)
        self.device = next(model.parameters()).device
        self.cut: dict[Cut | Literal["dropped"], int] = {"prompt": 0, "response": 0, "dropped": 0}
        """How many texts were over the limit so far, by what was cut; the dropped have no score."""

    @classmethod
    def load(cls, folder: Path, *, device: str | None = None, **options: Any) -> RewardModel:
        """Load a folder, made here or elsewhere. Raises ConfigError where it is no such model.

        In float32 on a CPU; on a GPU in the dtype it was saved in.
        """
        check_folder(folder)
        tokenizer = load_tokenizer(folder)
        meta = read_meta(folder) or _foreign(folder, tokenizer)
        if template_digest(tokenizer) != meta.template:
            raise ConfigError(
                f"{folder}: its chat template is not the one it was trained with; put the"
                " tokenizer's own files back"
            )
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        options.setdefault("dtype", "auto" if device == "cuda" else torch.float32)
        process = meta.kind == "process"
        model = trained_model(folder, tokenizer, process=process, **options)
        gate = (
            Gate.load(folder).to(device) if meta.kind == "attributes" and not meta.weights else None
        )
        if gate and gate.labels != meta.labels:
            raise ConfigError(
                f"{folder}: its gate weighs {gate.labels}, its head has {meta.labels}"
            )
        return cls(model.to(device), tokenizer, meta, gate=gate)

    def score(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Floats:
        """One score a (prompt, response), shape (n,); higher is better.

        Several heads or attributes are combined as the model's record or gate says. Responses that
        follow each other with the same prompt share its computation. Raises InputError where the
        lengths differ, ConfigError for a process model.
        """
        if self.meta.kind == "process":
            raise ConfigError("a process reward model scores steps (score_steps), not responses")
        if self.gate is not None:
            outputs, states = self.outputs_and_states(prompts, responses)
            with torch.inference_mode():
                scores = self.gate.combine(states, torch.tensor(outputs, device=self.device))
            return scores.double().cpu().numpy()
        return self._combined(self.outputs(prompts, responses))

    def outputs(self, prompts: Sequence[Prompt], responses: Sequence[str]) -> Floats:
        """What the head says of each (prompt, response), shape (n, outputs).

        A text over the limit is cut; under the policy `drop` its outputs are NaN, under `error` it
        raises InputError.
        """
        families, kept, places = self._families(prompts, responses)
        made: Floats = np.full((len(responses), len(self.meta.labels)), np.nan)
        made[kept] = self._run(families)[places]
        return made

    def outputs_and_states(
        self, prompts: Sequence[Prompt], responses: Sequence[str]
    ) -> tuple[Floats, torch.Tensor]:
        """The outputs (n, outputs), and the hidden state (n, hidden) at each prompt's last token.

        Raises ConfigError for an encoder, in which a prompt's state depends on the response.
        """
        if not is_causal(self.model):
            raise ConfigError("a gate reads the prompt's own state, which only a causal base has")
        families, kept, places = self._families(prompts, responses, prompt_ends=True)
        size = self.model.config.get_text_config().hidden_size
        both = torch.zeros((2 * sum(map(len, families)), size), device=self.device)
        made: Floats = np.full((len(responses), len(self.meta.labels)), np.nan)
        made[kept] = self._run(families, both)[1::2][places]
        states = torch.zeros((len(responses), size), device=self.device)
        states[kept] = both[::2][places]
        return made, states

    def _families(
        self, prompts: Sequence[Prompt], responses: Sequence[str], prompt_ends: bool = False
    ) -> tuple[list[list[Tokens]], list[int], list[int]]:
        """Texts to run, those of one prompt together; which are scored; where each one's text is.

        Equal texts of one prompt are run once: their scores are equal to the last bit. Each is read
        at its end, with `prompt_ends` at the prompt's last token before.
        """
        if len(prompts) != len(responses):
            raise InputError(f"{len(prompts)} prompts, but {len(responses)} responses")
        families: list[list[Tokens]] = []
        kept: list[int] = []
        places: list[int] = []
        there: dict[str, int] = {}
        last: tuple[Message, ...] | None = None
        texts = 0
        for i, (given, response) in enumerate(zip(prompts, responses, strict=True)):
            prompt = conversation(given)
            encoded = self._encoded(prompt, response)
            if encoded is None:
                continue
            if prompt != last:
                families.append([])
                there = {}
            if response not in there:
                marks = (max(encoded.prompt - 1, 0), -1) if prompt_ends else (-1,)
                families[-1].append(Tokens(encoded.ids, marks))
                there[response] = texts
                texts += 1
            kept.append(i)
            places.append(there[response])
            last = prompt
        return families, kept, places

    def _encoded(self, prompt: Sequence[Message], response: str) -> Encoded | None:
        """One text's tokens, counted where it was cut; None where it is dropped."""
        try:
            encoded = self.formatter.encode(prompt, response)
        except TooLongError as error:
            if self.meta.too_long == "error":
                raise InputError(f"{error} (too_long: error)") from None
            self.cut["dropped"] += 1
            return None
        if encoded.cut:
            self.cut[encoded.cut] += 1
        return encoded

    def score_steps(self, problems: Sequence[str], steps: Sequence[Sequence[str]]) -> list[Floats]:
        """P(the step is right) of every step of each solution, in order.

        Steps beyond the limit are given NaN and counted in `cut`. Raises ConfigError for a model
        that is no process model.
        """
        if self.meta.kind != "process":
            raise ConfigError("this model scores responses, not steps: call score")
        texts = [
            encode_steps(self.tokenizer, problem, solution, self.meta.max_length)
            for problem, solution in zip(problems, steps, strict=True)
        ]
        logits = self._run([[text] for text in texts if text.marks])
        right = _right(logits)
        made: list[Floats] = []
        start = 0
        for text, solution in zip(texts, steps, strict=True):
            scores = np.full(len(solution), np.nan)
            scores[: len(text.marks)] = right[start : start + len(text.marks)]
            start += len(text.marks)
            self.cut["response"] += len(text.marks) < len(solution)
            made.append(scores)
        return made

    def _combined(self, outputs: Floats) -> Floats:
        if self.meta.kind == "attributes":
            return combine_attributes(outputs, self.meta.labels, self.meta.weights)
        return combine_members(outputs.T, self.meta.combine, penalty=self.meta.penalty)

    @torch.inference_mode()
    def _run(self, families: Sequence[Family], states: torch.Tensor | None = None) -> Floats:
        """Outputs (m, outputs) of all marks, in the order of `families`.

        `states` (m, hidden), where given, takes the hidden states there.
        """
        sizes = [sum(len(text.marks) for text in family) for family in families]
        starts = np.concatenate(([0], np.cumsum(sizes))).astype(int)
        made: Floats = np.zeros((int(starts[-1]), len(self.meta.labels)))
        for group in self._batches(families):
            chosen = [families[i] for i in group]
            batch = (
                packed(chosen) if self.model.packs else padded(chosen, self.tokenizer.pad_token_id)
            )
            said = self.model(**to(batch, self.device))
            logits = said.logits.double().cpu().numpy()
            at = 0
            for i in group:
                made[starts[i] : starts[i + 1]] = logits[at : at + sizes[i]]
                if states is not None:
                    states[starts[i] : starts[i + 1]] = said.hidden_states[0][at : at + sizes[i]]
                at += sizes[i]
        return made

    def _batches(self, families: Sequence[Family]) -> Iterator[list[int]]:
        """Indices of families of like length, each group within `tokens` (one family at least)."""
        lengths = [max(len(text.ids) for text in family) for family in families]
        group: list[int] = []
        tokens = 0
        for i in sorted(range(len(families)), key=lengths.__getitem__, reverse=True):
            cost = sum(len(text.ids) for text in families[i])
            if group and tokens + cost > self.tokens:
                yield group
                group, tokens = [], 0
            group.append(i)
            tokens += cost
        if group:
            yield group


def _right(logits: Floats) -> Floats:
    """P(right) of two logits a step (wrong, right)."""
    return np.asarray(expit(logits[:, 1] - logits[:, 0]))


def _foreign(folder: Path, tokenizer: Any) -> Meta:
    """A model that was not trained here: one scalar, as long as its positions reach."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), trust_remote_code=remote_code())
    if config.num_labels != 1:
        raise ConfigError(
            f"{folder}: no rlaif.json, and its head has {config.num_labels} outputs; a reward"
            " model made elsewhere needs one (num_labels 1)"
        )
    limit = int(getattr(config.get_text_config(), "max_position_embeddings", 4096) or 4096)
    return Meta(max_length=min(limit, 4096), template=template_digest(tokenizer), base=str(folder))
