"""Transformers in this process: a hub id or a folder of safetensors, on a GPU where there is one.

Jobs that wait are answered in batches of like length (`batcher`). A group's shared prefix is read
once and its keys and values are kept (`prefixes`), where the model's cache is a plain one. Answers
depend on the batch only by rounding: under 1e-4 in log-odds in float32, more in bfloat16, which is
what most models use on a GPU. (The GPU path is the same code, but no GPU was at hand to run it.)

Weights are safetensors only, and no code of a repository is run.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif import weights
from rlaif.calls.request import CallError, Failure
from rlaif.clients.batcher import Batcher
from rlaif.clients.runtime import Done, Job
from rlaif.errors import ConfigError, MissingExtra
from rlaif.records import Message, digest

if TYPE_CHECKING:
    import torch


def require() -> None:
    """Raises MissingExtra where torch or transformers is not installed."""
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, "transformers", "a local model in safetensors")


def identity(model: str) -> str:
    """What names the model in every key: a folder's digest, or the hub id."""
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ConfigError(f"{folder}: there are no safetensors files; other formats are not loaded")
    marks = weights.cache_folder() / "marks"
    shaping = [path.read_text() for path in sorted(folder.glob("*.json"))]
    return digest([weights.sha256_of(path, marks) for path in files], shaping)[:16]


class Transformers:
    """One loaded model; see `Runtime`. `parallel` is the largest batch."""

    def __init__(self, model: str, context: int, parallel: int, threads: int | None) -> None:
        """Load it. Raises ConfigError where it cannot be, with what transformers said."""
        require()
        import torch

        from rlaif.clients.prefixes import Prefixes

        if threads is not None:
            torch.set_num_threads(threads)
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer, loaded = _load(model, self._device)
        self._model: Any = loaded.to(self._device).eval()
        version = importlib.metadata.version("transformers")
        commit = getattr(self._model.config, "_commit_hash", None) or "local"
        self.version = f"{model} ({commit[:12]}, transformers {version}, {self._device})"
        self._tokenizing = threading.Lock()
        self._prefixes = Prefixes(self._model, self._device)
        self._batcher = Batcher(self._answer, parallel)

    def tokens(self, text: str, special: bool = False) -> list[int]:
        """See `Runtime`."""
        plain = not special
        with self._tokenizing:  # whether markers are read is a state of the tokenizer
            kept = self._tokenizer(text, add_special_tokens=False, split_special_tokens=plain)
        return list(kept["input_ids"])

    def render(self, messages: Sequence[Message]) -> str:
        """See `Runtime`."""
        chat = [{"role": m.role, "content": m.content} for m in messages]
        try:
            rendered = self._tokenizer.apply_chat_template(
                chat, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # a template may raise anything, jinja2's errors above all
            raise CallError(Failure.BAD_REQUEST, f"the chat template failed: {error}") from None
        return str(rendered)

    def submit(self, job: Job) -> Future[Done]:
        """See `Runtime`."""
        return self._batcher.submit(job)

    def close(self) -> None:
        """See `Runtime`."""
        self._batcher.close()
        self._prefixes.close()
        self._model = None
        if self._device == "cuda":
            self._torch.cuda.empty_cache()

    def _answer(self, jobs: list[Job]) -> list[Done]:
        """A batch of jobs of one kind, see `Batcher`."""
        with self._torch.inference_mode():
            return self._write(jobs) if jobs[0].max_tokens else self._read(jobs)

    def _read(self, jobs: list[Job]) -> list[Done]:
        """Next-token probabilities of each job, after its cached prefix where there is one."""
        torch = self._torch
        had = [self._prefixes.has(job) for job in jobs]
        prefixes = [self._prefixes.of(job) for job in jobs]
        cut = [job.shared if prefix else 0 for job, prefix in zip(jobs, prefixes, strict=True)]
        rest = [job.tokens[n:] for job, n in zip(jobs, cut, strict=True)]
        ids, mask = self._pad(rest)
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + torch.tensor(cut).unsqueeze(-1).to(ids)
        cache, past = self._prefixes.stack(prefixes, cut)
        out = self._model(
            input_ids=ids,
            attention_mask=mask if past is None else torch.cat([past, mask], -1),
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=1,
        )
        probs = out.logits[:, -1].float().softmax(-1).cpu()
        return [
            Done(
                len(job.tokens),
                n if known else 0,
                tuple(float(probs[row, token]) for token in job.wanted),
            )
            for row, (job, n, known) in enumerate(zip(jobs, cut, had, strict=True))
        ]

    def _write(self, jobs: list[Job]) -> list[Done]:
        """Generate for each job; a row's draws come from its own seed, whatever its batch."""
        from rlaif.clients.sampling import RowNoise, Unwanted

        ids, mask = self._pad([job.tokens for job in jobs])
        out = self._model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=jobs[0].max_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=self._pad_id,
            logits_processor=[RowNoise(jobs)],
            stopping_criteria=[Unwanted(jobs)],
        )[:, ids.shape[1] :].tolist()
        return [self._written(job, row) for job, row in zip(jobs, out, strict=True)]

    def _written(self, job: Job, row: list[int]) -> Done:
        ends = self._model.generation_config.eos_token_id
        stops = set(ends) if isinstance(ends, list) else {ends}
        length = next((i for i, token in enumerate(row) if token in stops), len(row))
        return Done(
            tokens_in=len(job.tokens),
            tokens_cached=0,
            text=str(self._tokenizer.decode(row[:length], skip_special_tokens=True)),
            tokens_out=min(length + 1, len(row)),
            truncated=length == len(row),
        )

    @property
    def _pad_id(self) -> int:
        """Any id will do: padding is masked."""
        return int(self._tokenizer.pad_token_id or 0)

    def _pad(self, rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and mask of shape (rows, longest), padded on the left."""
        longest = max(map(len, rows))
        ids = [[self._pad_id] * (longest - len(row)) + row for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return (
            self._torch.tensor(ids, device=self._device),
            self._torch.tensor(mask, device=self._device),
        )


def _load(model: str, device: str) -> tuple[Any, Any]:
    """The tokenizer and the model. Raises ConfigError."""
    import torch
    import transformers

    path = str(Path(model).expanduser()) if Path(model).expanduser().is_dir() else model
    try:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(path)
        loaded = transformers.AutoModelForCausalLM.from_pretrained(
            path,
            use_safetensors=True,
            trust_remote_code=False,
            dtype="auto" if device == "cuda" else torch.float32,
        )
    except (OSError, ValueError, ImportError) as error:
        raise ConfigError(f"{model} cannot be loaded: {str(error).splitlines()[0]}") from None
    if tokenizer.chat_template is None:
        raise ConfigError(f"{model} has no chat template: take an instruction-tuned model")
    return tokenizer, loaded
