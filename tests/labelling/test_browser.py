"""`rlaif label` in a real browser: Debian's chromium, headless, driven by the keyboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.labelling.conftest import pairs, write_run

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")),
        reason="no chromium and chromedriver: apt-get install chromium chromium-driver",
    ),
]
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
ESCAPE, ENTER, RIGHT = "\ue00c", "\ue007", "\ue014"


class Tab:
    """One annotator's browser, with a new and empty profile."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,800"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)

    def press(self, *keys: str) -> None:
        """Press keys one by one, each on the page that the one before led to.

        Chromium drops keys that come before a page's first paint.
        """
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            self._until("return performance.getEntriesByType('paint').length > 0")
            ActionChains(self.driver).send_keys(key).perform()

    def wait(self, title: str) -> None:
        self._until("return document.title.startsWith(arguments[0])", title)

    def _until(self, script: str, *given: str) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        script = f"if (document.readyState != 'complete') return false; {script}"
        WebDriverWait(self.driver, 20).until(lambda driver: driver.execute_script(script, *given))

    def close_other_tabs(self) -> None:
        """What a link opened lies before the page, which then hears no keys."""
        page, *opened = self.driver.window_handles
        for tab in opened:
            self.driver.switch_to.window(tab)
            self.driver.close()
        self.driver.switch_to.window(page)

    def answer(self, *keys: str, then: str) -> None:
        self.press(*keys)
        self.wait(then)

    def text(self, selector: str) -> str:
        return str(self.driver.find_element("css selector", selector).text)

    def shown(self, side: str) -> str:
        return self.text(f"[data-side={side}] .text")


class Command:
    """`rlaif label` as a user starts it."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "rlaif.cli", "label", "pairs.jsonl", "--no-browser"]
        self.process = subprocess.Popen(
            [*command, *words],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "300"},
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("Open "):
                self.link = line.split()[1]
                return
        raise AssertionError("it ended without a link")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        """Ctrl-C, and what it says then."""
        self.process.send_signal(signal.SIGINT)
        told = self.process.communicate(timeout=30)[0]
        assert self.process.returncode == 0, told
        return told


@pytest.fixture
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Tab]]:
    made: list[Tab] = []

    def open_tab() -> Tab:
        made.append(Tab(tmp_path_factory.mktemp("profile")))
        return made[-1]

    yield open_tab
    for one in made:
        one.driver.quit()


@pytest.fixture
def label(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    rows = pairs()
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run", [row["id"] for row in rows])
    made: list[Command] = []

    def start(*words: str) -> Command:
        made.append(Command(tmp_path, *words))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()


def labels(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "pairs.labels.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def right(text: str) -> bool:
    """Whether a shown response is the input's a, which is bold."""
    return bool(re.fullmatch(r"It is \d+\.", text))


def test_six_pairs_by_keyboard_alone(label, tab, tmp_path):
    command, ann = label(), tab()
    ann.driver.get(command.link)
    ann.press("Ann", ENTER)
    ann.wait("Pair 1 of 6")
    expected = []
    for number, (side, key) in enumerate([("first", "1"), ("second", "2")]):
        expected.append("a" if right(ann.shown(side)) else "b")
        ann.answer(key, "qe"[number], then=f"Pair {number + 2} of 6")
    ann.answer("t", then="Pair 4 of 6")
    ann.answer("z", then="Pair 3 of 6")
    assert "Taken back" in ann.text(".note")
    assert [row["label"] for row in labels(tmp_path)] == expected
    ann.press("w")  # no side yet: nothing is recorded
    ann.press("r", "It depends.", ESCAPE)
    expected.append("a" if right(ann.shown("first")) else "b")
    ann.answer("1", ENTER, then="Pair 4 of 6")
    ann.answer("s", then="Pair 5 of 6")
    ann.answer(RIGHT, then="Pair 6 of 6")
    ann.answer("t", then="Pair 5 of 6")
    told = command.stop()
    assert "4 labels in pairs.labels.jsonl, 4 of them new" in told
    assert [row["label"] for row in labels(tmp_path)] == [*expected, "tie"]
    assert [row.get("strength") for row in labels(tmp_path)] == [1 / 3, 1.0, None, None]
    assert labels(tmp_path)[2]["reason"] == "It depends."
    assert labels(tmp_path)[2]["drawn_by"] == "informative"


def test_reload_and_a_new_start_go_on_where_it_stopped(label, tab, tmp_path):
    command, ann = label("--annotator", "Ann"), tab()
    ann.driver.get(command.link)
    ann.wait("Pair 1 of 6")
    first = ann.shown("first")
    ann.answer("1", "w", then="Pair 2 of 6")
    ann.driver.refresh()
    ann.wait("Pair 2 of 6")
    assert ann.text(".count") == "1 of 6"
    command.kill()
    again = label("--annotator", "Ann")
    assert again.link != command.link
    ann.driver.get(again.link)
    ann.wait("Pair 2 of 6")
    ann.press("\ue012")  # back: the same two, in the same order, with the answer given
    ann.wait("Pair 1 of 6")
    assert ann.shown("first") == first
    assert ann.driver.find_element("id", "first").is_selected()
    assert "chosen" in ann.driver.find_element("css selector", "[value=clearly]").get_attribute(
        "class"
    )


def test_it_is_blind_and_a_script_in_a_response_never_runs(label, tab, tmp_path):
    command, ann = label("--annotator", "Ann", "--run", "run"), tab()
    ann.driver.get(command.link)
    for number in range(1, 7):
        ann.wait(f"Pair {number} of 6")
        source = ann.driver.page_source
        for secret in ("secret", "gpt9", "llama", "honesty", "verdict"):
            assert secret not in source
        assert not ann.driver.find_elements("css selector", ".response img, .response script")
        assert not ann.driver.find_elements("css selector", "a[href^='javascript']")
        for link in ann.driver.find_elements("css selector", ".response a"):
            ann.driver.execute_script("arguments[0].click()", link)
        ann.close_other_tabs()
        assert ann.driver.title == f"Pair {number} of 6"
        ann.press("t" if number > 1 else "1")
        if number == 1:
            ann.press("e")
    ann.wait("All done")
    ann.driver.get(command.link.replace("label?", "disagreements?"))
    ann.wait("Where the judge disagrees")
    assert "Because of gpt9-vs-llama" in ann.text(".reasons .text")
    ann.driver.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert "pwned" not in ann.driver.title
    told = [row["message"] for row in ann.driver.get_log("browser")]
    assert not told  # no script was refused, since none came through
    ann.driver.get(command.link + "&pair=5")
    ann.answer("z", then="Not recorded")  # it would not be blind


def test_no_inline_script_would_run_even_if_one_came_through(label, tab):
    command, ann = label("--annotator", "Ann"), tab()
    ann.driver.get(command.link)
    ann.wait("Pair 1 of 6")
    ann.driver.execute_script(
        "const s = document.createElement('img'); s.setAttribute('onerror',"
        " \"document.title = 'pwned'\"); s.src = 'data:,'; document.body.append(s);"
        "const t = document.createElement('div'); t.innerHTML ="
        " '<a id=trap href=\"javascript:document.title=1\">x</a>'; document.body.append(t);"
        "document.getElementById('trap').click()"
    )
    ann.driver.implicitly_wait(1)
    ann.driver.find_elements("id", "never")
    assert ann.driver.title == "Pair 1 of 6"
    told = " ".join(row["message"] for row in ann.driver.get_log("browser"))
    assert "Content Security Policy" in told


def test_two_annotators_in_two_sessions_do_not_clobber_each_other(label, tab, tmp_path):
    command, ann, bo = label(), tab(), tab()
    for who, name in ((ann, "Ann"), (bo, "Bo")):
        who.driver.get(command.link)
        who.press(name, ENTER)
        who.wait("Pair 1 of 6")
    for number in range(2, 7):
        ann.answer("t", then=f"Pair {number} of 6")
        bo.answer("2", "e", then=f"Pair {number} of 6")
    bo.answer("z", then="Pair 5 of 6")
    rows = labels(tmp_path)
    assert [row["annotator"] for row in rows].count("Ann") == 5
    assert [row["annotator"] for row in rows].count("Bo") == 4
    assert {row["label"] for row in rows if row["annotator"] == "Ann"} == {"tie"}
    ann.driver.refresh()
    ann.wait("Pair 6 of 6")
    assert ann.text(".count") == "5 of 6"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_of_the_window(label, tab, width):
    command, ann = label("--annotator", "Ann"), tab()
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    ann.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    ann.driver.get(command.link)
    for key in ("1", "r"):
        ann.press(key)
        room = "return document.documentElement.scrollWidth - innerWidth"
        assert ann.driver.execute_script(room) <= 0
