"""A served page, and a small run that judged its pairs."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn

from rlaif.exchange.parquet import write_parquet
from rlaif.labelling.answers import Answers
from rlaif.labelling.desk import Desk
from rlaif.labelling.disagreements import read_judged
from rlaif.labelling.page import make_app
from rlaif.labelling.tasks import open_tasks, shown_order
from rlaif.records import Judgement, Outcome, Verdict

TOKEN = "a-token-nobody-can-guess"
HOSTILE = (
    "Hi <script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">\n\n"
    "[a link](javascript:document.title='pwned') <svg onload=\"document.title='pwned'\">\n\n"
    "![a picture](http://192.0.2.1/tracked.png)"
)


def pairs(n: int = 6) -> list[dict[str, Any]]:
    """Rows with everything a page must not tell; row 1 is hostile, row 2 informative."""
    rows = [
        {
            "id": f"gpt9-vs-llama{i}",
            "prompt": f"What is {i} + {i}?",
            "response_a": f"It is **{2 * i}**.",
            "response_b": f"I would say {2 * i + 1}.",
            "model_a": "secret-model-one",
            "model_b": "secret-model-two",
            "source": "secret-source",
            "label": "a",
        }
        for i in range(n)
    ]
    rows[1]["response_b"] = HOSTILE
    rows[2]["drawn_by"] = "informative"
    return rows


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Site:
    """A page that listens; `get` and `post` carry the token, `ask` only what it is given."""

    port: int
    desk: Desk
    folder: Path

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Reply:
        talk = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        talk.request(method, path, body or None, headers)
        reply = talk.getresponse()
        text = reply.read().decode()
        talk.close()
        return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, text)

    def get(self, page: str, **query: Any) -> Reply:
        return self.ask("GET", f"/{TOKEN}/{page}?{urlencode(query)}")

    def post(self, page: str, **form: Any) -> Reply:
        return self.ask("POST", f"/{TOKEN}/{page}", urlencode(form))

    def seen(self, annotator: str, number: int, side: str) -> str:
        """How the page names the input's side `side` (a, b) to this annotator."""
        order = shown_order(self.desk.seed, annotator, self.desk.tasks.pair(number))
        return "first" if order[0] == side else "second"

    def labels(self) -> list[dict[str, Any]]:
        path = self.desk.answers.path
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def judgement(name: str, order: Any, p_first: float) -> Judgement:
    return Judgement(
        comparison=name,
        pair_key=name,
        judge="secret-judge@1",
        principle="honesty",
        order=order,
        outcome=Outcome.VERDICT,
        p_first=p_first,
        confidence_source="logprob",
        rationale=f"Because of **{name}** <script>document.title='pwned'</script>",
        prompt_hash="",
        call_key=f"{name}{order}",
    )


def write_run(folder: Path, names: list[str]) -> None:
    """A judge that says b of every pair."""
    verdicts = [
        Verdict(
            comparison=name,
            pair_key=name,
            judge="secret-judge@1",
            winner="b",
            log_odds=-2.0,
            p=0.12,
            position_bias=0.0,
            consistent=True,
            consistent_debiased=True,
            named_ab="B",
            named_ba="A",
        )
        for name in names
    ]
    write_parquet(verdicts, folder / "verdicts.parquet", Verdict)
    told = [j for n in names for j in (judgement(n, "ab", 0.12), judgement(n, "ba", 0.88))]
    write_parquet(told, folder / "judgements.parquet", Judgement)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts pages over one labels file; each call is a server of its own."""
    running: list[tuple[uvicorn.Server, threading.Thread, socket.socket]] = []

    def start(rows: list[dict[str, Any]] | None = None) -> Site:
        rows = pairs() if rows is None else rows
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        write_run(tmp_path, [row["id"] for row in rows])
        tasks = open_tasks(path, 0, tmp_path / f"pairs{len(running)}.sqlite")
        judged = read_judged(
            tmp_path / "verdicts.parquet", tmp_path / "judgements.parquet", tasks.ids
        )
        desk = Desk(tasks, Answers(tmp_path / "pairs.labels.jsonl"), 0, judged)
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            make_app(desk, TOKEN), log_level="warning", ws="none", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread, listening))
        return Site(listening.getsockname()[1], desk, tmp_path)

    yield start
    for server, thread, listening in running:
        server.should_exit = True
        thread.join(20)
        listening.close()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    return serve()
