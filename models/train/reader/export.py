"""From a checkpoint to `reader.onnx` and `reader.toml`: folded, checked against PyTorch, calibrated, measured.

`python -m reader.export --checkpoint DIR/reader.pt --out ..`
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import warnings
from pathlib import Path

import numpy as np
import torch

from . import measure
from .crops import DETECTED_MARGIN, MARGIN
from .decode import greedy
from .net import ALPHABET, HEIGHT, WIDTH, Reader, flop, fold

_DESCRIPTION = """\
format = 1
name = "amslpr-reader-1"
task = "read"
file = "reader.onnx"
sha256 = "{sha256}"
licence = "MIT OR Apache-2.0"
trained-on = [
{sources}
]

[input]
name = "image"
width = {width}
height = {height}
channels = 1
layout = "nchw"
mean = [0.5]
std = [0.5]
fit = "stretch"

[output]
# {steps} steps: {half} for the upper or only line, then {half} for the lower one.
decoder = "ctc"
names = ["logits"]
alphabet = "{alphabet}"
blank = 0

[crop]
# The box grows by this part of its width to the left and to the right, and by this part of its height
# above and below; beyond the picture its edge is repeated. Behind our detector this and the straightening
# read best (`amslpr eval` on plates-real/val).
margin = {margin}
rectify = true

# Where the first read is less sure than this, the plain box grown by this margin is read too; the surer read counts.
[crop.again]
below = 0.9
margin = 0.05
rectify = false

[calibration]
# Logits are divided by this before softmax; fitted on plates-real/val.
temperature = {temperature}

[accuracy]
# Reader alone, measured on this file by `{command}`. boxes: upright, the annotated box grown by {boxed}; straightened:
# by our detector's corners, grown by the margin above, where it finds the plate.
date = "{date}"
flop = {flop}
parity = {parity:.1e} # largest difference of any logit, PyTorch to onnxruntime
{tables}"""

_DRAWN = "synthetic plates drawn by models/train/plates (this project, MIT OR Apache-2.0; fonts OFL 1.1 and MIT where present)"
_PHOTOGRAPHS = [
    "RobertLucian/license-plate-dataset, MIT, Romania",
    "faisalthaheem/open-lpr-dataset-plate-detection, numbers 1030-1457, Apache-2.0, Pakistan",
    "Open Images (two parts), pictures CC BY 2.0 by their Flickr authors, boxes CC BY 4.0 by Google and Roboflow, world",
    "mrzaizai2k/VIETNAMESE_LICENSE_PLATE, own photographs, MIT, Vietnam",
    "CCPD pictures, MIT; mapillary/OpenSfM, BSD-2-Clause; udacity CarND, MIT: as surroundings without text",
]


def load(checkpoint: Path) -> Reader:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Reader(tuple(state["widths"]), state["head"])
    model.load_state_dict(state["ema"])
    return model.eval()


def write_onnx(model: Reader, path: Path) -> float:
    """Writes the folded network; returns the largest difference to PyTorch over some inputs."""
    folded = fold(model).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(folded, (torch.zeros(1, 1, HEIGHT, WIDTH),), str(path), input_names=["image"], output_names=["logits"], opset_version=17, dynamo=False)
    run = measure.onnx_runner(path)
    worst = 0.0
    generator = np.random.Generator(np.random.SFC64(3))
    for _ in range(8):
        crop = generator.integers(0, 256, (1, 1, HEIGHT, WIDTH), np.uint8)
        with torch.no_grad():
            want = model(torch.from_numpy(crop).float() / 127.5 - 1).numpy()
        worst = max(worst, float(np.abs(want - run(crop)).max()))
    return worst


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--set", nargs="*", default=["val"], help="sets to measure: val, bench-dev")
    parser.add_argument("--straight", type=Path, metavar="DIR", help="where our detector's corners are kept (default: beside the checkpoint)")
    parser.add_argument("--weights", type=Path, help="also write the bare weights here, to start later runs from")
    args = parser.parse_args(argv)
    model = load(args.checkpoint)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "reader.onnx"
    parity = write_onnx(model, path)
    if parity > 1e-2:
        raise SystemExit(f"{path}: differs from PyTorch by {parity}: not writing its description")
    data = os.environ.get("AMSLPR_DATA")
    temperature, tables = 1.0, []
    run = measure.onnx_runner(path)
    for name in args.set if data else []:
        found = measure.set_of(Path(data), name, args.straight or args.checkpoint.parent)
        straight = run(measure.crops_of(found.plates, DETECTED_MARGIN, True))
        if name == "val":  # as the product cuts them
            temperature = measure.temperature_of(straight, [p.text for p in found.plates])
        for kind, logits in (("boxes", run(measure.crops_of(found.plates))), ("straightened", straight)):
            figures = measure.table([greedy(l / temperature) for l in logits], found.plates)
            print(name, kind, figures["all"])
            for key, row in figures.items():
                if isinstance(row, dict) and "exact" in row and not key.startswith("height"):
                    title = f"{name}-{kind}" + ("" if key == "all" else "." + key.replace("openalpr-benchmarks/", ""))
                    tables.append(f"[accuracy.{title}]\n" + "".join(f"{k} = {v}\n" for k, v in row.items()))
    sources = ",\n".join(f'  "{s}"' for s in ((_PHOTOGRAPHS if data else []) + [_DRAWN]))
    (args.out / "reader.toml").write_text(_DESCRIPTION.format(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(), sources=sources, width=WIDTH, height=HEIGHT, steps=80, half=40, alphabet=ALPHABET, margin=DETECTED_MARGIN, boxed=MARGIN, temperature=temperature,
        command="python -m reader.export --set " + " ".join(args.set), date=datetime.date.today().isoformat(), flop=flop(model), parity=parity, tables="\n".join(tables)))
    if args.weights:
        state = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
        args.weights.parent.mkdir(parents=True, exist_ok=True)
        torch.save({key: state[key] for key in ("ema", "samples", "widths", "head")}, args.weights)
    print(f"{path}: {path.stat().st_size} bytes, parity {parity:.1e}")


if __name__ == "__main__":
    main()
