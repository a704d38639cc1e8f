"""Twenty training steps of three small GANs in PyTorch: writes trajectories/{gan,dcgan,wgan_gp}.{safetensors,json}.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy safetensors
    .peers/bin/python reference/trajectories.py            # write the files
    .peers/bin/python reference/trajectories.py --check    # recompute and compare with what is there

The step is that of benches/pytorch_step.py: the discriminator moves first, on detached fakes, and the generator then moves
through the updated discriminator with the same fakes. README.md describes the files.
"""

import argparse
import json
import math
import pathlib

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional as F

import layout

FOLDER = pathlib.Path(__file__).with_name("trajectories")
SEED, STEPS, BATCH, Z_DIM, CHANNELS = 20150, 20, 8, 16, 1
ADAM = {"lr": 2e-4, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8}
BATCH_NORM_EPS, SLOPE, PENALTY_WEIGHT = 1e-5, 0.2, 10.0
SYSTEMS = {
    "gan": {"size": 8, "width": 32, "second_player": "discriminator"},
    "dcgan": {"size": 16, "width": 8, "second_player": "discriminator"},
    "wgan_gp": {"size": 16, "width": 8, "second_player": "critic"},
}
DTYPES = {"float32": torch.float32, "float64": torch.float64}


# Topology: the same lists build the PyTorch networks, the NumPy ones of the self-test, and go into the JSON -------------


def dense(inputs, outputs):
    return {"kind": "dense", "in": inputs, "out": outputs, "bias": True}


def conv(kind, inputs, outputs, stride, padding):
    return {"kind": kind, "in": inputs, "out": outputs, "kernel": 4, "stride": stride, "padding": padding, "bias": False}


def batch_norm(channels):
    return {"kind": "batch_norm", "channels": channels, "eps": BATCH_NORM_EPS}


LEAKY_RELU = {"kind": "leaky_relu", "slope": SLOPE}


def dense_generator(size, width):
    return [
        *(dense(Z_DIM, width), LEAKY_RELU, dense(width, width), LEAKY_RELU),
        *(dense(width, CHANNELS * size * size), {"kind": "tanh"}),
    ]


def dense_discriminator(size, width):
    return [dense(CHANNELS * size * size, width), LEAKY_RELU, dense(width, width), LEAKY_RELU, dense(width, 1)]


def dcgan_generator(size, width):
    levels = int(math.log2(size)) - 2
    c = width * 2 ** (levels - 1)
    layers = [conv("conv_transpose", Z_DIM, c, 1, 0), batch_norm(c), {"kind": "relu"}]
    for _ in range(levels - 1):
        layers += [conv("conv_transpose", c, c // 2, 2, 1), batch_norm(c // 2), {"kind": "relu"}]
        c //= 2
    return [*layers, conv("conv_transpose", c, CHANNELS, 2, 1), {"kind": "tanh"}]


def dcgan_discriminator(size, width, normalised):
    levels = int(math.log2(size)) - 2
    layers, c = [conv("conv", CHANNELS, width, 2, 1), LEAKY_RELU], width
    for _ in range(levels - 1):
        layers += [conv("conv", c, c * 2, 2, 1), *([batch_norm(c * 2)] if normalised else []), LEAKY_RELU]
        c *= 2
    return [*layers, conv("conv", c, 1, 1, 0)]


def topology(system):
    size, width = SYSTEMS[system]["size"], SYSTEMS[system]["width"]
    if system == "gan":
        return dense_generator(size, width), dense_discriminator(size, width)
    return dcgan_generator(size, width), dcgan_discriminator(size, width, normalised=system == "dcgan")


# PyTorch --------------------------------------------------------------------------------------------------------------


def network(layers):
    def module(l):
        match l["kind"]:
            case "dense":
                return nn.Linear(l["in"], l["out"])
            case "conv":
                return nn.Conv2d(l["in"], l["out"], l["kernel"], l["stride"], l["padding"], bias=False)
            case "conv_transpose":
                return nn.ConvTranspose2d(l["in"], l["out"], l["kernel"], l["stride"], l["padding"], bias=False)
            case "batch_norm":
                return nn.BatchNorm2d(l["channels"], eps=l["eps"])
            case "leaky_relu":
                return nn.LeakyReLU(l["slope"])
            case "relu":
                return nn.ReLU()
            case "tanh":
                return nn.Tanh()

    return nn.Sequential(*map(module, layers))


def weights_from_torch(player, net, layers):
    """Named weights in our layout."""
    weights = {}
    for name, value in net.named_parameters():
        value = value.detach().numpy()
        kind = layers[int(name.split(".")[0])]["kind"]
        if kind == "dense" and value.ndim == 2:
            value = value.T
        elif value.ndim == 4:
            value = layout.weight_from_torch(value)
        weights[f"{player}.{name}"] = np.array(value, order="C")
    return weights


def smooth_images(rng, count, size):
    """Sums of three slow waves with random phases and directions, within [-1, 1]."""
    y, x = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2, indexing="ij")
    waves = 0
    for _ in range(3):
        fy, fx, phase = (rng.uniform(low, high, (count, 1, 1)) for low, high in [(-1.5, 1.5), (-1.5, 1.5), (0, 1)])
        waves = waves + np.sin(2 * np.pi * (fy * y + fx * x + phase))
    return (waves / 3)[..., None].astype(np.float32)


def inputs(system):
    """The batches of all steps, [STEPS, BATCH, ...], in our layout."""
    rng = np.random.default_rng(SEED)
    size = SYSTEMS[system]["size"]
    data = {
        "data.x": smooth_images(rng, STEPS * BATCH, size).reshape(STEPS, BATCH, size, size, CHANNELS),
        "data.z": rng.standard_normal((STEPS, BATCH, Z_DIM), np.float32),
    }
    if system == "wgan_gp":
        data["data.eps"] = rng.random((STEPS, BATCH), np.float32)
    return data


def train(system, g, d, data, dtype):
    """Twenty steps; the scalars of each."""
    opt_g, opt_d = (
        torch.optim.Adam(net.parameters(), ADAM["lr"], (ADAM["beta1"], ADAM["beta2"]), ADAM["eps"]) for net in (g, d)
    )
    softplus, wasserstein, scalars = F.softplus, system == "wgan_gp", {}
    image = (CHANNELS, SYSTEMS[system]["size"], SYSTEMS[system]["size"])

    def generator(z):
        return g(z).unflatten(1, image) if system == "gan" else g(z[:, :, None, None])

    def logits(x):
        return d(x.flatten(1) if system == "gan" else x).flatten()

    def step(x, z, eps):
        opt_d.zero_grad(set_to_none=True)
        fake = generator(z)
        said = {}
        if wasserstein:
            mix = (eps * x + (1 - eps) * fake.detach()).requires_grad_()
            slope = torch.autograd.grad(logits(mix).sum(), mix, create_graph=True)[0]
            said["penalty"] = ((slope.flatten(1).norm(2, 1) - 1) ** 2).mean()
            loss_d = logits(fake.detach()).mean() - logits(x).mean() + PENALTY_WEIGHT * said["penalty"]
        else:
            loss_d = softplus(-logits(x)).mean() + softplus(logits(fake.detach())).mean()
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad(set_to_none=True)
        loss_g = -logits(fake).mean() if wasserstein else softplus(-logits(fake)).mean()
        loss_g.backward()
        opt_g.step()
        return {"loss_d": loss_d, "loss_g": loss_g, **said}

    tensors = {name: torch.from_numpy(value).to(dtype) for name, value in data.items()}
    for n in range(STEPS):
        x = tensors["data.x"][n].permute(0, 3, 1, 2)
        eps = tensors["data.eps"][n].view(BATCH, 1, 1, 1) if wasserstein else None
        for name, value in step(x, tensors["data.z"][n], eps).items():
            scalars.setdefault(name, []).append(float(value.detach()))
    return scalars


# The self-test: the first step's losses again, in NumPy, from the stored arrays and our layout alone ---------------------


def forward(player, layers, weights, x):
    for index, l in enumerate(layers):
        w, b = (weights.get(f"{player}.{index}.{part}") for part in ("weight", "bias"))
        if l["kind"] in ("conv", "conv_transpose"):
            args = [l["stride"]] * 2, [l["padding"]] * 2, [1, 1], 1
        match l["kind"]:
            case "dense":
                x = x @ w + b
            case "conv":
                x = layout.convolution(x, w, *args)
            case "conv_transpose":
                x = layout.transposed_convolution(x, w, *args, [0, 0])
            case "batch_norm":
                mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
                x = (x - mean) / np.sqrt(variance + l["eps"]) * w + b
            case "leaky_relu":
                x = np.where(x > 0, x, l["slope"] * x)
            case "relu":
                x = np.maximum(x, 0)
            case "tanh":
                x = np.tanh(x)
    return x


def self_test(system, arrays, scalars):
    """Replays step 0's discriminator loss, and the penalty by central differences of the critic's input."""
    arrays = {name: value.astype(np.float64) for name, value in arrays.items() if not name.startswith("final.")}
    (generator, second), player = topology(system), SYSTEMS[system]["second_player"]
    x, z = arrays["data.x"][0], arrays["data.z"][0]
    fake = forward("generator", generator, arrays, z if system == "gan" else z[:, None, None, :]).reshape(x.shape)
    logits = lambda x: forward(player, second, arrays, x.reshape(BATCH, -1) if system == "gan" else x).reshape(BATCH)
    softplus = lambda v: np.logaddexp(v, 0)
    if system == "wgan_gp":
        eps, h = arrays["data.eps"][0].reshape(BATCH, 1, 1, 1), 1e-5
        mix = eps * x + (1 - eps) * fake
        squares = 0
        for i in np.ndindex(x.shape[1:]):
            up, down = mix.copy(), mix.copy()
            up[(slice(None), *i)] += h
            down[(slice(None), *i)] -= h
            squares = squares + ((logits(up) - logits(down)) / (2 * h)) ** 2
        penalty = ((np.sqrt(squares) - 1) ** 2).mean()
        np.testing.assert_allclose(penalty, scalars["penalty"][0], rtol=1e-7)
        loss = logits(fake).mean() - logits(x).mean() + PENALTY_WEIGHT * penalty
    else:
        loss = softplus(-logits(x)).mean() + softplus(logits(fake)).mean()
    np.testing.assert_allclose(loss, scalars["loss_d"][0], rtol=1e-7)

    rng = np.random.default_rng(0)
    y, w, x = (rng.standard_normal(shape) for shape in [(2, 7, 5, 4), (3, 4, 4, 6), (2, 3, 5, 6)])
    args = [2, 1], [0, 1], [1, 1], 1
    left = (layout.convolution(y, w, *args)[:, :, :4] * x[:, :, :4]).sum()
    right = (y * layout.transposed_convolution(x[:, :, :4], w, *args, [0, 0])).sum()
    np.testing.assert_allclose(left, right, rtol=1e-12)


# The files ------------------------------------------------------------------------------------------------------------


def run(system):
    """All that goes into the two files."""
    settings = SYSTEMS[system]
    players = {"generator": topology(system)[0], settings["second_player"]: topology(system)[1]}
    data, arrays, scalars = inputs(system), {}, {}
    for precision, dtype in DTYPES.items():
        torch.manual_seed(SEED)
        nets = {player: network(layers) for player, layers in players.items()}
        if precision == "float32":
            for player, layers in players.items():
                arrays |= weights_from_torch(player, nets[player], layers)
        for net in nets.values():
            net.to(dtype)
        scalars[precision] = train(system, *nets.values(), data, dtype)
        for player, layers in players.items():
            first = f"{player}.0."
            final = weights_from_torch(player, nets[player], layers)
            arrays |= {f"final.{precision}.{name}": w for name, w in final.items() if name.startswith(first)}
    arrays |= data
    self_test(system, arrays, scalars["float64"])
    about = {
        "system": system,
        "torch": torch.__version__.split("+")[0],
        "seed": SEED,
        "steps": STEPS,
        "batch": BATCH,
        "z_dim": Z_DIM,
        "channels": CHANNELS,
        "size": settings["size"],
        "width": settings["width"],
        "adam": ADAM,
        **({"penalty_weight": PENALTY_WEIGHT} if system == "wgan_gp" else {}),
        "players": players,
        "scalars": scalars,
    }
    return arrays, about


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the stored files instead of writing them")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for system in SYSTEMS:
        arrays, about = run(system)
        weights, text = FOLDER / f"{system}.safetensors", FOLDER / f"{system}.json"
        scalars = {k: {n: np.array(v) for n, v in s.items()} for k, s in about["scalars"].items()}
        if check:
            stored = load_file(weights)
            assert stored.keys() == arrays.keys(), "the arrays have changed"
            for name, value in arrays.items():
                np.testing.assert_allclose(stored[name], value, rtol=1e-5, atol=1e-5, err_msg=name)
            for precision, rtol in [("float32", 1e-4), ("float64", 1e-10)]:
                for name, values in json.loads(text.read_text())["scalars"][precision].items():
                    np.testing.assert_allclose(values, scalars[precision][name], rtol=rtol, err_msg=name)
        else:
            save_file(arrays, weights)
            weights.chmod(0o644)
            text.write_text(json.dumps(about, indent=1) + "\n")
        apart = max(np.abs(scalars["float32"][n] / v - 1).max() for n, v in scalars["float64"].items())
        print(f"{system}: {weights.stat().st_size} bytes, float32 within {apart:.1e} of float64", end="")
        print(f", loss_d {about['scalars']['float64']['loss_d'][0]:.4f} -> {about['scalars']['float64']['loss_d'][-1]:.4f}")


if __name__ == "__main__":
    main()
