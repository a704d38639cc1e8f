"""Gradient penalties of a critic, and their gradients, in PyTorch: writes penalties.{safetensors,json}.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy safetensors
    .peers/bin/python reference/penalties.py            # write the files
    .peers/bin/python reference/penalties.py --check    # recompute and compare with what is there

The critic is the one of trajectories/wgan_gp with larger weights, so that its slopes lie on both sides of one.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import layout
import trajectories

HERE = pathlib.Path(__file__).parent
GAIN = 2.25
# name: where the slope is taken, what is made of its norm per image (the penalty is the mean of that)
PENALTIES = {
    "interpolated": ("mix", lambda norm: (norm - 1) ** 2),
    "interpolated_one_sided": ("mix", lambda norm: (norm - 1).clamp(min=0) ** 2),
    "at_data": ("x", lambda norm: (norm - 1) ** 2),
    "at_samples": ("x_fake", lambda norm: (norm - 1) ** 2),
    "r1": ("x", lambda norm: norm**2),
    "r2": ("x_fake", lambda norm: norm**2),
}


def compute():
    """All arrays, in our layout, and the value of each penalty."""
    layers, data = trajectories.topology("wgan_gp")[1], trajectories.inputs("wgan_gp")
    torch.manual_seed(trajectories.SEED)
    critic = trajectories.network(layers)
    with torch.no_grad():
        for weight in critic.parameters():
            weight *= GAIN
    arrays = trajectories.weights_from_torch("critic", critic, layers)
    arrays |= {"x": data["data.x"][0], "x_fake": data["data.x"][1][:, ::-1] * 0.5, "eps": data["data.eps"][0]}
    arrays = {name: np.array(value, order="C") for name, value in arrays.items()}
    critic.double()
    points = {name: layout.image_to_torch(torch.from_numpy(arrays[name]).double()) for name in ["x", "x_fake"]}
    eps = torch.from_numpy(arrays["eps"]).double().view(-1, 1, 1, 1)
    points["mix"] = eps * points["x"] + (1 - eps) * points["x_fake"]
    values, norms = {}, {}
    for name, (point, of_norm) in PENALTIES.items():
        at = points[point].clone().requires_grad_()
        slope = torch.autograd.grad(critic(at).sum(), at, create_graph=True)[0]
        norm = slope.flatten(1).norm(2, 1)
        norms[point] = norm.tolist()
        penalty = of_norm(norm).mean()
        values[name] = float(penalty.detach())
        gradients = torch.autograd.grad(penalty, list(critic.parameters()))
        for (weight, _), gradient in zip(critic.named_parameters(), gradients):
            arrays[f"{name}.critic.{weight}"] = np.array(layout.weight_from_torch(gradient.numpy()), order="C")
    return arrays, {"torch": torch.__version__.split("+")[0], "critic": layers, "slope_norms": norms, "penalties": values}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the stored files instead of writing them")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    arrays, about = compute()
    assert len({norm > 1 for norm in about["slope_norms"]["mix"]}) == 2, "slopes should lie on both sides of one"
    if check:
        stored = load_file(HERE / "penalties.safetensors")
        assert stored.keys() == arrays.keys(), "the arrays have changed"
        for name, value in arrays.items():
            np.testing.assert_allclose(stored[name], value, rtol=1e-10, atol=1e-10, err_msg=name)
        values = json.loads((HERE / "penalties.json").read_text())["penalties"]
        np.testing.assert_allclose(list(values.values()), list(about["penalties"].values()), rtol=1e-10)
    else:
        save_file(arrays, HERE / "penalties.safetensors")
        (HERE / "penalties.safetensors").chmod(0o644)
        (HERE / "penalties.json").write_text(json.dumps(about, indent=1) + "\n")
    print(f"{len(PENALTIES)} penalties", about["penalties"])


if __name__ == "__main__":
    main()
