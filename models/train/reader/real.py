"""Crops of real photographs: read, checked, kept in memory, augmented.

AMSLPR_DATA names a folder that holds plates-real/ (see the README beside this package). Faulty lines
and pictures are skipped and counted, never silently.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from plates import camera

from .crops import MARGIN, finish, shrink, slack

_KEEP = .45  # how much around a box is kept for slack and warps, parts of its size
_TALL = 120  # boxes taller than this are scaled down when kept


class DataError(Exception):
    """Said to the person who runs the recipe."""


@dataclass
class RealPlate:
    picture: np.ndarray  # grey, the box with _KEEP around it
    box: tuple[float, float, float, float]  # x, y, w, h inside picture
    text: str
    group: str
    source: str
    height: float  # of the box in the photograph


@dataclass
class RealSet:
    plates: list[RealPlate] = field(default_factory=list)
    backgrounds: list[np.ndarray] = field(default_factory=list)
    skipped: Counter = field(default_factory=Counter)


def read_lines(path: Path):
    """Annotation lines of a JSON-lines file; a missing file is an error with advice."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; AMSLPR_DATA must name a folder that holds plates-real/, or be unset to train on synthetic plates alone")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}: not JSON: {error}") from error


def cut(image: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """A part of a picture, rounded outwards; what lies outside repeats the picture's edge."""
    h, w = image.shape[:2]
    xa, ya, xb, yb = math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)
    part = image[max(ya, 0):max(min(yb, h), 0), max(xa, 0):max(min(xb, w), 0)]
    if part.size == 0:
        return part
    return cv2.copyMakeBorder(part, max(-ya, 0), max(yb - h, 0), max(-xa, 0), max(xb - w, 0), cv2.BORDER_REPLICATE)


def load(folder: Path, annotations: str, backgrounds: bool = False) -> RealSet:
    """All readable plates of an annotation file, and patches without plates."""
    out = RealSet()
    rng = random.Random(7)
    for _, row in read_lines(folder / annotations):
        readable = [p for p in row.get("plates", []) if p.get("text") or p.get("track_text")]
        if not readable and not (backgrounds and rng.random() < .5):
            continue
        image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_GRAYSCALE)
        if image is None:
            out.skipped["picture missing or corrupt"] += 1
            continue
        h, w = image.shape
        for plate in readable:
            x, y, bw, bh = plate["box"]
            if bw < 4 or bh < 4 or x + bw < 2 or y + bh < 2 or x > w - 2 or y > h - 2:
                out.skipped["box outside its picture or empty"] += 1
                continue
            text = plate.get("text") or plate.get("track_text")
            if not (text.isascii() and text.isalnum() and text == text.upper()):
                out.skipped["text is not A-Z and 0-9"] += 1
                continue
            kept = cut(image, x - bw * _KEEP, y - bh * _KEEP, x + bw * (1 + _KEEP), y + bh * (1 + _KEEP))
            left, top = math.floor(x - bw * _KEEP), math.floor(y - bh * _KEEP)
            k = min(1.0, _TALL / bh)
            if k < 1:
                kept = cv2.resize(kept, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
            out.plates.append(RealPlate(kept, ((x - left) * k, (y - top) * k, bw * k, bh * k), text, str(row.get("group", row["image"])), str(row.get("source", "?")), bh))
        if backgrounds:
            patch = _elsewhere(rng, image, row.get("plates", []))
            if patch is not None:
                out.backgrounds.append(patch)
    if not out.plates:
        raise DataError(f"{folder / annotations}: no readable plate in it")
    return out


def _elsewhere(rng, image, plates):
    """A patch that touches no annotated plate."""
    h, w = image.shape
    for _ in range(6):
        ph = rng.randint(24, max(25, min(160, h // 3)))
        pw = min(int(ph * rng.uniform(1.5, 4.5)), w - 1)
        x, y = rng.randint(0, w - pw), rng.randint(0, h - ph)
        if all(x + pw < p["box"][0] - 4 or x > p["box"][0] + p["box"][2] + 4 or y + ph < p["box"][1] - 4 or y > p["box"][1] + p["box"][3] + 4 for p in plates):
            patch = image[y:y + ph, x:x + pw]
            k = min(1.0, 64 / ph)
            return cv2.resize(patch, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    return None


def truth_crop(plate: RealPlate, margin: float = MARGIN) -> np.ndarray:
    """The crop the product would cut for a perfect box."""
    x, y, w, h = plate.box
    return shrink(cut(plate.picture, x - w * margin, y - h * margin, x + w * (1 + margin), y + h * (1 + margin)))


def weights(plates: list[RealPlate], us_like: float = 1.6) -> list[float]:
    """One share per group of pictures that belong together, more for plates in free scenes of the world."""
    sizes = Counter(p.group for p in plates)
    texts = Counter(p.text for p in plates)
    out = []
    for p in plates:
        weight = 1 / max(math.sqrt(sizes[p.group]), 1) / max(texts[p.text] ** .7, 1)
        if p.source.startswith("openimages"):
            weight *= us_like
            if 1.35 < p.box[2] / p.box[3] < 2.75:
                weight *= 1.5
        out.append(weight)
    return out


def augment(rng: random.Random, plate: RealPlate) -> np.ndarray:
    """A fresh crop of a real plate: other slack, slant, size, light, blur, noise."""
    x, y, w, h = plate.box
    x0, x1 = x - w * slack(rng, -.01), x + w * (1 + slack(rng, -.01))
    y0, y1 = y - h * slack(rng, -.02), y + h * (1 + slack(rng, -.02))
    corners = np.float32(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    corners += np.float32([(rng.gauss(0, .016) * w, rng.gauss(0, .03) * h) for _ in range(4)])
    if rng.random() < .4:
        a = rng.gauss(0, 3.0)
        m = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), a, 1)
        corners = corners @ np.float32(m[:, :2]).T + np.float32(m[:, 2])
    part = .45
    unit = h * part
    if rng.random() < .6 and unit > 9:
        target = rng.uniform(max(9.0, unit * .3), unit)
    else:
        target = unit
    k = target / unit
    cw, ch = max(int((x1 - x0) * k), 12), max(int((y1 - y0) * k), 6)
    picture = plate.picture
    if k < .75:
        picture = cv2.resize(picture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        corners = corners * k
    m = cv2.getPerspectiveTransform(corners, np.float32(((0, 0), (cw, 0), (cw, ch), (0, ch))))
    crop = cv2.warpPerspective(picture, m, (cw, ch), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < .1:
        crop = camera.wear(rng, crop, target)
    # Real crops have their own blur already: add less of it, and only where there is room.
    return finish(rng, crop, target, ease=.5 if target > 13 else .85)
