"""The layers a training run may mix, by name: photographs, swapped plates, rendered streets.

Drawing costs more than training on it, so drawn scenes wait in a pool and each is used a few
times, every time at another scale, place and damage.
"""

import random

import numpy as np
from plates import damage, draw_board, draw_plate
from scenes.render import street_scene
from scenes.swap import swapped, with_boards

from .augment import Truth
from .cache import Cache
from .samples import Mixture, Photographs

NAMES = ("photographs", "swapped", "streets")


class Pool:
    """Keeps `size` things; makes a new one for every `uses` taken."""

    def __init__(self, make, size, uses):
        self.make, self.size, self.uses = make, size, uses
        self.things, self.taken = [], 0

    def __call__(self, rng):
        self.taken += 1
        if len(self.things) < self.size and self.taken >= len(self.things):
            self.things.append(self.make(rng))
            return self.things[-1]
        i = int(rng.integers(len(self.things)))
        if self.taken % self.uses == 0:
            self.things[i] = self.make(rng)
        return self.things[i]


def new_plate(rng):
    draw = random.Random(int(rng.integers(1 << 40)))
    plate = draw_plate(draw, scale=0.5)
    if rng.random() < 0.25:
        plate.image = damage(draw, plate.image)
    return plate


def new_board(rng):
    return draw_board(random.Random(int(rng.integers(1 << 40))), scale=0.5)


class Swapped:
    """Photographs whose plates were replaced by drawn ones, some with boards that are no plates."""

    def __init__(self, photographs, plates, boards):
        self.photographs, self.plates, self.boards = photographs, plates, boards

    def __call__(self, rng):
        for _ in range(8):
            picture, truth = self.photographs(rng)
            if len(truth.boxes):
                break
        known = ~np.isnan(truth.quads).any((1, 2))
        old = [(b, q if k else None) for b, q, k in zip(truth.boxes, truth.quads, known)]
        picture, corners = swapped(rng, picture, old, self.plates)
        if rng.random() < 0.35:
            about = [[*new.min(0), *new.max(0)] for new in corners if new is not None]
            picture = with_boards(rng, picture, [*truth.boxes, *about], self.boards)
        boxes, quads, trust = truth.boxes.copy(), truth.quads.copy(), truth.trust.copy()
        for i, new in enumerate(corners):
            if new is not None:
                boxes[i] = [*new.min(0), *new.max(0)]
                quads[i] = new
                trust[i] = 1.0
        return picture, Truth(boxes, quads, trust, complete=truth.complete)


class Streets:
    """Rendered streets; needs no photographs."""

    def __init__(self, plates):
        self.plates = plates

    def __call__(self, rng):
        picture, plates = street_scene(rng, self.plates)
        sure = [q for _, q, seen in plates if seen > 0.8]
        hidden = [q for _, q, seen in plates if 0 < seen <= 0.8]
        edge_on = [q for _, q, seen in plates if seen == 0]
        truth = Truth.none()
        if sure:
            quads = np.array(sure, np.float32)
            truth = Truth(np.concatenate([quads.min(1), quads.max(1)], 1), quads, np.ones(len(quads), np.float32))
        if hidden or edge_on:
            q = np.array(hidden + edge_on, np.float32)
            truth.ignore = np.concatenate([q.min(1), q.max(1)], 1)
        return picture, truth


def mixture(text, root, folder):
    """`name:share,...` to something that draws scenes. Layers that need photographs fall away without them."""
    layers = []
    cache = Cache(root / "plates-real" / "train.jsonl", root / "plates-real", folder) if root else None
    plates = Pool(new_plate, 400, 3)
    boards = Pool(new_board, 120, 3)
    for part in text.split(","):
        name, _, share = part.partition(":")
        if name not in NAMES:
            raise SystemExit(f"--layers: no layer {name!r}; there are {', '.join(NAMES)}")
        if name == "streets":
            layers.append((Pool(Streets(plates), 60, 12), float(share)))
        elif cache is None:
            print(f"layer {name} left out: AMSLPR_DATA is not set", flush=True)
        elif name == "photographs":
            layers.append((Photographs(cache), float(share)))
        else:
            layers.append((Pool(Swapped(Photographs(cache), plates, boards), 60, 4), float(share)))
    if not layers:
        raise SystemExit("no layer to train on: set AMSLPR_DATA or name the layer streets")
    return Mixture(layers)
