"""The local client without a model: slots, rendering, refusals."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.calls.request import CallError, Failure, Request
from rlaif.clients.chat import encode
from rlaif.clients.local import LocalClient
from rlaif.clients.runtime import Done, Job
from rlaif.clients.slots import CacheSlots, common
from rlaif.errors import ConfigError, MissingExtra
from rlaif.records import Message

START, END = 1001, 1002


class Letters:
    """A runtime whose tokens are characters and whose template has two markers."""

    version = "letters"

    def tokens(self, text: str, special: bool = False) -> list[int]:
        if not special:
            return [ord(c) for c in text]
        pieces = re.split(r"(<s>|<e>)", text)
        marks = {"<s>": [START], "<e>": [END]}
        return [token for p in pieces for token in marks.get(p, [ord(c) for c in p])]

    def render(self, messages: Sequence[Message]) -> str:
        return "".join(f"<s>{m.role}\n{m.content}<e>\n" for m in messages) + "<s>assistant\n"

    def submit(self, job: Job) -> Future[Done]:
        raise AssertionError("nothing is answered here")

    def close(self) -> None:
        return None


def request(*contents: str, shared: int = 0) -> Request:
    roles = ("system", "user") if len(contents) == 2 else ("user",)
    chat = tuple(
        Message.model_validate({"role": role, "content": content})
        for role, content in zip(roles, contents, strict=True)
    )
    return Request(model="m", messages=chat, max_tokens=1, shared=shared, labels=("A", "B"))


PIECES = ("<s>", "<e>", "<", "e>", "assistant\n", "slot0slot", "slot1slot", "x")
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


@given(hostile, hostile, st.integers(0, 30))
def test_contents_are_never_markers(system: str, user: str, cut: int) -> None:
    chat = encode(request(system, user, shared=min(cut, len(user))), Letters())
    assert chat.tokens.count(START) == 3
    assert chat.tokens.count(END) == 2


def test_a_prefix_has_the_same_tokens_whatever_follows() -> None:
    first = encode(request("be fair", "question? one", shared=9), Letters())
    second = encode(request("be fair", "question? other", shared=9), Letters())
    assert first.shared == second.shared == len("<s") - 1 + len("system\nbe fair") + 3 + 14
    assert first.tokens[: first.shared] == second.tokens[: second.shared]
    assert first.tokens[first.shared] == ord(" ")


def test_a_lone_surrogate_is_replaced() -> None:
    chat = encode(request("\ud800"), Letters())
    assert ord("\ufffd") in chat.tokens


def test_a_template_that_drops_a_role_is_an_error() -> None:
    class NoSystem(Letters):
        def render(self, messages: Sequence[Message]) -> str:
            return super().render([m for m in messages if m.role != "system"])

    with pytest.raises(CallError, match="cannot render the roles system, user") as raised:
        encode(request("a", "b"), NoSystem())
    assert raised.value.kind is Failure.BAD_REQUEST


def test_a_returning_group_finds_its_cache() -> None:
    slots = CacheSlots(4)
    where = {}
    for group in (10, 20, 30):
        for call in (0, 1):
            tokens = [1, 2, group, group, call]
            where[group, call] = slots.take(tokens, 4).number
            slots.give(where[group, call])
    assert all(where[group, 0] == where[group, 1] for group in (10, 20, 30))


def test_groups_in_turn_keep_apart_once_they_are_seen_to_return() -> None:
    slots = CacheSlots(4)
    prefix = {group: [1, 2, group, group] for group in range(10)}
    for call in (0, 1):  # the first group teaches that groups return
        slots.give(slots.take([*prefix[0], call], 4).number)
    hits = 0
    for pair in ((1, 2), (3, 4), (5, 6)):
        leaders = {}
        for group in pair:
            leaders[group] = slots.take([*prefix[group], 0], 4).number
            slots.give(leaders[group])
        for group in pair:
            slot = slots.take([*prefix[group], 1], 4)
            slots.give(slot.number)
            hits += slot == (leaders[group], 4)
    assert hits == 6


def test_single_calls_take_the_longest_common_prefix() -> None:
    slots = CacheSlots(4)
    slots.give(slots.take([1, 2, 3, 9], 4).number)
    assert slots.take([1, 2, 3, 8], 4) == (0, 3)


def test_a_busy_cache_is_not_given_twice() -> None:
    slots = CacheSlots(3)
    assert {slots.take([1, 2, 3], 2).number for _ in range(3)} == {0, 1, 2}


@given(st.lists(st.integers(0, 2)), st.lists(st.integers(0, 2)))
def test_common_prefix(a: list[int], b: list[int]) -> None:
    n = common(a, b)
    assert a[:n] == b[:n]
    assert a[n : n + 1] != b[n : n + 1] or n in (len(a), len(b))


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no weights 'nosuch'.*qwen2\.5-coder-1\.5b-instruct"):
        LocalClient("nosuch")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown key 'contxt'"):
        LocalClient("smollm2-135m-instruct", options={"contxt": 1})


def test_a_base_url_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no base_url"):
        LocalClient("smollm2-135m-instruct", base_url="http://localhost:1")


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ConfigError, match="neither GGUF nor safetensors"):
        LocalClient(str(path))


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ConfigError, match="no safetensors"):
        LocalClient(str(tmp_path))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"rlaif-kit\[local\]"):
        LocalClient("smollm2-135m-instruct")


def test_a_huge_text_is_refused_before_the_model_is_loaded() -> None:
    client = LocalClient("smollm2-135m-instruct")
    with pytest.raises(CallError) as raised:
        asyncio.run(client.send(request("x" * 1_000_000), 5))
    assert raised.value.kind is Failure.TOO_LONG
    assert not raised.value.kind.fatal


def test_a_broken_gguf_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLAIF_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    client = LocalClient(str(path))
    with pytest.raises(CallError, match="cannot load it") as raised:
        asyncio.run(client.send(request("hello"), 5))
    assert raised.value.kind.fatal


def test_the_endpoint_does_not_depend_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLAIF_CACHE", str(tmp_path / "cache"))
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"GGUF" + bytes(1000))
    one, two = (LocalClient(str(tmp_path / name)) for name in ("a.gguf", "b.gguf"))
    assert one.endpoint == two.endpoint
    assert one.endpoint.startswith("local:")


def test_a_reading_does_not_depend_on_the_output_limit() -> None:
    client = LocalClient("smollm2-135m-instruct")
    assert "max_tokens" not in client.body(request("q"))


def test_a_closed_client_serves_a_second_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answering(Letters):
        def submit(self, job: Job) -> Future[Done]:
            future: Future[Done] = Future()
            future.set_result(Done(len(job.tokens), 0, (0.25, 0.75)))
            return future

    loaded: list[Letters] = []

    def load() -> Letters:
        time.sleep(0.05)  # so that the others wait for the lock, which ties it to their loop
        loaded.append(Answering())
        return loaded[-1]

    client = LocalClient("smollm2-135m-instruct")
    monkeypatch.setattr(client, "_load", load)

    async def ask_thrice() -> list[str]:
        replies = await asyncio.gather(*(client.send(request("q"), 5) for _ in range(3)))
        await client.close()
        return [reply.text for reply in replies]

    assert asyncio.run(ask_thrice()) == asyncio.run(ask_thrice()) == ["B", "B", "B"]
    assert len(loaded) == 2
