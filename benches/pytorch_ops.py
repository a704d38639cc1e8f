"""Single operations in PyTorch, forward and backward, timed; one JSON line each.

The peer of `gany bench ops`, which has the same cases under the same names; `gany bench ops --peer PYTHON` runs both in
turn. See pytorch_step.py for how to compare.

Columns of CASES: name, dimensions, batch, in, out, spatial size, kernel, stride, padding, dilation, groups, transposed.
Columns of PRODUCTS: name, batch, m, k, n; a layout of channels means nothing to them.
"""
import argparse, json

import torch
from torch.nn import functional as F

from pytorch_clock import median_ms

CASES = [
    ("dcgan_d1", 2, 64, 3, 64, (64, 64), 4, 2, 1, 1, 1, False), ("dcgan_d2", 2, 64, 64, 128, (32, 32), 4, 2, 1, 1, 1, False),
    ("dcgan_d3", 2, 64, 128, 256, (16, 16), 4, 2, 1, 1, 1, False), ("dcgan_d4", 2, 64, 256, 512, (8, 8), 4, 2, 1, 1, 1, False),
    ("dcgan_d5", 2, 64, 512, 1, (4, 4), 4, 1, 0, 1, 1, False), ("dcgan_g1", 2, 64, 100, 512, (1, 1), 4, 1, 0, 1, 1, True),
    ("dcgan_g2", 2, 64, 512, 256, (4, 4), 4, 2, 1, 1, 1, True), ("dcgan_g3", 2, 64, 256, 128, (8, 8), 4, 2, 1, 1, 1, True),
    ("dcgan_g4", 2, 64, 128, 64, (16, 16), 4, 2, 1, 1, 1, True), ("dcgan_g5", 2, 64, 64, 3, (32, 32), 4, 2, 1, 1, 1, True),
    ("res3x3", 2, 4, 256, 256, (32, 32), 3, 1, 1, 1, 1, False), ("stem7x7", 2, 4, 3, 64, (128, 128), 7, 1, 3, 1, 1, False),
    ("odd", 2, 7, 48, 80, (48, 80), 3, 1, 1, 1, 1, False), ("k5", 2, 16, 64, 64, (32, 32), 5, 1, 2, 1, 1, False),
    ("dilated", 2, 16, 64, 64, (32, 32), 3, 1, 2, 2, 1, False), ("grouped", 2, 16, 64, 64, (32, 32), 3, 1, 1, 1, 8, False),
    ("depthwise", 2, 16, 128, 128, (32, 32), 3, 1, 1, 1, 128, False), ("one_by_one", 2, 16, 256, 256, (32, 32), 1, 1, 0, 1, 1, False),
    ("wave", 1, 8, 64, 128, (16384,), 25, 4, 11, 1, 1, False), ("voxel", 3, 8, 32, 64, (32, 32, 32), 4, 2, 1, 1, 1, False),
    ("voxel_up", 3, 8, 64, 32, (16, 16, 16), 4, 2, 1, 1, 1, True), ("batch1", 2, 1, 256, 256, (16, 16), 3, 1, 1, 1, 1, False),
]
PRODUCTS = [
    ("square_2048", 1, 2048, 2048, 2048), ("square_512", 1, 512, 512, 512), ("dense_512", 1, 64, 512, 512),
    ("dense_784", 1, 64, 784, 512), ("queries_keys", 16, 1024, 64, 1024), ("weights_values", 16, 1024, 1024, 64),
    ("small_heads", 64, 256, 32, 256),
]
p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=2); p.add_argument("--bf16", action="store_true"); p.add_argument("--channels-last", action="store_true")
p.add_argument("--only", default=""); a = p.parse_args()
torch.set_num_threads(a.threads); torch.manual_seed(0)
dtype = torch.bfloat16 if a.bf16 else torch.float32

def line(name, multiply_adds, forward, by_input, by_weight):
    with torch.no_grad():
        times = [round(median_ms(f), 3) for f in (forward, by_input, by_weight)]
    print(json.dumps(dict(name=name, bf16=a.bf16, channels_last=a.channels_last, threads=a.threads, torch=torch.__version__,
                          mflop=round(2 * multiply_adds / 1e6, 1), forward_ms=times[0], input_ms=times[1], weight_ms=times[2])), flush=True)

for name, nd, batch, cin, cout, size, k, s, pad, dil, groups, up in CASES:
    if a.only and a.only not in name:
        continue
    conv = getattr(F, f"conv_transpose{nd}d" if up else f"conv{nd}d")
    x = torch.randn(batch, cin, *size, dtype=dtype)
    w = torch.randn(*((cin, cout // groups) if up else (cout, cin // groups)), *[k] * nd, dtype=dtype)
    if a.channels_last and nd > 1:
        fmt = torch.channels_last if nd == 2 else torch.channels_last_3d
        x, w = x.contiguous(memory_format=fmt), w.contiguous(memory_format=fmt)
    kw = dict(stride=s, padding=pad, groups=groups, dilation=dil)
    y = conv(x, w, **kw); g = torch.randn_like(y)
    def back(*which):
        return lambda: torch.ops.aten.convolution_backward(g, x, w, None, [s] * nd, [pad] * nd, [dil] * nd, up, [0] * nd, groups, which)
    macs = (x.numel() // cin if up else y.numel() // cout) * cin * cout // groups * k ** nd
    line(name, macs, lambda: conv(x, w, **kw), back(True, False, False), back(False, True, False))

for name, batch, m, k, n in PRODUCTS:
    if a.only and a.only not in name or a.channels_last:
        continue
    x, w = (torch.randn(batch, *extents, dtype=dtype) for extents in ((m, k), (k, n)))
    if batch == 1:
        x, w = x[0], w[0]
    g = torch.randn_like(x @ w)
    line(name, batch * m * k * n, lambda: x @ w, lambda: g @ w.mT, lambda: x.mT @ g)
