"""Facts of common knowledge, each with a mistake that people make."""

from __future__ import annotations

from collections.abc import Mapping

from rlaif.demo.draft import Difficulty, Fact

Pair = tuple[str, str, str]
"""What is asked about, the right filling, the wrong one."""


def _facts(question: str, sentence: str, *rows: Pair) -> tuple[Fact, ...]:
    """One fact a row; `[]` in question and sentence stands for what is asked about."""
    return tuple(
        Fact(question.replace("[]", about), sentence.replace("[]", about), right, wrong)
        for about, right, wrong in rows
    )


def _capitals(*rows: Pair) -> tuple[Fact, ...]:
    return _facts("What is the capital of []?", "the capital of [] is {}", *rows)


def _symbols(*rows: Pair) -> tuple[Fact, ...]:
    return _facts("What is the chemical symbol for []?", "the symbol for [] is {}", *rows)


def _authors(*rows: Pair) -> tuple[Fact, ...]:
    return _facts("Who wrote []?", "[] was written by {}", *rows)


def _years(*rows: Pair) -> tuple[Fact, ...]:
    return _facts("In which year did []?", "that was in {}", *rows)


EASY: tuple[Fact, ...] = (
    *_capitals(
        ("France", "Paris", "Lyon"),
        ("Italy", "Rome", "Milan"),
        ("Japan", "Tokyo", "Osaka"),
        ("Spain", "Madrid", "Barcelona"),
        ("Egypt", "Cairo", "Alexandria"),
        ("Germany", "Berlin", "Munich"),
        ("Greece", "Athens", "Thessaloniki"),
    ),
    Fact("How many days are there in a week?", "a week has {} days", "seven", "eight"),
    Fact("How many months are there in a year?", "a year has {} months", "twelve", "ten"),
    Fact("How many legs does a spider have?", "a spider has {} legs", "eight", "six"),
    Fact("How many sides does a hexagon have?", "a hexagon has {} sides", "six", "five"),
    Fact(
        "How many minutes are there in an hour?", "an hour has {} minutes", "sixty", "one hundred"
    ),
    Fact("How many strings does a violin have?", "a violin has {} strings", "four", "six"),
    Fact("What colour do blue and yellow paint make?", "they make {}", "green", "purple"),
    Fact("Which season comes after spring?", "after spring comes {}", "summer", "winter"),
    Fact("Which animal do we get wool from?", "wool comes from {}", "sheep", "pigs"),
    Fact("Where does the sun rise?", "the sun rises in the {}", "east", "west"),
    Fact("What is frozen water called?", "frozen water is called {}", "ice", "steam"),
    Fact("What do bees make?", "bees make {}", "honey", "milk"),
)

MEDIUM: tuple[Fact, ...] = (
    *_capitals(
        ("Canada", "Ottawa", "Toronto"),
        ("Australia", "Canberra", "Sydney"),
        ("Turkey", "Ankara", "Istanbul"),
        ("Brazil", "Brasilia", "Rio de Janeiro"),
        ("Switzerland", "Bern", "Zurich"),
        ("Morocco", "Rabat", "Casablanca"),
        ("Vietnam", "Hanoi", "Ho Chi Minh City"),
        ("New Zealand", "Wellington", "Auckland"),
        ("Pakistan", "Islamabad", "Karachi"),
    ),
    *_symbols(("gold", "Au", "Go"), ("iron", "Fe", "Ir"), ("sodium", "Na", "So")),
    *_authors(
        ("Romeo and Juliet", "William Shakespeare", "Charles Dickens"),
        ("Pride and Prejudice", "Jane Austen", "Emily Bronte"),
        ("Don Quixote", "Miguel de Cervantes", "Dante Alighieri"),
    ),
    Fact("Which planet is closest to the Sun?", "the closest planet is {}", "Mercury", "Venus"),
    Fact("Which is the largest ocean?", "the largest ocean is the {}", "Pacific", "Atlantic"),
    Fact("Which gas is most of the air made of?", "most of the air is {}", "nitrogen", "oxygen"),
    Fact("On which continent is Kenya?", "Kenya is in {}", "Africa", "South America"),
    Fact(
        "How many degrees do the angles of a triangle add up to?", "they add up to {}", "180", "360"
    ),
)

HARD: tuple[Fact, ...] = (
    *_capitals(
        ("Kazakhstan", "Astana", "Almaty"),
        ("Nigeria", "Abuja", "Lagos"),
        ("Tanzania", "Dodoma", "Dar es Salaam"),
        ("Myanmar", "Naypyidaw", "Yangon"),
        ("Belize", "Belmopan", "Belize City"),
        ("Ecuador", "Quito", "Guayaquil"),
    ),
    *_symbols(
        ("potassium", "K", "P"),
        ("lead", "Pb", "Ld"),
        ("tin", "Sn", "Ti"),
        ("tungsten", "W", "Tu"),
        ("mercury", "Hg", "Me"),
    ),
    *_authors(
        ("Crime and Punishment", "Fyodor Dostoevsky", "Leo Tolstoy"),
        ("The Metamorphosis", "Franz Kafka", "Hermann Hesse"),
        ("Wuthering Heights", "Emily Bronte", "Charlotte Bronte"),
    ),
    *_years(
        ("the Berlin Wall fall", "1989", "1991"),
        ("the Titanic sink", "1912", "1915"),
        ("people first land on the Moon", "1969", "1965"),
        ("the French Revolution begin", "1789", "1799"),
    ),
    Fact("Which planet of our solar system is hottest?", "the hottest is {}", "Venus", "Mercury"),
    Fact("How many bones does an adult human have?", "an adult has {} bones", "206", "212"),
    Fact("Which is the smallest prime number?", "the smallest prime is {}", "2", "1"),
    Fact("Which blood cells carry oxygen?", "{} blood cells carry it", "red", "white"),
)

KNOWN: Mapping[Difficulty, tuple[Fact, ...]] = {"easy": EASY, "medium": MEDIUM, "hard": HARD}
