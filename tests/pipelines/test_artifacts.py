"""One place writes runs: whole files only, one process at a time, nobody else's folder."""

import errno
import os
from pathlib import Path

import pytest

from rlaif.errors import ConfigError, StoppedError
from rlaif.pipelines.artifacts import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder.standalone(tmp_path / "run")


def test_a_file_appears_only_when_it_is_whole(folder):
    with folder.locked():
        target = folder.path / "x.txt"
        with pytest.raises(TypeError), folder.writing(target) as path:
            path.write_bytes("half the way, then a fault")
        assert not target.exists()
        with folder.writing(target) as path:
            path.write_text("whole")
            assert not target.exists()
        assert target.read_text() == "whole"
        assert [p.name for p in folder.path.iterdir() if "partial" in p.name] == []


def test_a_folder_replaces_the_one_before(folder):
    with folder.locked():
        for name in ("old", "new"):
            with folder.writing(folder.dataset) as path:
                path.mkdir()
                (path / name).touch()
        assert [p.name for p in folder.dataset.iterdir()] == ["new"]


def test_a_second_process_is_named_the_first(folder):
    with (
        folder.locked(),
        pytest.raises(ConfigError, match="in use by process"),
        RunFolder.standalone(folder.path).locked(),
    ):
        pass
    with folder.locked():
        pass


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with (
        pytest.raises(ConfigError, match="nothing there was touched"),
        RunFolder.standalone(tmp_path).locked(),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_resolved_recipe_can_be_read_again(folder):
    with folder.locked():
        folder.write_recipe({"name": "x", "about": "é: #1"}, "rlaif run x")
        text = folder.recipe.read_text(encoding="utf-8")
    assert text.startswith("# rlaif run x\n")


def test_a_manifest_is_needed_to_look_into_a_run(folder):
    with pytest.raises(ConfigError, match="no finished run"):
        folder.read_manifest()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_stops_the_run_and_leaves_the_old_file(folder, number):
    with folder.locked():
        folder.verdicts.write_text("old")
        full = OSError(number, os.strerror(number))
        with pytest.raises(StoppedError, match="run the same command again"):
            half_written(folder, full)
        assert folder.verdicts.read_text() == "old"
        assert not list(folder.path.glob("*partial*"))


def test_other_trouble_is_not_called_a_full_disk(folder):
    with folder.locked(), pytest.raises(FileNotFoundError):
        half_written(folder, FileNotFoundError(errno.ENOENT, "gone"))


def half_written(folder, error):
    with folder.writing(folder.verdicts) as path:
        path.write_text("half")
        raise error


def test_a_folder_that_cannot_be_read_is_refused(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    folder.path.mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(ConfigError, match="cannot be written"), folder.locked():
        pass
