"""`rlaif export` and `rlaif push`."""

from __future__ import annotations

from pathlib import Path

from rlaif.pipelines.publish import export_run


def export_command(run: Path, name: str, out: Path | None) -> None:
    """Write a run's rows in another format and say what is where."""
    folder, counts = export_run(run, name, out)
    for split, rows in counts.items():
        print(f"{folder}: {split} {rows:,} rows")
    if not any(counts.values()):
        print("The run kept no preferences: the file is empty, and valid.")
