"""The sheet a flat plate is painted on: ink masks, lines of characters, words, small furniture.

Knows nothing of countries. Everything is in pixels; colours are RGB tuples.
"""

from __future__ import annotations

import functools
import random

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import faces

_WORD_FONTS = ("barlow-condensed-latin-600", "oswald-latin-500", "overpass-latin-700", "roboto-condensed-latin-700", "rg2014c",
               "rg2014d", "fjalla", "dejavusans-bold", "dejavuserif-bold")
_SCRIPT_FONTS = ("dancing-script-latin-700", "pacifico-latin-400", "kaushan-script-latin-400", "playfair-display-latin-700")


@functools.lru_cache(maxsize=64)
def _word_font(script: bool, index: int):
    keys = _SCRIPT_FONTS if script else _WORD_FONTS
    paths = [p for k, p in sorted(faces.font_files(extra=_SCRIPT_FONTS).items()) if any(k.startswith(f) for f in keys)]
    if not paths:
        return ImageFont.load_default(40)
    return ImageFont.truetype(paths[index % len(paths)], 40)


@functools.lru_cache(maxsize=4096)
def word_mask(text: str, script: bool, index: int) -> np.ndarray:
    """A word as a mask about 40 px high."""
    font = _word_font(script, index)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (max(right - left, 1) + 4, max(bottom - top, 1) + 4), 0)
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, font=font, fill=255)
    return np.asarray(image)


class Canvas:
    """An RGB picture and the operations that plates are made of."""

    def __init__(self, width: int, height: int, colour):
        self.image = np.empty((height, width, 3), np.uint8)
        self.image[:] = colour
        self.ink = np.zeros((height, width), np.uint8)

    @property
    def size(self):
        return self.image.shape[1], self.image.shape[0]

    def stamp(self, mask: np.ndarray, x: float, y: float, into: np.ndarray | None = None) -> None:
        """Adds a mask at a place to the ink (or to another plane); what hangs over is cut off."""
        plane = self.ink if into is None else into
        h, w = mask.shape
        x, y = int(round(x)), int(round(y))
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, plane.shape[1]), min(y + h, plane.shape[0])
        if x0 < x1 and y0 < y1:
            part = plane[y0:y1, x0:x1]
            np.maximum(part, mask[y0 - y:y1 - y, x0 - x:x1 - x], out=part)

    def pour(self, mask: np.ndarray, colour) -> None:
        """Paints a colour through a mask of the whole sheet."""
        rows = np.flatnonzero(mask.max(axis=1))
        if not len(rows):
            return
        y0, y1 = rows[0], rows[-1] + 1
        part = self.image[y0:y1]
        alpha = cv2.merge([mask[y0:y1]] * 3)
        solid = np.empty_like(part)
        solid[:] = colour
        self.image[y0:y1] = cv2.add(cv2.multiply(solid, alpha, scale=1 / 255), cv2.multiply(part, 255 - alpha, scale=1 / 255))

    def word(self, text: str, cx: float, cy: float, height: float, colour, rng: random.Random, script=False, max_width=None, index=None):
        """A small printed word, centred."""
        mask = word_mask(text, script, rng.randrange(8) if index is None else index)
        scale = height / mask.shape[0]
        width = mask.shape[1] * scale
        if max_width and width > max_width:
            width = max_width
        if height < 2 or width < 2:
            return
        small = cv2.resize(mask, (max(int(width), 1), max(int(height), 1)), interpolation=cv2.INTER_AREA)
        x, y = int(cx - small.shape[1] / 2), int(cy - small.shape[0] / 2)
        h, w = small.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, self.image.shape[1]), min(y + h, self.image.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        part = self.image[y0:y1, x0:x1].astype(np.float32)
        alpha = small[y0 - y:y1 - y, x0 - x:x1 - x, None].astype(np.float32) * (1 / 255)
        self.image[y0:y1, x0:x1] = (part + (np.float32(colour) - part) * alpha).astype(np.uint8)

    def emboss(self, strength: float, shift: int) -> None:
        """Light on one side of the raised ink, shade on the other."""
        rolled = np.roll(self.ink, (shift, shift), (0, 1))
        light = cv2.subtract(self.ink, rolled)
        shade = cv2.subtract(rolled, self.ink)
        for plane, add in ((light, True), (shade, False)):
            amount = cv2.merge([cv2.convertScaleAbs(plane, alpha=strength)] * 3)
            self.image = cv2.add(self.image, amount) if add else cv2.subtract(self.image, amount)


def foreign_sign(rng: random.Random, size: int) -> np.ndarray:
    """A sign of no alphabet we read: a few strokes in a box."""
    mask = np.zeros((size, size), np.uint8)
    t = max(1, size // 11)
    for _ in range(rng.randint(4, 8)):
        a = (rng.randrange(size), rng.randrange(size))
        kind = rng.random()
        if kind < .4:
            b = (rng.randrange(size), a[1])
        elif kind < .7:
            b = (a[0], rng.randrange(size))
        else:
            b = (rng.randrange(size), rng.randrange(size))
        cv2.line(mask, a, b, 255, t, cv2.LINE_AA)
    return mask


def badge(rng: random.Random, canvas: Canvas, cx: float, cy: float, rx: float, ry: float) -> None:
    """A picture of no meaning: a ground and some smaller shapes on it, as arms and logos look from afar."""
    rx, ry = max(int(rx), 2), max(int(ry), 2)
    centre = (int(cx), int(cy))
    tone = tuple(rng.randint(0, 255) for _ in range(3))
    if rng.random() < .6:
        cv2.ellipse(canvas.image, centre, (rx, ry), 0, 0, 360, tone, -1 if rng.random() < .7 else max(rx // 5, 1), cv2.LINE_AA)
    elif rng.random() < .6:
        cv2.rectangle(canvas.image, (centre[0] - rx, centre[1] - ry), (centre[0] + rx, centre[1] + ry), tone, -1)
    for _ in range(rng.randint(2, 6)):
        tone = tuple(rng.randint(0, 255) for _ in range(3))
        points = np.array([(cx + rng.gauss(0, .5) * rx, cy + rng.gauss(0, .5) * ry) for _ in range(rng.randint(3, 6))], np.int32)
        if rng.random() < .6:
            cv2.fillPoly(canvas.image, [points], tone, cv2.LINE_AA)
        else:
            cv2.polylines(canvas.image, [points], rng.random() < .5, tone, max(1, rx // 6), cv2.LINE_AA)


def wheelchair(rng: random.Random, canvas: Canvas, cx: float, cy: float, r: float, colour) -> None:
    """The sign of access: a head, a bent body and a wheel."""
    t = max(int(r * .22), 1)

    def at(x, y):
        return int(cx + x * r), int(cy + y * r)

    cv2.circle(canvas.image, at(-.25, -.8), max(int(r * .17), 1), colour, -1, cv2.LINE_AA)
    cv2.polylines(canvas.image, [np.array([at(-.22, -.55), at(-.15, .15), at(.45, .15), at(.6, .8), at(.85, .75)])], False, colour, t, cv2.LINE_AA)
    cv2.line(canvas.image, at(-.18, -.2), at(.35, -.2), colour, t, cv2.LINE_AA)
    turn = rng.uniform(-20, 20)
    cv2.ellipse(canvas.image, at(-.1, .4), (max(int(r * .58), 1),) * 2, 0, 0 + turn, 230 + turn, colour, t, cv2.LINE_AA)


def seals(rng: random.Random, canvas: Canvas, x: float, cy: float, size: float, width: float, beside: bool = False) -> None:
    """The inspection seal over (or beside) the seal of the office, as German plates carry them."""
    for row, side in enumerate((-.25, .25)):
        centre = (int(x + width / 2 + size * side), int(cy)) if beside else (int(x + width / 2), int(cy + size * side))
        r = max(int(size * rng.uniform(.19, .23)), 2)
        rim = tuple(rng.randint(0, 140) for _ in range(3))
        tone = tuple(rng.randint(70, 255) for _ in range(3))
        if row == 0 and rng.random() < .25:
            continue
        cv2.circle(canvas.image, centre, r, tone, -1, cv2.LINE_AA)
        cv2.circle(canvas.image, centre, r, rim, max(r // 4, 1), cv2.LINE_AA)
        for _ in range(rng.randint(1, 4)):
            spot = (int(centre[0] + rng.gauss(0, .35) * r), int(centre[1] + rng.gauss(0, .35) * r))
            cv2.circle(canvas.image, spot, max(int(r * rng.uniform(.1, .4)), 1), tuple(rng.randint(0, 255) for _ in range(3)), -1, cv2.LINE_AA)


def emblem(rng: random.Random, canvas: Canvas, x: float, cy: float, size: float, stickered: bool = False) -> float:
    """A seal, arms or picture between groups; returns its width."""
    width = size * (rng.uniform(.8, 1.0) if stickered else rng.uniform(.5, 1.1))
    image = canvas.image
    cx = int(x + width / 2)
    cy = int(cy)
    r = max(int(width * .42), 2)
    tone = tuple(rng.randint(0, 255) for _ in range(3))
    kind = rng.random()
    if stickered:  # month over year, in the middle of the plate
        for dy in ((-1, 1) if rng.random() < .8 else (0,)):
            sticker(rng, canvas, x, cy + dy * size * .25 - size * .2, width, size * rng.uniform(.34, .42))
    elif kind < .35:
        for dy in ((-1, 1) if rng.random() < .5 else (0,)):
            y = int(cy + dy * size * .26)
            rr = int(min(r, size * .24)) if dy else r
            cv2.circle(image, (cx, y), rr, tone, -1, cv2.LINE_AA)
            cv2.circle(image, (cx, y), max(rr // 2, 1), tuple(rng.randint(0, 255) for _ in range(3)), -1, cv2.LINE_AA)
    elif kind < .6:
        pts = np.array([(cx + int(rng.uniform(-1, 1) * r), cy + int(rng.uniform(-1, 1) * size * .42)) for _ in range(rng.randint(4, 9))])
        cv2.fillPoly(image, [pts], tone, cv2.LINE_AA)
    elif kind < .72:
        badge(rng, canvas, cx, cy, r, size * .45)
    elif kind < .78:  # a cactus, a pine, a statue: an upright thing with arms
        t = max(int(width * rng.uniform(.1, .2)), 1)
        top, low = int(cy - size * .4), int(cy + size * .4)
        cv2.line(image, (cx, top), (cx, low), tone, t, cv2.LINE_AA)
        for side in (-1, 1):
            if rng.random() < .85:
                y = int(cy + rng.uniform(-.2, .2) * size)
                tip = int(cx + side * r * rng.uniform(.5, 1))
                cv2.polylines(image, [np.array([(cx, y), (tip, y), (tip, int(y - size * rng.uniform(.1, .3)))])], False, tone, t, cv2.LINE_AA)
    elif kind < .84:
        wheelchair(rng, canvas, cx, cy, min(r, size * .4), tone)
    elif kind < .9:
        shield = np.array([(cx - r, cy - r), (cx + r, cy - r), (cx + r, cy + r // 3), (cx, cy + r + r // 3), (cx - r, cy + r // 3)])
        cv2.fillPoly(image, [shield], tone, cv2.LINE_AA)
        cv2.line(image, (cx, cy - r), (cx, cy + r), tuple(rng.randint(0, 255) for _ in range(3)), max(r // 3, 1), cv2.LINE_AA)
    else:
        sign = foreign_sign(rng, max(int(size * .6), 8))
        plane = np.zeros_like(canvas.ink)
        canvas.stamp(sign, x, cy - sign.shape[0] / 2, plane)
        canvas.pour(plane, tone)
    return width


def set_line(rng: random.Random, canvas: Canvas, laid: str, face: faces.Face, box, *, spacing=.12, gap=.3, tail_scale=1.0,
             dash=.85, align="centre", widen=1.0, stack=0, stack_right=False, sealed=False, beside=False, stickered=False):
    """Sets one line of characters into box = (x0, y0, x1, y1), squeezing it if it is too long.

    stack: how many characters (2) stand one above the other at half height, at the left or right end.
    """
    x0, y0, x1, y1 = box
    height = int(round(y1 - y0))
    if height < 4 or x1 - x0 < 8:
        return
    parts = []  # (kind, payload, natural width)
    chars = [c for c in laid if c.isascii() and c.isalnum()]
    stacked = []
    if stack and len(chars) >= stack + 3:
        if stack_right:
            stacked, laid = list(laid[-stack:]), laid[:-stack]
        else:
            stacked, laid = list(laid[:stack]), laid[stack:]
        if any(not c.isalnum() for c in stacked):
            laid, stacked = ("".join(stacked) + laid if not stack_right else laid + "".join(stacked)), []
    last_gap = max(laid.rfind(" "), laid.rfind("-"))

    def glyph(c, h):
        mask = face.mask(c)
        w = max(int(round(mask.shape[1] * h / faces.HEIGHT * widen)), 1)
        return mask, w

    for i, c in enumerate(laid):
        if c.isascii() and c.isalnum():
            small = tail_scale != 1.0 and i > last_gap >= 0
            h = int(height * tail_scale) if small else height
            parts.append(("glyph", (c, h), glyph(c, h)[1]))
        elif c == " ":
            parts.append(("gap", None, height * gap))
        elif c == "-":
            parts.append(("dash", rng.random() < dash, height * max(gap, .28)))
        elif c == ".":
            parts.append(("dot", rng.random() < .8, height * .16))
        elif c == "*":
            parts.append(("emblem", None, height * (1.0 if beside else max(gap, .7 if stickered else .5))))
        elif c == "%":
            parts.append(("foreign", None, height * .7))
    if stacked:
        h = int(height * .46)
        item = ("stack", (stacked, h), max(glyph(c, h)[1] for c in stacked))
        parts.insert(len(parts) if stack_right else 0, item)
    space = spacing * height
    total = sum(p[2] for p in parts) + space * max(len(parts) - 1, 0)
    room = x1 - x0
    squeeze = min(1.0, room / max(total, 1e-3))
    if align == "left":
        x = x0
    elif align == "justify" and total < room and len(parts) > 1:
        extra = min((room - total) / (len(parts) - 1), height * .25)
        space += extra
        x = x0 + (room - total - extra * (len(parts) - 1)) / 2
    else:
        x = x0 + (room - total * squeeze) / 2
    pen = max(int(height * .1), 1)
    for kind, payload, natural in parts:
        width = natural * squeeze
        if kind == "glyph":
            c, h = payload
            mask = cv2.resize(face.mask(c), (max(int(round(width)), 1), h), interpolation=cv2.INTER_AREA)
            canvas.stamp(mask, x, y0 + (rng.uniform(-.01, .01) * height if h == height else 0))
        elif kind == "stack":
            chars_, h = payload
            for row, c in enumerate(chars_):
                mask = cv2.resize(face.mask(c), (max(int(glyph(c, h)[1] * squeeze), 1), h), interpolation=cv2.INTER_AREA)
                canvas.stamp(mask, x, y0 if row == 0 else y1 - h)
        elif kind == "dash" and payload:
            y = int(y0 + height * rng.choice((.5, .5, .48, .55)))
            cv2.rectangle(canvas.ink, (int(x + width * .15), y - pen // 2), (int(x + width * .85), y + (pen + 1) // 2), 255, -1)
        elif kind == "dot" and payload:
            y = int(y0 + height * rng.choice((.5, .92, .95)))
            cv2.circle(canvas.ink, (int(x + width / 2), y), max(pen * 2 // 3, 1), 255, -1, cv2.LINE_AA)
        elif kind == "emblem" and sealed:
            seals(rng, canvas, x, (y0 + y1) / 2, height, width, beside)
        elif kind == "emblem":
            emblem(rng, canvas, x, (y0 + y1) / 2, min(width, height * .95), stickered)
        elif kind == "foreign":
            sign = foreign_sign(rng, height)
            canvas.stamp(cv2.resize(sign, (max(int(width), 2), height), interpolation=cv2.INTER_AREA), x, y0)
        x += width + space * squeeze


def bolt(rng: random.Random, canvas: Canvas, x: float, y: float, r: float) -> None:
    r = max(int(r), 1)
    tone = rng.choice((40, 90, 150, 220, 250))
    cv2.circle(canvas.image, (int(x), int(y)), r, (tone, tone, tone), -1, cv2.LINE_AA)
    if r > 2:
        cv2.circle(canvas.image, (int(x), int(y)), r, (tone // 3,) * 3, 1, cv2.LINE_AA)


def sticker(rng: random.Random, canvas: Canvas, x: float, y: float, w: float, h: float) -> None:
    """A registration sticker: a coloured patch with tiny month or year print."""
    tone = rng.choice(((230, 60, 40), (40, 120, 200), (250, 220, 60), (60, 160, 80), (240, 240, 240), (250, 140, 30), (150, 60, 150)))
    cv2.rectangle(canvas.image, (int(x), int(y)), (int(x + w), int(y + h)), tone, -1)
    ink = (0, 0, 0) if sum(tone) > 380 else (255, 255, 255)
    text = rng.choice(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
                       "08", "09", "10", "11", "12", "13", "14", "15", "16", "2014", "2012", "07"))
    canvas.word(text, x + w / 2, y + h / 2, h * .7, ink, rng, max_width=w * .9)
