"""Things that look like plates to a detector and are none: adverts, badges, van lettering, foreign script.

Their registration is empty. Drawn with small letters, several rows or signs of no Latin alphabet, so that a
reader can tell them from a real plate; a board of capitals and digits alone would be a lie as a negative.
"""

from __future__ import annotations

import random

import numpy as np

from .canvas import Canvas, foreign_sign

_WORDS = ("for sale", "Plumbing", "call now", "Quality since", "Bakery", "taxi", "Garage & Sons", "express delivery", "Baby on board", "diesel", "turbo", "Quattro", "open daily", "no parking",
          "Service", "organic food", "your car here", "hybrid", "www.shop.example", "Electric", "sport", "family tours", "roofing", "dry cleaning", "fresh flowers", "Driving school", "info@office",
          "limousine", "automatic", "injection", "mind the gap", "caution", "fragile", "welcome", "happy hour", "Pizza", "computers", "your text here", "Motors", "the best coffee")


def draw_board(rng: random.Random, scale: float = .8) -> np.ndarray:
    """An RGB picture of a lettered thing that is no plate."""
    w, h = int(rng.uniform(160, 520) * scale), int(rng.uniform(70, 160) * scale)
    tint = tuple(rng.randint(0, 255) for _ in range(3))
    light, deep = tuple(255 - (255 - c) // 4 for c in tint), tuple(c // 3 for c in tint)
    ground, ink = (light, deep) if rng.random() < .6 else (deep, light)
    sheet = Canvas(w, h, ground)
    kind = rng.random()
    if kind < .7:
        rows = rng.choice((1, 1, 2, 3))
        for row in range(rows):
            text = " ".join(rng.sample(_WORDS, rng.choice((1, 1, 2))))
            sheet.word(text, w * rng.uniform(.4, .6), h * (row + .5) / rows, h / rows * rng.uniform(.45, .85), ink, rng, rng.random() < .25, max_width=w * .95)
    elif kind < .9:
        size = int(h * rng.uniform(.5, .8))
        x = rng.uniform(0, size)
        while x + size < w:
            sheet.stamp(foreign_sign(rng, size), x, (h - size) / 2)
            x += size * rng.uniform(1.0, 1.3)
        sheet.pour(sheet.ink, ink)
    else:
        sheet.word(rng.choice(_WORDS), w / 2, h / 2, h * .5, ink, rng, True, max_width=w * .9)
    return sheet.image
