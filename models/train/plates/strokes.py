"""Our own stroke alphabets: 36 skeletons with variants, drawn with any pen.

A skeleton is a list of paths; a path is a list of points on a 0-1 box (y downwards), each
either sharp or round. A round point is cut off by an elliptical corner whose size is the
alphabet's roundness, so the same "0" gives an ellipse as well as a rounded rectangle.
What does not belong here: fonts (faces.py) and plates (designs_*.py).
"""

from __future__ import annotations

import math
import random

import cv2
import numpy as np

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _parse(text: str):
    """"0 0, 1 0o, 1 1o; closed | ..." -> [(points, closed)]; an o marks a round point."""
    paths = []
    for part in text.split("|"):
        body, _, flag = part.partition(";")
        points = []
        for token in body.split(","):
            xs, ys = token.split()
            rounded = ys.endswith("o")
            points.append((float(xs), float(ys.rstrip("o")), rounded))
        paths.append((points, flag.strip() == "closed"))
    return paths


# Every character has one or more variants; a face picks one of each when it is made.
_SOURCE = {
    "0": ["0 0o, 1 0o, 1 1o, 0 1o; closed",
          "0 0o, 1 0o, 1 1o, 0 1o; closed",
          "0 0o, 1 0o, 1 1o, 0 1o; closed",
          "0 0o, 1 0o, 1 1o, 0 1o; closed | .08 .88, .92 .12"],
    "1": [".5 0, .5 1", ".0 .22, .62 0, .62 1", ".0 .2, .5 0, .5 1 | 0 1, 1 1",
          ".1 .12, .6 .12o, .6 0, .6 1", ".1 .24, .5 0, .5 1"],
    "2": ["0 .24, 0 0o, 1 0o, 1 .42o, 0 .82o, 0 1, 1 1",
          "0 .26, 0 0o, 1 0o, 1 .45o, 0 1, 1 1",
          "0 .22, 0 0o, 1 0o, 1 .5o, 0 .5o, 0 1, 1 1",
          "0 .28, 0 0o, 1 0o, 1 .36o, .5 .6, 0 1, 1 1"],
    "3": ["0 .2, 0 0o, 1 0o, 1 .47o, .35 .47 | .35 .47, 1 .47o, 1 1o, 0 1o, 0 .8",
          "0 0, 1 0, .45 .4, .6 .4o, 1 .4o, 1 1o, 0 1o, 0 .78",
          "0 .2, 0 0o, .95 0o, .95 .48o, .3 .48 | .3 .48, 1 .48o, 1 1o, 0 1o, 0 .78"],
    "4": [".72 1, .72 0, 0 .72, 1 .72", ".66 0, 0 .7, 1 .7 | .7 .42, .7 1",
          ".74 0, .74 1 | .74 0, 0 .66, 1 .66", "0 0, 0 .58, 1 .58 | .78 0, .78 1",
          ".5 0, 0 .74, 1 .74 | .76 .5, .76 1", ".8 1, .8 0, .65 0, 0 .76, 1 .76"],
    "5": [".95 0, .06 0, 0 .45, .4 .38o, 1 .38o, 1 1o, 0 1o, 0 .8",
          "1 0, .05 0, .05 .42, .5 .42o, 1 .42o, 1 1o, 0 1o, 0 .76",
          ".9 0, .1 0, 0 .5, .1 .4o, 1 .34o, 1 1o, 0 1o, 0 .76"],
    "6": ["1 .2, 1 0o, 0 0o, 0 1o, 1 1o, 1 .42o, 0 .42o, 0 .64",
          ".72 0, .05 .55o, 0 .66, 0 1o, 1 1o, 1 .42o, .25 .42",
          ".8 0, 0 .1o, 0 1o, 1 1o, 1 .44o, 0 .44o, 0 .66",
          "1 .18, 1 0o, 0 0o, 0 1o, 1 1o, 1 .38o, 0 .38o, 0 .56"],
    "7": ["0 0, 1 0, .35 1", "0 0, 1 0, .5 .5o, .35 1", "0 .16, 0 0, 1 0, .32 1",
          "0 0, 1 0, 1 .12, .4 .6o, .4 1", "0 0, 1 0, .4 1 | .3 .5, .86 .5"],
    "8": [".05 0o, .95 0o, .95 .46o, .05 .46o; closed | 0 .46o, 1 .46o, 1 1o, 0 1o; closed",
          "0 0o, 1 0o, 1 .48o, 0 .48o; closed | 0 .48o, 1 .48o, 1 1o, 0 1o; closed",
          ".1 0o, .9 0o, .9 .44o, .1 .44o; closed | 0 .44o, 1 .44o, 1 1o, 0 1o; closed",
          "0 0o, 1 0o, 1 .36o, 0 .64o, 0 1o, 1 1o, 1 .64o, 0 .36o; closed"],
    "A": ["0 1, .5 0, 1 1 | .18 .66, .82 .66", "0 1, .42 0, .58 0, 1 1 | .14 .7, .86 .7",
          "0 1, .5 0, 1 1 | .16 .74, .84 .74", "0 1, 0 0o, 1 0o, 1 1 | 0 .58, 1 .58"],
    "B": ["0 0, .85 0o, .85 .46o, 0 .46 | 0 .46, 1 .46o, 1 1o, 0 1 | 0 0, 0 1",
          "0 0, 1 0o, 1 .48o, 0 .48 | 0 .48, 1 .48o, 1 1o, 0 1 | 0 0, 0 1",
          "0 0, .94 0o, .94 .46o, 0 .46 | 0 .46, 1 .46o, 1 1o, 0 1 | 0 0, 0 1"],
    "C": ["1 .25, 1 0o, 0 0o, 0 1o, 1 1o, 1 .75", "1 .3, 1 0o, 0 0o, 0 1o, 1 1o, 1 .7",
          "1 .16, .95 0o, 0 0o, 0 1o, .95 1o, 1 .84"],
    "D": ["0 0, 1 0o, 1 1o, 0 1; closed", "0 0, .6 0, 1 .2o, 1 .8o, .6 1, 0 1; closed"],
    "E": ["1 0, 0 0, 0 1, 1 1 | 0 .48, .85 .48", "1 0, 0 0, 0 1, 1 1 | 0 .5, 1 .5",
          ".94 0, 0 0, 0 1, 1 1 | 0 .46, .75 .46"],
    "F": ["1 0, 0 0, 0 1 | 0 .48, .85 .48", "1 0, 0 0, 0 1 | 0 .52, .75 .52"],
    "G": ["1 .25, 1 0o, 0 0o, 0 1o, 1 1o, 1 .55, .55 .55",
          "1 .24, 1 0o, 0 0o, 0 1o, 1 1o, 1 .52, .6 .52 | 1 .6, 1 1",
          "1 .2, .95 0o, 0 0o, 0 1o, 1 1o, 1 .58, .5 .58",
          "1 .28, 1 0o, 0 0o, 0 1o, 1 1o, 1 .5"],
    "H": ["0 0, 0 1 | 1 0, 1 1 | 0 .48, 1 .48", "0 0, 0 1 | 1 0, 1 1 | 0 .52, 1 .52"],
    "I": [".5 0, .5 1", ".5 0, .5 1", "0 0, 1 0 | 0 1, 1 1 | .5 0, .5 1"],
    "J": ["1 0, 1 1o, 0 1o, 0 .7", ".4 0, 1 0, 1 1o, 0 1o, 0 .7", "1 0, 1 1o, .1 1o, 0 .78"],
    "K": ["0 0, 0 1 | 1 0, 0 .6 | .35 .42, 1 1", "0 0, 0 1 | 1 0, .05 .5, 1 1",
          "0 0, 0 1 | 1 0, 0 .66 | .3 .47, 1 1"],
    "L": ["0 0, 0 1, 1 1"],
    "M": ["0 1, 0 0, .5 .62, 1 0, 1 1", "0 1, 0 0, .5 .9, 1 0, 1 1", "0 1, 0 0, .5 .42, 1 0, 1 1",
          "0 1, .12 0, .5 .8, .88 0, 1 1", "0 1, 0 0, .5 1, 1 0, 1 1",
          "0 1, 0 0o, .5 0o, .5 .7 | .5 .7, .5 0o, 1 0o, 1 1"],
    "N": ["0 1, 0 0, 1 1, 1 0", "0 1, 0 0, .95 .9, 1 1, 1 0"],
    "O": ["0 0o, 1 0o, 1 1o, 0 1o; closed"],
    "P": ["0 1, 0 0, 1 0o, 1 .52o, 0 .52", "0 1, 0 0, 1 0o, 1 .58o, 0 .58",
          "0 1, 0 0, 1 0o, 1 .47o, 0 .47"],
    "Q": ["0 0o, 1 0o, 1 1o, 0 1o; closed | .6 .7, 1 1.02", "0 0o, 1 0o, 1 1o, 0 1o; closed | .55 .62, 1.05 1.05",
          "0 0o, 1 0o, 1 .92o, 0 .92o; closed | .5 .8, .8 1.06", "0 0o, 1 0o, 1 1o, 0 1o; closed | .5 .76, .5 1.1"],
    "R": ["0 1, 0 0, 1 0o, 1 .52o, 0 .52 | .5 .52, 1 1", "0 1, 0 0, 1 0o, 1 .5o, 0 .5 | .6 .5, 1 .62o, 1 1",
          "0 1, 0 0, 1 0o, 1 .55o, 0 .55 | .4 .55, 1 1"],
    "S": ["1 .24, 1 0o, 0 0o, 0 .48o, 1 .5o, 1 1o, 0 1o, 0 .76",
          "1 .2, 1 0o, 0 0o, 0 .44o, 1 .56o, 1 1o, 0 1o, 0 .8",
          ".96 .16, .9 0o, 0 0o, 0 .46o, 1 .5o, 1 1o, .1 1o, 0 .84"],
    "T": ["0 0, 1 0 | .5 0, .5 1"],
    "U": ["0 0, 0 1o, 1 1o, 1 0"],
    "V": ["0 0, .5 1, 1 0", "0 0, .44 1, .56 1, 1 0"],
    "W": ["0 0, .25 1, .5 .3, .75 1, 1 0", "0 0, .22 1, .5 0, .78 1, 1 0", "0 0, 0 1, .5 .38, 1 1, 1 0",
          "0 0, .1 1, .5 .5, .9 1, 1 0", "0 0, 0 1o, .5 1o, .5 .3 | .5 .3, .5 1o, 1 1o, 1 0",
          "0 0, .24 1, .5 .15, .76 1, 1 0"],
    "X": ["0 0, 1 1 | 1 0, 0 1"],
    "Y": ["0 0, .5 .5, 1 0 | .5 .5, .5 1", "0 0, .5 .58, 1 0 | .5 .58, .5 1", "0 0, 0 .5o, 1 .5o, 1 0 | .5 .5, .5 1"],
    "Z": ["0 0, 1 0, 0 1, 1 1", "0 0, 1 0, 0 1, 1 1", "0 0, 1 0, 0 1, 1 1 | .25 .5, .75 .5"],
}
SKELETONS = {c: [_parse(v) for v in variants] for c, variants in _SOURCE.items()}
# A 9 is a 6 turned round, so every 6 has its 9.
SKELETONS["9"] = [
    [([(1 - x, 1 - y, o) for x, y, o in points], closed) for points, closed in variant]
    for variant in SKELETONS["6"]
]
# Slashed zeros, barred sevens and zeds, and square As are rare.
_RARE = {("0", 3): .35, ("7", 4): .15, ("Z", 2): .12, ("A", 3): .2, ("I", 2): .6, ("8", 3): .25,
         ("M", 5): .2, ("W", 4): .4, ("Y", 2): .3, ("2", 2): .2, ("Q", 3): .4}
_NARROW = {"1": .45, "I": .25, "J": .85, "M": 1.12, "W": 1.18, "L": .92, "F": .94, "E": .94}


def pick_variants(rng: random.Random) -> dict[str, int]:
    """One variant of each character; 6 and 9 agree."""
    chosen = {}
    for c, variants in SKELETONS.items():
        weights = [_RARE.get((c, i), 1.0) for i in range(len(variants))]
        chosen[c] = rng.choices(range(len(variants)), weights)[0]
    chosen["9"] = chosen["6"]
    return chosen


def _flatten(points, closed, roundness):
    """Replaces round points by elliptical corners; returns a list of (x, y)."""
    n = len(points)
    out = []
    for i, (x, y, rounded) in enumerate(points):
        if not rounded or (not closed and i in (0, n - 1)):
            out.append((x, y))
            continue
        px, py, pr = points[i - 1]
        nx, ny, nr = points[(i + 1) % n]
        before = roundness * (.5 if pr else 1.0)
        after = roundness * (.5 if nr else 1.0)
        ax, ay = x + (px - x) * before, y + (py - y) * before
        bx, by = x + (nx - x) * after, y + (ny - y) * after
        k = .5523
        c1x, c1y = ax + (x - ax) * k, ay + (y - ay) * k
        c2x, c2y = bx + (x - bx) * k, by + (y - by) * k
        for step in range(9):
            t = step / 8
            u = 1 - t
            out.append((u * u * u * ax + 3 * u * u * t * c1x + 3 * u * t * t * c2x + t * t * t * bx,
                        u * u * u * ay + 3 * u * u * t * c1y + 3 * u * t * t * c2y + t * t * t * by))
    return out


def draw_skeleton(character: str, variant: int, height: int, width: float, pen: float,
                  roundness: float = .9, slant: float = 0.0, square_ends: bool = False) -> np.ndarray:
    """A mask (uint8, height rows) of one character.

    width: outer width of a normal character as a part of the height; pen: stroke likewise.
    """
    pen_px = max(2.0, pen * height)
    outer = max(width * height * _NARROW.get(character, 1.0), pen_px * (1.0 if character in "I1" else 2.2))
    if character == "I" and variant != 2 or character == "1" and variant == 0:
        outer = pen_px
    lean = abs(slant) * height
    w = int(math.ceil(outer + lean)) + 2
    half = pen_px / 2
    mask = np.zeros((height, w), np.uint8)
    ax, bx = half, max(outer - pen_px, 0.01)
    ay, by = half, height - pen_px
    lean0 = lean if slant > 0 else 0.0

    def place(x, y):
        py = ay + y * by
        return (1 + ax + x * bx + lean0 - slant * py, py)

    thickness = max(1, int(round(pen_px)))
    for points, closed in SKELETONS[character][variant]:
        flat = [place(x, y) for x, y in _flatten(points, closed, roundness)]
        pts = np.round(np.array(flat) * 16).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(mask, [pts], closed, 255, thickness, cv2.LINE_AA, 4)
        if square_ends:
            _square(mask, points, closed, flat, place, half)
    return mask


def _square(mask, points, closed, flat, place, half):
    """Square caps on open ends and square corners where two straight strokes meet."""
    def cap(x, y, dx, dy):
        length = math.hypot(dx, dy)
        if length < 1e-3:
            return
        ux, uy = dx / length * half, dy / length * half
        box = np.array([(x - ux - uy, y - uy + ux), (x + ux - uy, y + uy + ux),
                        (x + ux + uy, y + uy - ux), (x - ux + uy, y - uy - ux)])
        cv2.fillConvexPoly(mask, np.round(box * 16).astype(np.int32), 255, cv2.LINE_AA, 4)

    if not closed:
        cap(*flat[0], flat[1][0] - flat[0][0], flat[1][1] - flat[0][1])
        cap(*flat[-1], flat[-2][0] - flat[-1][0], flat[-2][1] - flat[-1][1])
    n = len(points)
    for i, (x, y, rounded) in enumerate(points):
        if rounded or (not closed and i in (0, n - 1)):
            continue
        p, q = points[i - 1], points[(i + 1) % n]
        straight = (abs(p[0] - x) < 1e-6 or abs(p[1] - y) < 1e-6) and (abs(q[0] - x) < 1e-6 or abs(q[1] - y) < 1e-6)
        if straight:
            fx, fy = place(x, y)
            cap(fx, fy, 1.0, 0.0)
