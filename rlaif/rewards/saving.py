"""From a trained model to a folder that anyone loads: calibrated, written whole, checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rlaif.errors import StoppedError
from rlaif.measures.calibration import log_losses
from rlaif.measures.maps import fit_isotonic, fit_linear, squash
from rlaif.records import RankedSet, TrainingPair
from rlaif.rewards.dataset import Data
from rlaif.rewards.ensemble import RewardEnsemble
from rlaif.rewards.members import Ensemble, write_ensemble
from rlaif.rewards.meta import Calibration, Meta, Normalisation, write_meta
from rlaif.rewards.models import quiet
from rlaif.rewards.objectives import figures
from rlaif.rewards.score import RewardModel
from rlaif.rewards.train import Trained
from rlaif.weights import remote_code

MOST = 5_000
"""Validation pairs that calibration and normalisation look at."""
ISOTONIC_FROM = 200
"""Decided validation pairs before an isotonic map is fitted beside the temperature."""
SAME = 1e-4
"""The folder, loaded anew by plain transformers, must give the trainer's outputs within this."""


def save(trained: Trained, data: Data, out: Path) -> Meta:
    """Calibrate on validation, write the folder `out` in one move, and check it by loading it.

    Whatever was at `out` stays until the new one is whole. Raises StoppedError where the disk is
    full, or where the folder does not score as the trained model does.
    """
    scorer = RewardModel(trained.model, trained.tokenizer, trained.meta)
    meta = trained.meta.model_copy(update=measured(scorer, data))
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with quiet():
            trained.model.save_pretrained(part)
        trained.tokenizer.save_pretrained(part)
        write_meta(meta, part)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoppedError(
            f"{out} could not be written ({error}); the checkpoints are whole: make room and give"
            " the same command again"
        ) from error
    _check(scorer, data, part)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return meta


def save_ensemble(
    members: Path, names: Sequence[str], data: Data, out: Path, how: Mapping[str, Any]
) -> Meta:
    """Put the saved models `names` below `members` in place as the ensemble `out`, calibrated.

    `how` has `combine` and `penalty`. Raises ConfigError where a member has no stored scale.
    """
    for path in members.iterdir():
        if path.is_dir() and path.name not in names:
            shutil.rmtree(path)  # of an earlier training with more of them
    write_ensemble(Ensemble(members=tuple(names), **how), members)
    scorer = RewardEnsemble.load(members)
    whole = measured(scorer, data)
    write_ensemble(scorer.ensemble.model_copy(update=whole), members)
    facts = scorer.members[0].meta.trained | {"members": len(names)}
    if data.kind == "pairs":
        facts["validation"] = _figures(scorer, data)
    shutil.rmtree(out, ignore_errors=True)
    members.rename(out)
    return scorer.meta.model_copy(update={**whole, "trained": facts})


def _figures(scorer: RewardEnsemble, data: Data) -> dict[str, float]:
    """What `train` says of validation, of the ensemble."""
    pairs = _pairs(data, MOST)
    scores = score_pairs(scorer, pairs)
    domains = sorted({pair.domain for pair in pairs})
    owners = [domains.index(pair.domain) for pair in pairs]
    seen = np.stack([scores[:, 0] - scores[:, 1], [pair.p for pair in pairs], owners], axis=1)
    return figures("pairs", seen[~np.isnan(seen[:, 0])], domains)


def measured(scorer: RewardModel | RewardEnsemble, data: Data) -> dict[str, Any]:
    """Normalisation from the validation rows, and calibration where they are pairs."""
    if data.kind == "steps":
        return {}
    rows: list[Any] = list(islice(data.validation(), MOST))
    texts = [(row.prompt, text) for row in rows for text in _responses(row)]
    scores = scorer.score([prompt for prompt, _ in texts], [text for _, text in texts])
    there = scores[~np.isnan(scores)]  # what was over the limit and dropped has no score
    std = float(there.std()) if len(there) else 0.0
    made: dict[str, Any] = {
        "normalisation": Normalisation(mean=float(there.mean()), std=std) if std else None
    }
    if data.kind == "pairs":
        d = scores[::2] - scores[1::2]
        p = np.array([row.p for row in rows])[~np.isnan(d)]
        d = d[~np.isnan(d)]
        if len(d) >= 20 and np.any(d != 0):
            made["calibration"] = calibrate(d, p)
    return made


def _responses(row: Any) -> Sequence[str]:
    if isinstance(row, TrainingPair):
        return row.chosen, row.rejected
    return row.responses if isinstance(row, RankedSet) else (row.response,)


def calibrate(d: NDArray[Any], p: NDArray[Any]) -> Calibration:
    """P(A > B) from differences of scores `d` (n,) to the shares `p` (n,) that prefer A."""
    slope = fit_linear({"d": d}, p, penalty=1.0)[0]
    knots = fit_isotonic(d, p) if np.count_nonzero(p != 0.5) >= ISOTONIC_FROM else ()
    return Calibration(
        n=len(d),
        temperature=1 / max(slope, 1e-6),
        isotonic=knots,
        log_loss=float(log_losses(squash(slope * d), p).mean()),
    )


def score_pairs(
    scorer: RewardModel | RewardEnsemble, pairs: list[TrainingPair]
) -> NDArray[np.float64]:
    """Scores (n, 2) of chosen and rejected."""
    prompts = [pair.prompt for pair in pairs for _ in range(2)]
    texts = [text for pair in pairs for text in (pair.chosen, pair.rejected)]
    return scorer.score(prompts, texts).reshape(-1, 2)


def _pairs(data: Data, most: int) -> list[TrainingPair]:
    rows: Iterable[Any] = data.validation()
    return list(islice((row for row in rows if isinstance(row, TrainingPair)), most))


def _check(scorer: RewardModel, data: Data, folder: Path) -> None:
    """Load the folder as a stranger would and score a few validation texts there and here."""
    if scorer.meta.kind == "process":
        rows = list(islice(data.validation(), 2))
        args = ([r.solution.problem for r in rows], [r.solution.steps for r in rows])  # type: ignore[union-attr]
        here = np.concatenate(scorer.score_steps(*args))
        there = np.concatenate(
            RewardModel.load(folder, device=str(scorer.device)).score_steps(*args)
        )
    else:
        here, there = _plain(scorer, data, folder)
    gap = float(np.nanmax(np.abs(here - there))) if here.size else 0.0
    if not gap <= _tolerance(scorer) * max(1.0, float(np.nanmax(np.abs(here)))):
        raise StoppedError(
            f"{folder} scores otherwise than the model that was trained, by {gap:.2g}: it is left"
            " there for a look and was not put in place"
        )


def _plain(scorer: RewardModel, data: Data, folder: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    from transformers import AutoModelForSequenceClassification

    with quiet():
        model = AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype=scorer.model.dtype,
            use_safetensors=True,
            trust_remote_code=remote_code(),
        )
    model = model.to(scorer.device).eval()
    here, there = [], []
    rows: list[Any] = list(islice(data.validation(), 4))
    for prompt, response in [(row.prompt, _responses(row)[0]) for row in rows]:
        outputs = scorer.outputs([prompt], [response])[0]
        if np.isnan(outputs).any():
            continue  # over the limit, and dropped
        ids = scorer.formatter.encode(prompt, response).ids
        with torch.inference_mode():
            logits = model(torch.tensor([ids], device=scorer.device)).logits
        there.append(logits.double().cpu().numpy()[0])
        here.append(outputs)
    return np.array(here), np.array(there)


def _tolerance(scorer: RewardModel) -> float:
    return SAME if scorer.model.dtype == torch.float32 else 0.05
