"""Packs the photographs a training needs into some 50 MB, to train on another machine than the one that holds them.

    python pack.py --out DIR        AMSLPR_DATA names the photographs

DIR/reader holds a cut-out of every readable plate with the corners our detector finds, and patches without plates;
DIR/detector holds every picture at the size the detector's cache keeps. Both are laid out like AMSLPR_DATA: name them so.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from detector.cache import LIMIT_H, LIMIT_W  # noqa: E402
from reader import corners  # noqa: E402
from reader.real import _KEEP, _TALL, cut, read_lines  # noqa: E402


def written(path: Path, picture: np.ndarray, quality: int) -> int:
    """Writes a WebP picture (over 100: without loss); its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_WEBP_QUALITY, quality]):
        raise SystemExit(f"{path}: cannot be written")
    return path.stat().st_size


def pack_plates(source: Path, name: str, out: Path, quality: int) -> tuple[int, int, int]:
    """Plates, patches and bytes of one annotation file's cut-outs."""
    found = corners.find(source, f"{name}.jsonl")
    rows, plates, patches, size = [], 0, 0, 0
    rng = np.random.default_rng(7)
    for number, row in read_lines(source / f"{name}.jsonl"):
        picture = cv2.imread(str(source / row["image"]), cv2.IMREAD_COLOR)
        if picture is None:
            print(f"skipped: {name}.jsonl, line {number}: {row['image']}: not a readable picture", file=sys.stderr)
            continue
        for i, plate in enumerate(row.get("plates", [])):
            x, y, w, h = plate["box"]
            if not (plate.get("text") or plate.get("track_text")) or w < 4 or h < 4:
                continue
            part = cut(picture, x - w * _KEEP, y - h * _KEEP, x + w * (1 + _KEEP), y + h * (1 + _KEEP))
            if part.size == 0:
                continue
            left, top = np.floor(x - w * _KEEP), np.floor(y - h * _KEEP)
            k = min(1.0, _TALL / h)
            if k < 1:
                part = cv2.resize(part, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
            file = f"{name}/{number}-{i}.webp"
            size += written(out / file, part, quality)
            kept = {k_: v for k_, v in plate.items() if k_ in ("text", "track_text")}
            kept["box"] = [(x - left) * k, (y - top) * k, w * k, h * k]
            quad = found.get(f"{row['image']}#{i}")
            if quad is not None:
                kept["corners"] = [[(a - left) * k, (b - top) * k] for a, b in quad]
            rows.append({"image": file, "source": row.get("source", "?"), "group": str(row.get("group", row["image"])),
                         "width": part.shape[1], "height": part.shape[0], "packed": True, "plates": [kept]})
            plates += 1
        patch = _elsewhere(rng, picture, row.get("plates", [])) if name == "train" else None
        if patch is not None:
            file = f"{name}/{number}-none.webp"
            size += written(out / file, patch, quality)
            rows.append({"image": file, "source": row.get("source", "?"), "group": file, "width": patch.shape[1], "height": patch.shape[0], "plates": []})
            patches += 1
    (out / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return plates, patches, size


def _elsewhere(rng, picture, plates):
    """A patch that touches no annotated plate."""
    h, w = picture.shape[:2]
    for _ in range(6):
        ph = int(rng.integers(40, max(41, min(240, h // 2))))
        pw = min(int(ph * rng.uniform(1.5, 4)), w - 1)
        x, y = int(rng.integers(0, w - pw + 1)), int(rng.integers(0, h - ph + 1))
        if all(x + pw < b[0] - 4 or x > b[0] + b[2] + 4 or y + ph < b[1] - 4 or y > b[1] + b[3] + 4 for b in (p["box"] for p in plates)):
            k = min(1.0, 110 / ph)
            return cv2.resize(picture[y:y + ph, x:x + pw], None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    return None


def pack_pictures(source: Path, name: str, out: Path, quality: int) -> tuple[int, int]:
    """Pictures and bytes of one annotation file at the size of the detector's cache."""
    rows, size = [], 0
    for number, row in read_lines(source / f"{name}.jsonl"):
        picture = cv2.imread(str(source / row["image"]), cv2.IMREAD_COLOR)
        if picture is None:
            print(f"skipped: {name}.jsonl, line {number}: {row['image']}: not a readable picture", file=sys.stderr)
            continue
        h, w = picture.shape[:2]
        k = min(1.0, LIMIT_W / w, LIMIT_H / h)
        if k < 1:
            picture = cv2.resize(picture, (round(w * k), round(h * k)), interpolation=cv2.INTER_AREA)
        sx, sy = picture.shape[1] / w, picture.shape[0] / h
        file = f"{name}/{number}.webp"
        size += written(out / file, picture, quality)
        kept = []
        for plate in row.get("plates", []):
            x, y, pw, ph = plate["box"]
            kept.append({"box": [x * sx, y * sy, pw * sx, ph * sy], "text": plate.get("text"),
                         "quad": [[a * sx, b * sy] for a, b in plate["quad"]] if plate.get("quad") else None})
        rows.append({"image": file, "source": row.get("source", "?"), "group": row.get("group"), "width": picture.shape[1], "height": picture.shape[0], "plates": kept})
    (out / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return len(rows), size


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plate-quality", type=int, default=88, help="WebP quality of the reader's cut-outs")
    parser.add_argument("--picture-quality", type=int, default=50, help="WebP quality of the detector's pictures")
    args = parser.parse_args(argv)
    from train import photographs
    root = photographs()
    if root is None:
        parser.error("AMSLPR_DATA is not set: there is nothing to pack")
    for name in ("train", "val"):
        plates, patches, size = pack_plates(root / "plates-real", name, args.out / "reader" / "plates-real", args.plate_quality)
        print(f"reader/{name}: {plates} plates, {patches} patches, {size / 1e6:.1f} MB", flush=True)
    pictures, size = pack_pictures(root / "plates-real", "train", args.out / "detector" / "plates-real", args.picture_quality)
    print(f"detector/train: {pictures} pictures, {size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
