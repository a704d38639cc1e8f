"""Our layout and PyTorch's, and convolution written out as its definition.

Ours is channels-last: images are [N, (D,) (H,) W, C] and a convolution's weight is [k..., C_in / groups, C_out].
PyTorch's images are [N, C, ...], its weights [C_out, C_in / groups, k...].

A transposed convolution's weight is the weight of the ordinary convolution of which it is the gradient with respect to
the input. That convolution runs the other way, from the transposed layer's outputs to its inputs, so the weight of a
transposed layer from C_in to C_out channels is [k..., C_out / groups, C_in].
"""

import itertools

import numpy as np


def image_to_torch(x):
    """[N, spatial..., C] -> [N, C, spatial...], for a tensor or an array."""
    return _permute(x, [0, x.ndim - 1, *range(1, x.ndim - 1)])


def image_from_torch(x):
    """[N, C, spatial...] -> [N, spatial..., C]."""
    return _permute(x, [0, *range(2, x.ndim), 1])


def weight_to_torch(w):
    """[k..., a, b] -> [b, a, k...]: one rule for convolutions and transposed convolutions."""
    return _permute(w, [w.ndim - 1, w.ndim - 2, *range(w.ndim - 2)])


def weight_from_torch(w):
    """[b, a, k...] -> [k..., a, b]."""
    return _permute(w, [*range(2, w.ndim), 1, 0])


def _permute(x, order):
    return x.transpose(order) if isinstance(x, np.ndarray) else x.permute(order).contiguous()


def _taps(small, big, kernel, stride, padding, dilation):
    """Pairs (position in the small image, position in the big one, kernel tap) that a convolution multiplies."""
    for o in itertools.product(*map(range, small)):
        for k in itertools.product(*map(range, kernel)):
            i = tuple(o[a] * stride[a] + k[a] * dilation[a] - padding[a] for a in range(len(o)))
            if all(0 <= i[a] < big[a] for a in range(len(o))):
                yield o, i, k


def convolution(x, w, stride, padding, dilation, groups):
    """Ordinary convolution in our layout, from its definition; slow."""
    kernel, big, (per_group, c_out) = w.shape[:-2], x.shape[1:-1], w.shape[-2:]
    small = [(b + 2 * p - d * (k - 1) - 1) // s + 1 for b, p, d, k, s in zip(big, padding, dilation, kernel, stride)]
    y = np.zeros((x.shape[0], *small, c_out), x.dtype)
    for o, i, k in _taps(small, big, kernel, stride, padding, dilation):
        for g in range(groups):
            ins, outs = _group(g, per_group), _group(g, c_out // groups)
            y[(slice(None), *o, outs)] += x[(slice(None), *i, ins)] @ w[(*k, slice(None), outs)]
    return y


def transposed_convolution(x, w, stride, padding, dilation, groups, output_padding):
    """Transposed convolution in our layout, as the scatter that transposes `convolution`; slow."""
    kernel, small, (per_group, c_in) = w.shape[:-2], x.shape[1:-1], w.shape[-2:]
    big = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + extra
        for n, s, p, d, k, extra in zip(small, stride, padding, dilation, kernel, output_padding)
    ]
    y = np.zeros((x.shape[0], *big, per_group * groups), x.dtype)
    for o, i, k in _taps(small, big, kernel, stride, padding, dilation):
        for g in range(groups):
            outs, ins = _group(g, per_group), _group(g, c_in // groups)
            y[(slice(None), *i, outs)] += x[(slice(None), *o, ins)] @ w[(*k, slice(None), ins)].T
    return y


def _group(index, size):
    return slice(index * size, (index + 1) * size)
