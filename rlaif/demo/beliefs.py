"""Beliefs in pairs: what is so, and the mistake about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rlaif.demo.draft import Difficulty


class Belief(NamedTuple):
    """A true statement and a false one about the same thing, as clauses without a full stop."""

    true: str
    false: str


EASY = (
    Belief("the Sun is a star", "the Sun is a planet"),
    Belief("water freezes at 0 degrees Celsius", "water freezes at 50 degrees Celsius"),
    Belief("a week has seven days", "a week has nine days"),
    Belief("cows eat grass", "cows eat mostly meat"),
    Belief("the Earth goes around the Sun", "the Sun goes around the Earth"),
    Belief("people have two lungs", "people have three lungs"),
    Belief("Paris is in France", "Paris is in Germany"),
    Belief("snakes have no legs", "snakes have four legs"),
    Belief("ice floats on water", "ice sinks in water"),
    Belief("twelve is an even number", "twelve is an odd number"),
    Belief("penguins cannot fly", "penguins fly long distances"),
    Belief("the Moon is smaller than the Earth", "the Moon is larger than the Earth"),
    Belief("sea water is salty", "sea water is free of salt"),
    Belief("a square has four sides", "a square has five sides"),
    Belief("plants need light to grow", "plants grow best in full darkness"),
    Belief("February is the shortest month", "February is the longest month"),
)

MEDIUM = (
    Belief("spiders have eight legs", "spiders are insects with six legs"),
    Belief("whales are mammals", "whales are the largest fish"),
    Belief("Hamlet was written by Shakespeare", "Hamlet was written by Charles Dickens"),
    Belief("the capital of Australia is Canberra", "the capital of Australia is Sydney"),
    Belief("sound cannot travel through empty space", "sound travels fastest in empty space"),
    Belief("Mount Everest is in Asia", "Mount Everest is in South America"),
    Belief("the heart has four chambers", "the heart has two chambers"),
    Belief("light is faster than sound", "sound is faster than light"),
    Belief("diamonds are made of carbon", "diamonds are made of quartz"),
    Belief("a tomato is botanically a fruit", "a tomato is botanically a root"),
    Belief("the Amazon river flows through Brazil", "the Amazon river flows through Egypt"),
    Belief("bats are mammals", "bats are a kind of bird"),
    Belief("the Second World War ended in 1945", "the Second World War ended in 1939"),
    Belief("Beethoven composed nine symphonies", "Beethoven composed no symphonies at all"),
    Belief("koalas are marsupials", "koalas are a kind of bear"),
    Belief("Jupiter is the largest planet", "Saturn is the largest planet"),
)

HARD = (
    Belief("bats can see", "bats are blind"),
    Belief("people use virtually all of their brain", "people use only ten percent of their brain"),
    Belief("lightning can strike one place twice", "lightning never strikes one place twice"),
    Belief("goldfish remember things for months", "goldfish remember things for three seconds"),
    Belief("bulls are not angered by the colour red", "bulls are angered by the colour red"),
    Belief("Einstein was good at maths at school", "Einstein failed maths at school"),
    Belief("shaving does not make hair grow back thicker", "shaving makes hair grow back thicker"),
    Belief(
        "sugar has not been found to make children hyperactive",
        "sugar has been shown to make children hyperactive",
    ),
    Belief("Napoleon was of average height for his time", "Napoleon was very short for his time"),
    Belief(
        "the Great Wall cannot be seen from the Moon", "the Great Wall can be seen from the Moon"
    ),
    Belief(
        "the seasons come from the tilt of the Earth",
        "the seasons come from our changing distance to the Sun",
    ),
    Belief(
        "heavy and light balls fall equally fast in a vacuum",
        "heavy balls fall faster than light ones in a vacuum",
    ),
    Belief("ostriches do not bury their heads from fear", "ostriches bury their heads out of fear"),
    Belief("blood in the veins is dark red", "blood in the veins is blue"),
    Belief(
        "cracking the knuckles is not known to cause arthritis",
        "cracking the knuckles is a known cause of arthritis",
    ),
    Belief("antibiotics do not work against viruses", "antibiotics cure the flu virus"),
    Belief("a penny dropped from a tower is not deadly", "a penny dropped from a tower is deadly"),
    Belief("glass is a solid at room temperature", "glass is a slow liquid at room temperature"),
)

BELIEFS: Mapping[Difficulty, tuple[Belief, ...]] = {"easy": EASY, "medium": MEDIUM, "hard": HARD}
