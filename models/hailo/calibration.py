"""Makes the inputs by which Hailo's compiler chooses its 8-bit scales: [n, height, width, channels], 0 to 255.

`python calibration.py --description ../detector.toml --out detector.npy`
"""

import argparse
import random
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

from detector.cache import annotations, photo_root  # noqa: E402
from detector.evaluate import letterbox  # noqa: E402
from plates import damage, draw_plate  # noqa: E402
from scenes.render import street_scene  # noqa: E402


def photographs(rng):
    """(picture, note) of the training photographs, each group at most once, in random order."""
    root = photo_root()
    if root is None:
        return
    notes, seen = [note for _, note in annotations(root / "plates-real" / "train.jsonl")], set()
    for i in rng.permutation(len(notes)):
        group = notes[i].get("group") or notes[i]["image"]
        if group in seen:
            continue
        picture = cv2.imread(str(root / "plates-real" / notes[i]["image"]), cv2.IMREAD_COLOR)
        if picture is None:
            print(f"skipped: {notes[i]['image']}: not a readable picture", file=sys.stderr)
            continue
        seen.add(group)
        yield picture[..., ::-1], notes[i]


def plate(rng):
    draw = random.Random(int(rng.integers(1 << 40)))
    drawn = draw_plate(draw)
    drawn.image = damage(draw, drawn.image)
    return drawn


def scenes(rng, count, width, height):
    made = 0
    for picture, _ in photographs(rng):
        if made >= count:
            return
        made += 1
        yield letterbox(picture, width, height)[0]
    for _ in range(count - made):
        yield letterbox(street_scene(rng, plate, width, height)[0], width, height)[0]


def crops(rng, count, width, height, margin):
    made = 0
    for picture, note in photographs(rng):
        for p in note["plates"]:
            if made >= count // 2 or not p.get("text"):
                continue
            x, y, w, h = p["box"]
            x0, y0 = max(0, int(x - margin * w)), max(0, int(y - margin * h))
            crop = picture[y0 : int(y + h * (1 + margin)) + 1, x0 : int(x + w * (1 + margin)) + 1]
            made += 1
            yield cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    for _ in range(count - made):
        yield cv2.resize(plate(rng).image, (width, height), interpolation=cv2.INTER_AREA)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    text = tomllib.loads(args.description.read_text(encoding="utf-8"))
    rng = np.random.default_rng(args.seed)
    width, height, channels = (text["input"][k] for k in ("width", "height", "channels"))
    if text["task"] == "detect":
        pictures = scenes(rng, args.count, width, height)
    elif text["task"] == "read":
        pictures = crops(rng, args.count, width, height, float(text.get("crop", {}).get("margin", 0.1)))
    else:
        raise SystemExit(f"{args.description}: task {text['task']!r} is neither detect nor read")
    out = np.empty((args.count, height, width, channels), np.uint8)
    for i, picture in enumerate(pictures):
        if rng.random() < 0.1:
            picture = (picture * rng.uniform(0.15, 0.6)).astype(np.uint8)
        if channels == 1:
            picture = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)[..., None]
        out[i] = picture
    np.save(args.out, out)
    print(f"{args.out}: {out.shape}, mean {out.mean():.1f}")


if __name__ == "__main__":
    main()
