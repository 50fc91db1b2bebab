"""`rlaif init`: the content folders, laid out for a user who has only the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from rlaif import content
from rlaif.errors import ConfigError

KINDS = ("constitution", "judges", "pipelines")


def init_command(folder: Path) -> None:
    """Copy the shipped content into a new folder. Raises ConfigError if it holds anything."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is not empty: give a new folder")
    source = content.shipped()
    for kind in KINDS:
        shutil.copytree(source / kind, folder / kind)
    (folder / "outputs").mkdir()
    print(f"{folder} holds constitution/, judges/, pipelines/ and outputs/. Next:")
    print(f"  cd {folder} && rlaif run demo")
