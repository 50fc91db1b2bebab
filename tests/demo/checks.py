"""What makes a demo answer right, worked out from the prompt's text and not from the generator."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction

NUMBER = re.compile(r"\d+")
COUNTS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}

WORD_PROBLEMS: tuple[tuple[str, Callable[..., Fraction | int]], ...] = (
    (r"What is (\d+) \+ (\d+)\?", lambda a, b: a + b),
    (r"Please add (\d+) and (\d+)\.", lambda a, b: a + b),
    (r"What is (\d+) - (\d+)\?", lambda a, b: a - b),
    (r"Take (\d+) away from (\d+)\. What remains\?", lambda a, b: b - a),
    (r"\w+ has (\d+) \w+ and buys (\d+) more\. How many .* now\?", lambda a, b: a + b),
    (r"There are (\d+) rows with (\d+) .* in each row\. How many .* in all\?", lambda a, b: a * b),
    (
        r"\w+ fills (\d+) boxes with (\d+) \w+ each and then gives away (\d+) .* left\?",
        lambda boxes, each, given: boxes * each - given,
    ),
    (
        r"\w+ has (\d+) dollars and then saves (\d+) dollars a week for (\d+) weeks\..*end\?",
        lambda start, weekly, weeks: start + weekly * weeks,
    ),
    (
        r"A rectangular \w+ is (\d+) metres long and (\d+) metres wide\. .*all the way around it\?",
        lambda length, width: 2 * length + 2 * width,
    ),
    (
        r"\w+ bakes (\d+) trays of (\d+) rolls and packs all of them in bags of (\d+)\..*fill\?",
        lambda trays, rolls, size: Fraction(trays * rolls, size),
    ),
    (r"(?:What is|Evaluate) (\d+) \+ (\d+) x (\d+)[?.]", lambda a, b, c: a + (b * c)),
    (
        r"A \w+ costs (\d+) dollars and is reduced by (\d+)%\. How many dollars is it now\?",
        lambda price, percent: price * (1 - Fraction(percent, 100)),
    ),
    (r"What is (\d+) x (\d+)\?", lambda a, b: a * b),
    (r"Multiply (\d+) by (\d+)\.", lambda a, b: a * b),
    (
        r"A train runs at (\d+) km an hour for (\d+) hours and then at (\d+) km an hour for (\d+)"
        r" hours\. How many km is that\?",
        lambda v, h, w, g: v * h + w * g,
    ),
    (r"What is the average of (\d+), (\d+) and (\d+)\?", lambda a, b, c: Fraction(a + b + c, 3)),
)

REQUESTS = (
    r"( Show your steps\.| Work it out step by step\.| Show the working\.| Explain each step\.)?"
)


def solve(prompt: str) -> Fraction:
    """The answer to a word problem, computed from its text."""
    found = [
        compute(*map(int, match.groups()[: len(NUMBER.findall(prompt))]))
        for pattern, compute in WORD_PROBLEMS
        if (match := re.fullmatch(pattern + REQUESTS, prompt))
    ]
    assert len(found) == 1, prompt
    return Fraction(found[0])


def final_number(response: str) -> int:
    return int(NUMBER.findall(response)[-1])


def equations(response: str) -> list[bool]:
    """For each equation written out, whether it is true."""
    found = re.findall(r"(\d+) ([-+x/]) (\d+) = (\d+)", response)
    does = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "x": lambda a, b: a * b,
        "/": lambda a, b: Fraction(a, b),
    }
    return [does[op](int(a), int(b)) == int(c) for a, op, b, c in found]


def has_form(prompt: str, response: str) -> bool:
    """Whether the response has the form that a prompt of the format domain asks for."""
    lines = response.split("\n")
    for sign, check in FORMS:
        if match := re.search(sign, prompt):
            return check(lines, *match.groups())
    raise AssertionError(f"no check for {prompt!r}")


def _whole(lines: list[str]) -> str:
    return "\n".join(lines)


def _bullets(lines: list[str], n: str) -> bool:
    return len(lines) == COUNTS[n] and all(re.fullmatch(r"- \w+", line) for line in lines)


def _one_a_line(lines: list[str], n: str) -> bool:
    return len(lines) == len(set(lines)) == COUNTS[n]


def _numbered(lines: list[str], n: str) -> bool:
    return len(lines) == COUNTS[n] and all(
        re.fullmatch(rf"{i}\. \w+", line) for i, line in enumerate(lines, start=1)
    )


def _separated(lines: list[str], n: str, by: str) -> bool:
    mark = {"semicolons": ";", "slashes": "/", "plus signs": "+"}[by]
    items = [item.strip() for item in _whole(lines).split(mark)]
    return len(items) == COUNTS[n] and all(re.fullmatch(r"\w+", item) for item in items)


def _json(lines: list[str], keys: str) -> bool:
    try:
        data = json.loads(_whole(lines))
    except ValueError:
        return False
    return isinstance(data, dict) and set(data) == set(re.split(r", | and ", keys))


def _sorted(lines: list[str], n: str) -> bool:
    items = _whole(lines).split(", ")
    return len(set(items)) == COUNTS[n] and items == sorted(items)


FORMS: tuple[tuple[str, Callable[..., bool]], ...] = (
    (r"(?:in|only) capital letters", lambda lines: _whole(lines) == _whole(lines).upper()),
    (r"lower case|no capital letters", lambda lines: _whole(lines) == _whole(lines).lower()),
    (r"Name (\w+) \w+ as a bullet list, with a dash", _bullets),
    (r"Give me (\w+) \w+ in bullet points that start with a dash", _bullets),
    (r"(?:List|Write down) exactly (\w+) \w+, (?:one on each|each on its own) line", _one_a_line),
    (r"numbered list (?:of|with) (\w+) ", _numbered),
    (r"Name (\w+) \w+ on one line, separated by (.*)\.", _separated),
    (r"only with a JSON object with the keys (.*)\.", _json),
    (r"as valid JSON with the keys (.*)\.", _json),
    (r"a JSON object with exactly these keys: (.*)\.", _json),
    (r"(?:Name|List) (\w+) \w+(?: in alphabetical order|, sorted from A to Z)\.", _sorted),
    (r"last word of your answer must be (\w+)\.", lambda lines, w: lines[-1].split()[-1] == w),
    (r"whole answer in square brackets", lambda lines: bool(re.fullmatch(r"\[[^]]*\]", lines[0]))),
)


def has_length(prompt: str, response: str) -> bool:
    """Whether the response has the length that a prompt of the length domain asks for."""
    words = len(re.findall(r"[\w'-]+", response))
    sentences = len([s for s in re.split(r"[.!?](?:\s|$)", response) if s])
    if match := re.search(r"\bin (?:exactly )?(one|two|three|four) sentences?\b", prompt, re.I):
        return sentences == COUNTS[match[1]]
    match = re.search(
        r"\bin (exactly|at least|no fewer than|at most|no more than) (\d+) words", prompt, re.I
    )
    assert match, prompt
    wanted = int(match[2])
    if match[1] == "exactly":
        return words == wanted
    return words >= wanted if match[1] in ("at least", "no fewer than") else words <= wanted


def stated_answer(prompt: str) -> str | None:
    """The answer to a question whose facts stand in the prompt; None for common knowledge."""
    for pattern, answer in STATED:
        if match := re.fullmatch(pattern, prompt):
            return answer(*match.groups())
    return None


STATED: tuple[tuple[str, Callable[..., str]], ...] = (
    (r"The \w+ was moved from (\w+) to (\w+)\. On which day is it now\?", lambda old, new: new),
    (
        r"The (\w+) box holds (\w+) and the (\w+) box holds (\w+)\. What is in the (\w+) box\?",
        lambda one, left, two, right, asked: {one: left, two: right}[asked],
    ),
    (
        r"(\w+) has a (\w+) and (\w+) has a (\w+)\. Who has the (\w+)\?",
        lambda a, pet, b, other, asked: {pet: a, other: b}[asked],
    ),
    (
        r"The .* opens at (\d+) on weekdays and at (\d+) on Sundays\. When does it open on (\w+)\?",
        lambda week, sunday, asked: {"weekdays": week, "Sundays": sunday}[asked],
    ),
    (r"In a .* by \w+, (.*) is (\w+)\. What colour is \1 there\?", lambda thing, told: told),
    (
        r"A \w+ takes (\d) spoons of (\w+) and (\d) spoons of (\w+)\. How many spoons of (\w+) is"
        r" that\?",
        lambda n, one, m, two, asked: {one: n, two: m}[asked],
    ),
    (
        r"(\w+) finished before (\w+), and (\w+) finished after \2\. Who finished (first|last)\?",
        lambda a, b, c, asked: [a, b, c][0 if asked == "first" else -1],
    ),
    (
        r"(\w+) is taller than (\w+) but shorter than (\w+)\. Who is the (\w+) of the three\?",
        lambda a, b, c, asked: {"shortest": b, "tallest": c}[asked],
    ),
    (
        r"\w+, \w+ and \w+ met\. Everybody but (\w+) ordered (\w+)\. Who did not order \2\?",
        lambda who, what: who,
    ),
    (
        r"(\w+) had the (\w+) scarf and (\w+) the (\w+) one\. Then they swapped\."
        r" Who has the (\w+) scarf now\?",
        lambda a, one, b, two, asked: {one: b, two: a}[asked],
    ),
)
