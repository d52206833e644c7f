"""Makes the tiny networks of the engine's tests: `python tests/models/make.py` (needs onnx and numpy).

detector.onnx: a 64x32 picture to one map of stride 8, [1, 5, 4, 8]. Each cell is the mean of its 8x8 pixels: the
logit is 20 * red - 10, each of the four edge distances is green + 0.5 strides.
reader.onnx: an 8x4 grey picture to [1, 4, 3] logits: position t gets (10, 0, 5) if the mean of columns 2t and 2t + 1
is dark (0), (0, 10, 5) if it is light (1).

rten takes no defaults for strides, dilations and pads, so they are spelled out.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent


def save(name, nodes, constants, inputs, outputs):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(a, n) for n, a in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path = HERE / f"{name}.onnx"
    onnx.save(model, path)
    print(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


weights = np.zeros((5, 3, 1, 1), np.float32)
weights[0, 0] = 20
weights[1:, 1] = 1
save(
    "detector",
    [
        helper.make_node("AveragePool", ["image"], ["cells"], kernel_shape=[8, 8], strides=[8, 8], pads=[0, 0, 0, 0]),
        helper.make_node("Conv", ["cells", "w", "b"], ["s8"], strides=[1, 1], dilations=[1, 1], pads=[0, 0, 0, 0]),
    ],
    [("w", weights), ("b", np.array([-10, 0.5, 0.5, 0.5, 0.5], np.float32))],
    [("image", [1, 3, 32, 64])],
    [("s8", [1, 5, 4, 8])],
)

weights = np.array([-10, 10, 0], np.float32).reshape(3, 1, 1, 1)
save(
    "reader",
    [
        helper.make_node("AveragePool", ["image"], ["columns"], kernel_shape=[4, 2], strides=[4, 2], pads=[0, 0, 0, 0]),
        helper.make_node("Conv", ["columns", "w", "b"], ["classes"], strides=[1, 1], dilations=[1, 1], pads=[0, 0, 0, 0]),
        helper.make_node("Squeeze", ["classes", "axes"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["logits"], perm=[0, 2, 1]),
    ],
    [("w", weights), ("b", np.array([10, 0, 5], np.float32)), ("axes", np.array([2], np.int64))],
    [("image", [1, 1, 4, 8])],
    [("logits", [1, 4, 3])],
)
