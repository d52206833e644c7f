"""The contact sheet: one plate of each pattern as painted, and the same as a camera might see it.

`python -m plates.sheet --out contact-sheet.jpg`
"""

from __future__ import annotations

import argparse
import random

import cv2
import numpy as np

from .camera import damage
from .painter import draw_plate
from .texts import COUNTRIES

_TILE = (150, 62)  # picture part of a tile; a line of print comes below it


def _tile(image: np.ndarray, label: str) -> np.ndarray:
    width, height = _TILE
    h, w = image.shape[:2]
    k = min((width - 4) / w, (height - 4) / h)
    small = cv2.resize(image, (max(int(w * k), 1), max(int(h * k), 1)), interpolation=cv2.INTER_AREA)
    tile = np.full((height + 13, width, 3), 70, np.uint8)
    y, x = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    tile[y:y + small.shape[0], x:x + small.shape[1]] = small
    cv2.putText(tile, label, (3, height + 9), cv2.FONT_HERSHEY_SIMPLEX, .3, (230, 230, 230), 1, cv2.LINE_AA)
    return tile


def sheet(seed: int = 5, columns: int = 10) -> np.ndarray:
    """RGB picture: pairs of painted and photographed plates, all patterns, more American and Brazilian ones."""
    rng = random.Random(seed)
    tiles = []
    for country in list(COUNTRIES) + ["US"] * 14 + ["BR-old"] * 4 + ["US-vanity"] * 3:
        plate = draw_plate(rng, country)
        k = rng.uniform(.18, .7)
        small = cv2.resize(plate.image, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        label = f"{country} {'/'.join(plate.lines)}"
        tiles += [_tile(plate.image, label), _tile(damage(rng, small), "")]
    while len(tiles) % columns:
        tiles.append(np.zeros_like(tiles[0]))
    return np.vstack([np.hstack(tiles[i:i + columns]) for i in range(0, len(tiles), columns)])


def main(argv=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="contact-sheet.jpg")
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args(argv)
    cv2.imwrite(args.out, sheet(args.seed)[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, 52))


if __name__ == "__main__":
    main()
