"""Nothing acknowledged is lost: not to a kill, a full disk, a torn line or another process."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from rlaif.errors import InputError, StoppedError
from rlaif.labelling.lines import Lines

WRITER = """
import sys
from pathlib import Path
from rlaif.labelling.lines import Lines
lines = Lines(Path(sys.argv[1]))
for i in range(int(sys.argv[3])):
    lines.append({"who": sys.argv[2], "i": i})
    if i % 7 == 0:
        lines.put({"who": sys.argv[2], "i": -i}, lambda r: r["who"] == sys.argv[2] and r["i"] == i)
    print(i, flush=True)
"""


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_processes_that_add_and_rewrite_lose_nothing(tmp_path):
    path = tmp_path / "labels.jsonl"
    command = [sys.executable, "-c", WRITER, str(path)]
    both = [
        subprocess.Popen([*command, who, "60"], stdout=subprocess.DEVNULL) for who in ("ann", "bo")
    ]
    assert [one.wait(60) for one in both] == [0, 0]
    for who in ("ann", "bo"):
        mine = [abs(row["i"]) for row in read(path) if row["who"] == who]
        assert sorted(mine) == list(range(60))


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "labels.jsonl"
    command = [sys.executable, "-c", WRITER, str(path), "ann", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        acknowledged = [int(next(one.stdout)) for _ in range(40)]
        one.send_signal(signal.SIGKILL)
    kept = {abs(row["i"]) for row in Lines(path).rows()}
    assert kept >= set(acknowledged)


def test_threads_of_one_server_do_not_clobber_each_other(tmp_path):
    lines = Lines(tmp_path / "labels.jsonl")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: lines.append({"i": i}), range(80)))
    assert sorted(row["i"] for row in lines.rows()) == list(range(80))


def test_a_line_is_on_the_disk_before_it_is_acknowledged(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    lines = Lines(tmp_path / "labels.jsonl")
    lines.append({"i": 1})
    assert len(synced) == 1
    lines.put({"i": 2}, instead_of=lambda row: row["i"] == 1)
    assert len(synced) == 3  # the new file, and the folder that names it
    assert read(lines.path) == [{"i": 2}]


def test_a_torn_last_line_is_cut_and_a_whole_one_without_its_end_kept(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(b'{"i": 1}\n{"i": 2}')
    Lines(path).append({"i": 3})
    assert [row["i"] for row in read(path)] == [1, 2, 3]
    with path.open("ab") as file:
        file.write(b'{"i": 4, "reas')
    lines = Lines(path)
    assert [row["i"] for row in lines.rows()] == [1, 2, 3]
    lines.append({"i": 5})
    assert [row["i"] for row in read(path)] == [1, 2, 3, 5]


@pytest.mark.parametrize("old", [None, 1], ids=["append", "rewrite"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, old):
    lines = Lines(tmp_path / "labels.jsonl")
    lines.append({"i": 1})
    before = lines.path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoppedError, match="No space left"):
        lines.put({"i": 2}, instead_of=lambda row: row["i"] == old)
    monkeypatch.undo()
    assert lines.path.read_bytes() == before
    lines.append({"i": 3})
    assert [row["i"] for row in read(lines.path)] == [1, 3]
    assert not list(tmp_path.glob("*.partial"))


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"i": 1}\nnot json\n{"i": 2}\n')
    with pytest.raises(InputError, match=r"labels\.jsonl:2: is not one JSON object"):
        Lines(path).rows()
