"""Makes the 8-bit form of a network for ONNX Runtime: static, QDQ, convolutions with their ReLU and matrix products only.

`python quantise.py --description ../detector.toml` writes `../detector.int8.onnx` and `../detector.int8.toml`. Scales come
from the inputs that Hailo's compiler is given too (`../hailo/calibration.py`): training photographs where AMSLPR_DATA
names some, else drawn scenes. Accuracy is measured by `amslpr eval --engine onnxruntime`, never here.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hailo"))

import calibration  # noqa: E402
import onnx  # noqa: E402
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: E402
from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: E402

# With ReLU among them a scale spans what comes out of it; without, half of the steps go to what it cuts away. Additions,
# concatenations and pools too would save 4 % of the time at best.
TYPES = ["Conv", "Relu", "MatMul"]
# What stays in floats: both ends, where integers save next to nothing; the reader's second to fourth convolution; and all of
# the detector that is behind its last stage, because the reader is cut by the corners it gives. Measured in README.md.
FLOAT = [r"^/(trunk|stem)/\w+\.0/.*Conv$", r"^/trunk/trunk\.[12]/.*Conv$", r"^/(lateral|head)\d/.*Conv$", r"/out(\.\d)?/Conv$"]


class Inputs(CalibrationDataReader):
    """Pictures as the network is fed them, one at a time."""

    def __init__(self, text: dict, count: int, seed: int):
        about = text["input"]
        width, height, margin = about["width"], about["height"], float(text.get("crop", {}).get("margin", 0.1))
        rng = np.random.default_rng(seed)
        make = calibration.scenes(rng, count, width, height) if text["task"] == "detect" else calibration.crops(rng, count, width, height, margin)
        self.name, self.pictures, self.channels = about["name"], make, about["channels"]
        self.mean, self.std = (np.float32(about[key]).reshape(-1, 1, 1) for key in ("mean", "std"))

    def get_next(self):
        picture = next(self.pictures, None)
        if picture is None:
            return None
        if self.channels == 1:
            picture = calibration.cv2.cvtColor(np.ascontiguousarray(picture), calibration.cv2.COLOR_RGB2GRAY)[..., None]
        planes = picture.transpose(2, 0, 1).astype(np.float32) / 255
        return {self.name: ((planes - self.mean) / self.std)[None]}


def kept_whole(model: onnx.ModelProto, patterns: list[str]) -> list[str]:
    """Names of the nodes that stay in floats."""
    named = [node.name for node in model.graph.node if any(re.search(p, node.name) for p in patterns)]
    if patterns and not named:
        raise SystemExit(f"no node is named like {patterns}")
    return named


def description(source: str, name: str, file: str, sha256: str, accuracy: str) -> str:
    """The float network's description with another name, file, checksum and accuracy."""
    head = source.split("\n[accuracy]")[0]
    for key, value in (("name", name), ("file", file), ("sha256", sha256)):
        head, changed = re.subn(rf'(?m)^{key} = ".*"$', f'{key} = "{value}"', head, count=1)
        if not changed:
            raise SystemExit(f"the description has no {key}")
    return f"{head.rstrip()}\n\n[accuracy]\n{accuracy}"


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="folder for the two files (default: beside the description)")
    parser.add_argument("--count", type=int, default=256, help="pictures that the scales are taken from; their activations are kept in memory")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--method", choices=["minmax", "percentile", "entropy"], default="percentile")
    parser.add_argument("--percentile", type=float, default=99.999, help="share of each activation's values that its scale spans")
    parser.add_argument("--float", nargs="*", default=FLOAT, metavar="PATTERN", help="nodes whose names match stay in floats (default: see FLOAT)")
    args = parser.parse_args(argv)
    source = args.description.read_text(encoding="utf-8")
    text = tomllib.loads(source)
    network = args.description.parent / text["file"]
    out = args.out or args.description.parent
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{network.stem}.int8.onnx"
    with tempfile.TemporaryDirectory() as scratch:
        ready = Path(scratch) / "ready.onnx"
        quant_pre_process(str(network), str(ready), skip_symbolic_shape=True)
        exclude = kept_whole(onnx.load(ready), args.float)
        method = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile, "entropy": CalibrationMethod.Entropy}[args.method]
        # Not symmetric: what comes out of a ReLU has no half below zero.
        options = {"CalibPercentile": args.percentile, "CalibTensorRangeSymmetric": False} if args.method == "percentile" else {}
        quantize_static(
            str(ready), str(target), Inputs(text, args.count, args.seed), quant_format=QuantFormat.QDQ,
            op_types_to_quantize=TYPES, per_channel=True, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, nodes_to_exclude=exclude, calibrate_method=method, extra_options=options)
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    named = f"percentile {args.percentile}" if args.method == "percentile" else args.method
    accuracy = f'# Measured by `amslpr eval --engine onnxruntime`; see models/train/README.md.\nquantised = "{named}, {args.count} pictures"\n'
    described = description(source, text["name"] + "-int8", target.name, sha256, accuracy)
    target.with_suffix(".toml").write_text(described, encoding="utf-8")
    print(f"{target}: {target.stat().st_size} bytes of {network.stat().st_size}, {len(exclude)} nodes in floats")


if __name__ == "__main__":
    main()
