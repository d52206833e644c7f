"""Faces: where a plate's characters come from, our stroke alphabets or free fonts.

A face gives a mask per character, all of one height, made once and kept. Fonts are looked
for on this machine and in AMSLPR_FONTS (folders separated by ':'); none is needed: without
them every face is a stroke alphabet.
"""

from __future__ import annotations

import functools
import os
import random
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import strokes

HEIGHT = 96
# Part of a file name -> the roles it stands for (see designs), and how far it may be widened.
FONTS = [
    ("gl-nummernschild-eng", ("fe",), (1.0, 1.35)),
    ("gl-nummernschild-mtl", ("fe",), (.95, 1.05)),
    ("osp-din", ("din", "fe-like", "in", "br", "eu"), (.95, 1.4)),
    ("rg2014b", ("din", "eu", "in"), (1.0, 1.3)),
    ("rg2014c", ("eu", "us", "in"), (.9, 1.2)),
    ("rg2014d", ("eu", "us", "pk", "in"), (.8, 1.1)),
    ("rg2014e.", ("eu", "pk", "free"), (.75, 1.0)),
    ("routed-gothic-narrow.ttf", ("us", "free"), (.9, 1.25)),
    ("routed-gothic.ttf", ("us", "free"), (.7, 1.0)),
    ("barlow-condensed-latin-500-normal.woff2", ("us", "eu"), (.9, 1.3)),
    ("barlow-condensed-latin-600-normal.woff2", ("us", "eu", "br"), (.9, 1.3)),
    ("barlow-condensed-latin-700-normal.woff2", ("us", "eu"), (.9, 1.3)),
    ("saira-condensed-latin-500-normal.woff2", ("gb", "in", "eu"), (.9, 1.2)),
    ("saira-condensed-latin-600-normal.woff2", ("gb", "in", "eu", "us"), (.9, 1.2)),
    ("oswald-latin-500-normal.woff2", ("free", "in", "us"), (.8, 1.1)),
    ("bebas-neue-latin-400-normal.woff2", ("free", "in", "us"), (.9, 1.2)),
    ("roboto-condensed-latin-700-normal.woff2", ("free", "in", "pk", "eu"), (.8, 1.1)),
    ("overpass-latin-700-normal.woff2", ("free", "pk"), (.7, .95)),
    ("fjalla-one-latin-400-normal.woff2", ("free", "in", "pk"), (.8, 1.1)),
    ("archivo-narrow-latin-700-normal.woff2", ("free", "in", "pk", "gb"), (.85, 1.1)),
    ("share-tech-mono-latin-400-normal.woff2", ("free", "us"), (.8, 1.1)),
    ("dejavuserif-bold.ttf", ("odd",), (.7, 1.0)),
    ("dejavusans-bold.ttf", ("odd", "free"), (.7, 1.0)),
]


class Face:
    """Masks of one alphabet, HEIGHT rows each, trimmed at the sides."""

    def __init__(self, name: str):
        self.name = name
        self.alike: dict[str, str] = {}  # characters that this face draws like another one
        self._masks: dict[str, np.ndarray] = {}

    def mask(self, character: str) -> np.ndarray:
        character = self.alike.get(character, character)
        found = self._masks.get(character)
        if found is None:
            found = self._masks[character] = self._draw(character)
        return found

    def _draw(self, character: str) -> np.ndarray:
        raise NotImplementedError


class StrokeFace(Face):
    """A die of our own: skeleton variants, pen, roundness and slant chosen once."""

    def __init__(self, rng, width, pen, roundness, slant=0.0, square_ends=False, variants=None):
        super().__init__("strokes")
        self.variants = strokes.pick_variants(rng)
        self.variants.update(variants or {})
        self.look = (width, pen, roundness, slant, square_ends)

    def _draw(self, character):
        width, pen, roundness, slant, square_ends = self.look
        return strokes.draw_skeleton(character, self.variants[character], HEIGHT, width, pen,
                                     roundness, slant, square_ends)


class FontFace(Face):
    """A free font, widened, its capitals scaled to HEIGHT, perhaps thickened."""

    def __init__(self, path: str, widen: float, thicken: int, slant: float):
        super().__init__(Path(path).name)
        self.font = ImageFont.truetype(path, 130)
        left, top, right, bottom = self.font.getbbox("H")
        self.top, self.bottom = top, bottom
        self.widen, self.thicken, self.slant = widen, thicken, slant

    def _draw(self, character):
        left, top, right, bottom = self.font.getbbox(character)
        image = Image.new("L", (max(right - left, 1) + 20, self.bottom - self.top + 24), 0)
        ImageDraw.Draw(image).text((10 - left, 12 - self.top), character, font=self.font, fill=255)
        mask = np.asarray(image)
        scale = HEIGHT / (self.bottom - self.top)
        # What hangs below the line (Q, J) is squeezed into the 12 px kept at each end.
        mask = cv2.resize(mask, None, fx=scale * self.widen, fy=scale, interpolation=cv2.INTER_AREA)
        if self.slant:
            h, w = mask.shape
            lean = self.slant * h
            mask = cv2.warpAffine(mask, np.float32([[1, -self.slant, lean], [0, 1, 0]]), (int(w + lean) + 1, h))
        if self.thicken:
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self.thicken, self.thicken))
            mask = cv2.dilate(mask, kernel)
        columns = np.flatnonzero(mask.max(axis=0) > 40)
        if len(columns):
            mask = mask[:, max(columns[0] - 1, 0):columns[-1] + 2]
        pad = int(round(12 * scale))
        body = mask[pad:pad + HEIGHT]
        below = mask[pad + HEIGHT:]
        if below.size and below.max() > 60:
            body = cv2.resize(mask[pad:], (mask.shape[1], HEIGHT), interpolation=cv2.INTER_AREA)
        if body.shape[0] != HEIGHT:
            body = cv2.resize(body, (body.shape[1], HEIGHT), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(body)


@functools.lru_cache(maxsize=4)
def font_files(extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Known fonts that this machine has: key -> path. extra: keys beside those of FONTS."""
    keys = [key for key, _, _ in FONTS] + list(extra)
    folders = [p for p in os.environ.get("AMSLPR_FONTS", "").split(":") if p]
    data = os.environ.get("AMSLPR_DATA")
    if data:
        folders.append(os.path.join(data, "fonts"))
    folders.append("/usr/share/fonts")
    found: dict[str, str] = {}
    for folder in folders:
        for base, _, names in os.walk(folder):
            for name in names:
                if not name.lower().endswith((".ttf", ".otf", ".woff", ".woff2")):
                    continue
                for key in keys:
                    if key in name.lower() and key not in found:
                        found[key] = os.path.join(base, name)
    return found


def stroke_face(rng: random.Random, role: str) -> StrokeFace:
    """A new die for a role: gb, us, din, fe, eu, br, in, pk, free, odd."""
    u = rng.uniform
    square = rng.random() < .4
    slant = 0.0
    if role == "gb":
        width, pen, roundness, square = u(.56, .68), u(.155, .195), u(.75, 1.0), rng.random() < .85
    elif role == "us":
        width, pen, roundness, square = u(.38, .58), u(.10, .17), u(.5, 1.0), rng.random() < .2
    elif role in ("din", "br"):
        width, pen, roundness = u(.42, .62), u(.115, .165), u(.7 if role == "din" else .45, 1.0)
    elif role == "fe":
        width, pen, roundness, square = u(.48, .64), u(.115, .15), u(.7, 1.0), True
    elif role == "eu":
        width, pen, roundness = u(.45, .64), u(.11, .17), u(.6, 1.0)
    elif role == "odd":
        width, pen, roundness, slant = u(.4, .8), u(.08, .22), u(.5, 1.0), u(-.02, .25)
    else:
        width, pen, roundness = u(.4, .72), u(.1, .2), u(.5, 1.0)
        slant = u(-.05, .2) if rng.random() < .12 else 0.0
    return StrokeFace(rng, width, pen, roundness, slant, square)


def font_face(rng: random.Random, role: str) -> Face | None:
    choices = [(key, widen) for key, roles, widen in FONTS if role in roles and key in font_files()]
    if not choices:
        return None
    key, (low, high) = rng.choice(choices)
    thicken = 0
    if key.startswith("routed"):
        thicken = rng.choice((3, 5, 7, 9))
    elif rng.random() < .25:
        thicken = rng.choice((2, 3))
    slant = rng.uniform(.05, .25) if role == "odd" or rng.random() < .03 else 0.0
    face = FontFace(font_files()[key], rng.uniform(low, high), thicken, slant)
    if role != "fe":  # many dies have one stamp for O and 0, some one for I and 1: then only the pattern tells
        if rng.random() < .45:
            face.alike["0"] = "O"
        if rng.random() < .2:
            face.alike["1"] = "I"
    return face


class FacePool:
    """A bounded set of faces per role, refreshed slowly, so masks are reused."""

    def __init__(self, per_role: int = 24):
        self.per_role = per_role
        self.pools: dict[str, list[Face]] = {}

    def pick(self, rng: random.Random, role: str, fonts: float = .5) -> Face:
        pool = self.pools.setdefault(role, [])
        if len(pool) < self.per_role or rng.random() < .01:
            face = font_face(rng, role) if rng.random() < fonts else None
            face = face or stroke_face(rng, role)
            if len(pool) < self.per_role:
                pool.append(face)
            else:
                pool[rng.randrange(self.per_role)] = face
            return face
        return rng.choice(pool)


POOL = FacePool()
