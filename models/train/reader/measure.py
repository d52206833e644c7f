"""Measuring a reader on truth boxes: per set, height, country group, character; calibration.

`python -m reader.measure --model ../reader.onnx` prints JSON. Needs AMSLPR_DATA. Perfect boxes, so this
shows the reader alone; the product is measured by `amslpr eval`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from . import corners
from . import real as real_data
from .crops import MARGIN
from .decode import distance, fold, greedy


def onnx_runner(path: Path):
    """A function from uint8 crops [N,1,H,W] to logits [N,T,C], one crop at a time."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(crops: np.ndarray) -> np.ndarray:
        x = crops.astype(np.float32) / 127.5 - 1
        return np.concatenate([session.run(None, {name: x[i:i + 1]})[0] for i in range(len(x))])

    return run


def crops_of(plates, margin: float = MARGIN, rectify: bool = False) -> np.ndarray:
    return np.stack([real_data.truth_crop(p, margin, rectify) for p in plates])[:, None]


def align(truth: str, read: str):
    """Pairs (wanted, got) of a best alignment; '' where one side has nothing."""
    n, m = len(truth), len(read)
    d = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(n + 1):
        for j in range(m + 1):
            d[i][j] = j if i == 0 else i if j == 0 else min(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (truth[i - 1] != read[j - 1]))
    out, i, j = [], n, m
    while i or j:
        if i and j and d[i][j] == d[i - 1][j - 1] + (truth[i - 1] != read[j - 1]):
            out.append((truth[i - 1], read[j - 1]))
            i, j = i - 1, j - 1
        elif i and d[i][j] == d[i - 1][j] + 1:
            out.append((truth[i - 1], ""))
            i -= 1
        else:
            out.append(("", read[j - 1]))
            j -= 1
    return out


def temperature_of(logits: np.ndarray, texts: list[str]) -> float:
    """The temperature under which the confidence of whole reads fits best how often they are right."""
    best, found = 1e9, 1.0
    for t in np.arange(.6, 4.01, .1):
        loss = 0.0
        for l, text in zip(logits, texts):
            read, p = greedy(l / t)
            p = min(max(p, 1e-4), 1 - 1e-4)
            loss -= np.log(p) if read == text else np.log(1 - p)
        if loss < best:
            best, found = loss, float(t)
    return round(found, 2)


def reliability(logits, texts, temperature: float):
    """Rows (low, high, count, mean confidence, share right) over whole reads."""
    reads = [greedy(l / temperature) for l in logits]
    rows = []
    for low, high in ((0, .3), (.3, .5), (.5, .7), (.7, .8), (.8, .9), (.9, .95), (.95, .98), (.98, 1.001)):
        chosen = [(c, r == t) for (r, c), t in zip(reads, texts) if low <= c < high]
        if chosen:
            rows.append((low, min(high, 1), len(chosen), round(float(np.mean([c for c, _ in chosen])), 3), round(float(np.mean([ok for _, ok in chosen])), 3)))
    return rows


def sharpness(crops: np.ndarray) -> np.ndarray:
    """How sharp each crop is: the spread of its Laplacian, as a part of the spread of its greys."""
    return np.array([float(cv2.Laplacian(c[0].astype(np.float32), cv2.CV_32F).std()) / max(float(c[0].std()), 1.0) for c in crops])


def table(reads, plates, sharp: np.ndarray | None = None) -> dict:
    """All figures of one set; by thirds of their sharpness where that is given."""
    def row(items):
        return {"n": len(items), "exact": round(float(np.mean([r == p.text for r, p in items])), 4), "folded": round(float(np.mean([fold(r) == fold(p.text) for r, p in items])), 4),
                "cer": round(sum(distance(r, p.text) for r, p in items) / sum(len(p.text) for _, p in items), 4)}

    items = [(r, p) for (r, _), p in zip(reads, plates)]
    out = {"all": row(items)}
    for source in sorted({p.source for p in plates}):
        out[source] = row([i for i in items if i[1].source == source])
    for low, high in ((0, 20), (20, 30), (30, 45), (45, 60), (60, 90), (90, 9999)):
        part = [i for i in items if low <= i[1].height < high]
        if part:
            out[f"height {low}-{high if high < 9999 else ''}"] = row(part)
    if sharp is not None and len(items) >= 3:
        for name, third in zip(("most blurred", "middle", "sharpest"), np.array_split(np.argsort(sharp), 3)):
            out[f"third {name}"] = row([items[i] for i in third])
    pairs = Counter(p for r, plate in items for p in align(plate.text, r) if p[0] != p[1])
    out["confusions"] = {f"{a or '-'}>{b or '-'}": n for (a, b), n in pairs.most_common(20)}
    return out


def set_of(data: Path, name: str, straight: Path | None = None):
    """"val" or "bench-dev" or "train": its readable plates; straight: a folder that keeps our detector's corners, which are then found too."""
    folder, lines = (data / "bench-dev", "annotations.jsonl") if name == "bench-dev" else (data / "plates-real", f"{name}.jsonl")
    found = corners.find(folder, lines, straight / f"corners-{name}.json") if straight else None
    return real_data.load(folder, lines, corners=found)


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(__file__).parents[2] / "reader.onnx")
    parser.add_argument("--set", nargs="*", default=["val"], choices=["val", "train", "bench-dev"])
    parser.add_argument("--margins", type=float, nargs="*", default=[MARGIN])
    parser.add_argument("--straight", type=Path, metavar="DIR", help="straighten by our detector's corners, as the product does; DIR keeps them for the next time")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--errors", action="store_true", help="list the wrong reads")
    args = parser.parse_args(argv)
    if not os.environ.get("AMSLPR_DATA"):
        raise SystemExit("AMSLPR_DATA must name the folder that holds plates-real/ and bench-dev/")
    run = onnx_runner(args.model)
    for name in args.set:
        found = set_of(Path(os.environ["AMSLPR_DATA"]), name, args.straight)
        for margin in args.margins:
            crops = crops_of(found.plates, margin, args.straight is not None)
            logits = run(crops)
            reads = [greedy(l / args.temperature) for l in logits]
            texts = [p.text for p in found.plates]
            print(json.dumps({"set": name, "margin": margin, "straight": args.straight is not None, "skipped": dict(found.skipped), **table(reads, found.plates, sharpness(crops)), "reliability": reliability(logits, texts, args.temperature)}))
            if args.errors:
                for (read, c), p in zip(reads, found.plates):
                    if read != p.text:
                        print(f"  {p.text:10} read {read:10} {c:.2f}  {p.source} {p.height:.0f} px")


if __name__ == "__main__":
    main()
