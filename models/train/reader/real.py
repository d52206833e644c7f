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

from .corners import grown
from .crops import MARGIN, any_grey, finish, shrink, slack, to_grey
from .net import HEIGHT, WIDTH

_KEEP = .45  # how much around a box is kept for slack and warps, parts of its size
_TALL = 120  # boxes taller than this are scaled down when kept


class DataError(Exception):
    """Said to the person who runs the recipe."""


@dataclass
class RealPlate:
    picture: np.ndarray  # RGB, the box with _KEEP around it
    box: tuple[float, float, float, float]  # x, y, w, h inside picture
    text: str
    group: str
    source: str
    height: float  # of the box in the photograph
    quad: np.ndarray | None = None  # corners inside picture, as our detector finds them


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


def load(folder: Path, annotations: str, backgrounds: bool = False, corners: dict | None = None) -> RealSet:
    """All readable plates of an annotation file, and patches without plates. corners: as `corners.find` gives them."""
    out = RealSet()
    rng = random.Random(7)
    for _, row in read_lines(folder / annotations):
        readable = [(i, p) for i, p in enumerate(row.get("plates", [])) if p.get("text") or p.get("track_text")]
        if not readable and not (backgrounds and rng.random() < .5):
            continue
        image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_COLOR)
        if image is None:
            out.skipped["picture missing or corrupt"] += 1
            continue
        image = np.ascontiguousarray(image[..., ::-1])
        h, w = image.shape[:2]
        for number, plate in readable:
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
            quad = (corners or {}).get(f"{row['image']}#{number}")
            quad = None if quad is None else (np.float32(quad) - np.float32((left, top))) * np.float32(k)
            out.plates.append(RealPlate(kept, ((x - left) * k, (y - top) * k, bw * k, bh * k), text, str(row.get("group", row["image"])), str(row.get("source", "?")), bh, quad))
        if backgrounds:
            patch = _elsewhere(rng, to_grey(image), row.get("plates", []))
            if patch is not None:
                out.backgrounds.append(patch)
    if not out.plates:
        raise DataError(f"{folder / annotations}: no readable plate in it")
    return out


def _elsewhere(rng, image, plates):
    """A patch that touches no annotated plate."""
    h, w = image.shape
    if h < 40 or w < 40:  # a cut-out with nothing around its plate
        return None
    for _ in range(6):
        ph = rng.randint(24, max(25, min(160, h // 3)))
        pw = min(int(ph * rng.uniform(1.5, 4.5)), w - 1)
        x, y = rng.randint(0, w - pw), rng.randint(0, h - ph)
        if all(x + pw < p["box"][0] - 4 or x > p["box"][0] + p["box"][2] + 4 or y + ph < p["box"][1] - 4 or y > p["box"][1] + p["box"][3] + 4 for p in plates):
            patch = image[y:y + ph, x:x + pw]
            k = min(1.0, 64 / ph)
            return cv2.resize(patch, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
    return None


def truth_crop(plate: RealPlate, margin: float = MARGIN, rectify: bool = False) -> np.ndarray:
    """The crop the product would cut for a perfect box, or for our detector's corners where it finds the plate."""
    if rectify and plate.quad is not None:
        quad = grown(plate.quad, margin, margin, margin, margin)
        m = cv2.getPerspectiveTransform(quad, np.float32(((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))))
        k = max(plate.box[3] / HEIGHT, 1.0)
        if k > 1:  # the product averages areas too
            size = (round(WIDTH * k), round(HEIGHT * k))
            return shrink(cv2.warpPerspective(to_grey(plate.picture), np.diag((k, k, 1.0)) @ m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
        return cv2.warpPerspective(to_grey(plate.picture), m, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x, y, w, h = plate.box
    return shrink(to_grey(cut(plate.picture, x - w * margin, y - h * margin, x + w * (1 + margin), y + h * (1 + margin))))


def weights(plates: list[RealPlate], us_like: float = 1.6) -> list[float]:
    """One share per group of pictures that belong together, more for plates in free scenes of the world."""
    sizes = Counter(p.group for p in plates)
    texts = Counter(p.text for p in plates)
    out = []
    for p in plates:
        weight = 1 / max(math.sqrt(sizes[p.group]), 1) / max(texts[p.text] ** .7, 1)
        if p.source.startswith("openimages"):
            weight *= us_like
            proportions = p.box[2] / p.box[3]
            if 1.35 < proportions < 2.75:
                weight *= 1.5
            if 2.2 < proportions < 4 and len(p.text) == 7 and p.text[:3].isalpha() and p.text[3:].isdigit():
                weight *= 1.8  # Brazil: few of them here, many on the road
        out.append(weight)
    return out


def _ripple(rng: random.Random, size: int, reach: float) -> np.ndarray:
    """A smooth random displacement along one axis, in pixels, that never folds the axis over."""
    at = np.linspace(0, 1, size, dtype=np.float32)
    out = np.zeros(size, np.float32)
    for waves in (.5, 1.0, 1.5, 2.5):
        out += np.float32(rng.gauss(0, reach / (1 + waves))) * np.sin(np.float32(2 * math.pi) * (at * np.float32(waves) + np.float32(rng.random())))
    return out


def augment(rng: random.Random, plate: RealPlate) -> np.ndarray:
    """A fresh crop of a real plate: cut by its box or straightened by its corners; other slack, slant, size, colours, strokes, light, blur, noise."""
    x, y, w, h = plate.box
    if plate.quad is not None and rng.random() < .5:
        # The detector's boxes are tighter than the annotated ones: the product's margin around them is larger.
        corners = grown(plate.quad, *(slack(rng, -.02) + .02 for _ in range(4)))
    else:
        x0, x1 = x - w * slack(rng, -.01), x + w * (1 + slack(rng, -.01))
        y0, y1 = y - h * slack(rng, -.02), y + h * (1 + slack(rng, -.02))
        corners = np.float32(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    wild = rng.choice((.6, 1.0, 1.6))
    corners = corners + np.float32([(rng.gauss(0, .014 * wild) * w, rng.gauss(0, .028 * wild) * h) for _ in range(4)])
    if rng.random() < .5:
        a = rng.gauss(0, 2.6 * wild)
        m = cv2.getRotationMatrix2D((x + w / 2, y + h / 2), a, 1)
        corners = np.float32(corners @ np.float32(m[:, :2]).T + np.float32(m[:, 2]))
    unit = h * .45
    target = rng.uniform(max(9.0, unit * .3), unit) if rng.random() < .6 and unit > 9 else unit
    k = target / unit
    width = float(np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[2] - corners[3])) / 2
    height = float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
    cw, ch = max(int(width * k), 12), max(int(height * k), 6)
    picture = plate.picture if plate.picture.ndim == 2 else any_grey(rng, plate.picture)
    if rng.random() < .12 and unit > 10:  # a finer or a bolder die
        picture = (cv2.erode if rng.random() < .5 else cv2.dilate)(picture, np.ones((2, 2) if unit < 22 else (3, 3), np.uint8))
    if k < .75:
        picture = cv2.resize(picture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        corners = corners * np.float32(k)
    m = cv2.getPerspectiveTransform(np.float32(((0, 0), (cw, 0), (cw, ch), (0, ch))), corners)
    if rng.random() < .5:  # characters wider here and narrower there, lines that sag
        xs, ys = np.arange(cw, dtype=np.float32) + np.float32(.5), np.arange(ch, dtype=np.float32) + np.float32(.5)
        xs, ys = np.meshgrid(xs + _ripple(rng, cw, .018 * cw), ys + _ripple(rng, ch, .02 * ch))
        ys = ys + _ripple(rng, cw, .02 * ch)
        m = np.float32(m)
        z = m[2, 0] * xs + m[2, 1] * ys + m[2, 2]
        map_x, map_y = (m[0, 0] * xs + m[0, 1] * ys + m[0, 2]) / z - np.float32(.5), (m[1, 0] * xs + m[1, 1] * ys + m[1, 2]) / z - np.float32(.5)
        crop = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    else:
        crop = cv2.warpPerspective(picture, m, (cw, ch), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < .35:  # as it is: what the network will be shown has had its damage already
        return shrink(camera.light(rng, crop) if rng.random() < .3 else crop)
    if rng.random() < .15:
        crop = camera.wear(rng, crop, target)
    # Real crops have their own blur already: add less of it, and only where there is room.
    return finish(rng, crop, target, ease=rng.choice((.3, .5, .7)) if target > 13 else .85)
