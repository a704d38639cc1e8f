"""Small files of weights as PyTorch, NumPy and safetensors write them: fills the folder weights/, with what is in them.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 numpy safetensors
    .peers/bin/python reference/weights.py            # write weights/
    .peers/bin/python reference/weights.py --check    # read what is there and compare with weights/tensors.json

README.md describes the files.
"""

import argparse
import json
import pathlib
import pickle

import numpy as np
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).with_name("weights")


def tensors():
    """Tensors of every type, and of every way to lie in a storage."""
    base = torch.arange(24, dtype=torch.float32) / 8 - 1
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for i, parameter in enumerate(layer.parameters()):
            parameter.copy_(torch.arange(parameter.numel()).view(parameter.shape) / 4 - i)
    return {
        "model": layer.state_dict(),
        "parameter": torch.nn.Parameter(base[:2].clone()),
        "transposed": base.view(4, 6).t(),
        "channels_last": base.clone().view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        "every_other": base[1::2],
        "shared": [base[:3], base[21:]],
        "f64": torch.tensor([1 / 3, -1e300], dtype=torch.float64),
        "f16": torch.tensor([0.1, -65504, 6e-8], dtype=torch.float16),
        "bf16": torch.tensor([[0.1], [-3e38]], dtype=torch.bfloat16),
        "i64": torch.tensor([-(2**40), 7]),
        "i32": torch.tensor([-5, 6], dtype=torch.int32),
        "i16": torch.tensor([-300], dtype=torch.int16),
        "i8": torch.tensor([-128, 127], dtype=torch.int8),
        "u8": torch.tensor([0, 255], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "size": base.view(2, 12).shape,
        "epoch": 3,
        "note": "not a tensor",
    }


def arrays():
    """Arrays as a network's weights are often pickled: lists of them by layer."""
    kernel = np.arange(12, dtype=np.float32).reshape(3, 4) / 2 - 3
    return {
        "conv1": [kernel, np.array([0.5, -0.5], np.float64)],
        "fortran": np.asfortranarray(kernel),
        "half": kernel.astype(np.float16),
        "bytes": np.array([[1], [255]], np.uint8),
        "scalar": np.float32(7),
        "zero_dimensions": np.array(3.0, np.float32),
    }


def flat(value, name=""):
    """Name and tensor of everything that is one."""
    if isinstance(value, np.ndarray):
        yield name, torch.from_numpy(np.ascontiguousarray(value).reshape(value.shape))
    elif isinstance(value, torch.Tensor):
        yield name, value.detach()
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from flat(item, f"{name}.{key}" if name else str(key))


def described(value):
    # Numbers as f32 has them, infinite ones as text: JSON has no name for them.
    number = lambda x: x if abs(x) < float("inf") else str(x)
    return {
        name: {
            "type": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "data": [number(x) for x in tensor.to(torch.float32).flatten().tolist()],
        }
        for name, tensor in flat(value)
    }


def write():
    FOLDER.mkdir(exist_ok=True)
    torch.save(tensors(), FOLDER / "zip.pth")
    torch.save(tensors(), FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
    for protocol in (2, 3, 4, 5):
        with open(FOLDER / f"arrays-{protocol}.pkl", "wb") as file:
            pickle.dump(arrays(), file, protocol)
    whole = {name: tensor.contiguous().clone() for name, tensor in flat(tensors())}
    safetensors.torch.save_file(whole, FOLDER / "plain.safetensors")
    # What is refused: a module with its class, and a program.
    torch.save(torch.nn.Linear(1, 1), FOLDER / "module.pth")
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(FOLDER / "script.pt"))
    expected = {"tensors": described(tensors()), "arrays": described(arrays())}
    (FOLDER / "tensors.json").write_text(json.dumps(expected) + "\n")


def check():
    expected = json.loads((FOLDER / "tensors.json").read_text())
    for name in ("zip.pth", "legacy.pth"):
        assert described(torch.load(FOLDER / name)) == expected["tensors"], name
    assert described(safetensors.torch.load_file(FOLDER / "plain.safetensors")) == expected["tensors"]
    for protocol in (2, 3, 4, 5):
        with open(FOLDER / f"arrays-{protocol}.pkl", "rb") as file:
            assert described(pickle.load(file)) == expected["arrays"], protocol


parser = argparse.ArgumentParser()
parser.add_argument("--check", action="store_true", help="compare instead of writing")
check() if parser.parse_args().check else write()
