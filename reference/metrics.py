"""Values of measures by the packages that papers use, for crates/evidence/src/metrics.rs to compare with.

Inputs are made by a formula in whole numbers, exact in every language, so that only values are stored:
`numbers(seed, count)` below. Run with --check to compare instead of writing.
"""

import argparse
import importlib.metadata
import json
import pathlib
import time

import numpy as np
import ot
import pytorch_msssim
import scipy.ndimage
import scipy.optimize
import scipy.spatial.distance
import scipy.stats
import skimage.metrics
import torch
from prdc import compute_prdc
from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim
from sklearn.neighbors import KNeighborsClassifier
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

PATH = pathlib.Path(__file__).with_suffix(".json")
cases = {}


def numbers(seed, count):
    """`count` numbers in [0, 1), multiples of 2^-16."""
    with np.errstate(over="ignore"):
        h = (np.arange(count, dtype=np.uint64) + np.uint64(seed * 1_000_003)) * np.uint64(0x9E3779B97F4A7C15)
        h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((h ^ (h >> np.uint64(32))) >> np.uint64(40) & np.uint64(0xFFFF)).astype(np.float64) / 65536


def bell(seed, *shape):
    """About normal: the sum of four numbers, less two."""
    return (numbers(seed, 4 * int(np.prod(shape))).reshape(-1, 4).sum(1) - 2).reshape(shape)


def case(name, package, *values):
    cases[name] = {"package": f"{package} {importlib.metadata.version(package)}", "values": [float(v) for v in values]}


def features():
    for n, d in [(300, 16), (600, 64)]:
        real, made = bell(1, n, d), 1.25 * bell(2, n, d) + 0.25
        made[:, 1] += 0.5 * made[:, 0]
        a, b = (torch.from_numpy(x.astype(np.float32)) for x in (real, made))
        statistics = [fid_features_to_statistics(x) for x in (a, b)]
        fid = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
        case(f"frechet {n}x{d}", "torch-fidelity", fid)
        kid = kid_features_to_metric(
            a, b, kid_subsets=3, kid_subset_size=n, kid_degree=3, kid_gamma=None, kid_coef0=1, rng_seed=0, verbose=False
        )
        case(f"kid {n}x{d}", "torch-fidelity", kid["kernel_inception_distance_mean"])
        four = compute_prdc(real_features=real, fake_features=made, nearest_k=5)
        case(f"precision-recall {n}x{d}", "prdc", *(four[k] for k in ("precision", "recall", "density", "coverage")))
        both, labels = np.concatenate([real, made]), np.repeat([1, 0], n)
        nearest = KNeighborsClassifier(n_neighbors=2, algorithm="brute").fit(both, labels).kneighbors(both)[1][:, 1]
        case(f"two-sample {n}x{d}", "scikit-learn", (labels[nearest] == labels).mean())
    logits = 4 * bell(3, 500, 10)
    score = isc_features_to_metric(torch.from_numpy(logits.astype(np.float32)), splits=10, shuffle=False)
    case("inception-score", "torch-fidelity", score["inception_score_mean"], score["inception_score_std"])


def pictures():
    def pair(seed, *shape):
        # Smooth shapes and some noise, in [-1, 1].
        y, x = np.mgrid[: shape[0], : shape[1]]
        waves = ((x // 4 + y // 6) % 7 / 4 - 0.75)[..., None] * np.ones(shape)
        a = np.clip(waves + 0.25 * bell(seed, *shape), -1, 1)
        return a, np.clip(0.75 * a + 0.25 * bell(seed + 1, *shape) + 0.125, -1, 1)

    chw = lambda x: torch.from_numpy(np.moveaxis(x, -1, 0)[None].copy())
    a, b = pair(10, 40, 53, 3)
    case("psnr", "scikit-image", skimage.metrics.peak_signal_noise_ratio(a, b, data_range=2))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 2, "channel_axis": -1}
    case("ssim", "scikit-image", skimage.metrics.structural_similarity(a, b, **options))
    case("ssim ", "pytorch-msssim", pytorch_msssim.ssim(chw(a), chw(b), data_range=2))
    # Two scales, with the weights of the first two brought to sum 1; the package itself refuses pictures below 161 pixels.
    weights = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    a, b = pair(12, 21, 42, 2)
    x, y, product = chw(a), chw(b), 1
    window = _fspecial_gauss_1d(11, 1.5).repeat([2, 1, 1, 1]).double()
    for scale, weight in enumerate(weights):
        similarity, contrast = _ssim(x, y, 2, window, False)
        product = product * torch.relu(similarity if scale == 1 else contrast) ** weight
        x, y = (torch.nn.functional.avg_pool2d(t, 2, padding=[s % 2 for s in t.shape[2:]]) for t in (x, y))
    case("ms-ssim two scales", "pytorch-msssim", product.mean())
    a, b = pair(14, 177, 182, 3)
    case("ms-ssim", "pytorch-msssim", pytorch_msssim.ms_ssim(chw(a), chw(b), data_range=2))


def patches():
    """As the code of PGGAN does it: https://github.com/tkarras/progressive_growing_of_gans/blob/master/metrics/sliced_wasserstein.py"""
    line = np.array([1, 4, 6, 4, 1]) / 16
    filter = np.outer(line, line)[..., None]
    x = bell(20, 64, 48, 2)
    down = scipy.ndimage.convolve(x, filter, mode="mirror")[::2, ::2]
    back = np.zeros_like(x)
    back[::2, ::2] = down
    detail = x - scipy.ndimage.convolve(back, filter * 4, mode="mirror")
    case("laplacian pyramid", "scipy", *detail.ravel()[::301], *down.ravel()[::101])
    a, b = bell(21, 500, 12), 1.5 * bell(22, 500, 12) ** 3
    directions = bell(23, 12, 20)
    directions = directions / np.linalg.norm(directions, axis=0)
    distances = np.abs(np.sort(a @ directions, axis=0) - np.sort(b @ directions, axis=0)).mean(0)
    case("sliced wasserstein", "numpy", *distances)
    case("sliced wasserstein ", "POT", ot.sliced_wasserstein_distance(a, b, projections=directions, p=1))


def spectra():
    x = bell(30, 3, 20, 28, 2)
    power = (np.abs(np.fft.fft2(x, axes=(1, 2))) ** 2).mean(-1)
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(20), np.fft.fftfreq(28), indexing="ij"))
    band = np.round(radius * 20).astype(int)
    case("spectrum", "numpy", *(power[i][band == k].mean() for i in range(3) for k in range(11)))


def transport():
    a, b = bell(40, 200, 3), bell(41, 200, 3) + 0.25
    cost = scipy.spatial.distance.cdist(a, b)
    rows, columns = scipy.optimize.linear_sum_assignment(cost)
    case("wasserstein-1", "scipy", cost[rows, columns].mean())
    case("wasserstein-1 ", "POT", ot.emd2(np.full(200, 1 / 200), np.full(200, 1 / 200), cost))
    small = scipy.spatial.distance.cdist(a[:30], b[:40])
    p, q = numbers(42, 30) + 0.125, numbers(43, 40) + 0.125
    p, q = p / p.sum(), q / q.sum()
    plan = ot.sinkhorn(p, q, small, 0.05, method="sinkhorn_log", numItermax=200_000, stopThr=1e-13)
    case("sinkhorn", "POT", (plan * small).sum(), *plan.ravel()[::71])


def ranks():
    a, b = np.round(8 * bell(50, 60)), np.round(8 * bell(51, 80) + 1)
    u = scipy.stats.mannwhitneyu(a, b).statistic
    case("mann-whitney", "scipy", (u - 60 * 80 / 2) / np.sqrt(60 * 80 * 141 / 12))
    p, q = np.round(100 * numbers(52, 30)), np.round(100 * numbers(53, 30))
    case("jensen-shannon", "scipy", scipy.spatial.distance.jensenshannon(p, q) ** 2)


def time_frechet():
    """Seconds for the Frechet distance of 10,000 and 10,000 vectors, all threads."""
    for d in (128, 1280, 2048):
        a, b = (torch.from_numpy(bell(seed, 10_000, d).astype(np.float32)) for seed in (1, 2))
        start = time.perf_counter()
        statistics = [fid_features_to_statistics(x) for x in (a, b)]
        value = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
        print(f"{d} features: {time.perf_counter() - start:.3f} s, distance {value}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the stored file instead of writing it")
    parser.add_argument("--time", action="store_true", help="time torch-fidelity's Frechet distance, nothing else")
    arguments = parser.parse_args()
    check = arguments.check
    if arguments.time:
        return time_frechet()
    torch.set_num_threads(1)
    for compute in (features, pictures, patches, spectra, transport, ranks):
        compute()
    if check:
        stored = json.loads(PATH.read_text())
        assert stored.keys() == cases.keys()
        for name, value in cases.items():
            np.testing.assert_allclose(stored[name]["values"], value["values"], rtol=1e-6, err_msg=name)
    else:
        PATH.write_text(json.dumps(cases).replace('}, "', '},\n"') + "\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
