"""Values and gradients of single operations in PyTorch, in float64 and in our layout: writes ops.json.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy safetensors
    .peers/bin/python reference/ops.py            # write ops.json
    .peers/bin/python reference/ops.py --check    # recompute and compare with what is there

Inputs and cotangents are multiples of 1/64 below 2 in size, so f32, and mostly bf16, hold them exactly. README.md
describes the fields.
"""

import argparse
import json
import math
import pathlib

import numpy as np
import torch
from torch.nn import functional as F

import layout

PATH = pathlib.Path(__file__).with_name("ops.json")
SEED = 20150
rng = np.random.default_rng(SEED)
cases = []


# Inputs ---------------------------------------------------------------------------------------------------------------


def draw(*shape, low=-2.0, high=2.0):
    """Odd multiples of 1/64 in (low, high): never zero, and all different while there are enough of them."""
    grid = np.arange(int(low * 64) | 1, int(high * 64), 2) / 64
    count = math.prod(shape)
    return torch.tensor(rng.choice(grid, count, replace=count > len(grid)).reshape(shape))


def positive(*shape):
    return draw(*shape, low=0.25, high=2.0)


def unequal(a, b):
    """Two tensors without a number in common."""
    both = draw(math.prod(a) + math.prod(b))
    return both[: math.prod(a)].reshape(a), both[math.prod(a) :].reshape(b)


# One case -------------------------------------------------------------------------------------------------------------


def packed(t):
    return {"shape": list(t.shape), "data": [float(v) + 0.0 for v in t.detach().reshape(-1)]}


def case(op, f, inputs, attributes=None, gradients=True, second=False):
    """Appends a case. `second` is asked for where the first gradients depend on the inputs."""
    inputs = [x.detach().clone().requires_grad_(gradients) for x in inputs]
    output = f(*inputs)
    entry = {"op": op, "attributes": attributes or {}, "inputs": [packed(x) for x in inputs], "output": packed(output)}
    if gradients:
        cotangent = draw(*output.shape)
        first = torch.autograd.grad((output * cotangent).sum(), inputs, create_graph=second)
        entry["cotangent"] = packed(cotangent)
        entry["gradients"] = [packed(g) for g in first]
    if second:
        squares = sum((g**2).sum() for g in first)
        entry["second"] = [packed(g) for g in torch.autograd.grad(squares, inputs, materialize_grads=True)]
    cases.append(entry)


# The cases ------------------------------------------------------------------------------------------------------------


def elementwise():
    for op, f, smooth in [
        ("neg", torch.neg, False),
        ("abs", torch.abs, False),
        ("sign", torch.sign, False),
        ("exp", torch.exp, True),
        ("square", torch.square, True),
        ("tanh", torch.tanh, True),
        ("sigmoid", torch.sigmoid, True),
        ("softplus", F.softplus, True),
        ("relu", F.relu, False),
        ("sin", torch.sin, True),
        ("cos", torch.cos, True),
        ("recip", torch.reciprocal, True),
        ("floor", torch.floor, False),
    ]:
        case(op, f, [draw(3, 4)], second=smooth)
    case("softplus", F.softplus, [torch.tensor([-19.5, -9.0, -0.5, 0.25, 12.0, 19.75]).double()], second=True)
    case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [draw(3, 4)], {"slope": 0.2})
    for op, f in [("log", torch.log), ("sqrt", torch.sqrt), ("rsqrt", torch.rsqrt)]:
        case(op, f, [positive(3, 4)], second=True)
    case("pow", lambda x: x**2.5, [positive(3, 4)], {"exponent": 2.5}, second=True)

    shapes = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((3, 1), (1, 4)), ((2, 3), ())]
    for op, f, smooth in [
        ("add", torch.add, False),
        ("sub", torch.sub, False),
        ("mul", torch.mul, True),
        ("div", torch.div, True),
        ("maximum", torch.maximum, False),
        ("minimum", torch.minimum, False),
    ]:
        for a, b in shapes:
            left, right = unequal(a, b)
            case(op, f, [left, positive(*b) if op == "div" else right], second=smooth)
    few = lambda *shape: draw(*shape, low=-0.1, high=0.1)  # so that some are equal
    for op, f in [("lt", torch.lt), ("le", torch.le), ("eq", torch.eq)]:
        for a, b in [((3, 4), (3, 4)), ((3, 1), (4,))]:
            case(op, lambda a, b, f=f: f(a, b).double(), [few(*a), few(*b)], gradients=False)
    for a, b in [((3, 4), (3, 4)), ((4,), (3, 1))]:
        condition = draw(3, 4) > 0
        attributes = {"condition": packed(condition.double())}
        case("select", lambda a, b, c=condition: torch.where(c, a, b), [draw(*a), draw(*b)], attributes)


def movement():
    case("reshape", lambda x: x.reshape(4, 6), [draw(2, 3, 4)], {"shape": [4, 6]})
    case("permute", lambda x: x.permute(2, 0, 1), [draw(2, 3, 4)], {"axes": [2, 0, 1]})
    case("permute", lambda x: x.permute(0, 3, 1, 2), [draw(2, 2, 3, 2)], {"axes": [0, 3, 1, 2]})
    case("slice", lambda x: x[1:4, 0:3], [draw(5, 4)], {"starts": [1, 0], "ends": [4, 3], "steps": [1, 1]})
    case("slice", lambda x: x[1:7:3, 0:4:2], [draw(7, 4)], {"starts": [1, 0], "ends": [7, 4], "steps": [3, 2]})
    case("flip", lambda x: x.flip(1), [draw(2, 3, 2)], {"axes": [1]})
    case("flip", lambda x: x.flip(0, 2), [draw(2, 3, 2)], {"axes": [0, 2]})
    case("concat", lambda a, b, c: torch.cat([a, b, c], 1), [draw(2, 1, 2), draw(2, 3, 2), draw(2, 2, 2)], {"axis": 1})
    case("concat", lambda a, b: torch.cat([a, b], -1), [draw(2, 2, 1), draw(2, 2, 3)], {"axis": 2})

    x, pads = draw(2, 3, 4, 2), [[0, 0], [1, 2], [2, 1], [0, 0]]
    case("pad", lambda x: F.pad(x, (0, 0, 2, 1, 1, 2)), [x], {"mode": "zero", "pads": pads})
    for mode in ["reflect", "replicate"]:
        f = lambda x, m=mode: layout.image_from_torch(F.pad(layout.image_to_torch(x), (2, 1, 1, 2), mode=m))
        case("pad", f, [x], {"mode": mode, "pads": pads})
    case("pad", lambda x: F.pad(x, (1, 0, 0, 2)), [draw(2, 3)], {"mode": "zero", "pads": [[0, 2], [1, 0]]})

    rows = [3, 0, 3, 1, 4, 3]
    case("gather_rows", lambda x: x[rows], [draw(5, 3)], {"indices": rows})
    scatter = lambda x: torch.zeros(5, 3, dtype=x.dtype).index_add(0, torch.tensor(rows), x)
    case("scatter_add_rows", scatter, [draw(6, 3)], {"indices": rows, "rows": 5})


def reductions():
    for axes, keep in [([0], False), ([1], True), ([2], False), ([0, 2], False), ([0, 1], True), ([0, 1, 2], False)]:
        attributes = {"axes": axes, "keep": keep}
        case("sum", lambda x: x.sum(axes, keep), [draw(2, 3, 4)], attributes)
        case("mean", lambda x: x.mean(axes, keep), [draw(2, 3, 4)], attributes)
        case("max", lambda x: x.amax(axes, keep), [draw(2, 3, 4)], attributes)
    for axis in [0, 1, 2]:
        case("argmax", lambda x: x.argmax(axis).double(), [draw(2, 3, 4)], {"axis": axis}, gradients=False)
    for axes, keep in [([1], False), ([0], True), ([0, 1], False)]:
        case("logsumexp", lambda x: x.logsumexp(axes, keep), [draw(3, 4)], {"axes": axes, "keep": keep}, second=True)
    for op, f in [("softmax", F.softmax), ("log_softmax", F.log_softmax)]:
        for axis in [0, 1]:
            case(op, lambda x: f(x, axis), [draw(3, 4)], {"axis": axis}, second=True)


def products():
    for ta, tb in [(False, False), (True, False), (False, True), (True, True)]:
        f = lambda a, b: (a.mT if ta else a) @ (b.mT if tb else b)
        attributes = {"transpose_a": ta, "transpose_b": tb}
        a, b = (4, 3) if ta else (3, 4), (5, 4) if tb else (4, 5)
        case("matmul", f, [draw(*a), draw(*b)], attributes, second=True)
        case("matmul", f, [draw(2, *a), draw(2, *b)], attributes, second=True)


# x, w (ours), stride, padding, dilation, groups
CONVOLUTIONS = [
    ((2, 7, 2), (3, 2, 3), [1], [1], [1], 1),
    ((1, 13, 1), (5, 1, 2), [4], [2], [1], 1),
    ((2, 9, 4), (3, 2, 4), [2], [0], [2], 2),
    ((2, 4, 5, 2), (3, 3, 2, 3), [1, 1], [1, 1], [1, 1], 1),
    ((1, 6, 8, 2), (4, 4, 2, 2), [2, 2], [1, 1], [1, 1], 1),
    ((2, 4, 4, 3), (4, 4, 3, 1), [1, 1], [0, 0], [1, 1], 1),
    ((1, 6, 7, 2), (3, 3, 2, 2), [1, 1], [2, 2], [2, 2], 1),
    ((1, 5, 4, 3), (3, 3, 1, 3), [1, 1], [1, 1], [1, 1], 3),
    ((1, 5, 4, 4), (3, 3, 2, 6), [2, 1], [1, 1], [1, 1], 2),
    ((2, 3, 2, 4), (1, 1, 4, 3), [1, 1], [0, 0], [1, 1], 1),
    ((1, 5, 8, 2), (2, 5, 2, 2), [1, 3], [1, 2], [1, 1], 1),
    ((1, 7, 3, 2), (3, 2, 2, 3), [2, 1], [2, 0], [3, 1], 1),
    ((1, 3, 4, 3, 2), (2, 3, 2, 2, 2), [1, 2, 1], [0, 1, 1], [1, 1, 1], 1),
    ((1, 4, 4, 4, 1), (4, 4, 4, 1, 2), [2, 2, 2], [1, 1, 1], [1, 1, 1], 1),
]
# x, w (ours: [k..., C_out / groups, C_in]), stride, padding, dilation, groups, output padding
TRANSPOSED = [
    ((2, 4, 3), (4, 2, 3), [2], [1], [1], 1, [0]),
    ((1, 3, 2), (5, 1, 2), [4], [1], [1], 1, [1]),
    ((2, 1, 1, 3), (4, 4, 2, 3), [1, 1], [0, 0], [1, 1], 1, [0, 0]),
    ((1, 3, 4, 2), (4, 4, 2, 2), [2, 2], [1, 1], [1, 1], 1, [0, 0]),
    ((1, 3, 2, 2), (3, 3, 2, 2), [2, 2], [1, 1], [1, 1], 1, [1, 1]),
    ((1, 2, 3, 2), (3, 2, 3, 2), [3, 2], [1, 0], [1, 2], 1, [2, 1]),
    ((1, 3, 3, 4), (3, 3, 1, 4), [1, 1], [1, 1], [1, 1], 2, [0, 0]),
    ((1, 2, 2, 2, 1), (4, 4, 4, 1, 1), [2, 2, 2], [1, 1, 1], [1, 1, 1], 1, [0, 0, 0]),
]


def convolutions():
    for x, w, stride, padding, dilation, groups in CONVOLUTIONS:
        attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        function = getattr(F, f"conv{len(stride)}d")
        f = lambda x, w: layout.image_from_torch(
            function(layout.image_to_torch(x), layout.weight_to_torch(w), None, stride, padding, dilation, groups)
        )
        x, w = draw(*x), draw(*w)
        agrees(f(x, w), layout.convolution(x.numpy(), w.numpy(), **attributes))
        case("conv", f, [x, w], attributes, second=True)
    for x, w, stride, padding, dilation, groups, output_padding in TRANSPOSED:
        attributes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        attributes["output_padding"] = output_padding
        function = getattr(F, f"conv_transpose{len(stride)}d")
        f = lambda x, w: layout.image_from_torch(
            function(
                layout.image_to_torch(x), layout.weight_to_torch(w), None, stride, padding, output_padding, groups, dilation
            )
        )
        x, w = draw(*x), draw(*w)
        agrees(f(x, w), layout.transposed_convolution(x.numpy(), w.numpy(), **attributes))
        case("conv_transpose", f, [x, w], attributes, second=True)


def agrees(ours, definition):
    np.testing.assert_allclose(ours.detach().numpy(), definition, rtol=1e-12, atol=1e-12)


def resampling():
    def images(f):
        return lambda x: layout.image_from_torch(f(layout.image_to_torch(x)))

    case("average_pool", images(lambda x: F.avg_pool1d(x, 2)), [draw(2, 6, 2)], {"size": 2})
    case("average_pool", images(lambda x: F.avg_pool2d(x, 2)), [draw(2, 4, 6, 2)], {"size": 2})
    case("average_pool", images(lambda x: F.avg_pool3d(x, 2)), [draw(1, 2, 4, 2, 2)], {"size": 2})
    for shape in [(2, 3, 2), (2, 2, 3, 2), (1, 2, 1, 2, 2)]:
        f = images(lambda x: F.interpolate(x, scale_factor=2, mode="nearest"))
        case("upsample_nearest", f, [draw(*shape)], {"scale": 2})
    for shape, size in [((1, 3, 4, 2), [7, 9]), ((2, 2, 2, 2), [4, 4]), ((1, 7, 6, 2), [3, 4]), ((1, 6, 3, 1), [4, 5])]:
        f = images(lambda x: F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=False))
        case("resize_bilinear", f, [draw(*shape)], {"size": size})


def normalisations():
    def normalised(x, axes, eps):
        variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + eps)

    def images(f):
        return lambda x, *rest: layout.image_from_torch(f(layout.image_to_torch(x), *rest))

    eps = {"eps": 1e-5}
    for shape in [(5, 3), (2, 3, 2, 2)]:
        f = images(lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=1e-5))
        x, gamma, beta = draw(*shape), draw(shape[-1]), draw(shape[-1])
        agrees(f(x, gamma, beta), (normalised(x, list(range(len(shape) - 1)), 1e-5) * gamma + beta).numpy())
        case("batch_norm", f, [x, gamma, beta], eps, second=True)
    for shape in [(3, 5), (2, 2, 2, 4)]:
        f = lambda x, g, b: F.layer_norm(x, shape[-1:], g, b, 1e-5)
        case("layer_norm", f, [draw(*shape), draw(shape[-1]), draw(shape[-1])], {"axes": [len(shape) - 1], **eps}, second=True)
    f = lambda x: F.layer_norm(x, (2, 3, 2), None, None, 1e-5)
    case("layer_norm", f, [draw(2, 2, 3, 2)], {"axes": [1, 2, 3], **eps}, second=True)
    f = images(lambda x, g, b: F.instance_norm(x, None, None, g, b, eps=1e-5))
    case("instance_norm", f, [draw(2, 2, 3, 2), draw(2), draw(2)], eps, second=True)
    f = lambda x: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-8)
    case("pixel_norm", f, [draw(2, 2, 2, 3)], {"eps": 1e-8}, second=True)


# The file -------------------------------------------------------------------------------------------------------------


def numbers(value):
    """Every number of a JSON value, in order."""
    if isinstance(value, dict):
        value = [value[k] for k in sorted(value)]
    if isinstance(value, list):
        return [n for v in value for n in numbers(v)]
    return [] if isinstance(value, str) else [float(value)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with ops.json instead of writing it")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    for group in [elementwise, movement, reductions, products, convolutions, resampling, normalisations]:
        group()
    if check:
        stored = json.loads(PATH.read_text())
        assert [c["op"] for c in stored["cases"]] == [c["op"] for c in cases], "the cases have changed"
        np.testing.assert_allclose(numbers(stored["cases"]), numbers(cases), rtol=1e-11, atol=1e-11)
        print(f"{len(cases)} cases agree with {PATH.name}")
        return
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    head = json.dumps({"torch": torch.__version__.split("+")[0], "seed": SEED})
    PATH.write_text(f'{head[:-1]}, "cases": [\n{lines}\n]}}\n')
    print(f"{len(cases)} cases, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
