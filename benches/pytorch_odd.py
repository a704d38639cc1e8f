"""Steps of odd shapes in PyTorch, timed: other batches, sizes and networks than those that are tuned for; one JSON line each.

The peer of `gany bench odd`, which has the same cases under the same names; `gany bench odd --peer PYTHON` runs both in
turn. A step of DCGAN is that of pytorch_step.py; the others are a value and the gradients of its mean square with respect
to all weights. Add --channels-last, --bf16, --compile for PyTorch's faster modes.
"""
import argparse, contextlib, json, resource

import torch
from torch import nn
from torch.nn import functional as F

import pytorch_step
from pytorch_clock import times_ms


class UNet(nn.Module):
    """Halves a picture five times and doubles it back, with a connection across at every size."""
    def __init__(self):
        super().__init__()
        channels = [3, 64, 128, 256, 512, 512]
        self.down = nn.ModuleList(nn.Sequential(
            nn.Conv2d(c_in, c_out, 4, 2, 1, bias=False), *([] if c_in == 3 else [nn.BatchNorm2d(c_out)]), nn.LeakyReLU(0.2))
            for c_in, c_out in zip(channels, channels[1:]))
        inner = [(512, 512), (1024, 256), (512, 128), (256, 64)]
        self.up = nn.ModuleList(nn.Sequential(
            nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()) for c_in, c_out in inner)
        self.last = nn.Sequential(nn.ConvTranspose2d(128, 3, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, x):
        seen = []
        for layer in self.down:
            x = layer(x); seen.append(x)
        seen.pop()
        for layer in self.up:
            x = torch.cat([layer(x), seen.pop()], 1)
        return self.last(x)


class Residual(nn.Module):
    def __init__(self, c):
        super().__init__()
        half = lambda: [nn.InstanceNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1)]
        self.body = nn.Sequential(*half(), *half())

    def forward(self, x):
        return x + self.body(x)


def residual_9():
    """A translator of pictures: two halvings, nine residual blocks, two doublings."""
    layers = [nn.Conv2d(3, 64, 7, padding=3, bias=False), nn.InstanceNorm2d(64), nn.ReLU()]
    for c in (64, 128):
        layers += [nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False), nn.InstanceNorm2d(2 * c), nn.ReLU()]
    layers += [Residual(256) for _ in range(9)]
    for c in (256, 128):
        layers += [nn.ConvTranspose2d(c, c // 2, 4, 2, 1, bias=False), nn.InstanceNorm2d(c // 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(64, 3, 7, padding=3), nn.Tanh())


class SelfAttention(nn.Module):
    """Every one of 32x32 places looks at all others."""
    def __init__(self, is_fused):
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(64, 64, bias=False) for _ in range(3))
        self.is_fused = is_fused

    def forward(self, x):
        q, k, v = self.queries(x), self.keys(x), self.values(x)
        if self.is_fused:
            return F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return torch.softmax(q @ k.mT / 8, -1) @ v


STEPS = {"dcgan_batch_1": (1, 64), "dcgan_batch_7": (7, 64), "dcgan_batch_16": (16, 64), "dcgan_batch_256": (256, 64),
         "dcgan_80x48": (16, "80x48")}
NETWORKS = {"u_net": ([UNet], (4, 3, 128, 128)), "residual_9": ([residual_9], (1, 3, 128, 128)),
            # PyTorch has a kernel for the whole of attention: whichever is faster counts.
            "self_attention": ([lambda: SelfAttention(False), lambda: SelfAttention(True)], (16, 1024, 64))}

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=2); p.add_argument("--bf16", action="store_true"); p.add_argument("--channels-last", action="store_true")
p.add_argument("--compile", action="store_true"); p.add_argument("--only", default=""); a = p.parse_args()
torch.set_num_threads(a.threads); torch.manual_seed(0)


def of_network(make, shape):
    net, x = make(), torch.randn(*shape)
    if a.channels_last and x.dim() == 4:
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    if a.compile:
        net = torch.compile(net)
    cast = (lambda: torch.autocast("cpu", dtype=torch.bfloat16)) if a.bf16 else contextlib.nullcontext
    def step():
        net.zero_grad(set_to_none=True)
        with cast():
            loss = net(x).float().square().mean()
        loss.backward()
        return float(loss.detach())
    return times_ms(step)


def of_dcgan(batch, size):
    step, x = pytorch_step.build(argparse.Namespace(
        model="dcgan", batch=batch, size=size, width=64, channels=3, z_dim=100, device="cpu",
        threads=a.threads, bf16=a.bf16, channels_last=a.channels_last, compile=a.compile))
    return times_ms(lambda: step(x))


for name in [*STEPS, *NETWORKS]:
    if name == a.only or a.only not in [*STEPS, *NETWORKS] and a.only in name:
        if name in STEPS:
            times = of_dcgan(*STEPS[name])
        else:
            ways, shape = NETWORKS[name]
            times = min((of_network(way, shape) for way in ways), key=lambda times: times[len(times) // 2])
        print(json.dumps(dict(vars(a), name=name, torch=torch.__version__, median_ms=round(times[len(times) // 2], 3), min_ms=round(times[0], 3),
                              peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)), flush=True)
