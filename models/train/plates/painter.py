"""Paints a Look with a text on it: the flat plate, seen straight on, as new."""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np

from . import texts
from .canvas import Canvas, badge, bolt, foreign_sign, set_line, sticker
from .designs import Look, look_of
from .faces import POOL


@dataclass
class Plate:
    """A flat plate: RGB picture, registration (A-Z, 0-9), its lines, and whose it is."""

    image: np.ndarray
    text: str
    lines: list[str]
    country: str


def draw_plate(rng: random.Random, country: str | None = None, text: str | None = None, scale: float = .8) -> Plate:
    """Draws one plate.

    rng: a random.Random; country: an id of texts.COUNTRIES (default: any, by weight); text: laid-out text (see
    texts.py), default one of the country's; scale: pixels per millimetre (.8 gives 416 x 88 for a European plate).
    """
    country = country or texts.pick_country(rng)
    laid = text if text is not None else texts.pick_text(rng, country)
    two = "/" in laid
    look = look_of(rng, country, two)
    if two and look.size[0] / look.size[1] > 3:
        laid, two = laid.replace("/", " " if rng.random() < .5 else ""), False
    image = paint(rng, look, laid, scale)
    lines = [texts.plain(part) for part in laid.split("/")]
    return Plate(image, "".join(lines), [part for part in lines if part], country)


def paint(rng: random.Random, look: Look, laid: str, scale: float) -> np.ndarray:
    w, h = int(look.size[0] * scale), int(look.size[1] * scale)
    sheet = Canvas(w, h, look.ground)
    if look.gradient:
        _gradient(rng, sheet, look.gradient)
    if look.picture:
        _picture(rng, sheet, look.picture)
    _bands(rng, sheet, look, w, h)
    if look.border:
        colour, thick, inset = look.border
        t, i = max(int(thick * scale), 1), int(inset * scale)
        cv2.rectangle(sheet.image, (i + t // 2, i + t // 2), (w - 1 - i - t // 2, h - 1 - i - t // 2), colour, t)
    for word, x, y, height, colour, script in look.words:
        sheet.word(word, x * w, y * h, max(height * h, 3), colour, rng, script, max_width=w * .8)
    for x, y, sw, sh in look.stickers:
        sticker(rng, sheet, x * w, y * h, sw * w, sh * h)
    _characters(rng, sheet, look, laid, w, h)
    if look.emboss and rng.random() < .8:
        sheet.emboss(look.emboss, max(1, int(1.5 * scale)))
    sheet.pour(sheet.ink, look.ink)
    for x, y in look.bolts:
        bolt(rng, sheet, x * w, y * h, rng.uniform(3, 6) * scale)
    if rng.random() < .05:  # a screw where somebody had a drill
        look.screws.append((rng.uniform(.08, .92), rng.choice((look.text[1], look.text[3])) + rng.uniform(-.06, .06), rng.uniform(3, 6), rng.choice((30, 90, 220))))
    for x, y, radius, tone in look.screws:
        cv2.circle(sheet.image, (int(x * w), int(y * h)), max(int(radius * scale), 1), (tone,) * 3, -1, cv2.LINE_AA)
    return sheet.image


def _characters(rng, sheet, look, laid, w, h):
    face = POOL.pick(rng, look.role, look.fonts)
    x0, y0, x1, y1 = look.text
    if look.right_band:
        x1 = min(x1, 1 - look.right_band[0] - .02)
    if look.logo:
        badge(rng, sheet, (x0 + look.logo / 2) * w, (y0 + y1) / 2 * h, look.logo * w * .45, (y1 - y0) * h * .55)
        x0 += look.logo + .02
    if look.foreign_row:
        size = int(look.foreign_row * h * .8)
        for i in range(rng.randint(3, 6)):
            sheet.stamp(foreign_sign(rng, size), (x0 + .02) * w + i * size * 1.25, h * .06)
    box = (x0 * w, y0 * h, x1 * w, y1 * h)
    how = dict(spacing=look.spacing, gap=look.gap, dash=look.dash, align=look.align, widen=look.widen, sealed=look.sealed, stickered=look.stickered)
    parts = [p for p in laid.split("/")]
    if len(parts) == 1:
        if look.boxed_tail:
            x = box[0] + (box[2] - box[0]) * .77
            cv2.line(sheet.image, (int(x), 0), (int(x), h), look.ink, max(int(h * .02), 1))
        set_line(rng, sheet, laid, face, box, tail_scale=look.tail_scale, stack=look.stack, stack_right=look.stack_right, **how)
        return
    if len(parts) == 2 and rng.random() < .6:
        parts[0] = parts[0].rstrip("-")
    total = box[3] - box[1]
    split = look.row_split + rng.uniform(-.07, .03)
    seam = total * rng.uniform(.03, .12)
    set_line(rng, sheet, parts[0], face, (box[0], box[1], box[2], box[1] + total * split - seam / 2), tail_scale=look.tail_scale, beside=look.sealed and rng.random() < .6, **how)
    set_line(rng, sheet, "".join(parts[1:]), face, (box[0], box[1] + total * split + seam / 2, box[2], box[3]), **how)


def _bands(rng, sheet, look, w, h):
    if look.band:
        side, part, colour, letters = look.band
        if side == "top":
            cv2.rectangle(sheet.image, (0, 0), (w, int(h * part)), colour, -1)
            sheet.word(letters, w / 2, h * part / 2, h * part * .6, (240, 240, 240), rng, max_width=w * .6)
        else:
            x = int(w * part)
            cv2.rectangle(sheet.image, (0, 0), (x, h), colour, -1)
            if letters:
                sheet.word(letters, x / 2, h * .76, h * .2 * rng.uniform(.7, 1.2), (235, 235, 235), rng, max_width=x * .8)
            if rng.random() < .8:
                centre, r = (x / 2, h * .34), min(x * .3, h * .2)
                for k in range(12):
                    a = k * .5236
                    cv2.circle(sheet.image, (int(centre[0] + np.cos(a) * r), int(centre[1] + np.sin(a) * r)), max(int(r * .13), 1), (240, 210, 60), -1)
    if look.right_band:
        part, colour, letters = look.right_band
        x = int(w * (1 - part))
        cv2.rectangle(sheet.image, (x, 0), (w, h), colour, -1)
        if letters:
            sheet.word(letters, (x + w) / 2, h * .75, h * .18, (235, 235, 235), rng, max_width=(w - x) * .85)


def _gradient(rng, sheet, colour):
    h, w = sheet.ink.shape
    ramp = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    kind = rng.random()
    if kind < .4:
        ramp = 1 - ramp
    elif kind < .6:
        ramp = np.abs(ramp * 2 - 1)
    ramp = np.clip(ramp * rng.uniform(.8, 2.5) - rng.uniform(0, 1.0), 0, 1)
    base = sheet.image[0, 0].astype(np.float32)
    column = base + (np.float32(colour) - base) * ramp
    sheet.image[:] = column.astype(np.uint8)


def _picture(rng, sheet, strength):
    """Soft shapes behind the characters: hills, suns, hands, flags."""
    h, w = sheet.ink.shape
    layer = sheet.image.copy()
    for _ in range(rng.randint(1, 4)):
        tone = tuple(rng.randint(0, 255) for _ in range(3))
        cx, cy = rng.randrange(w), rng.randrange(h)
        kind = rng.random()
        if kind < .35:
            cv2.circle(layer, (cx, cy), rng.randint(max(h // 8, 2), max(h // 2, 3)), tone, -1, cv2.LINE_AA)
        elif kind < .75:
            r = rng.uniform(.15, .6) * h
            pts = np.array([(cx + rng.uniform(-1, 1) * r * 1.4, cy + rng.uniform(-1, 1) * r) for _ in range(rng.randint(3, 8))], np.int32)
            cv2.fillPoly(layer, [pts], tone, cv2.LINE_AA)
        else:
            cv2.line(layer, (cx, cy), (rng.randrange(w), rng.randrange(h)), tone, max(int(h * rng.uniform(.02, .15)), 1), cv2.LINE_AA)
    sheet.image = cv2.addWeighted(layer, strength, sheet.image, 1 - strength, 0)
