"""Epsilons of the subsampled Gaussian mechanism, for crates/ganymede/src/privacy/accountant.rs to compare with.

Needs `dp-accounting` and `opacus`. Both are asked at the whole orders that we use; Poisson sampling, neighbours that differ in one
row more or less.
"""
import importlib.util
import json
import math
import sys
from pathlib import Path

import dp_accounting
from dp_accounting.rdp import RdpAccountant

# The accountant of `opacus` by its file, since the package needs PyTorch and the accountant does not.
folder = Path(importlib.util.find_spec("opacus").submodule_search_locations[0])
spec = importlib.util.spec_from_file_location("rdp", folder / "accountants/analysis/rdp.py")
opacus = importlib.util.module_from_spec(spec)
spec.loader.exec_module(opacus)

ORDERS = list(range(2, 65)) + [64 << i for i in range(1, 8)]
CASES = [
    (0.01, 1.0, 1000, 1e-5),
    (0.01, 1.1, 60000, 1e-5),
    (0.1, 1.0, 100, 1e-3),
    (0.1, 2.0, 2000, 1e-3),
    (0.25, 4.0, 1000, 1e-3),
    (0.5, 0.8, 10, 1e-4),
    (0.004, 0.7, 15000, 1e-6),
    (1.0, 4.0, 1, 1e-5),
    (1.0, 20.0, 300, 1e-3),
]

cases = []
for rate, noise, steps, delta in CASES:
    accountant = RdpAccountant(ORDERS)
    event = dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise))
    accountant.compose(event, steps)
    rdp = opacus.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=ORDERS)
    epsilon, _ = opacus.get_privacy_spent(orders=ORDERS, rdp=rdp, delta=delta)
    cases.append(
        {
            "rate": rate,
            "noise": noise,
            "steps": steps,
            "delta": delta,
            "dp_accounting": accountant.get_epsilon(delta),
            "opacus": float(epsilon),
        }
    )
    assert math.isfinite(epsilon)

path = Path(__file__).with_suffix(".json")
if "--check" in sys.argv:
    assert json.loads(path.read_text()) == {"cases": cases}
else:
    path.write_text(json.dumps({"cases": cases}, indent=1) + "\n")
