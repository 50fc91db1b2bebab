"""What a run's folder holds that a report can show, each part read where it is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.errors import ConfigError, InputError
from rlaif.pipelines.artifacts import RunFolder
from rlaif.pipelines.curated import CuratedFolder


class ReportFiles:
    """The files of one run that a report reads, and the two that it writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = RunFolder.standalone(path)
        self.curated = CuratedFolder(self.run)
        self.evaluation = path / "evaluation.json"
        self.answers = path / "answers"
        models = ("reward_model", "process_reward_model")
        self.training = tuple(path / name / "training.json" for name in models)
        self.overoptimisation = path / "overoptimisation.json"
        self.html = path / "report.html"
        self.json = path / "report.json"

    def check(self) -> None:
        """Raises ConfigError where the folder holds nothing that a report can show, or was
        judged anew since it was curated."""
        self.curated.check_fresh()
        known = (self.run.manifest, self.evaluation, *self.training, self.overoptimisation)
        if not any(file.is_file() for file in known):
            names = ", ".join(str(file.relative_to(self.path)) for file in known)
            raise ConfigError(f"{self.path}: no finished run here: it has none of {names}")

    @property
    def judged(self) -> bool:
        """Whether a judge has judged pairs here (not: solutions)."""
        return self.run.verdicts.is_file() and self.run.staged.is_file()

    @property
    def preferences(self) -> Path:
        """The dataset: the curated one where there is one."""
        return self.curated.preferences if self.is_curated else self.run.preferences

    @property
    def is_curated(self) -> bool:
        """Whether curation came to its end here."""
        return self.curated.summary.is_file()


def read_json(path: Path) -> Any:
    """A JSON file's content; None where there is no such file. Raises InputError for no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}; make it anew") from None
