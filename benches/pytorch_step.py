"""One training step of a reference GAN in PyTorch, timed; prints one JSON line.

The peer that a user would pick instead. Run it in the same minute, on the same idle machine and with the same number
of threads as the project's own `gany bench step`, and quote the ratio of medians, never the absolute time;
`gany bench step MODEL --peer PYTHON` does all that.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy
    .peers/bin/python benches/pytorch_step.py --model dcgan --size 64 --width 64 --batch 64 --channels 3
Add --channels-last, --bf16, --compile for PyTorch's faster modes: the ratio that counts is against the fastest of them.
"""
import argparse, contextlib, json, math, resource, time

import torch
from torch import nn

def sides(size):
    """Height and width of a side such as 64, or of `80x48`, width first."""
    width, height = (int(side) for side in str(size).split("x")) if "x" in str(size) else (size, size)
    return height, width

def pyramid(size):
    """How often the sides are halved, and the smallest grid."""
    levels = int(math.log2(min(sides(size)))) - 2
    return levels, [side >> levels for side in sides(size)]

def dcgan_generator(size, width, channels, z_dim):
    levels, smallest = pyramid(size)
    c = width * 2 ** (levels - 1)
    layers = [nn.ConvTranspose2d(z_dim, c, smallest, 1, 0, bias=False), nn.BatchNorm2d(c), nn.ReLU(True)]
    for _ in range(levels - 1):
        layers += [nn.ConvTranspose2d(c, c // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(c // 2), nn.ReLU(True)]
        c //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(c, channels, 4, 2, 1, bias=False), nn.Tanh())

def dcgan_discriminator(size, width, channels, batch_norm):
    levels, smallest = pyramid(size)
    layers, c = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)], width
    for _ in range(levels - 1):
        layers += [nn.Conv2d(c, c * 2, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(c * 2)] if batch_norm else []
        layers += [nn.LeakyReLU(0.2, True)]
        c *= 2
    return nn.Sequential(*layers, nn.Conv2d(c, 1, smallest, 1, 0, bias=False), nn.Flatten(0))

def dense_generator(size, width, channels, z_dim):
    height, columns = sides(size)
    return nn.Sequential(nn.Flatten(), nn.Linear(z_dim, width), nn.LeakyReLU(0.2), nn.Linear(width, width),
                         nn.LeakyReLU(0.2), nn.Linear(width, channels * height * columns), nn.Tanh(),
                         nn.Unflatten(1, (channels, height, columns)))

def dense_discriminator(size, width, channels):
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * math.prod(sides(size)), width), nn.LeakyReLU(0.2),
                         nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Linear(width, 1), nn.Flatten(0))

def parser():
    p = argparse.ArgumentParser()
    p.add_argument("--model", choices=["gan", "dcgan", "wgan_gp"], default="dcgan")
    p.add_argument("--size", type=lambda size: int(size) if size.isdigit() else size, default=64); p.add_argument("--width", type=int, default=64)
    p.add_argument("--batch", type=int, default=64); p.add_argument("--channels", type=int, default=3)
    p.add_argument("--z-dim", type=int, default=100); p.add_argument("--steps", type=int, default=12)
    p.add_argument("--warm-up", type=int, default=4); p.add_argument("--threads", type=int, default=2); p.add_argument("--device", default="cpu")
    p.add_argument("--bf16", action="store_true"); p.add_argument("--channels-last", action="store_true")
    p.add_argument("--compile", action="store_true")
    return p

def build(a):
    """A step as a function of a batch, and a batch of noise."""
    torch.set_num_threads(a.threads); torch.manual_seed(0)
    dev = torch.device(a.device)
    if a.model == "gan":
        g, d = dense_generator(a.size, a.width, a.channels, a.z_dim), dense_discriminator(a.size, a.width, a.channels)
    else:
        g = dcgan_generator(a.size, a.width, a.channels, a.z_dim)
        d = dcgan_discriminator(a.size, a.width, a.channels, batch_norm=a.model == "dcgan")
    g, d = g.to(dev), d.to(dev)
    if a.channels_last:
        g, d = g.to(memory_format=torch.channels_last), d.to(memory_format=torch.channels_last)
    opt_g = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999)); opt_d = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
    if a.compile:
        g, d = torch.compile(g), torch.compile(d)
    cast = (lambda: torch.autocast(dev.type, dtype=torch.bfloat16)) if a.bf16 else contextlib.nullcontext
    softplus = nn.functional.softplus

    def step(x):
        z = torch.randn(a.batch, a.z_dim, 1, 1, device=dev)
        opt_d.zero_grad(set_to_none=True)
        with cast():
            fake = g(z)
            if a.model == "wgan_gp":
                eps = torch.rand(a.batch, 1, 1, 1, device=dev)
                mix = (eps * x + (1 - eps) * fake.detach().float()).requires_grad_()
                grad = torch.autograd.grad(d(mix).sum(), mix, create_graph=True)[0]
                penalty = ((grad.float().flatten(1).norm(2, 1) - 1) ** 2).mean()
                loss_d = d(fake.detach()).mean() - d(x).mean() + 10 * penalty
            else:
                loss_d = softplus(-d(x)).mean() + softplus(d(fake.detach())).mean()
        loss_d.backward(); opt_d.step()
        opt_g.zero_grad(set_to_none=True)
        with cast():
            logits = d(fake)
            loss_g = -logits.mean() if a.model == "wgan_gp" else softplus(-logits).mean()
        loss_g.backward(); opt_g.step()
        return float(loss_d.detach()), float(loss_g.detach())

    x = torch.rand(a.batch, a.channels, *sides(a.size), device=dev) * 2 - 1
    if a.channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    return step, x

def main():
    a = parser().parse_args()
    step, x = build(a)
    for _ in range(a.warm_up):
        step(x)
    times = []
    for _ in range(a.steps):
        t = time.perf_counter(); step(x); times.append(time.perf_counter() - t)
    times.sort()
    print(json.dumps(dict(vars(a), torch=torch.__version__, median_ms=round(times[len(times) // 2] * 1e3, 2),
                          min_ms=round(times[0] * 1e3, 2), peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)))

if __name__ == "__main__":
    main()
