"""Checks that ONNX networks keep to operators and shapes that Hailo's compiler is known to take.

`python check.py NETWORK.onnx...`; prints what each holds, exit status 1 with every fault named.
Works without the compiler, and does not replace it.
"""

import argparse
import sys
from collections import Counter

import onnx
from onnx import numpy_helper, shape_inference

# Rearrangements a reader may hold near its end; the compiler cuts them off or the CPU does them.
REARRANGING = {"Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze", "Flatten"}


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def faults_of(model, rearranging_allowed=False):
    model = shape_inference.infer_shapes(model)
    graph = model.graph
    weights = {i.name: i for i in graph.initializer}
    constants = {n.output[0]: numpy_helper.to_array(attributes(n)["value"]) for n in graph.node if n.op_type == "Constant" and "value" in attributes(n)}
    constants |= {name: numpy_helper.to_array(tensor) for name, tensor in weights.items()}
    shapes = {}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        shapes[value.name] = [d.dim_value if d.HasField("dim_value") else None for d in dims]
    faults = []

    def fault(node, why):
        faults.append(f"{node.op_type} {node.name or node.output[0]}: {why}")

    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    if opset > 17:
        faults.append(f"opset {opset}: export with 17 or lower")
    for value in graph.input:
        if value.name not in weights and (None in shapes[value.name] or shapes[value.name][:1] != [1]):
            faults.append(f"input {value.name}: shape {shapes[value.name]} must be fixed, batch 1")
    for node in graph.node:
        a = attributes(node)
        if node.op_type == "Conv":
            kernel, shape = a.get("kernel_shape", []), shapes.get(node.input[0], [])
            if len(kernel) != 2:
                fault(node, f"kernel {kernel} is not two-dimensional")
                continue
            if a.get("group", 1) != 1 or any(d != 1 for d in a.get("dilations", [1])):
                fault(node, "grouped or dilated")
            for k, size in zip(kernel, shape[2:]):
                if k != size and (k > 7 or k % 2 == 0):
                    fault(node, f"kernel {kernel} on {shape}")
            if any(s not in (1, 2) for s in a.get("strides", [1, 1])):
                fault(node, f"stride {a['strides']}")
            if any(p > k // 2 for p, k in zip(a.get("pads", [0, 0, 0, 0]), [*kernel, *kernel])):
                fault(node, f"padding {a['pads']} for kernel {kernel}")
            if node.input[1] not in weights:
                fault(node, "weights are not constant")
        elif node.op_type == "MaxPool":
            if max(a["kernel_shape"]) > 5 or any(s not in (1, 2) for s in a.get("strides", [1, 1])) or a.get("ceil_mode", 0):
                fault(node, f"kernel {a['kernel_shape']}, stride {a.get('strides')}, ceil {a.get('ceil_mode', 0)}")
        elif node.op_type == "Resize":
            scales = constants.get(node.input[2]) if len(node.input) > 2 else None
            if a.get("mode", b"nearest") != b"nearest" or scales is None or list(scales) != [1, 1, 2, 2]:
                fault(node, f"mode {a.get('mode')}, scales {scales}")
        elif node.op_type == "Add":
            if any(name in constants for name in node.input) or shapes.get(node.input[0]) != shapes.get(node.input[1]):
                fault(node, "not two tensors of one shape")
        elif node.op_type == "Concat":
            if a["axis"] not in (1, 3):
                fault(node, f"along axis {a['axis']}")
        elif node.op_type in REARRANGING:
            if not rearranging_allowed:
                fault(node, "rearranges its input")
        elif node.op_type not in ("Relu", "Constant", "Identity"):
            fault(node, "not among the operators we keep to")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--rearranging", action="store_true", help="let Reshape and its like pass, as a reader may need")
    args = parser.parse_args()
    bad = False
    for path in args.networks:
        model = onnx.load(path)
        print(f"{path}: {dict(Counter(n.op_type for n in model.graph.node))}")
        for fault in faults_of(model, args.rearranging):
            bad = True
            print(f"{path}: {fault}", file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
