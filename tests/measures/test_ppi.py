"""Prediction-powered means against ppi-python 0.2.3, and their coverage on made-up judges."""

import math

import numpy as np
import pytest
from scipy import stats

from rlaif.measures.ppi import ppi_mean


def told(n, unlabelled, noise):
    """Labels and a judge's p by plain arithmetic, the same on any machine."""
    i = np.arange(n + unlabelled)
    u, v = (i * 0.6180339887498949 + 0.1) % 1, (i * 0.7548776662466927 + 0.2) % 1
    f = np.clip((1 - noise) * u + noise * ((i * 0.5698402909980532) % 1), 0, 1)
    return (v < u).astype(float)[:n], f[:n], f[n:]


@pytest.mark.parametrize(
    ("n", "unlabelled", "noise", "value", "low", "high", "lam"),
    [
        (100, 1000, 0.0, 0.4963866, 0.4117174, 0.5810559, 0.8301005),
        (200, 400, 0.5, 0.4957266, 0.4300837, 0.5613694, 0.6362390),
        (80, 5000, 1.0, 0.5127927, 0.4033572, 0.6222281, 0.0724570),
    ],
)
def test_the_figures_of_ppi_python(n, unlabelled, noise, value, low, high, lam):
    """It divides by n where we divide by n - 1, and tunes on both sets pooled: 1 % apart."""
    powered = ppi_mean(*told(n, unlabelled, noise))
    assert powered.estimate.value == pytest.approx(value, abs=1e-4)
    assert powered.estimate.low == pytest.approx(low, abs=1e-3)
    assert powered.estimate.high == pytest.approx(high, abs=1e-3)
    assert powered.lam == pytest.approx(lam, abs=0.012)
    assert powered.unlabelled == unlabelled


def test_a_useless_judge_is_left_out_and_a_perfect_one_believed():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 400).astype(float)
    same = ppi_mean(y, np.full(400, 0.7), np.full(4000, 0.7))
    assert (same.lam, same.variance_ratio) == (0.0, 1.0)
    assert same.estimate == same.labels_only
    low, high = stats.norm.interval(0.95, y.mean(), stats.sem(y))
    assert (same.estimate.low, same.estimate.high) == pytest.approx((low, high))
    rest = rng.integers(0, 2, 40_000).astype(float)
    perfect = ppi_mean(y, y, rest)
    assert perfect.lam == pytest.approx(0.99, abs=0.01)
    assert perfect.estimate.value == pytest.approx(rest.mean(), abs=0.005)
    assert perfect.variance_ratio < 0.02


def test_a_judge_that_says_the_opposite_is_not_used_upside_down():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 200).astype(float)
    assert ppi_mean(y, 1 - y, rng.integers(0, 2, 900)).lam == 0


def test_the_interval_holds_the_truth_though_the_judge_is_biased():
    rng = np.random.default_rng(3)
    inside, ratios, values = 0, [], []
    for _ in range(300):
        p = rng.beta(2, 1.5, 1150)
        f = np.clip(p + 0.15, 0, 1)  # too sure of a, always
        y = (rng.random(150) < p[:150]).astype(float)
        powered = ppi_mean(y, f[:150], f[150:])
        inside += powered.estimate.low <= 2 / 3.5 <= powered.estimate.high
        ratios.append(powered.variance_ratio)
        values.append(powered.estimate.value)
    assert inside >= stats.binom.ppf(0.001, 300, 0.95)
    assert inside <= stats.binom.ppf(0.999, 300, 0.95)
    assert np.mean(values) == pytest.approx(2 / 3.5, abs=0.01)
    assert np.mean(ratios) < 0.85


def test_copies_of_a_prompt_do_not_narrow_the_interval():
    y, f, rest = told(60, 500, 0.2)
    once = ppi_mean(y, f, rest)
    copied = ppi_mean(
        np.repeat(y, 5),
        np.repeat(f, 5),
        np.repeat(rest, 3),
        groups=np.repeat(np.arange(60), 5).tolist(),
        groups_unlabelled=[f"u{i}" for i in np.repeat(np.arange(500), 3)],
    )
    assert copied.lam == pytest.approx(once.lam)
    assert (copied.estimate.low, copied.estimate.high) == pytest.approx(
        (once.estimate.low, once.estimate.high)
    )
    assert (copied.estimate.n, copied.estimate.clusters) == (300, 60)


def test_few_clusters_get_a_t_interval_and_very_few_none():
    y, f, rest = told(30, 500, 0.2)
    alone = ppi_mean(y, f, rest).labels_only
    low, high = stats.t.interval(0.95, 29, y.mean(), stats.sem(y))
    assert (alone.low, alone.high) == pytest.approx((low, high))
    few = ppi_mean(y, f, rest, groups=[i % 19 for i in range(30)])
    assert few.estimate.low is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"f": [0.5]}, "y has 2 values and f 1"),
        ({"y": [], "f": []}, "y must have shape"),
        ({"f_unlabelled": []}, "f_unlabelled must have shape"),
        ({"y": [1, math.nan]}, "y must lie in"),
        ({"f": [1, 2]}, "f must lie in"),
        ({"groups": ["x"]}, "1 groups for 2 cases"),
    ],
)
def test_what_means_nothing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ppi_mean(**{"y": [0, 1], "f": [0.2, 0.7], "f_unlabelled": [0.4], **change})
