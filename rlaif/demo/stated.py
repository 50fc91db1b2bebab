"""Facts that the prompt itself states, with a question that reading it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from rlaif.demo.draft import PEOPLE, Difficulty, Fact

PLACES = ("library", "museum", "bakery", "pool", "post office", "market hall", "gym")
PETS = ("dog", "cat", "parrot", "rabbit", "hamster", "pony", "tortoise")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "grey")
CONTENTS = ("keys", "coins", "buttons", "seeds", "letters", "candles", "spoons")
ODD = (
    ("the sky", "green", "blue"),
    ("snow", "black", "white"),
    ("grass", "purple", "green"),
    ("milk", "orange", "white"),
    ("the sun", "blue", "yellow"),
)


def _moved(rng: Random) -> Fact:
    what = rng.choice(("meeting", "lesson", "concert", "match", "exam"))
    old, new = rng.sample(DAYS, 2)
    prompt = f"The {what} was moved from {old} to {new}. On which day is it now?"
    return Fact(prompt, f"the {what} is now on {{}}", new, old)


def _boxes(rng: Random) -> Fact:
    (one, two), (left, right) = rng.sample(COLOURS, 2), rng.sample(CONTENTS, 2)
    prompt = (
        f"The {one} box holds {left} and the {two} box holds {right}. What is in the {two} box?"
    )
    return Fact(prompt, f"the {two} box holds {{}}", right, left)


def _pets(rng: Random) -> Fact:
    (who, other), (pet, another) = rng.sample(PEOPLE, 2), rng.sample(PETS, 2)
    prompt = f"{who} has a {pet} and {other} has a {another}. Who has the {another}?"
    return Fact(prompt, f"{{}} has the {another}", other, who)


def _hours(rng: Random) -> Fact:
    place = rng.choice(PLACES)
    week, sunday = rng.sample(range(7, 13), 2)
    asked, right, wrong = rng.choice((("Sundays", sunday, week), ("weekdays", week, sunday)))
    prompt = (
        f"The {place} opens at {week} on weekdays and at {sunday} on Sundays."
        f" When does it open on {asked}?"
    )
    return Fact(prompt, f"on {asked} the {place} opens at {{}}", str(right), str(wrong))


def _story(rng: Random) -> Fact:
    thing, told, usual = rng.choice(ODD)
    place = rng.choice(("a story", "a dream", "a film", "a painting", "a computer game"))
    who = rng.choice(PEOPLE)
    prompt = f"In {place} by {who}, {thing} is {told}. What colour is {thing} there?"
    return Fact(prompt, f"{thing} is {{}} there", told, usual)


def _recipe(rng: Random) -> Fact:
    what = rng.choice(("soup", "cake", "bread", "stew", "sauce"))
    flour, water = rng.sample(range(2, 9), 2)
    thing, other = rng.sample(("salt", "sugar", "oil", "butter", "honey"), 2)
    prompt = (
        f"A {what} takes {flour} spoons of {thing} and {water} spoons of {other}."
        f" How many spoons of {other} is that?"
    )
    return Fact(prompt, f"the {what} takes {{}} spoons of {other}", str(water), str(flour))


def _race(rng: Random) -> Fact:
    a, b, c = rng.sample(PEOPLE, 3)
    asked, right, wrong = rng.choice((("last", c, b), ("first", a, b)))
    prompt = f"{a} finished before {b}, and {c} finished after {b}. Who finished {asked}?"
    return Fact(prompt, f"{{}} finished {asked}", right, wrong)


def _height(rng: Random) -> Fact:
    a, b, c = rng.sample(PEOPLE, 3)
    asked, right, wrong = rng.choice((("tallest", c, a), ("shortest", b, a)))
    prompt = f"{a} is taller than {b} but shorter than {c}. Who is the {asked} of the three?"
    return Fact(prompt, f"{{}} is the {asked}", right, wrong)


def _except(rng: Random) -> Fact:
    a, b, c = rng.sample(PEOPLE, 3)
    what = rng.choice(("tea", "coffee", "juice", "cocoa"))
    prompt = f"{a}, {b} and {c} met. Everybody but {b} ordered {what}. Who did not order {what}?"
    return Fact(prompt, f"{{}} did not order {what}", b, rng.choice((a, c)))


def _swap(rng: Random) -> Fact:
    (a, b), (one, two) = rng.sample(PEOPLE, 2), rng.sample(COLOURS, 2)
    prompt = (
        f"{a} had the {one} scarf and {b} the {two} one. Then they swapped. "
        f"Who has the {one} scarf now?"
    )
    return Fact(prompt, f"{{}} now has the {one} scarf", b, a)


MAKERS: Mapping[Difficulty, tuple[Callable[[Random], Fact], ...]] = {
    "easy": (_moved, _boxes, _pets),
    "medium": (_hours, _story, _recipe),
    "hard": (_race, _height, _except, _swap),
}
