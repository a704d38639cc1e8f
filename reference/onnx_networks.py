"""Small classifiers as ONNX files, what ONNX Runtime makes of them, and PyTorch's gradients: fills onnx/ and onnx.json.

    python3 -m venv .peers && .peers/bin/pip install torch==2.15.0 torchvision onnx onnxscript onnxruntime numpy
    .peers/bin/python reference/onnx_networks.py            # write onnx/ and onnx.json
    .peers/bin/python reference/onnx_networks.py --check    # recompute and compare with what is there
    .peers/bin/python reference/onnx_networks.py --lite0 WEIGHTS.pth OUT.onnx

The networks are built of torchvision's own blocks, narrow and with few of them, with random weights and with running statistics of a few
batches. The last form exports EfficientNet-Lite0 with its real weights (`gany data get effnet-lite0`); what comes of it is large and is not kept.
"""

import argparse
import base64
import io
import json
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torchvision.models import convnext, densenet, efficientnet, mobilenetv2, mobilenetv3, resnet, shufflenetv2, squeezenet
from torchvision.models import swin_transformer, vision_transformer
from torchvision.ops.misc import Conv2dNormActivation

FOLDER = pathlib.Path(__file__).with_name("onnx")
RECORD = pathlib.Path(__file__).with_name("onnx.json")
CLASSES = 10
STRIDE = 29


def pictures(count, height, width):
    """Bytes [n, h, w, 3]: those of features.py."""
    i, y, x, c = np.ogrid[:count, :height, :width, :3]
    return ((i * 37 + y * 3 + x * 5 + c * 71 + x * y // 16) % 256).astype(np.uint8)


# Networks ---------------------------------------------------------------------------------------------------------------------


def pooled(features, width):
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Linear(width, CLASSES))


def small_resnet():
    def down(c_in, c_out):
        return nn.Sequential(nn.Conv2d(c_in, c_out, 1, 2, bias=False), nn.BatchNorm2d(c_out))

    stem = [nn.Conv2d(3, 12, 7, 2, 3, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    blocks = [resnet.BasicBlock(12, 12), resnet.BasicBlock(12, 24, 2, down(12, 24)), resnet.BasicBlock(24, 24)]
    wide = resnet.Bottleneck(24, 12, 2, down(24, 48), groups=2, base_width=64)
    return pooled(nn.Sequential(*stem, *blocks, wide), 48)


def small_mobilenet_v2():
    block = mobilenetv2.InvertedResidual
    stem = Conv2dNormActivation(3, 8, stride=2, activation_layer=nn.ReLU6)
    head = Conv2dNormActivation(24, 64, kernel_size=1, activation_layer=nn.ReLU6)
    blocks = [block(8, 8, 1, 1), block(8, 16, 2, 6), block(16, 16, 1, 6), block(16, 24, 2, 6)]
    return pooled(nn.Sequential(stem, *blocks, head), 64)


def small_mobilenet_v3():
    row = mobilenetv3.InvertedResidualConfig
    rows = [
        row(8, 3, 8, 8, True, "RE", 2, 1, 1.0),
        row(8, 3, 24, 16, False, "RE", 2, 1, 1.0),
        row(16, 5, 40, 16, True, "HS", 1, 1, 1.0),
        row(16, 5, 48, 24, True, "HS", 2, 2, 1.0),
    ]
    return mobilenetv3.MobileNetV3(rows, 64, num_classes=CLASSES)


def small_squeezenet():
    fire = squeezenet.Fire
    return nn.Sequential(
        *[nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)],
        *[fire(16, 8, 16, 16), fire(32, 8, 16, 16), nn.MaxPool2d(3, 2, ceil_mode=True), fire(32, 12, 24, 24)],
        *[nn.Conv2d(48, CLASSES, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(1)],
    )


def small_efficientnet():
    row = efficientnet.MBConvConfig
    rows = [row(1, 3, 1, 8, 8, 1, 1.0, 1.0), row(4, 3, 2, 8, 16, 2, 1.0, 1.0), row(6, 5, 2, 16, 24, 1, 1.0, 1.0)]
    return efficientnet.EfficientNet(rows, 0.2, num_classes=CLASSES, last_channel=64)


def small_swin():
    return swin_transformer.SwinTransformer(
        patch_size=[2, 2], embed_dim=12, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=CLASSES
    )


def small_convnext():
    row = convnext.CNBlockConfig
    return convnext.ConvNeXt([row(12, 24, 1), row(24, 32, 2), row(32, None, 1)], num_classes=CLASSES, layer_scale=0.5)


def small_vit():
    return vision_transformer.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=CLASSES)


def small_shufflenet():
    return shufflenetv2.ShuffleNetV2([2, 2, 1], [12, 24, 32, 48, 64], CLASSES)


def small_densenet():
    return densenet.DenseNet(6, (2, 3, 2), 12, bn_size=2, num_classes=CLASSES)


# Name, network, side of the pictures, version of the operators, whether the file is traced (TorchScript) or captured (dynamo).
NETWORKS = [
    ("resnet", small_resnet, 64, 17, "torchscript"),
    ("mobilenet_v2", small_mobilenet_v2, 48, 11, "torchscript"),
    ("mobilenet_v3", small_mobilenet_v3, 48, 18, "dynamo"),
    ("densenet", small_densenet, 32, 12, "torchscript"),
    ("squeezenet", small_squeezenet, 65, 13, "torchscript"),
    ("shufflenet", small_shufflenet, 64, 18, "dynamo"),
    ("efficientnet", small_efficientnet, 48, 18, "dynamo"),
    ("vit", small_vit, 32, 17, "torchscript"),
    ("vit_dynamo", small_vit, 32, 20, "dynamo"),
    ("swin", small_swin, 32, 18, "dynamo"),
    ("convnext", small_convnext, 48, 16, "torchscript"),
]


def settled(build):
    """A network with random gains, and statistics as after training on pictures of all sorts."""
    torch.manual_seed(0)
    network = build()
    norms = [m for m in network.modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.25, 0.25)
        norm.momentum = 0.1
    for conv in (m for m in network.modules() if isinstance(m, nn.Conv2d)):
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    for linear in (m for m in network.modules() if isinstance(m, nn.Linear)):
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
        if linear.bias is not None:
            nn.init.uniform_(linear.bias, -0.25, 0.25)
    network.train()
    for _ in range(30):
        network(torch.rand(8, 3, SIDES[build], SIDES[build]) * torch.rand(8, 3, 1, 1))
    return network.eval()


SIDES = {build: side for _, build, side, _, _ in NETWORKS}


def exported(network, side, opset, exporter):
    x = torch.zeros(2, 3, side, side)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            axes = {"input": {0: "n"}, "logits": {0: "n"}}
            torch.onnx.export(
                network, (x,), file, dynamo=False, opset_version=opset, input_names=["input"], output_names=["logits"], dynamic_axes=axes
            )
        else:
            shapes = ({0: torch.export.Dim("n")},)
            program = torch.onnx.export(network, (x,), dynamo=True, opset_version=opset, dynamic_shapes=shapes, verbose=False)
            program.save(file)
    model = onnx.load_from_string(file.getvalue())
    for node in model.graph.node:
        # Where each node comes from in Python is longer than the network.
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    del model.metadata_props[:]
    return model.SerializeToString()


def runtime(file, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options)
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs)))


def cotangent(count):
    i, k = np.ogrid[:count, :CLASSES]
    return (((i * 3 + k * 7) % 10 - 4.5) / 10).astype(np.float32)


def network_case(name, build, side, opset, exporter):
    network = settled(build)
    x = pictures(2, side, side).astype(np.float32) / 255
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    file = exported(network, side, opset, exporter)
    logits = runtime(file, [x])[0]
    leaf = torch.from_numpy(x).requires_grad_()
    ours = network(leaf)
    difference = np.abs(ours.detach().numpy() - logits).max() / np.abs(logits).max()
    assert difference < 1e-5, (name, difference)
    assert np.abs(logits[0] - logits[1]).max() > 0.01 * np.abs(logits).max(), (name, "sees no difference between the pictures")
    (ours * torch.from_numpy(cotangent(2))).sum().backward()
    gradient = leaf.grad.numpy().transpose(0, 2, 3, 1).reshape(-1)
    operators = sorted({node.op_type for node in onnx.load_from_string(file).graph.node})
    record = {
        **{"name": name, "exporter": exporter, "opset": opset, "shape": [side, side, 3], "operators": operators},
        **{"logits": rounded(logits), "gradient": rounded(gradient[::STRIDE]), "largest_gradient": float(np.abs(gradient).max())},
    }
    return record, file


def rounded(array):
    return [float(f"{x:.7g}") for x in np.asarray(array, np.float64).reshape(-1)]


# Operators --------------------------------------------------------------------------------------------------------------------


def numbers(shape):
    i = np.arange(int(np.prod(shape)))
    return (((i * 37) % 127 - 63.25) / 32).astype(np.float32).reshape(shape)


def single(op, shape, *others, opset=17, outputs=1, **attributes):
    """One node on x of this shape; the others are its further inputs."""
    names = ["x", *(("" if other is None else f"i{i}") for i, other in enumerate(others))]
    made = [f"y{i}" for i in range(outputs)]
    return graph([helper.make_node(op, names, made, **attributes)], shape, dict(zip(names[1:], others)), made, opset)


def graph(nodes, shape, constants, made, opset=17):
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    outputs = [helper.make_empty_tensor_value_info(name) for name in made]
    body = helper.make_graph(nodes, "case", [x], outputs, constants)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), shape


def w(*shape):
    return numbers(shape) / 2


def i64(*values):
    return np.array(values, np.int64)


def shape_arithmetic():
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Slice", ["s", "one", "three"], ["mid"]),
        node("ReduceProd", ["mid"], ["area"], keepdims=1),
        node("Cast", ["area"], ["f"], to=TensorProto.FLOAT),
        node("Sqrt", ["f"], ["root"]),
        node("Div", ["area", "two"], ["half"]),
        node("Concat", ["n1", "half", "minus"], ["to"], axis=0),
        node("Reshape", ["x", "to"], ["r"]),
        node("Mul", ["r", "root"], ["y0"]),
    ]
    constants = {"zero": np.array(0, np.int64), "axes": i64(0), "one": i64(1), "three": i64(3), "two": i64(2), "minus": i64(-1)}
    return graph(nodes, [2, 3, 4, 5], constants, ["y0"])


def mask():
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("ConstantOfShape", ["s"], ["ones"], value=helper.make_tensor("", TensorProto.FLOAT, [1], [1.0])),
        node("Greater", ["x", "half"], ["g"]),
        node("Not", ["g"], ["not"]),
        node("Where", ["not", "x", "ones"], ["y"]),
        node("Expand", ["row", "s"], ["wide"]),
        node("Add", ["y", "wide"], ["y0"]),
    ]
    return graph(nodes, [2, 3, 4], {"half": np.float32(0.5), "row": w(3, 1)}, ["y0"])


def operator_cases():
    picture = [2, 4, 6, 5]
    for op in ["Relu", "Sigmoid", "Tanh", "Erf", "Exp", "Abs", "Neg", "Softplus", "Softsign", "HardSwish", "Floor", "Ceil", "Sign", "Sin", "Cos"]:
        yield op, single(op, picture)
    yield "Mish", single("Mish", picture, opset=18)
    yield "LeakyRelu", single("LeakyRelu", picture, alpha=0.2)
    yield "Elu", single("Elu", picture, alpha=0.7)
    yield "Selu", single("Selu", picture)
    yield "Celu", single("Celu", picture, alpha=0.5)
    yield "HardSigmoid", single("HardSigmoid", picture, alpha=0.17, beta=0.6)
    yield "PRelu", single("PRelu", picture, w(4, 1, 1))
    yield "Gelu", single("Gelu", picture, opset=20)
    yield "Gelu tanh", single("Gelu", picture, opset=20, approximate="tanh")
    yield "Clip", single("Clip", picture, np.float32(-0.5), np.float32(1))
    yield "Clip above", single("Clip", picture, None, np.float32(0.25))
    yield "Clip 6", single("Clip", picture, opset=6, min=-1.0, max=0.5)
    for op in ["Add", "Sub", "Mul", "Div", "Min", "Max"]:
        yield f"{op} of a row", single(op, picture, w(5))
        yield f"{op} of channels", single(op, picture, w(4, 1, 1))
    yield "Add of one more axis", single("Add", [3, 4], w(2, 3, 1))
    yield "Pow 2", single("Pow", picture, np.float32(2))
    yield "Pow 3", single("Pow", picture, i64(3))
    yield "Pow -2", single("Pow", picture, np.float32(-2))
    yield "Conv", single("Conv", picture, w(6, 4, 3, 3), w(6), pads=[1, 1, 1, 1])
    yield "Conv uneven", single("Conv", picture, w(6, 4, 2, 3), strides=[2, 1], pads=[1, 0, 0, 2])
    yield "Conv groups", single("Conv", picture, w(6, 2, 3, 3), w(6), group=2, dilations=[2, 1], pads=[2, 1, 2, 1])
    yield "Conv depthwise", single("Conv", picture, w(4, 1, 3, 3), group=4, strides=[2, 2], auto_pad="SAME_UPPER")
    yield "Conv same lower", single("Conv", picture, w(2, 4, 2, 2), strides=[1, 2], auto_pad="SAME_LOWER")
    yield "Conv valid", single("Conv", picture, w(2, 4, 3, 2), auto_pad="VALID")
    yield "Conv of lines", single("Conv", [2, 4, 9], w(6, 4, 3), w(6), strides=[2], pads=[1, 1])
    yield "Conv of volumes", single("Conv", [1, 2, 4, 5, 3], w(3, 2, 2, 3, 2), pads=[0, 1, 0, 0, 1, 1])
    yield "MaxPool", single("MaxPool", picture, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    yield "MaxPool ceil", single("MaxPool", picture, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    yield "MaxPool dilated", single("MaxPool", picture, kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 1, 1, 1])
    yield "MaxPool same", single("MaxPool", picture, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")
    yield "AveragePool", single("AveragePool", picture, kernel_shape=[2, 3], strides=[2, 1], pads=[1, 1, 0, 1])
    yield "AveragePool with pad", single("AveragePool", picture, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    yield "AveragePool ceil", single("AveragePool", picture, opset=19, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    yield "GlobalAveragePool", single("GlobalAveragePool", picture)
    yield "GlobalMaxPool", single("GlobalMaxPool", picture)
    yield "LRN", single("LRN", picture, size=3, alpha=0.3, beta=0.75, bias=1.5)
    stats = [w(4), w(4), w(4), np.abs(w(4)) + np.float32(0.5)]
    yield "BatchNormalization", single("BatchNormalization", picture, *stats, epsilon=0.01)
    yield "BatchNormalization of rows", single("BatchNormalization", [3, 4], *stats)
    yield "InstanceNormalization", single("InstanceNormalization", picture, w(4), w(4))
    yield "GroupNormalization", single("GroupNormalization", picture, w(4), w(4), opset=21, num_groups=2)
    yield "LayerNormalization", single("LayerNormalization", [2, 3, 8], w(8), w(8), epsilon=0.01)
    yield "LayerNormalization of channels and below", single("LayerNormalization", picture, w(4, 6, 5), axis=1)
    yield "Softmax", single("Softmax", picture, axis=1)
    yield "Softmax 11", single("Softmax", [2, 3, 4], axis=1, opset=11)
    yield "LogSoftmax", single("LogSoftmax", [2, 5])
    yield "MatMul", single("MatMul", [2, 3, 4], w(4, 5))
    yield "MatMul of vectors", single("MatMul", [2, 3, 4], w(4))
    yield "MatMul broadcast", single("MatMul", [2, 3, 4, 5], w(3, 5, 2))
    yield "Gemm", single("Gemm", [3, 4], w(5, 4), w(5), transB=1, alpha=0.5, beta=2.0)
    yield "Gemm turned", single("Gemm", [4, 3], w(4, 5), transA=1)
    for op in ["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"]:
        yield op, single(op, picture, axes=[1, -1], keepdims=0)
    yield "ReduceMean 18", single("ReduceMean", picture, i64(2, 3), opset=18)
    yield "ReduceSum", single("ReduceSum", picture, i64(1), keepdims=0)
    yield "ReduceSum of all", single("ReduceSum", picture, keepdims=0)
    yield "ReduceLogSumExp", single("ReduceLogSumExp", picture, axes=[1])
    yield "ArgMax", single("ArgMax", picture, axis=1, keepdims=0)
    yield "Flatten", single("Flatten", picture)
    yield "Flatten in the middle", single("Flatten", picture, axis=-2)
    yield "Reshape", single("Reshape", picture, i64(0, 2, -1, 5))
    yield "Transpose", single("Transpose", picture, perm=[2, 0, 3, 1])
    yield "Transpose reversed", single("Transpose", picture)
    yield "Concat", single("Concat", picture, w(2, 3, 6, 5), axis=1)
    yield "Split", single("Split", picture, i64(1, 3), axis=1, outputs=2)
    yield "Split 11", single("Split", picture, opset=11, axis=2, outputs=3)
    yield "Split 18", single("Split", picture, opset=18, axis=3, outputs=2, num_outputs=2)
    yield "Slice", single("Slice", picture, i64(1, -1), i64(2**62, -100), i64(1, 3), i64(2, -2))
    yield "Slice 9", single("Slice", picture, opset=9, starts=[0, 1], ends=[-1, 4], axes=[2, 3])
    yield "Squeeze", single("Squeeze", [2, 1, 3, 1], i64(-1))
    yield "Squeeze 11", single("Squeeze", [2, 1, 3, 1], opset=11)
    yield "Unsqueeze", single("Unsqueeze", [2, 3], i64(0, -1))
    yield "Pad", single("Pad", picture, i64(0, 0, 1, 2, 0, 1, 0, 1), np.float32(0.5))
    yield "Pad crop", single("Pad", picture, i64(0, 0, 1, -1, 0, 0, -2, 1))
    yield "Pad reflect", single("Pad", picture, i64(0, 0, 1, 2, 0, 0, 2, 1), mode="reflect")
    yield "Pad edge", single("Pad", picture, i64(0, 0, 1, 2, 0, 0, 2, 1), mode="edge")
    yield "Tile", single("Tile", [2, 3, 1], i64(1, 2, 3))
    yield "Gather", single("Gather", picture, np.array([[2, 0], [-1, 1]], np.int64), axis=1)
    yield "Gather one", single("Gather", picture, np.array(-2, np.int64), axis=2)
    yield "DepthToSpace", single("DepthToSpace", picture, blocksize=2)
    yield "SpaceToDepth", single("SpaceToDepth", [1, 3, 4, 6], blocksize=2)
    yield "Resize nearest", single("Resize", picture, None, np.float32([1, 1, 2, 3]), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    yield "Resize linear", single("Resize", picture, None, None, i64(2, 4, 9, 4), mode="linear", coordinate_transformation_mode="half_pixel")
    yield "Identity", single("Identity", picture)
    yield "Dropout", single("Dropout", picture)
    yield "shape arithmetic", shape_arithmetic()
    yield "mask", mask()


def operator_case(name, model, shape):
    results = runtime(model.SerializeToString(), [numbers(shape)])
    outputs = [{"shape": list(result.shape), "data": rounded(result)} for result in results]
    return {"name": name, "shape": shape, "model": base64.b64encode(model.SerializeToString()).decode(), "outputs": outputs}


# EfficientNet-Lite0 -----------------------------------------------------------------------------------------------------------


def lite0(weights, out):
    """The network as features.py writes it out, as a module that can be exported; it takes [n, 3, 224, 224], (x - 127) / 128."""
    class Lite0(nn.Module):
        def __init__(self, tensors):
            super().__init__()
            self.names = list(tensors)
            for i, tensor in enumerate(tensors.values()):
                self.register_buffer(f"t{i}", tensor.contiguous())

        def forward(self, x):
            w = {name: getattr(self, f"t{i}") for i, name in enumerate(self.names)}
            return efficientnet_lite0(w, x)

    tensors = torch.load(weights, map_location="cpu", weights_only=False)
    tensors = {name: tensor.float() for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")}
    network = Lite0(tensors).eval()
    axes = {"input": {0: "n"}, "logits": {0: "n"}}
    torch.onnx.export(
        network, (torch.zeros(1, 3, 224, 224),), out, dynamo=False, opset_version=17, input_names=["input"], output_names=["logits"], dynamic_axes=axes
    )


# Repeats, taps, stride, expansion and channels of each stage: those of features.py.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


def efficientnet_lite0(w, x):
    def norm(x, name):
        rest = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return nn.functional.batch_norm(x, *rest, eps=1e-3)

    def same(x, weight, stride, groups=1):
        total = [max((-(-int(extent) // stride) - 1) * stride + weight.shape[-1] - int(extent), 0) for extent in x.shape[2:]]
        x = nn.functional.pad(x, [total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2])
        return nn.functional.conv2d(x, weight, stride=stride, groups=groups)

    relu6 = nn.functional.relu6
    x = relu6(norm(same(x, w["_conv_stem.weight"], 2), "_bn0"))
    block = 0
    for repeats, _, stride, expansion, _ in STAGES:
        for repeat in range(repeats):
            at, h = f"_blocks.{block}", x
            if expansion > 1:
                h = relu6(norm(nn.functional.conv2d(h, w[f"{at}._expand_conv.weight"]), f"{at}._bn0"))
            step = stride if repeat == 0 else 1
            h = relu6(norm(same(h, w[f"{at}._depthwise_conv.weight"], step, h.shape[1]), f"{at}._bn1"))
            h = norm(nn.functional.conv2d(h, w[f"{at}._project_conv.weight"]), f"{at}._bn2")
            x = h + x if step == 1 and h.shape[1] == x.shape[1] else h
            block += 1
    x = relu6(norm(nn.functional.conv2d(x, w["_conv_head.weight"]), "_bn1")).mean((2, 3))
    return nn.functional.linear(x, w["_fc.weight"], w["_fc.bias"])


# The whole --------------------------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--lite0", nargs=2, metavar=("WEIGHTS", "OUT"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.lite0:
        return lite0(*arguments.lite0)
    if arguments.check:
        return check()
    FOLDER.mkdir(exist_ok=True)
    networks = []
    for row in NETWORKS:
        record, file = network_case(*row)
        (FOLDER / f"{row[0]}.onnx").write_bytes(file)
        networks.append(record)
        print(f"{row[0]:14} {len(file):7} bytes  {' '.join(record['operators'])}")
    operators = [operator_case(name, *case) for name, case in operator_cases()]
    versions = {"torch": torch.__version__.split("+")[0], "onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}
    text = json.dumps({"versions": versions, "stride": STRIDE}, indent=None)[:-1]
    lines = lambda rows: ",\n".join(json.dumps(row) for row in rows)
    RECORD.write_text(f'{text}, "networks": [\n{lines(networks)}\n], "operators": [\n{lines(operators)}\n]}}\n')


def check():
    """The stored files, run again; operators are built again too."""
    record = json.loads(RECORD.read_text())
    for case in record["networks"]:
        side = case["shape"][0]
        x = (pictures(2, side, side).astype(np.float32) / 255).transpose(0, 3, 1, 2)
        logits = runtime((FOLDER / f"{case['name']}.onnx").read_bytes(), [np.ascontiguousarray(x)])[0]
        np.testing.assert_allclose(logits.reshape(-1), case["logits"], rtol=1e-4, atol=1e-5, err_msg=case["name"])
    cases = {case["name"]: case for case in record["operators"]}
    for name, (model, shape) in operator_cases():
        for got, expected in zip(operator_case(name, model, shape)["outputs"], cases.pop(name)["outputs"], strict=True):
            assert got["shape"] == expected["shape"], name
            np.testing.assert_allclose(got["data"], expected["data"], rtol=1e-5, atol=1e-6, err_msg=name)
    assert not cases, sorted(cases)
    print(f"{len(record['networks'])} networks and {len(record['operators'])} operators as stored")


if __name__ == "__main__":
    main()
