"""Small word problems, made to come out even."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from rlaif.demo.draft import PEOPLE, Difficulty
from rlaif.demo.working import Problem, Step

THINGS = ("pens", "apples", "stamps", "marbles", "books", "cards", "shells", "candles", "buttons")


def _add(rng: Random) -> Problem:
    a, b = rng.randint(12, 89), rng.randint(12, 89)
    prompt = rng.choice((f"What is {a} + {b}?", f"Please add {a} and {b}."))
    steps = (Step("Adding the two numbers", "n", "a", "+", "b"),)
    return Problem(prompt, {"a": a, "b": b}, steps, "The answer is {n}.")


def _subtract(rng: Random) -> Problem:
    a, b = rng.randint(51, 99), rng.randint(12, 48)
    prompt = rng.choice((f"What is {a} - {b}?", f"Take {b} away from {a}. What remains?"))
    steps = (Step("Taking the second from the first", "n", "a", "-", "b"),)
    return Problem(prompt, {"a": a, "b": b}, steps, "The result is {n}.")


def _buys(rng: Random) -> Problem:
    who, what, a, b = (
        rng.choice(PEOPLE),
        rng.choice(THINGS),
        rng.randint(11, 60),
        rng.randint(6, 39),
    )
    prompt = f"{who} has {a} {what} and buys {b} more. How many {what} does {who} have now?"
    steps = (Step(f"Old and new {what} together", "n", "a", "+", "b"),)
    return Problem(prompt, {"a": a, "b": b}, steps, f"{who} now has {{n}} {what}.")


def _rows(rng: Random) -> Problem:
    what = rng.choice(("tulips", "trees", "chairs", "tiles", "parked cars"))
    a, b = rng.randint(4, 9), rng.randint(6, 14)
    prompt = f"There are {a} rows with {b} {what} in each row. How many {what} are there in all?"
    steps = (Step(f"Rows times {what} in a row", "n", "a", "x", "b"),)
    return Problem(prompt, {"a": a, "b": b}, steps, f"In all there are {{n}} {what}.")


def _boxes(rng: Random) -> Problem:
    who, what = rng.choice(PEOPLE), rng.choice(THINGS)
    a, b, c = rng.randint(4, 9), rng.randint(11, 24), rng.randint(5, 29)
    prompt = (
        f"{who} fills {a} boxes with {b} {what} each and then gives away {c} {what}."
        f" How many {what} are left?"
    )
    steps = (
        Step(f"All {what}", "all", "a", "x", "b"),
        Step("After giving some away", "n", "all", "-", "c"),
    )
    trap = (
        Step("Left in a box", "box", "b", "-", "c"),
        Step("In all boxes", "n", "a", "x", "box"),
    )
    return Problem(prompt, {"a": a, "b": b, "c": c}, steps, f"{who} has {{n}} {what} left.", trap)


def _savings(rng: Random) -> Problem:
    who, a, b, c = rng.choice(PEOPLE), rng.randint(6, 25), rng.randint(4, 12), rng.randint(15, 80)
    prompt = (
        f"{who} has {c} dollars and then saves {a} dollars a week for {b} weeks."
        f" How many dollars does {who} have at the end?"
    )
    steps = (
        Step("Saved in those weeks", "saved", "a", "x", "b"),
        Step("With the money from before", "n", "saved", "+", "c"),
    )
    trap = (
        Step("Starting money and one week", "week", "c", "+", "a"),
        Step("Over all weeks", "n", "week", "x", "b"),
    )
    return Problem(
        prompt, {"a": a, "b": b, "c": c}, steps, f"{who} ends up with {{n}} dollars.", trap
    )


def _fence(rng: Random) -> Problem:
    what = rng.choice(("field", "garden", "yard", "playground"))
    a, b = rng.randint(21, 75), rng.randint(8, 20)
    prompt = (
        f"A rectangular {what} is {a} metres long and {b} metres wide."
        " How many metres of fence go all the way around it?"
    )
    steps = (
        Step("Length and width", "half", "a", "+", "b"),
        Step("Both sides twice", "n", "half", "x", "two"),
    )
    trap = (Step("Length times width", "n", "a", "x", "b"),)
    return Problem(prompt, {"a": a, "b": b, "two": 2}, steps, "The fence is {n} metres long.", trap)


def _bags(rng: Random) -> Problem:
    who, c, bags, a = rng.choice(PEOPLE), rng.randint(3, 8), rng.randint(6, 15), rng.randint(2, 6)
    b = c * bags
    prompt = (
        f"{who} bakes {a} trays of {b} rolls and packs all of them in bags of {c}."
        " How many bags does that fill?"
    )
    steps = (
        Step("All rolls", "all", "a", "x", "b"),
        Step("Rolls by bag size", "n", "all", "/", "c"),
    )
    trap = (Step("Rolls on one tray by bag size", "n", "b", "/", "c"),)
    return Problem(prompt, {"a": a, "b": b, "c": c}, steps, "That fills {n} bags.", trap)


def _precedence(rng: Random) -> Problem:
    a, b, c = rng.randint(11, 60), rng.randint(12, 39), rng.randint(3, 9)
    prompt = rng.choice((f"What is {a} + {b} x {c}?", f"Evaluate {a} + {b} x {c}."))
    steps = (
        Step("Multiplication comes first", "p", "b", "x", "c"),
        Step("Then the addition", "n", "a", "+", "p"),
    )
    trap = (
        Step("From left to right", "s", "a", "+", "b"),
        Step("Then the multiplication", "n", "s", "x", "c"),
    )
    return Problem(prompt, {"a": a, "b": b, "c": c}, steps, "The value is {n}.", trap)


def _discount(rng: Random) -> Problem:
    what = rng.choice(("coat", "lamp", "bicycle", "chair", "radio"))
    a, p = rng.randint(3, 14) * 20, rng.choice((5, 10, 15, 20, 25, 30, 35, 40))
    prompt = f"A {what} costs {a} dollars and is reduced by {p}%. How many dollars is it now?"
    steps = (
        Step("Times percent", "m", "a", "x", "p"),
        Step("Taken off", "off", "m", "/", "hundred"),
        Step("New price", "n", "a", "-", "off"),
    )
    trap = (Step("Price less the reduction", "n", "a", "-", "p"),)
    values = {"a": a, "p": p, "hundred": 100}
    return Problem(prompt, values, steps, f"The {what} now costs {{n}} dollars.", trap)


def _product(rng: Random) -> Problem:
    a, tens, units = rng.randint(13, 89), rng.randint(1, 8) * 10, rng.randint(2, 9)
    b = tens + units
    prompt = rng.choice((f"What is {a} x {b}?", f"Multiply {a} by {b}."))
    steps = (
        Step("The tens", "t", "a", "x", "tens"),
        Step("The units", "u", "a", "x", "units"),
        Step("Together", "n", "t", "+", "u"),
    )
    return Problem(prompt, {"a": a, "tens": tens, "units": units}, steps, "The product is {n}.")


def _journey(rng: Random) -> Problem:
    v, w = rng.sample(range(40, 100, 5), 2)
    h, g = rng.sample(range(2, 6), 2)
    prompt = (
        f"A train runs at {v} km an hour for {h} hours and then at {w} km an hour for {g} hours."
        " How many km is that?"
    )
    steps = (
        Step("First part", "one", "v", "x", "h"),
        Step("Second part", "two", "w", "x", "g"),
        Step("Both parts", "n", "one", "+", "two"),
    )
    trap = (
        Step("Both speeds", "s", "v", "+", "w"),
        Step("All hours", "t", "h", "+", "g"),
        Step("Together", "n", "s", "x", "t"),
    )
    values = {"v": v, "h": h, "w": w, "g": g}
    return Problem(prompt, values, steps, "The train covers {n} km.", trap)


def _average(rng: Random) -> Problem:
    mean, d, e = rng.randint(30, 80), rng.randint(3, 19), rng.randint(3, 19)
    a, b, c = mean - d, mean + d + e, mean - e
    prompt = f"What is the average of {a}, {b} and {c}?"
    steps = (
        Step("The first two", "s", "a", "+", "b"),
        Step("All three", "t", "s", "+", "c"),
        Step("By their number", "n", "t", "/", "three"),
    )
    values = {"a": a, "b": b, "c": c, "three": 3}
    return Problem(prompt, values, steps, "The average is {n}.")


PROBLEMS: Mapping[Difficulty, tuple[Callable[[Random], Problem], ...]] = {
    "easy": (_add, _subtract, _buys, _rows),
    "medium": (_boxes, _savings, _fence, _bags),
    "hard": (_precedence, _discount, _product, _journey, _average),
}
