"""From a checkpoint to `detector.onnx` and `detector.toml`, measured and checked.

`python -m detector.export --checkpoint DIR/checkpoint.pt --out ..`
The accuracy written into the description is measured here, on the exported file.
"""

import argparse
import datetime
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import torch

from . import cache, evaluate
from .network import STRIDES, Detector, flops, folded

DESCRIPTION = """\
format = 1
name = "amslpr-detector-1"
task = "detect"
file = "detector.onnx"
sha256 = "{sha256}"
licence = "MIT OR Apache-2.0"
trained-on = [
{trained_on}
]

[input]
name = "image"
width = {width}
height = {height}
channels = 3
layout = "nchw"
mean = [0.0, 0.0, 0.0]
std = [1.0, 1.0, 1.0]
fit = "letterbox"
pad = 114

[output]
decoder = "yolo-raw"
names = ["s8", "s16", "s32"]
strides = [8, 16, 32]
corners = true

[threshold]
score = {threshold}
iou = 0.45

[accuracy]
# Measured on this file by `{command}` (onnxruntime, one thread).
# found: share of plates met at the given overlap; centre: share whose middle is hit.
date = "{date}"
flop = {flop}
parity = {parity:.1e} # largest difference of any raw output, PyTorch to onnxruntime
{tables}"""

PHOTOGRAPHS = [
    "RobertLucian/license-plate-dataset (MIT)",
    "faisalthaheem/open-lpr-dataset-plate-detection, numbers 1030-1457 (Apache-2.0)",
    "Open Images, 1,007 pictures (images CC BY 2.0, boxes CC BY 4.0)",
    "CCPD, 13 pictures (MIT)",
    "mrzaizai2k/VIETNAMESE_LICENSE_PLATE, 11 pictures (MIT)",
    "mapillary/OpenSfM (BSD-2-Clause) and udacity/CarND (MIT), 25 pictures without plates",
]
DRAWN = "plates and scenes drawn by models/train (ours)"


def load(path: Path) -> Detector:
    state = torch.load(path, weights_only=True, map_location="cpu")
    model = Detector(state["widths"], state["neck"])
    model.load_state_dict(state["average"])
    return model.eval()


def write_onnx(model, path: Path, width: int, height: int) -> float:
    """Writes the folded network; gives back the largest difference to PyTorch's unfolded one."""
    plain = folded(model)
    torch.manual_seed(0)
    example = torch.rand(1, 3, height, width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            plain, example, str(path), opset_version=17, dynamo=False,
            input_names=["image"], output_names=[f"s{s}" for s in STRIDES],
        )
    run, _, _ = evaluate.onnx_run(path)
    worst = 0.0
    with torch.no_grad():
        for seed in range(4):
            tile = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
            x = torch.from_numpy(np.ascontiguousarray(tile.transpose(2, 0, 1)))[None].float() / 255
            for mine, theirs in zip(model(x), run(tile)):
                worst = max(worst, float((mine[0] - torch.from_numpy(theirs)).abs().max()))
    return worst


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(".."))
    parser.add_argument("--input", default="640x384", help="width x height the network is made for, multiples of 32")
    parser.add_argument("--threshold", type=float, default=0.35)
    parser.add_argument("--also", nargs="*", default=["plates-real/val.jsonl"], help="annotation files under AMSLPR_DATA to measure on")
    parser.add_argument("--without-photographs", action="store_true", help="the checkpoint saw drawn pictures only")
    args = parser.parse_args(argv)

    model = load(args.checkpoint)
    path = args.out / "detector.onnx"
    width, height = map(int, args.input.split("x"))
    parity = write_onnx(model, path, width, height)
    if parity > 1e-2:
        raise SystemExit(f"{path}: differs from PyTorch by {parity}: not writing its description")

    tables = []
    root = cache.photo_root()
    run, _, _ = evaluate.onnx_run(path)
    for name in args.also if root else []:
        rows = evaluate.collected(
            lambda p: evaluate.found_in(run, p, width, height, STRIDES), evaluate.pictures_of(root / name)
        )
        at = evaluate.summary(rows, args.threshold)
        loose = evaluate.summary(rows, args.threshold, 0.3)
        print(json.dumps({"set": name, **at}))
        title = name.removesuffix(".jsonl").removesuffix("/annotations").replace("/", "-")
        lines = {
            "pictures": at["pictures"], "plates": at["plates"],
            "found-iou-0-5": at["recall"], "found-iou-0-3": loose["recall"], "centre": at["centre_hit"],
            "extra-per-picture": at["extra_per_picture"], "median-iou": at["median_iou"],
        }
        if at["readable"]:
            lines["readable"] = at["readable"]
            lines["readable-found-iou-0-5"] = at["readable_recall"]
            lines["readable-centre"] = at["readable_centre_hit"]
        tables.append(f"[accuracy.{title}]\n" + "".join(f"{k} = {round(v, 4)}\n" for k, v in lines.items()))

    trained_on = ([] if args.without_photographs else PHOTOGRAPHS) + [DRAWN]
    (args.out / "detector.toml").write_text(
        DESCRIPTION.format(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            trained_on="\n".join(f'    "{t}",' for t in trained_on),
            width=width, height=height, threshold=args.threshold, flop=flops(model, height, width),
            date=datetime.date.today().isoformat(), parity=parity,
            command="python -m detector.export", tables="\n".join(tables),
        ),
        encoding="utf-8",
    )
    print(f"{path}: {path.stat().st_size} bytes, parity {parity:.1e}")


if __name__ == "__main__":
    main()
