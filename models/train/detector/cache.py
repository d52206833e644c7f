"""Photographs decoded once, at training scale, into one memory-mapped file.

Decoding a JPEG for every sample would cost more than the network's own step. Nothing is
augmented here. A picture that cannot be used is counted and named, never silently lost.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

# Pictures are kept at most this large: 1.25 times what the detector will see of them.
LIMIT_W, LIMIT_H = 800, 480


class BadAnnotation(ValueError):
    pass


def photo_root() -> Path | None:
    """The folder named by AMSLPR_DATA, or None when training is to do without photographs."""
    name = os.environ.get("AMSLPR_DATA")
    if not name:
        return None
    root = Path(name)
    if not (root / "plates-real" / "train.jsonl").is_file():
        raise SystemExit(
            f"AMSLPR_DATA={name}: no plates-real/train.jsonl in there; unset it to train on synthetic pictures alone"
        )
    return root


def annotations(file: Path):
    """The annotation lines of a file, with the line number for messages."""
    with open(file, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise SystemExit(f"{file}:{number}: not JSON: {error}")


def plates_of(note: dict, width: int, height: int) -> list[dict]:
    """Boxes as x0 y0 x1 y1 and quads, checked against the picture's real size."""
    plates = []
    for plate in note.get("plates", []):
        x, y, w, h = plate["box"]
        slack = 0.02 * max(width, height)
        if w <= 0 or h <= 0 or x < -slack or y < -slack or x + w > width + slack or y + h > height + slack:
            raise BadAnnotation(f"box {plate['box']} outside {width}x{height}")
        box = [max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)]
        quad = plate.get("quad")
        if quad:  # the quad is the tighter truth
            q = np.array(quad, np.float64)
            box = [*np.maximum(q.min(0), 0), *np.minimum(q.max(0), (width, height))]
        plates.append({"box": [float(v) for v in box], "quad": quad, "text": plate.get("text")})
    return plates


def build(file: Path, pictures: Path, out: Path) -> None:
    stem = out.with_suffix("")
    kept, skipped, offset = [], [], 0
    with open(f"{stem}.bin.part", "wb") as store:
        for number, note in annotations(file):
            picture = cv2.imread(str(pictures / note["image"]), cv2.IMREAD_COLOR)
            if picture is None:
                skipped.append(f"{file}:{number}: {note['image']}: not a readable picture")
                continue
            height, width = picture.shape[:2]
            try:
                plates = plates_of(note, width, height)
            except (BadAnnotation, KeyError, ValueError) as error:
                skipped.append(f"{file}:{number}: {note['image']}: {error}")
                continue
            scale = min(1.0, LIMIT_W / width, LIMIT_H / height)
            if scale < 1:
                size = (round(width * scale), round(height * scale))
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            sx, sy = picture.shape[1] / width, picture.shape[0] / height
            for plate in plates:
                plate["box"] = [v * s for v, s in zip(plate["box"], (sx, sy, sx, sy))]
                if plate["quad"]:
                    plate["quad"] = [[x * sx, y * sy] for x, y in plate["quad"]]
            picture = np.ascontiguousarray(picture[..., ::-1])
            store.write(picture.tobytes())
            kept.append(
                {
                    "offset": offset,
                    "height": picture.shape[0],
                    "width": picture.shape[1],
                    "source": note.get("source", "?"),
                    "group": note.get("group") or note["image"],
                    "image": note["image"],
                    "plates": plates,
                }
            )
            offset += picture.nbytes
    os.replace(f"{stem}.bin.part", f"{stem}.bin")
    for line in skipped:
        print(f"skipped: {line}", file=sys.stderr)
    print(f"cached {len(kept)} pictures of {file}, skipped {len(skipped)}", file=sys.stderr)
    Path(f"{stem}.json.part").write_text(json.dumps({"pictures": kept, "skipped": skipped}))
    os.replace(f"{stem}.json.part", out)


class Cache:
    """The pictures of one annotation file; `cache[i]` is (RGB picture, note), not to be written to."""

    def __init__(self, file: Path, pictures: Path, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        key = hashlib.sha256(file.read_bytes() + f"{file} {LIMIT_W}x{LIMIT_H} 1".encode()).hexdigest()[:12]
        index = folder / f"{file.stem}-{key}.json"
        if not index.is_file():
            build(file, pictures, index)
        self.notes = json.loads(index.read_text())["pictures"]
        if not self.notes:
            raise SystemExit(f"{file}: not one usable picture")
        self.pixels = np.memmap(index.with_suffix(".bin"), np.uint8, "r")

    def __len__(self):
        return len(self.notes)

    def __getitem__(self, i):
        note = self.notes[i]
        size = note["height"] * note["width"] * 3
        flat = self.pixels[note["offset"] : note["offset"] + size]
        return flat.reshape(note["height"], note["width"], 3), note
