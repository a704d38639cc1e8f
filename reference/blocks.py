"""Layers, objectives and optimisers in PyTorch, in float64 and in our layout: writes blocks.json.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy safetensors
    .peers/bin/python reference/blocks.py            # write blocks.json
    .peers/bin/python reference/blocks.py --check    # recompute and compare with what is there

Inputs are odd multiples of 1/64 below 2 in size: never zero, and exact in f32. README.md describes the fields.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import layout

PATH = pathlib.Path(__file__).with_name("blocks.json")
SEED = 20151
rng = np.random.default_rng(SEED)


def draw(*shape):
    return torch.tensor(rng.choice(np.arange(-127, 128, 2) / 64, shape))


def positive(*shape):
    return draw(*shape).abs() + 0.25


def stored(tensor):
    return {"shape": list(tensor.shape), "data": tensor.detach().flatten().tolist()}


# Layers: name, parameters in our layout, x in our layout, and the layer in PyTorch as a function of both ----------------

layers = {}


def layer(name, parameters, x, forward, differentiate_x=True):
    """Stores the value and, for a cotangent c, the gradients of sum(value * c)."""
    leaves = {key: value.clone().requires_grad_() for key, value in parameters.items()}
    at = x.clone().requires_grad_(differentiate_x)
    output = forward(leaves, at)
    cotangent = draw(*output.shape)
    wrt = ({"x": at} if differentiate_x else {}) | leaves
    gradients = torch.autograd.grad((output * cotangent).sum(), list(wrt.values()))
    layers[name] = {
        "parameters": {key: stored(value) for key, value in parameters.items()},
        "x": stored(x),
        "output": stored(output),
        "cotangent": stored(cotangent),
        "gradients": {key: stored(value) for key, value in zip(wrt, gradients)},
    }


def channels_first(function):
    """A function of PyTorch's layout as one of ours."""
    return lambda p, x: layout.image_from_torch(function(p, layout.image_to_torch(x)))


def convolution(transposed=False, **options):
    function = {
        (False, 3): F.conv1d,
        (False, 4): F.conv2d,
        (False, 5): F.conv3d,
        (True, 3): F.conv_transpose1d,
        (True, 4): F.conv_transpose2d,
        (True, 5): F.conv_transpose3d,
    }
    return channels_first(
        lambda p, x: function[transposed, x.ndim](x, layout.weight_to_torch(p["weight"]), p.get("bias"), **options)
    )


def scaled(x, p, prefix=""):
    """Gain and shift of every channel, in our layout."""
    return x * p[prefix + "weight"] + p[prefix + "bias"] if prefix + "weight" in p else x


def over_all_but_first(p, x, prefix=""):
    return scaled(F.layer_norm(x, x.shape[1:]), p, prefix)


def batch_norm(p, x, prefix=""):
    return channels_first(lambda p, x: F.batch_norm(x, None, None, p[prefix + "weight"], p[prefix + "bias"], True))(p, x)


def residual(norm, resample):
    """As in the published code of WGAN-GP: the shortcut is resampled on the other side of its convolution than ours."""
    up = channels_first(lambda _, x: F.interpolate(x, scale_factor=2, mode="nearest"))
    down = channels_first(lambda _, x: F.avg_pool2d(x, 2))

    def conv(p, name, x):
        padding = p[f"{name}.weight"].shape[0] // 2
        return convolution(padding=padding)({"weight": p[f"{name}.weight"], "bias": p[f"{name}.bias"]}, x)

    def forward(p, x):
        h = F.relu(norm(p, x, "norm_0."))
        h = conv(p, "conv_0", up(p, h) if resample == "up" else h)
        h = conv(p, "conv_1", F.relu(norm(p, h, "norm_1.")))
        h = down(p, h) if resample == "down" else h
        if "shortcut.weight" in p:
            x = conv(p, "shortcut", up(p, x) if resample == "up" else x)
            x = down(p, x) if resample == "down" else x
        return h + x

    return forward


def residual_parameters(c_in, c_mid, c_out, norm, shortcut):
    shapes = {"conv_0": (3, 3, c_in, c_mid), "conv_1": (3, 3, c_mid, c_out)}
    shapes |= {"shortcut": (1, 1, c_in, c_out)} if shortcut else {}
    p = {}
    for name, shape in shapes.items():
        p |= {f"{name}.weight": draw(*shape) / 4, f"{name}.bias": draw(shape[-1])}
    for name, channels in {"norm_0": c_in, "norm_1": c_mid}.items() if norm else ():
        p |= {f"{name}.weight": draw(channels), f"{name}.bias": draw(channels)}
    return p


def compute_layers():
    dense = lambda p, x: x @ p["weight"] + p.get("bias", 0)
    layer("dense", {"weight": draw(3, 5), "bias": draw(5)}, draw(4, 3), dense)
    layer("dense_without_bias", {"weight": draw(3, 2)}, draw(2, 2, 3), dense)

    layer("conv_1d", {"weight": draw(3, 2, 3), "bias": draw(3)}, draw(2, 7, 2), convolution(stride=2, padding=1))
    layer("conv_2d", {"weight": draw(4, 4, 2, 3)}, draw(2, 6, 8, 2), convolution(stride=2, padding=1))
    layer(
        "conv_2d_grouped",
        {"weight": draw(3, 2, 2, 4), "bias": draw(4)},
        draw(1, 6, 5, 4),
        convolution(groups=2, dilation=(1, 2), padding=(1, 0)),
    )
    layer("conv_3d", {"weight": draw(2, 2, 2, 1, 2), "bias": draw(2)}, draw(1, 3, 3, 4, 1), convolution(padding=1))

    transposed = lambda **options: convolution(transposed=True, **options)
    layer("conv_transpose_1d", {"weight": draw(4, 3, 2), "bias": draw(3)}, draw(2, 4, 2), transposed(stride=2, padding=1))
    layer("conv_transpose_2d", {"weight": draw(4, 4, 2, 3)}, draw(2, 3, 2, 3), transposed(stride=2, padding=1))
    layer(
        "conv_transpose_2d_grouped",
        {"weight": draw(3, 3, 1, 4), "bias": draw(2)},
        draw(1, 3, 2, 4),
        transposed(stride=2, padding=1, output_padding=1, groups=2),
    )
    layer("conv_transpose_3d", {"weight": draw(2, 2, 2, 2, 1), "bias": draw(2)}, draw(1, 2, 2, 3, 1), transposed(stride=2))

    affine = lambda channels: {"weight": draw(channels), "bias": draw(channels)}
    layer("batch_norm", affine(3), draw(2, 4, 2, 3), batch_norm)
    layer("batch_norm_of_features", affine(3), draw(5, 3), batch_norm)
    layer("layer_norm", affine(3), draw(2, 2, 2, 3), over_all_but_first)
    layer("layer_norm_last", affine(4), draw(2, 3, 4), lambda p, x: F.layer_norm(x, [4], p["weight"], p["bias"]))
    instance = channels_first(lambda p, x: F.instance_norm(x, weight=p.get("weight"), bias=p.get("bias")))
    layer("instance_norm", {}, draw(2, 2, 3, 2), instance)
    layer("instance_norm_affine", affine(2), draw(2, 2, 3, 2), instance)
    layer("pixel_norm", {}, draw(2, 2, 2, 3), lambda _, x: x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-8))

    classes = torch.tensor([2.0, 0.0, 3.0, 2.0], dtype=torch.float64)
    layer("embedding", {"weight": draw(4, 3)}, classes, lambda p, y: F.embedding(y.long(), p["weight"]), False)

    activations = {
        "relu": F.relu,
        "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "elu": F.elu,
        "silu": F.silu,
        "softplus": F.softplus,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }
    for name, function in activations.items():
        layer(name, {}, draw(3, 4), lambda _, x, function=function: function(x))

    plain = lambda p, x, prefix: x
    layer("residual", residual_parameters(2, 2, 2, False, False), draw(1, 4, 2, 2), residual(plain, "keep"))
    layer("residual_wider", residual_parameters(2, 3, 3, False, True), draw(1, 4, 2, 2), residual(plain, "keep"))
    layer("residual_up", residual_parameters(2, 3, 3, True, True), draw(2, 2, 3, 2), residual(batch_norm, "up"))
    down = residual_parameters(2, 2, 3, True, True)
    layer("residual_down", down, draw(2, 4, 4, 2), residual(over_all_but_first, "down"))


def spectral(name, module, x, to_torch, from_torch, weight_from_torch, dim=None, differentiate_x=True):
    """A module under spectral normalisation, before and after one step of its vectors."""
    module = nn.utils.spectral_norm(module.double(), dim=dim)
    with torch.no_grad():
        for value in [module.weight_orig, *([] if getattr(module, "bias", None) is None else [module.bias])]:
            value.copy_(draw(*value.shape))
    vectors = {"u": module.weight_u.clone(), "v": module.weight_v.clone()}
    at = x.clone().requires_grad_(differentiate_x)
    output = from_torch(module(to_torch(at)))
    cotangent = draw(*output.shape)
    wrt = {"weight": module.weight_orig} | ({"x": at} if differentiate_x else {})
    wrt |= {"bias": module.bias} if getattr(module, "bias", None) is not None else {}
    gradients = dict(zip(wrt, torch.autograd.grad((output * cotangent).sum(), list(wrt.values()))))
    gradients["weight"] = weight_from_torch(gradients["weight"])
    parameters = {"weight": weight_from_torch(module.weight_orig)} | ({"bias": module.bias} if "bias" in wrt else {})

    def ours(u, v):
        """PyTorch's v runs over (inputs, taps), ours over (taps, inputs)."""
        rest = [n for axis, n in enumerate(module.weight_orig.shape) if axis != (dim or 0)]
        v = v.reshape(rest[0], -1).T.reshape(-1) if len(rest) > 1 else v
        return {"spectral_u": stored(u), "spectral_v": stored(v)}

    layers[name] = {
        "parameters": {key: stored(value) for key, value in parameters.items()},
        "buffers": ours(**vectors),
        "x": stored(x),
        "output": stored(output),
        "buffers_after": ours(module.weight_u, module.weight_v),
        "cotangent": stored(cotangent),
        "gradients": {key: stored(value) for key, value in gradients.items()},
    }


def compute_spectral():
    torch.manual_seed(SEED)
    same = lambda t: t
    spectral("spectral_dense", nn.Linear(3, 4), draw(2, 3), same, same, lambda w: w.T)
    image = (layout.image_to_torch, layout.image_from_torch, layout.weight_from_torch)
    spectral("spectral_conv", nn.Conv2d(2, 3, 2, bias=False), draw(1, 3, 4, 2), *image)
    spectral("spectral_conv_transpose", nn.ConvTranspose2d(2, 3, 2, 2), draw(1, 2, 3, 2), *image, dim=1)
    classes = torch.tensor([2.0, 0.0, 3.0, 2.0], dtype=torch.float64)
    spectral("spectral_embedding", nn.Embedding(4, 3), classes, lambda y: y.long(), same, same, 0, False)


def compute_running():
    """Two updates of batch normalisation's running statistics, and the value by them."""
    module = nn.BatchNorm2d(3, dtype=torch.float64)
    weight, bias, batches, x = draw(3), draw(3), [draw(2, 2, 3, 3), draw(2, 2, 3, 3)], draw(1, 2, 2, 3)
    with torch.no_grad():
        module.weight.copy_(weight)
        module.bias.copy_(bias)
    for batch in batches:
        module(layout.image_to_torch(batch))
    module.eval()
    return {
        "parameters": {"weight": stored(weight), "bias": stored(bias)},
        "batches": [stored(batch) for batch in batches],
        "running": {"running_mean": stored(module.running_mean), "running_variance": stored(module.running_var)},
        "x": stored(x),
        "output": stored(layout.image_from_torch(module(layout.image_to_torch(x)))),
    }


# Objectives -----------------------------------------------------------------------------------------------------------


def compute_objectives():
    bce = lambda x, label: F.binary_cross_entropy_with_logits(x, torch.full_like(x, label))
    square = lambda x, label: F.mse_loss(x, torch.full_like(x, label)) / 2
    pairs = {
        "minimax": (lambda r, f: bce(r, 1.0) + bce(f, 0.0), lambda f: -bce(f, 0.0)),
        "non-saturating": (lambda r, f: bce(r, 1.0) + bce(f, 0.0), lambda f: bce(f, 1.0)),
        "least-squares": (lambda r, f: square(r, 1.0) + square(f, 0.0), lambda f: square(f, 1.0)),
        "hinge": (lambda r, f: F.relu(1 - r).mean() + F.relu(1 + f).mean(), lambda f: -f.mean()),
        "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
    }
    real, fake = draw(5, 1) * 2, draw(5, 1) * 2
    cases = {}
    for name, (discriminator, generator) in pairs.items():
        r, f = real.clone().requires_grad_(), fake.clone().requires_grad_()
        loss_d, loss_g = discriminator(r, f), generator(f)
        by_real, by_fake = torch.autograd.grad(loss_d, [r, f])
        cases[name] = {
            "discriminator": loss_d.item(),
            "discriminator_by_real": stored(by_real),
            "discriminator_by_fake": stored(by_fake),
            "generator": loss_g.item(),
            "generator_by_fake": stored(torch.autograd.grad(loss_g, f)[0]),
        }
    return {"logits_real": stored(real), "logits_fake": stored(fake), "cases": cases}


# Optimisers -----------------------------------------------------------------------------------------------------------


def compute_optimisers():
    """Five updates by given gradients; `config` is what our configuration reads."""
    adam = lambda p, c: torch.optim.Adam(p, c["learning_rate"], c.get("betas", (0.9, 0.999)), c.get("epsilon", 1e-8))
    adamw = lambda p, c: torch.optim.AdamW(p, c["learning_rate"], weight_decay=c["weight_decay"])
    rmsprop = lambda p, c: torch.optim.RMSprop(
        p, c["learning_rate"], momentum=c.get("momentum", 0), weight_decay=c.get("weight_decay", 0)
    )
    sgd = lambda p, c: torch.optim.SGD(
        p, c["learning_rate"], c.get("momentum", 0), 0, c.get("weight_decay", 0), c.get("nesterov", False)
    )
    configs = [
        (adam, {"name": "adam", "learning_rate": 0.1}),
        (adam, {"name": "adam", "learning_rate": 2e-4, "betas": [0.5, 0.999], "epsilon": 0.1}),
        (adam, {"name": "adam", "learning_rate": 1e-3, "betas": [0.0, 0.9]}),
        (adamw, {"name": "adam", "learning_rate": 0.1, "weight_decay": 0.01}),
        (rmsprop, {"name": "rmsprop", "learning_rate": 0.05}),
        (rmsprop, {"name": "rmsprop", "learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
        (sgd, {"name": "sgd", "learning_rate": 0.1}),
        (sgd, {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
        (sgd, {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ]
    start, gradients = draw(2, 3), draw(5, 2, 3)
    gradients[:, 0, 0] *= 1e-6
    cases = []
    for make, config in configs:
        parameter = start.clone().requires_grad_()
        optimiser, after = make([parameter], config), []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimiser.step()
            after.append(parameter.detach().clone())
        cases.append({"config": config, "after": stored(torch.stack(after))})
    return {"start": stored(start), "gradients": stored(gradients), "cases": cases}


# --------------------------------------------------------------------------------------------------------------------


def compute_recurrent():
    """Long short-term memory; PyTorch's second bias is zero, its weights are ours transposed."""
    hidden = 2

    def forward(p, x):
        zeros = torch.zeros(1, len(x), hidden, dtype=x.dtype)
        weights = [p["input_weight"].T, p["hidden_weight"].T, p["bias"], torch.zeros_like(p["bias"])]
        options = {"has_biases": True, "num_layers": 1, "dropout": 0.0, "train": False, "bidirectional": False}
        return torch.lstm(x, (zeros, zeros), weights, batch_first=True, **options)[0]

    for name, flip in [("lstm", ()), ("lstm_reversed", (1,))]:
        parameters = {
            "input_weight": draw(3, 4 * hidden),
            "hidden_weight": draw(hidden, 4 * hidden),
            "bias": draw(4 * hidden),
        }
        layer(name, parameters, draw(2, 4, 3), lambda p, x, flip=flip: forward(p, x.flip(flip)).flip(flip))


def assert_same(stored, computed, where=""):
    assert type(stored) is type(computed), where
    if isinstance(stored, dict):
        assert stored.keys() == computed.keys(), f"{where}: the fields have changed"
        for key in stored:
            assert_same(stored[key], computed[key], f"{where}.{key}")
    elif isinstance(stored, list) and stored and isinstance(stored[0], dict):
        assert len(stored) == len(computed), where
        for index, pair in enumerate(zip(stored, computed)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(stored, str):
        assert stored == computed, where
    else:
        np.testing.assert_allclose(stored, computed, rtol=1e-12, atol=1e-12, err_msg=where)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the stored file instead of writing it")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    compute_layers()
    compute_spectral()
    result = {
        "torch": torch.__version__.split("+")[0],
        "layers": layers,
        "batch_norm_running": compute_running(),
        "objectives": compute_objectives(),
        "optimisers": compute_optimisers(),
    }
    compute_recurrent()
    if check:
        assert_same(json.loads(PATH.read_text()), json.loads(json.dumps(result)))
    else:
        PATH.write_text(json.dumps(result, indent=None).replace('}, "', '},\n"') + "\n")
    print(f"{len(layers)} layers, {len(result['objectives']['cases'])} objectives, {len(result['optimisers']['cases'])} optimisers")


if __name__ == "__main__":
    main()
