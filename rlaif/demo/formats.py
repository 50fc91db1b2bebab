"""Answers of a form asked for: case, lists, JSON, order, wrapping; content right in both."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random

from rlaif.demo.draft import PEOPLE, Difficulty, Draft, capital

KINDS: Mapping[str, tuple[str, ...]] = {
    "fruits": ("apple", "pear", "plum", "cherry", "mango", "lemon", "banana", "apricot"),
    "animals": ("dog", "horse", "otter", "lynx", "goat", "badger", "camel", "elephant"),
    "colours": ("red", "blue", "green", "yellow", "orange", "purple", "brown", "turquoise"),
    "vegetables": ("carrot", "leek", "onion", "pea", "cabbage", "spinach", "turnip", "beet"),
    "instruments": ("piano", "violin", "flute", "drum", "harp", "trumpet", "guitar", "clarinet"),
    "tools": ("hammer", "saw", "drill", "wrench", "file", "chisel", "screwdriver", "axe"),
    "birds": ("owl", "robin", "heron", "swan", "raven", "stork", "falcon", "nightingale"),
    "sports": ("tennis", "rowing", "judo", "hockey", "golf", "fencing", "basketball", "swimming"),
    "trees": ("oak", "birch", "pine", "maple", "willow", "elm", "chestnut", "poplar"),
}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven")

RIDDLES = (
    ("which animal barks", "dog", "it is the dog that barks"),
    ("what do bees make", "honey", "bees make honey"),
    ("what falls from clouds", "rain", "rain falls from clouds"),
    ("what is frozen water called", "ice", "frozen water is called ice"),
    ("which meal comes first in the day", "breakfast", "the first meal is breakfast"),
    ("what do cows give", "milk", "cows give us milk"),
    ("which season is coldest", "winter", "the coldest season is winter"),
    ("what do we see with", "eyes", "we see with our eyes"),
    ("which bird hoots at night", "owl", "it is the owl that hoots at night"),
    ("what is bread baked in", "oven", "bread is baked in an oven"),
    ("what do you open a lock with", "key", "you open a lock with a key"),
    ("where do fish live", "water", "fish live in water"),
)


def draft(rng: Random, difficulty: Difficulty, longer: bool) -> Draft:
    """The better answer has the form asked for; the other misses it plainly (easy) or barely."""
    while True:
        made = rng.choice(FORMS[difficulty])(rng)
        if (len(made.good) > len(made.bad)) == longer:
            return made


def _riddle(rng: Random) -> tuple[str, str, str]:
    """A question, an answer to it, and another way of saying it, in random order."""
    question, word, sentence = rng.choice(RIDDLES)
    one, other = rng.sample((word, sentence, f"the answer is {word}"), 2)
    return question, one, other


def _pick(rng: Random, least: int = 3, most: int = 5) -> tuple[str, list[str]]:
    kind = rng.choice(list(KINDS))
    return kind, rng.sample(KINDS[kind], rng.randint(least, most))


def _upper(rng: Random) -> Draft:
    question, one, other = _riddle(rng)
    prompt = rng.choice(("Answer in capital letters: {}?", "Use only capital letters. {}?"))
    return Draft(_ask(prompt, question), f"{one.upper()}.", f"{capital(other)}.")


def _lower(rng: Random) -> Draft:
    question, one, other = _riddle(rng)
    prompt = rng.choice(("Answer in lower case only: {}?", "Use no capital letters at all. {}?"))
    return Draft(_ask(prompt, question), f"{one}.", f"{capital(other)}.")


def _ask(prompt: str, question: str) -> str:
    return prompt.format(capital(question) if ". {" in prompt else question)


def _bullets(rng: Random) -> Draft:
    kind, items = _pick(rng)
    n = NUMBERS[len(items)]
    prompt = rng.choice(
        (
            f"Name {n} {kind} as a bullet list, with a dash before each.",
            f"Give me {n} {kind} in bullet points that start with a dash.",
        )
    )
    lead = rng.choice(("", "", f"{capital(n)} {kind} are ", f"You could take {kind} such as "))
    bad = f"{lead}{', '.join(items[:-1])} and {items[-1]}."
    return Draft(prompt, _lines(items, "- "), capital(bad))


def _lines(items: list[str], mark: str) -> str:
    return "\n".join(mark.format(i) + item for i, item in enumerate(items, start=1))


def _count(rng: Random) -> Draft:
    kind, items = _pick(rng, 3, 6)
    others = [item for item in KINDS[kind] if item not in items]
    bad = items[:-1] if rng.random() < 0.5 else [*items, rng.choice(others)]
    mark = rng.choice(("", "- "))
    prompt = rng.choice(
        ("List {} {}, one on each line.", "Write down {} {}, each on its own line.")
    )
    n = NUMBERS[len(items)]
    return Draft(prompt.format(f"exactly {n}", kind), _lines(items, mark), _lines(bad, mark))


def _numbered(rng: Random) -> Draft:
    kind, items = _pick(rng)
    prompt = rng.choice(
        ("Give a numbered list of {} {}.", "Make a numbered list with {} {} in it.")
    )
    good = _lines(items, "{}. ")
    bad = rng.choice((_lines(items, "- "), f"Here are some {kind}: {', '.join(items)}."))
    return Draft(prompt.format(NUMBERS[len(items)], kind), good, bad)


def _separated(rng: Random) -> Draft:
    kind, items = _pick(rng)
    name, mark = rng.choice((("semicolons", "; "), ("slashes", " / "), ("plus signs", " + ")))
    prompt = f"Name {NUMBERS[len(items)]} {kind} on one line, separated by {name}."
    bad = rng.choice(
        (", ".join(items), f"{', '.join(items[:-1])} and {items[-1]}", " ".join(items))
    )
    return Draft(prompt, mark.join(items), bad)


def _person(rng: Random) -> tuple[str, dict[str, str | int]]:
    name, age, city = rng.choice(PEOPLE), rng.randint(18, 80), rng.choice(CITIES)
    return f"{name}, {age}, lives in {city}.", {"name": name, "age": age, "city": city}


CITIES = ("Lima", "Oslo", "Rome", "Cairo", "Delhi", "Paris", "Quito", "Seoul", "Tunis", "Vienna")


def _json_or_prose(rng: Random) -> Draft:
    told, data = _person(rng)
    prompt = f"{told} Reply only with a JSON object with the keys {', '.join(data)}."
    good = json.dumps(data)
    bad = rng.choice(
        (
            f"{data['name']} is {data['age']} and lives in {data['city']}.",
            f"name: {data['name']}, age: {data['age']}, city: {data['city']}",
            f"Here is the JSON object with the three keys: {good}",
        )
    )
    return Draft(prompt, good, bad)


def _json_broken(rng: Random) -> Draft:
    told, data = _person(rng)
    prompt = f"{told} Write this as valid JSON with the keys {', '.join(data)}."
    text = json.dumps(data)
    bad = rng.choice(
        (
            text.replace('"', "'").replace(": ", " : "),
            text.replace('"', ""),
            text.replace("}", ",}"),
            text.replace("}", ""),
            text.replace(": ", " = "),
        )
    )
    return Draft(prompt, text, bad)


def _json_keys(rng: Random) -> Draft:
    told, data = _person(rng)
    wanted = rng.sample(list(data), 2)
    prompt = f"{told} Give a JSON object with exactly these keys: {' and '.join(wanted)}."
    good = {key: data[key] for key in wanted}
    bad = data if rng.random() < 0.5 else {wanted[0]: data[wanted[0]]}
    return Draft(prompt, json.dumps(good), json.dumps(bad))


def _alphabetical(rng: Random) -> Draft:
    kind, items = _pick(rng, 4, 5)
    good = sorted(items)
    bad = sorted(rng.sample(KINDS[kind], len(items)))
    place = rng.randrange(len(bad) - 1)
    bad[place], bad[place + 1] = bad[place + 1], bad[place]
    n = NUMBERS[len(items)]
    prompt = rng.choice(("Name {} {} in alphabetical order.", "List {} {}, sorted from A to Z."))
    return Draft(prompt.format(n, kind), f"{', '.join(good)}", f"{', '.join(bad)}")


def _ending(rng: Random) -> Draft:
    question, one, other = _riddle(rng)
    last = rng.choice(("DONE", "OVER", "THANKS", "END"))
    prompt = f"{capital(question)}? The last word of your answer must be {last}."
    bad = rng.choice((f"{capital(other)}.", f"{last}. {capital(other)}."))
    return Draft(prompt, f"{capital(one)}. {last}", bad)


def _wrapped(rng: Random) -> Draft:
    question, one, other = _riddle(rng)
    prompt = f"Put your whole answer in square brackets: {question}?"
    bad = rng.choice((f"({other})", f"{capital(other)}.", f"[Answer] {capital(other)}."))
    return Draft(prompt, f"[{one}]", bad)


FORMS: Mapping[Difficulty, tuple[Callable[[Random], Draft], ...]] = {
    "easy": (_upper, _bullets),
    "medium": (_lower, _count, _numbered, _separated, _json_or_prose),
    "hard": (_json_broken, _json_keys, _alphabetical, _ending, _wrapped),
}
