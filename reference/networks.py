"""Small networks as other projects save them, and what they make: fills the folder networks/.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy safetensors
    .peers/bin/python reference/networks.py            # write networks/
    .peers/bin/python reference/networks.py --check    # read what is there and make the samples again

The networks are written here after the papers and after what the projects' files show: names, shapes, constants. Weights are
random. README.md describes the files.
"""

import argparse
import collections
import math
import pathlib
import pickle
import sys
import types

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

FOLDER = pathlib.Path(__file__).with_name("networks")


def module(name, **contents):
    """A module of another project, with as much in it as its pickles name."""
    made = types.ModuleType(name)
    for key, value in contents.items():
        value.__module__, value.__qualname__ = name, key
        setattr(made, key, value)
    sys.modules[name] = made
    return made


# ---- StyleGAN2-ADA (NVlabs/stylegan2-ada-pytorch) -------------------------------------------------------------------


class EasyDict(dict):
    """A dict whose keys are attributes; keyword arguments are kept in such ones."""


def _reconstruct_persistent_obj(meta):
    """Brings a saved object back without the source that lies beside it: its class is looked up here."""
    made = globals()[meta["class_name"]].__new__(globals()[meta["class_name"]])
    nn.Module.__init__(made)
    made.__dict__.update(meta["state"])
    return made


module("dnnlib")
module("dnnlib.util", EasyDict=EasyDict)
module("torch_utils")
module("torch_utils.persistence", _reconstruct_persistent_obj=_reconstruct_persistent_obj)


class Persistent(nn.Module):
    """A module that is pickled as its state beside its source and the arguments that made it."""

    def __reduce__(self):
        state = dict(self.__dict__, _init_args=(), _init_kwargs={"kwargs": EasyDict(a=EasyDict(), b=[1.5, None])})
        source = f"# The source of class {type(self).__name__} stands here in a real file.\n"
        meta = dict(type="class", version=6, module_src=source, class_name=type(self).__name__, state=state)
        return _reconstruct_persistent_obj, (meta,), None


TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])
RESAMPLE = torch.outer(TAPS, TAPS) / 64


def low_pass(x, before, after, gain=1):
    """Each channel through the filter of [1, 3, 3, 1], among zeros."""
    weight = (gain * RESAMPLE).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(F.pad(x, [before, after, before, after]), weight, groups=x.shape[1])


def doubled(x):
    """Zeros between the pixels, then the filter."""
    n, c, h, w = x.shape
    apart = torch.zeros(n, c, 2 * h, 2 * w)
    apart[:, :, ::2, ::2] = x
    return low_pass(apart, 2, 1, gain=4)


def halved(x):
    return low_pass(x, 1, 1)[:, :, ::2, ::2]


def normal(*shape):
    return nn.Parameter(torch.randn(*shape))


def unit(x):
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def rectified(x, bias, clamp=None, gain=1.0):
    x = F.leaky_relu(x + bias.reshape([1, -1] + [1] * (x.ndim - 2)), 0.2) * math.sqrt(2) * gain
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


class FullyConnectedLayer(Persistent):
    def __init__(self, inputs, outputs, activation="linear", rate=1, bias=0.0):
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter((bias + 0.3 * torch.randn(outputs)) / rate)
        self.weight_gain = rate / np.sqrt(inputs)
        self.bias_gain = rate

    def forward(self, x):
        y = x @ (self.weight * self.weight_gain).t()
        if self.activation == "linear":
            return y + self.bias * self.bias_gain
        return rectified(y, self.bias * self.bias_gain)


class MappingNetwork(Persistent):
    def __init__(self, z_dim, c_dim, w_dim, layers, rate=0.01):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_layers = z_dim, c_dim, w_dim, layers
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, w_dim)
        inputs = z_dim + (w_dim if c_dim > 0 else 0)
        for i in range(layers):
            setattr(self, f"fc{i}", FullyConnectedLayer(inputs, w_dim, "lrelu", rate))
            inputs = w_dim
        self.register_buffer("w_avg", 0.3 * torch.randn(w_dim))

    def forward(self, z, c, psi=1.0):
        x = unit(z)
        if self.c_dim > 0:
            x = torch.cat([x, unit(self.embed(c))], 1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        return self.w_avg + psi * (x - self.w_avg)


def modulated(x, weight, style, up=False):
    """The paper's equations 1 and 3, a weight for each example."""
    made = []
    for x, s in zip(x, style):
        w = weight * s[None, :, None, None]
        w = w / (w.square().sum([1, 2, 3], keepdim=True) + 1e-8).sqrt()
        if up:
            made.append(low_pass(F.conv_transpose2d(x[None], w.transpose(0, 1), stride=2), 1, 1, gain=4))
        else:
            made.append(F.conv2d(x[None], w, padding=1))
    return torch.cat(made)


class SynthesisLayer(Persistent):
    def __init__(self, inputs, outputs, w_dim, resolution, up, options):
        super().__init__()
        self.resolution, self.up = resolution, 2 if up else 1
        self.use_noise, self.conv_clamp = options["noise"], options["clamp"]
        self.activation = "lrelu"
        self.act_gain = np.sqrt(2)
        self.register_buffer("resample_filter", RESAMPLE.clone())
        self.affine = FullyConnectedLayer(w_dim, inputs, bias=1.0)
        # Half-precision layers of real files keep their weights channels last.
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3).to(memory_format=torch.channels_last))
        if self.use_noise:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.tensor(0.2))
        self.bias = nn.Parameter(0.3 * torch.randn(outputs))

    def forward(self, x, w):
        x = modulated(x, self.weight, self.affine(w), self.up == 2)
        if self.use_noise:
            x = x + self.noise_const * self.noise_strength
        return rectified(x, self.bias, self.conv_clamp)


class ToRGBLayer(Persistent):
    def __init__(self, inputs, channels, w_dim, options):
        super().__init__()
        self.conv_clamp = options["clamp"]
        self.affine = FullyConnectedLayer(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(0.2 * torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(0.1 * torch.randn(channels))
        self.weight_gain = 1 / np.sqrt(inputs)

    def forward(self, x, w):
        styled = x * (self.affine(w) * self.weight_gain)[:, :, None, None]
        y = F.conv2d(styled, self.weight, self.bias)
        return y if self.conv_clamp is None else y.clamp(-self.conv_clamp, self.conv_clamp)


class SynthesisBlock(Persistent):
    def __init__(self, inputs, outputs, channels, w_dim, resolution, options):
        super().__init__()
        self.in_channels, self.resolution = inputs, resolution
        self.architecture = options.get("architecture", "skip")
        self.use_fp16 = False
        self.register_buffer("resample_filter", RESAMPLE.clone())
        if inputs == 0:
            self.const = normal(outputs, resolution, resolution)
        else:
            self.conv0 = SynthesisLayer(inputs, outputs, w_dim, resolution, True, options)
        self.conv1 = SynthesisLayer(outputs, outputs, w_dim, resolution, False, options)
        self.torgb = ToRGBLayer(outputs, channels, w_dim, options)

    def forward(self, x, picture, w):
        if self.in_channels == 0:
            x = self.const.expand(len(w), -1, -1, -1)
        else:
            x = self.conv0(x, w)
        x = self.conv1(x, w)
        new = self.torgb(x, w)
        return x, new if picture is None else doubled(picture) + new


class SynthesisNetwork(Persistent):
    def __init__(self, w_dim, widths, channels, options):
        super().__init__()
        self.block_resolutions = [4 << i for i in range(len(widths))]
        inputs = 0
        for resolution, outputs in zip(self.block_resolutions, widths):
            block = SynthesisBlock(inputs, outputs, channels, w_dim, resolution, options)
            setattr(self, f"b{resolution}", block)
            inputs = outputs

    def forward(self, w):
        x = picture = None
        for resolution in self.block_resolutions:
            x, picture = getattr(self, f"b{resolution}")(x, picture, w)
        return picture


class Generator(Persistent):
    def __init__(self, z_dim, c_dim, w_dim, widths, channels, layers, options):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim = z_dim, c_dim, w_dim
        self.img_resolution, self.img_channels = 4 << (len(widths) - 1), channels
        self.synthesis = SynthesisNetwork(w_dim, widths, channels, options)
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, layers)

    def forward(self, z, c=None, psi=1.0):
        return self.synthesis(self.mapping(z, c, psi))


class Conv2dLayer(Persistent):
    def __init__(self, inputs, outputs, kernel, activation="lrelu", down=False, bias=True, clamp=None):
        super().__init__()
        self.activation, self.down, self.conv_clamp = activation, 2 if down else 1, clamp
        self.register_buffer("resample_filter", RESAMPLE.clone())
        self.weight = normal(outputs, inputs, kernel, kernel)
        self.bias = nn.Parameter(0.3 * torch.randn(outputs)) if bias else None
        self.weight_gain = 1 / np.sqrt(inputs * kernel**2)

    def forward(self, x, gain=1.0):
        w = self.weight * self.weight_gain
        if self.down == 1:
            x = F.conv2d(x, w, padding=w.shape[2] // 2)
        elif w.shape[2] == 1:
            x = F.conv2d(halved(x), w)
        else:
            x = F.conv2d(low_pass(x, 2, 2), w, stride=2)
        return x * gain if self.bias is None else rectified(x, self.bias, self.conv_clamp, gain)


class DiscriminatorBlock(Persistent):
    def __init__(self, inputs, between, outputs, channels, options):
        super().__init__()
        clamp = options["clamp"]
        self.architecture = options.get("discriminator", "resnet")
        if inputs == 0:
            self.fromrgb = Conv2dLayer(channels, between, 1, clamp=clamp)
        self.conv0 = Conv2dLayer(between, between, 3, clamp=clamp)
        self.conv1 = Conv2dLayer(between, outputs, 3, down=True, clamp=clamp)
        if self.architecture == "resnet":
            self.skip = Conv2dLayer(between, outputs, 1, "linear", down=True, bias=False)

    def forward(self, x):
        x = self.fromrgb(x) if hasattr(self, "fromrgb") else x
        if self.architecture == "orig":
            return self.conv1(self.conv0(x))
        root = math.sqrt(0.5)
        return self.skip(x, root) + self.conv1(self.conv0(x), root)


class MinibatchStdLayer(Persistent):
    def __init__(self, group):
        super().__init__()
        self.group_size, self.num_channels = group, 1

    def forward(self, x):
        n, c, h, w = x.shape
        y = x.reshape(self.group_size, -1, c, h, w)
        y = ((y - y.mean(0)).square().mean(0) + 1e-8).sqrt().mean([1, 2, 3])
        return torch.cat([x, y.reshape(-1, 1, 1, 1).repeat(self.group_size, 1, h, w)], 1)


class DiscriminatorEpilogue(Persistent):
    def __init__(self, width, cmap_dim, options):
        super().__init__()
        self.mbstd = MinibatchStdLayer(options.get("group", 4))
        self.conv = Conv2dLayer(width + 1, width, 3, clamp=options["clamp"])
        self.fc = FullyConnectedLayer(width * 16, width, "lrelu")
        self.out = FullyConnectedLayer(width, max(cmap_dim, 1))

    def forward(self, x):
        return self.out(self.fc(self.conv(self.mbstd(x)).flatten(1)))


class Discriminator(Persistent):
    def __init__(self, c_dim, widths, channels, options):
        super().__init__()
        self.c_dim = c_dim
        self.block_resolutions = [4 << i for i in range(len(widths) - 1, 0, -1)]
        for i in range(len(widths) - 1, 0, -1):
            inputs = 0 if i == len(widths) - 1 else widths[i]
            setattr(self, f"b{4 << i}", DiscriminatorBlock(inputs, widths[i], widths[i - 1], channels, options))
        if c_dim > 0:
            self.mapping = MappingNetwork(0, c_dim, widths[0], 1)
        self.b4 = DiscriminatorEpilogue(widths[0], widths[0] if c_dim > 0 else 0, options)

    def forward(self, x):
        for resolution in self.block_resolutions:
            x = getattr(self, f"b{resolution}")(x)
        return self.b4(x)[:, 0]


class AugmentPipe(Persistent):
    def __init__(self):
        super().__init__()
        self.register_buffer("p", torch.tensor(0.25))
        self.xflip = 1


def snapshot(z_dim, c_dim, w_dim, widths, channels, layers, options):
    """What a `network-snapshot-NNNNNN.pkl` holds."""
    generator = lambda: Generator(z_dim, c_dim, w_dim, widths, channels, layers, options).eval().requires_grad_(False)
    return {
        "training_set_kwargs": {"class_name": "training.dataset.ImageFolderDataset", "use_labels": c_dim > 0, "xflip": False},
        "G": generator(),
        "D": Discriminator(c_dim, widths, channels, options).eval().requires_grad_(False),
        "G_ema": generator(),
        "augment_pipe": AugmentPipe().eval(),
    }


# ---- Progressive growing (facebookresearch/pytorch_GAN_zoo) ---------------------------------------------------------


class BaseConfig:
    """An object with settings as attributes."""


module("models")
module("models.utils")
module("models.utils.config", BaseConfig=BaseConfig)


class Scaled(nn.Module):
    """A layer whose value, bias included, is multiplied by He's constant; it is called `module` within."""

    def __init__(self, layer):
        super().__init__()
        self.module = layer
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
        self.constant = math.sqrt(2 / layer.weight[0].numel())

    def forward(self, x):
        return self.module(x) * self.constant


def conv(inputs, outputs, kernel):
    return Scaled(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))


def leaky(x):
    return F.leaky_relu(x, 0.2)


class GNet(nn.Module):
    def __init__(self, z_dim, depths, channels):
        super().__init__()
        self.formatLayer = Scaled(nn.Linear(z_dim, 16 * depths[0]))
        self.groupScale0 = nn.ModuleList([conv(depths[0], depths[0], 3)])
        pairs = zip(depths, depths[1:])
        self.scaleLayers = nn.ModuleList(nn.ModuleList([conv(a, b, 3), conv(b, b, 3)]) for a, b in pairs)
        self.toRGBLayers = nn.ModuleList(conv(depth, channels, 1) for depth in depths)
        with torch.no_grad():
            for layer in self.toRGBLayers:
                layer.module.weight.mul_(0.25)
                layer.module.bias.mul_(0.25)

    def forward(self, z):
        x = unit(leaky(self.formatLayer(unit(z))).view(len(z), -1, 4, 4))
        x = unit(leaky(self.groupScale0[0](x)))
        for layers in self.scaleLayers:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            for layer in layers:
                x = unit(leaky(layer(x)))
        return self.toRGBLayers[-1](x)


class DNet(nn.Module):
    def __init__(self, depths, channels, deviation):
        super().__init__()
        self.deviation = deviation
        pairs = zip(depths, depths[1:])
        self.scaleLayers = nn.ModuleList(nn.ModuleList([conv(b, b, 3), conv(b, a, 3)]) for a, b in pairs)
        self.fromRGBLayers = nn.ModuleList(conv(channels, depth, 1) for depth in depths)
        self.decisionLayer = Scaled(nn.Linear(depths[0], 1))
        first = conv(depths[0] + deviation, depths[0], 3)
        self.groupScaleZero = nn.ModuleList([first, Scaled(nn.Linear(16 * depths[0], depths[0]))])

    def forward(self, x):
        x = leaky(self.fromRGBLayers[-1](x))
        for layers in reversed(self.scaleLayers):
            for layer in layers:
                x = leaky(layer(x))
            x = F.avg_pool2d(x, 2)
        if self.deviation:
            # Of one group of four, with the unbiased variance.
            y = (x.var(0) + 1e-8).sqrt().mean()
            x = torch.cat([x, y.expand(len(x), 1, 4, 4)], 1)
        x = leaky(self.groupScaleZero[0](x)).flatten(1)
        return self.decisionLayer(leaky(self.groupScaleZero[1](x)))[:, 0]


def settings(z_dim, depths, channels, deviation):
    config = BaseConfig()
    config.__dict__.update(
        alpha=0.0,
        depthScale0=depths[0],
        depthOtherScales=list(depths[1:]),
        dimOutput=channels,
        equalizedlR=True,
        leakyReluLeak=0.2,
        lossCriterion="WGANGP",
        miniBatchStdDev=deviation,
        noiseVectorDim=z_dim,
        latentVectorDim=z_dim,
        categoryVectorDim=0,
        attribKeysOrder=None,
        perChannelNormalization=True,
        learningRate=0.001,
    )
    return config


def zoo(z_dim, depths, channels, deviation):
    """The three networks of a checkpoint, and its settings."""
    g, average, d = GNet(z_dim, depths, channels), GNet(z_dim, depths, channels), DNet(depths, channels, deviation)
    return g, average, d, settings(z_dim, depths, channels, deviation)


def of_old(state):
    """Files of the project's first year call a layer's weight by the layer."""
    return collections.OrderedDict((name.replace(".module.", "."), tensor) for name, tensor in state.items())


# ---- The files -------------------------------------------------------------------------------------------------------


def channels_last(x):
    return x.permute(0, 2, 3, 1).contiguous()


def made_by(name, z, trained, settled, judge):
    """Pictures of both generators, and scores of those of the settled one as they are seen: held between -1 and 1."""
    pictures = settled(z)
    scores = {} if judge is None else {f"{name}.scores": judge(pictures.clamp(-1, 1))}
    return {
        f"{name}.trained": channels_last(trained(z)),
        f"{name}.settled": channels_last(pictures),
        **scores,
    }


def samples(ada, labelled, progressive, old):
    with torch.no_grad():
        z = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
        c = F.one_hot(torch.tensor([2, 2, 2, 2]), 3).float()
        of_class = lambda network: lambda z: network(z, c)
        return {
            "z": z,
            **made_by("ada", z, ada["G"], ada["G_ema"], ada["D"]),
            "ada.truncated": channels_last(ada["G_ema"](z, psi=0.5)),
            **made_by("labelled", z, of_class(labelled["G"]), of_class(labelled["G_ema"]), None),
            **made_by("zoo", z, *progressive[:3]),
            **made_by("old", z, *old[:3]),
        }


def write():
    FOLDER.mkdir(exist_ok=True)
    torch.manual_seed(0)
    ada = snapshot(6, 0, 5, [6, 6, 3], 3, 2, {"noise": True, "clamp": 1.2})
    with open(FOLDER / "ada.pkl", "wb") as file:
        pickle.dump(ada, file, 3)
    labelled = snapshot(6, 3, 5, [4, 2], 1, 1, {"noise": False, "clamp": None, "discriminator": "orig"})
    with open(FOLDER / "labelled.pkl", "wb") as file:
        pickle.dump(labelled, file, 4)
    state = {f"G_ema.{name}": tensor.contiguous() for name, tensor in labelled["G_ema"].state_dict().items()}
    safetensors.torch.save_file(state, FOLDER / "labelled.safetensors")
    progressive = zoo(6, [6, 6, 3], 3, True)
    g, average, d, config = progressive
    states = {"config": config, "netG": g.state_dict(), "netD": d.state_dict(), "avgG": average.state_dict()}
    torch.save(states, FOLDER / "zoo.pth")
    old = zoo(6, [4, 2], 1, False)
    g, average, d, config = old
    states = {"config": config, "netG": of_old(g.state_dict()), "netD": of_old(d.state_dict())}
    states["avgG"] = of_old(average.state_dict())
    torch.save(states, FOLDER / "zoo-old.pth", _use_new_zipfile_serialization=False)
    safetensors.torch.save_file(samples(ada, labelled, progressive, old), FOLDER / "samples.safetensors")


def check():
    with open(FOLDER / "ada.pkl", "rb") as file:
        ada = pickle.load(file)
    with open(FOLDER / "labelled.pkl", "rb") as file:
        labelled = pickle.load(file)
    both = []
    for name, shape in [("zoo.pth", (6, [6, 6, 3], 3, True)), ("zoo-old.pth", (6, [4, 2], 1, False))]:
        states = torch.load(FOLDER / name, weights_only=False)
        networks = zoo(*shape)
        for network, key in zip(networks, ["netG", "avgG", "netD"]):
            names = network.state_dict().keys()
            network.load_state_dict(dict(zip(names, states[key].values(), strict=True)))
        both.append(networks)
    expected = safetensors.torch.load_file(FOLDER / "samples.safetensors")
    made = samples(ada, labelled, *both)
    assert made.keys() == expected.keys()
    for name, value in made.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-5)


parser = argparse.ArgumentParser()
parser.add_argument("--check", action="store_true", help="compare instead of writing")
check() if parser.parse_args().check else write()
