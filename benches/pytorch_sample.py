"""Pictures made by a generator in PyTorch, timed; one JSON line a batch.

The peer of `gany bench sample`, with the networks of pytorch_step.py; `gany bench sample MODEL --peer PYTHON` runs both
in turn. Add --channels-last, --bf16, --compile for PyTorch's faster modes.
"""
import argparse, contextlib, json, resource

import torch

from pytorch_clock import times_ms
from pytorch_step import dcgan_generator, dense_generator

p = argparse.ArgumentParser()
p.add_argument("--model", choices=["gan", "dcgan", "wgan_gp"], default="dcgan")
p.add_argument("--size", type=int, default=64); p.add_argument("--width", type=int, default=64)
p.add_argument("--batch", type=lambda text: [int(n) for n in text.split(",")], default=[1, 256])
p.add_argument("--channels", type=int, default=3); p.add_argument("--z-dim", type=int, default=100)
p.add_argument("--threads", type=int, default=2); p.add_argument("--bf16", action="store_true")
p.add_argument("--channels-last", action="store_true"); p.add_argument("--compile", action="store_true")
a = p.parse_args()
torch.set_num_threads(a.threads); torch.manual_seed(0)
generator = (dense_generator if a.model == "gan" else dcgan_generator)(a.size, a.width, a.channels, a.z_dim).eval()
if a.channels_last:
    generator = generator.to(memory_format=torch.channels_last)
if a.compile:
    generator = torch.compile(generator, dynamic=False)
cast = (lambda: torch.autocast("cpu", dtype=torch.bfloat16)) if a.bf16 else contextlib.nullcontext
for batch in a.batch:
    z = torch.randn(batch, a.z_dim, 1, 1)
    with torch.inference_mode(), cast():
        times = times_ms(lambda: generator(z))
    median = times[len(times) // 2]
    print(json.dumps(dict(vars(a), batch=batch, torch=torch.__version__, median_ms=round(median, 3), min_ms=round(times[0], 3),
                          pictures_per_s=round(1e3 * batch / median, 1),
                          peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)), flush=True)
