"""From an ONNX network and its calibration inputs to a HEF, by Hailo's Dataflow Compiler (3.x).

`python compile.py --description ../detector.toml --calibration detector.npy --arch hailo8l --out detector.hef`
Needs `hailo_sdk_client`, which comes with the compiler.
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np
import onnx


def script(text, outputs):
    """The compiler's model script: normalisation on the chip, 16-bit outputs."""
    channels = text["input"]["channels"]
    mean = [255.0 * v for v in text["input"]["mean"]] * (channels if len(text["input"]["mean"]) == 1 else 1)
    std = [255.0 * v for v in text["input"]["std"]] * (channels if len(text["input"]["std"]) == 1 else 1)
    lines = [f"normalization1 = normalization({mean[:channels]}, {std[:channels]})"]
    lines += [f"quantization_param(output_layer{i + 1}, precision_mode=a16_w16)" for i in range(outputs)]
    lines += ["model_optimization_flavor(optimization_level=2)"]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, required=True)
    parser.add_argument("--arch", choices=["hailo8", "hailo8l"], required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        from hailo_sdk_client import ClientRunner
    except ImportError as error:
        raise SystemExit(f"Hailo's Dataflow Compiler is not in this Python environment ({error}); see README.md") from error

    text = tomllib.loads(args.description.read_text(encoding="utf-8"))
    path = args.description.parent / text["file"]
    graph = onnx.load(str(path)).graph
    # The nodes that make the outputs, so that nothing behind them is parsed.
    ends = [n.name for name in text["output"]["names"] for n in graph.node if name in n.output]
    if len(ends) != len(text["output"]["names"]):
        raise SystemExit(f"{path}: outputs {text['output']['names']} not all found")
    shape = [1, text["input"]["channels"], text["input"]["height"], text["input"]["width"]]
    inputs = np.load(args.calibration)
    if list(inputs.shape[1:]) != [shape[2], shape[3], shape[1]]:
        raise SystemExit(f"{args.calibration}: inputs are {inputs.shape[1:]}, {path} wants {shape[2:]} x {shape[1]} channels")

    runner = ClientRunner(hw_arch=args.arch)
    runner.translate_onnx_model(
        str(path), text["name"].replace("-", "_"),
        start_node_names=[text["input"]["name"]], end_node_names=ends,
        net_input_shapes={text["input"]["name"]: shape},
    )
    runner.load_model_script(script(text, len(ends)))
    runner.optimize(inputs.astype(np.float32))
    runner.save_har(str(args.out.with_suffix(".har")))
    args.out.write_bytes(runner.compile())
    print(f"{args.out}: {args.out.stat().st_size} bytes for {args.arch}")


if __name__ == "__main__":
    main()
