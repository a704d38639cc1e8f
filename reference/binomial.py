"""Lower confidence limits of Clopper and Pearson and quantiles of the normal distribution by SciPy, for
crates/ganymede/src/defences/binomial.rs."""

import json
import pathlib

from scipy.stats import beta, norm

CASES = [(1, 1), (1, 10), (5, 10), (10, 10), (51, 100), (99, 100), (600, 1000), (990, 1000), (1000, 1000), (9_999, 10_000), (50_400, 100_000)]
PROBABILITIES = [1e-9, 0.001, 0.025, 0.3, 0.5, 0.75, 0.99, 0.99312, 0.9999, 0.99999]

limits = [
    {"k": k, "n": n, "alpha": alpha, "limit": beta.ppf(alpha, k, n - k + 1)}
    for k, n in CASES
    for alpha in (0.05, 0.001)
]
quantiles = [{"p": p, "quantile": norm.ppf(p)} for p in PROBABILITIES]
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"lower_limits": limits, "quantiles": quantiles}, indent=1) + "\n")
