"""`make bench-guarantee`: how often the promise is broken, on pools whose true risk is known.

    python -m tests.bench.guarantee [DRAWS]

Each draw is a pool, labels drawn from it and the threshold `select` gives; it is broken where the
true risk of what the threshold keeps exceeds alpha. Prints a table in Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr
from scipy.stats import binom

from rlaif.curation.guarantee import walk

DELTA = 0.1
POOL = 2000
NOISE = 25
SPREAD = 1.5
"""Standard deviation of a prompt's effect on the log-odds of disagreement."""
Floats = NDArray[Any]
Curve = Callable[[Floats], Floats]
"""The risk of a pair by its rank in the pool: 0 the least sure, 1 the surest."""


@dataclass(frozen=True)
class Draw:
    """One simulated study; `truth` holds (confidences, risks) of a large population."""

    confidence: Floats
    agrees: Floats
    pool: Floats
    truth: tuple[Floats, Floats]
    groups: Floats | None = None

    def risk(self, threshold: float) -> float:
        confidence, risk = self.truth
        return float(risk[confidence >= threshold].mean())


@dataclass(frozen=True)
class Case:
    name: str
    alpha: float
    draw: Callable[[np.random.Generator], Draw]
    delta: float = DELTA
    promised: bool = True
    """False: a way of testing that is known to be wrong, shown beside the right one."""


@dataclass
class Result:
    draws: int
    accepted: int = 0
    broken: int = 0
    coverage: float = 0.0
    """Mean share of the pool kept."""


def play(case: Case, draws: int, seed: int = 0) -> Result:
    result = Result(draws)
    for n in range(draws):
        drawn = case.draw(np.random.default_rng([seed, n]))
        walked = walk(
            drawn.confidence,
            drawn.agrees,
            drawn.pool,
            case.alpha,
            case.delta,
            None if drawn.groups is None else drawn.groups.tolist(),
            seed=n,
        )
        if walked.threshold is not None:
            result.accepted += 1
            result.coverage += walked.coverage / draws
            result.broken += drawn.risk(walked.threshold) > case.alpha
    return result


def broken_within_error(broken: int, draws: int, delta: float) -> bool:
    """Whether `broken` of `draws` may come from a rate of `delta` (one-sided, .001)."""
    return bool(broken <= binom.ppf(0.999, draws, delta))


def shaped(curve: Curve, n: int) -> Callable[[np.random.Generator], Draw]:
    """Labels and pool from one population whose risk follows `curve`."""
    ranks = (np.arange(20_000) + 0.5) / 20_000
    truth = (ranks, curve(ranks))

    def draw(rng: np.random.Generator) -> Draw:
        sure = rng.random(n)
        agrees = rng.random(n) >= curve(sure)
        return Draw(sure, agrees.astype(float), rng.random(POOL), truth)

    return draw


def fitted(n: int, apart: bool) -> Callable[[np.random.Generator], Draw]:
    """A logistic calibrator with 25 noise features, fitted on n labels apart from those tested.

    The judge's log-odds say the truth at slope 1; not `apart` tests on the labels of the fit.
    """
    from sklearn.linear_model import LogisticRegression

    def world(rng: np.random.Generator, size: int) -> tuple[Floats, Floats]:
        features = rng.normal(size=(size, 1 + NOISE))
        return features, expit(2 * features[:, 0])

    def draw(rng: np.random.Generator) -> Draw:
        train, p_train = world(rng, n)
        y_train = rng.random(n) < p_train
        model = LogisticRegression(solver="newton-cholesky", fit_intercept=False).fit(
            train, y_train
        )

        def read(features: Floats, p: Floats) -> tuple[Floats, Floats]:
            p_hat = expit(features @ model.coef_[0])
            return np.maximum(p_hat, 1 - p_hat), np.where(p_hat > 0.5, 1 - p, p)

        if apart:
            test, p_test = world(rng, n)
            y_test = rng.random(n) < p_test
        else:
            test, p_test, y_test = train, p_train, y_train
        sure, _ = read(test, p_test)
        agrees = (expit(test @ model.coef_[0]) > 0.5) == y_test
        pool, _ = read(*world(rng, POOL))
        return Draw(sure, agrees.astype(float), pool, read(*world(rng, 10_000)))

    return draw


def clustered(
    curve: Curve, prompts: int, pairs: int, grouped: bool = True
) -> Callable[[np.random.Generator], Draw]:
    """Pairs of a prompt share half the variance of confidence and an effect on the risk."""

    def population(rng: np.random.Generator, prompts: int, pairs: int) -> tuple[Floats, Floats]:
        shared = rng.normal(size=(2, prompts, 1))
        sure = ndtr((shared[0] + rng.normal(size=(prompts, pairs))) / np.sqrt(2))
        return sure.ravel(), expit(logit(curve(sure)) + SPREAD * shared[1]).ravel()

    truth = population(np.random.default_rng(99), 400_000, 1)

    def draw(rng: np.random.Generator) -> Draw:
        sure, risk = population(rng, prompts, pairs)
        agrees = (rng.random(len(sure)) >= risk).astype(float)
        pool, _ = population(rng, POOL, 1)
        groups = np.repeat(np.arange(prompts), pairs)
        return Draw(sure, agrees, pool, truth, groups if grouped else None)

    return draw


def effectively(risk: float) -> Curve:
    """A flat curve whose mean over prompt effects is `risk`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    base = brentq(lambda b: float(weights @ expit(b + SPREAD * nodes)) - risk, -20, 5)
    return line(float(expit(base)), float(expit(base)))


def line(top: float, bottom: float) -> Curve:
    return lambda u: bottom + (top - bottom) * u


def curves(alpha: float) -> dict[str, Curve]:
    return {
        "falling": line(0.05, 0.35),
        "falling fast": line(0.0, 0.6),
        "flat just above alpha": lambda u: np.full_like(u, alpha + 0.002),
        "step": lambda u: np.where(u > 0.6, alpha / 2, 0.5),
        "U-shaped": lambda u: 0.05 + 1.6 * (u - 0.5) ** 2,
        "waves": lambda u: alpha * (1.08 - 0.8 * np.sin(6 * np.pi * (1 - u))),
    }


def short(share: float) -> str:
    return f"{share:.2f}".removeprefix("0")


SHAPED = [
    Case(f"{name}, {n} labels, alpha {short(alpha)}", alpha, shaped(curve, n))
    for n in (300, 500)
    for alpha in (0.2, 0.15, 0.1)
    for name, curve in curves(alpha).items()
]
FITTED = [
    Case(f"fit with 25 noise features, {n} labels, alpha {short(alpha)}", alpha, fitted(n, True))
    for n in (300, 500)
    for alpha in (0.2, 0.15, 0.1)
]
CLUSTERED = [
    Case(
        f"{prompts} prompts of {pairs} pairs, {name}, alpha {short(alpha)}",
        alpha,
        clustered(curve, prompts, pairs),
    )
    for prompts, pairs in ((10, 30), (20, 15), (30, 10), (50, 10))
    for alpha in (0.3, 0.2, 0.15, 0.1)
    for name, curve in (
        ("flat just above", effectively(alpha + 0.01)),
        ("falling", line(0.01, 0.5)),
    )
]
WRONG = [
    replace(
        Case("fitted and tested on the same 300 labels, alpha .15", 0.15, fitted(300, False)),
        promised=False,
    ),
    replace(
        Case(
            "50 prompts of 10 pairs taken as 500, flat just above, alpha .20",
            0.2,
            clustered(effectively(0.21), 50, 10, grouped=False),
        ),
        promised=False,
    ),
]
CASES = [
    case
    for case in SHAPED + FITTED + CLUSTERED
    if case.name.endswith("500 labels, alpha .15") or "50 prompts" in case.name
]
"""The few that the tests play."""


def main(draws: int) -> None:
    print("| case | broken | accepted | mean coverage |")
    print("| --- | --- | --- | --- |")
    missed = []
    for case in SHAPED + FITTED + CLUSTERED + WRONG:
        result = play(case, draws)
        fine = broken_within_error(result.broken, draws, case.delta)
        if case.promised and not fine:
            missed.append(case.name)
        name = case.name if case.promised else f"*wrong on purpose:* {case.name}"
        print(
            f"| {name} | {result.broken / draws:.3f} | {result.accepted / draws:.2f}"
            f" | {result.coverage:.2f} |",
            flush=True,
        )
    if missed:
        sys.exit(f"broken more often than delta allows: {'; '.join(missed)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
