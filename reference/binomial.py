"""Lower confidence limits of Clopper and Pearson and quantiles of the normal distribution by SciPy, for
crates/ganymede/src/defences/binomial.rs. --check compares what is written with what SciPy says now."""

import json
import pathlib
import sys

from scipy.stats import beta, norm

PATH = pathlib.Path(__file__).with_suffix(".json")
CASES = [(1, 1), (1, 10), (5, 10), (10, 10), (51, 100), (99, 100), (600, 1000), (990, 1000), (1000, 1000), (9_999, 10_000), (50_400, 100_000)]
PROBABILITIES = [1e-9, 0.001, 0.025, 0.3, 0.5, 0.75, 0.99, 0.99312, 0.9999, 0.99999]


def values():
    limits = [
        {"k": k, "n": n, "alpha": alpha, "limit": float(beta.ppf(alpha, k, n - k + 1))}
        for k, n in CASES
        for alpha in (0.05, 0.001)
    ]
    quantiles = [{"p": p, "quantile": float(norm.ppf(p))} for p in PROBABILITIES]
    return {"lower_limits": limits, "quantiles": quantiles}


def numbers(of):
    return [case[name] for kind, name in (("lower_limits", "limit"), ("quantiles", "quantile")) for case in of[kind]]


if sys.argv[1:] == ["--check"]:
    pairs = zip(numbers(json.loads(PATH.read_text())), numbers(values()), strict=True)
    assert all(abs(a - b) <= 1e-10 * max(1.0, abs(b)) for a, b in pairs), "SciPy says otherwise now"
else:
    PATH.write_text(json.dumps(values(), indent=1) + "\n")
