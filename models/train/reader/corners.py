"""Corners of the photographed plates, found by our own detector, kept in a file so that a run asks only once.

The product straightens a plate by its detector's corners before it reads, so half of the real crops are
cut that way. What belongs to training crops themselves is in `real.py`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

DETECTOR = Path(__file__).parents[2] / "detector.onnx"


def find(folder: Path, annotations: str, cache: Path | None = None, detector: Path = DETECTOR) -> dict[str, list]:
    """"image#number of the plate" -> four corners in the photograph, for the plates that the detector finds."""
    from detector.evaluate import found_in, onnx_run, overlaps

    from .real import read_lines
    if not detector.is_file():
        print(f"reader: no {detector}: photographs are cut by their boxes only", flush=True)
        return {}
    lines = folder / annotations
    key = hashlib.sha256(detector.read_bytes() + (lines.read_bytes() if lines.is_file() else b"")).hexdigest()
    if cache and cache.is_file():
        kept = json.loads(cache.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept["corners"]
    run, width, height = onnx_run(detector)
    out: dict[str, list] = {}
    for _, row in read_lines(lines):
        readable = [(i, p) for i, p in enumerate(row.get("plates", [])) if p.get("text") or p.get("track_text")]
        if row.get("packed"):  # cut-outs of `pack.py`: found in the whole photograph
            out.update({f"{row['image']}#{i}": p["corners"] for i, p in readable if "corners" in p})
            continue
        picture = cv2.imread(str(folder / row["image"]), cv2.IMREAD_COLOR) if readable else None
        if picture is None:
            continue
        score, boxes, quads = found_in(run, picture[..., ::-1], width, height, (8, 16, 32), .3)
        for i, plate in readable:
            x, y, w, h = plate["box"]
            if len(score):
                overlap = overlaps(np.array([x, y, x + w, y + h], np.float64), boxes)
                if overlap.max() > .35:
                    out[f"{row['image']}#{i}"] = [[round(float(v), 2) for v in p] for p in quads[overlap.argmax()]]
    if cache:
        cache.write_text(json.dumps({"key": key, "corners": out}), encoding="utf-8")
    return out


def grown(quad: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """A quad (from the upper left, clockwise) grown along its own edges by parts of its width and height."""
    tl, tr, br, bl = quad
    across_top, across_low, down_left, down_right = tr - tl, br - bl, bl - tl, br - tr
    return np.float32((tl - across_top * left - down_left * top, tr + across_top * right - down_right * top,
                       br + across_low * right + down_right * bottom, bl - across_low * left + down_left * bottom))
