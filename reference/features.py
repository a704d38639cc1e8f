"""Feature networks, LPIPS and resizing in PyTorch and Pillow: fills the folder features/.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 torchvision numpy pillow torch-fidelity lpips==0.1.4
    .peers/bin/python reference/features.py [CACHE]            # write features/
    .peers/bin/python reference/features.py [CACHE] --check    # recompute and compare with what is there

Networks are compared with generated weights (README.md says by which formula), so that no test needs a download. Where CACHE is
a folder with what `gany data get effnet-lite0` and `gany data get squeezenet` fetch, their own weights are looked at too.
"""

import argparse
import json
import pathlib
import pickle
import tempfile

import lpips
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torchvision.models import squeezenet1_1

FOLDER = pathlib.Path(__file__).with_name("features")
SHOWN = 24


def uniform(stream, count):
    """Numbers on [-1, 1): SplitMix64 of stream * 2^32 + i, its upper 24 bits."""
    with np.errstate(over="ignore"):
        z = (np.uint64(stream) << np.uint64(32)) + np.arange(count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def generated(shapes, channels_last=False):
    """Weights of a scale that keeps activations near 1; the stream is the place in the list."""
    weights = {}
    for stream, (name, shape) in enumerate(shapes):
        u = uniform(stream, int(np.prod(shape)))
        if name.startswith("lin"):
            values = np.abs(u)
        elif len(shape) > 1:
            values = u * np.sqrt(6 / np.prod(shape[:-1] if channels_last else shape[1:]))
        elif name.endswith("running_mean") or name.endswith("bias") or name.endswith(".1"):
            values = u / 8
        else:
            values = 1 + u / 2
        weights[name] = torch.from_numpy(values.reshape(shape).astype(np.float32))
    return weights


def pictures(count, height, width):
    """Bytes [n, h, w, 3]."""
    i, y, x, c = np.ogrid[:count, :height, :width, :3]
    return ((i * 37 + y * 3 + x * 5 + c * 71 + x * y // 16) % 256).astype(np.uint8)


def bicubic(picture, side):
    """As clean-fid: Pillow on each channel as floats."""
    channels = [Image.fromarray(picture[..., c].astype(np.float32), "F") for c in range(picture.shape[-1])]
    resized = [np.asarray(channel.resize((side, side), Image.BICUBIC)) for channel in channels]
    return np.stack(resized, -1).clip(0, 255)


def tensorflow_1(picture, side):
    x = torch.from_numpy(picture.astype(np.float32)).permute(2, 0, 1)[None]
    return interpolate_bilinear_2d_like_tensorflow1x(x, size=(side, side), align_corners=False)[0].permute(1, 2, 0).numpy()


def resized(batch, side):
    return torch.from_numpy(np.stack([bicubic(picture, side) for picture in batch]).astype(np.float32)).permute(0, 3, 1, 2)


# EfficientNet-Lite0 -----------------------------------------------------------------------------------------------------------

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


def norm_shapes(name, channels):
    return [(f"{name}.{part}", [channels]) for part in ("weight", "bias", "running_mean", "running_var")]


def efficientnet_shapes():
    shapes = [("_conv_stem.weight", [32, 3, 3, 3]), *norm_shapes("_bn0", 32)]
    c_in, block = 32, 0
    for repeats, taps, _, expansion, c_out in STAGES:
        for _ in range(repeats):
            at, c_mid = f"_blocks.{block}", c_in * expansion
            if expansion > 1:
                shapes += [(f"{at}._expand_conv.weight", [c_mid, c_in, 1, 1]), *norm_shapes(f"{at}._bn0", c_mid)]
            shapes += [(f"{at}._depthwise_conv.weight", [c_mid, 1, taps, taps]), *norm_shapes(f"{at}._bn1", c_mid)]
            shapes += [(f"{at}._project_conv.weight", [c_out, c_mid, 1, 1]), *norm_shapes(f"{at}._bn2", c_out)]
            c_in, block = c_out, block + 1
    shapes += [("_conv_head.weight", [1280, c_in, 1, 1]), *norm_shapes("_bn1", 1280)]
    return shapes + [("_fc.weight", [1000, 1280]), ("_fc.bias", [1000])]


def efficientnet(w, batch):
    def norm(x, name):
        return F.batch_norm(x, w[f"{name}.running_mean"], w[f"{name}.running_var"], w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-3)

    def same(x, weight, stride, groups=1):
        total = lambda extent: max((-(-extent // stride) - 1) * stride + weight.shape[-1] - extent, 0)
        (top, left) = (total(extent) for extent in x.shape[2:])
        x = F.pad(x, [left // 2, left - left // 2, top // 2, top - top // 2])
        return F.conv2d(x, weight, stride=stride, groups=groups)

    x = F.relu6(norm(same((resized(batch, 224) - 127) / 128, w["_conv_stem.weight"], 2), "_bn0"))
    block = 0
    for repeats, _, stride, expansion, _ in STAGES:
        for repeat in range(repeats):
            at, h = f"_blocks.{block}", x
            if expansion > 1:
                h = F.relu6(norm(F.conv2d(h, w[f"{at}._expand_conv.weight"]), f"{at}._bn0"))
            step = stride if repeat == 0 else 1
            h = F.relu6(norm(same(h, w[f"{at}._depthwise_conv.weight"], step, h.shape[1]), f"{at}._bn1"))
            h = norm(F.conv2d(h, w[f"{at}._project_conv.weight"]), f"{at}._bn2")
            x = h + x if step == 1 and h.shape[1] == x.shape[1] else h
            block += 1
    features = F.relu6(norm(F.conv2d(x, w["_conv_head.weight"]), "_bn1")).mean((2, 3))
    return features, features @ w["_fc.weight"].T + w["_fc.bias"]


# SqueezeNet 1.1 ---------------------------------------------------------------------------------------------------------------

FIRES = [(64, 16, 64), (128, 16, 64), (128, 32, 128), (256, 32, 128), (256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256)]


def squeezenet_shapes():
    layers = [("conv1", [3, 3, 3, 64])]
    for i, (c_in, narrow, wide) in enumerate(FIRES):
        at = f"fire{i + 2}"
        layers += [(f"{at}/squeeze1x1", [1, 1, c_in, narrow]), (f"{at}/expand1x1", [1, 1, narrow, wide]), (f"{at}/expand3x3", [3, 3, narrow, wide])]
    layers += [("conv10", [1, 1, 512, 1000])]
    return [row for name, shape in layers for row in ((f"{name}.0", shape), (f"{name}.1", shape[-1:]))]


def squeezenet(w, batch):
    conv = lambda x, name, **how: F.relu(F.conv2d(x, w[f"{name}.0"].permute(3, 2, 0, 1), w[f"{name}.1"], **how))
    x = resized(batch, 227).flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)
    x = F.max_pool2d(conv(x, "conv1", stride=2), 3, 2)
    for i in range(8):
        h = conv(x, f"fire{i + 2}/squeeze1x1")
        x = torch.cat([conv(h, f"fire{i + 2}/expand1x1"), conv(h, f"fire{i + 2}/expand3x3", padding=1)], 1)
        if i in (1, 3):
            x = F.max_pool2d(x, 3, 2)
    return x.mean((2, 3)), conv(x, "conv10").mean((2, 3))


# Inception-v3 and LPIPS, of their packages ------------------------------------------------------------------------------------


def inception_shapes():
    with tempfile.NamedTemporaryFile() as file:
        # Built once without weights to learn what it has.
        load, torch.load = torch.load, lambda *_, **__: {}
        strict, torch.nn.Module.load_state_dict = torch.nn.Module.load_state_dict, lambda *_, **__: None
        try:
            network = FeatureExtractorInceptionV3("shapes", ["2048"], feature_extractor_weights_path=file.name)
        finally:
            torch.load, torch.nn.Module.load_state_dict = load, strict
    return [(name, list(t.shape)) for name, t in network.state_dict().items() if not name.endswith("num_batches_tracked")]


def inception(w, batch):
    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        tracked = {name.replace("running_var", "num_batches_tracked"): torch.tensor(0) for name in w if name.endswith("running_var")}
        torch.save({**w, **tracked}, file.name)
        network = FeatureExtractorInceptionV3("generated", ["2048", "logits_unbiased"], feature_extractor_weights_path=file.name)
    return network(torch.from_numpy(batch).permute(0, 3, 1, 2))


def lpips_shapes():
    backbone = squeezenet1_1(weights=None).state_dict()
    heads = [(f"lin{i}.model.1.weight", [1, channels, 1, 1]) for i, channels in enumerate((64, 128, 256, 384, 384, 512, 512))]
    return [(name, list(t.shape)) for name, t in backbone.items()], heads


def lpips_distances(backbone, heads, a, b):
    network = lpips.LPIPS(net="squeeze", pretrained=False, pnet_rand=True, verbose=False)
    own = {name: backbone["features." + name.split(".", 1)[1]] for name in network.net.state_dict() if name.startswith("slice")}
    network.net.load_state_dict(own)
    network.load_state_dict(heads, strict=False)
    scaled = lambda x: torch.from_numpy(x).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1
    return network(scaled(a), scaled(b)).flatten().tolist()


# What is written --------------------------------------------------------------------------------------------------------------


def answered(answer):
    return {name: [row[:SHOWN].tolist() for row in part] for name, part in zip(("features", "logits"), answer)}


def networks(cache):
    batch = pictures(2, 40, 48)
    cases = {}
    for name, shapes, network, channels_last in (
        ("effnet-lite0", efficientnet_shapes(), efficientnet, False),
        ("squeezenet", squeezenet_shapes(), squeezenet, True),
        ("inception-v3", inception_shapes(), inception, False),
    ):
        cases[name] = {"tensors": shapes, "generated": answered(network(generated(shapes, channels_last), batch))}
    if cache:
        weights = torch.load(cache / "data/effnet-lite0/efficientnet-lite0-57934424.pth")
        cases["effnet-lite0"]["own"] = answered(efficientnet(weights, batch))
        with open(cache / "data/squeezenet/squeezenet_weights.pkl", "rb") as file:
            weights = {f"{name}.{i}": torch.from_numpy(array) for name, arrays in pickle.load(file).items() for i, array in enumerate(arrays)}
        cases["squeezenet"]["own"] = answered(squeezenet(weights, batch))
    return cases


def perceptual():
    backbone, heads = lpips_shapes()
    a, b = pictures(3, 40, 48), pictures(3, 40, 48)[::-1].copy()
    # The picture in the middle is compared with itself.
    distances = lpips_distances(generated(backbone), generated(heads), a, b)
    return {"backbone": backbone, "heads": heads, "distances": distances}


def resizing():
    cases = []
    for height, width, side in ((5, 7, 11), (16, 12, 6), (9, 9, 9), (32, 32, 20), (3, 40, 10)):
        picture = pictures(1, height, width)[0]
        cases.append({
            "shape": [height, width, 3],
            "side": side,
            "bytes": picture.flatten().tolist(),
            "pillow": bicubic(picture, side).flatten().tolist(),
            "tensorflow_1": tensorflow_1(picture, side).flatten().tolist(),
        })
    return cases


parser = argparse.ArgumentParser()
parser.add_argument("cache", nargs="?", type=pathlib.Path, help="where `gany data get` has put weights")
parser.add_argument("--check", action="store_true", help="compare instead of writing")
arguments = parser.parse_args()
FOLDER.mkdir(exist_ok=True)
with torch.no_grad():
    made = {"resize": resizing(), "networks": networks(arguments.cache), "lpips": perceptual()}


def compare(a, b, where):
    if isinstance(a, float):
        assert abs(a - b) <= 1e-4 * max(1, abs(a)), where
    elif isinstance(a, (list, dict)):
        items = a.items() if isinstance(a, dict) else enumerate(a)
        for key, item in items:
            # Weights of their own are compared where there is a cache.
            if key != "own" or key in b:
                compare(item, b[key], f"{where}.{key}")
    else:
        assert a == b, where


for name, value in made.items():
    path = FOLDER / f"{name}.json"
    if arguments.check:
        compare(json.loads(path.read_text()), json.loads(json.dumps(value)), name)
    else:
        path.write_text(json.dumps(value) + "\n")
