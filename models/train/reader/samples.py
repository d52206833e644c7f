"""The stream of training batches: synthetic crops, real crops, and pictures that are no plates."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from plates import camera, draw_board

from .crops import Backgrounds, Flat, Photographer, finish, photograph, shrink, to_grey
from .net import ALPHABET, HEIGHT, WIDTH
from .real import RealSet, augment, weights
from .splice import Splicer

CODE = {c: i + 1 for i, c in enumerate(ALPHABET)}
MOST = 20  # characters kept of a line; no plate has more
# What a sample is. Of a photographed plate the whole text is known, of all others each line.
DRAWN, TEXT, SPLICED, NOTHING = range(4)


def codes(text: str) -> np.ndarray:
    """A line's classes, 0 behind its end."""
    out = np.zeros(MOST, np.int64)
    out[:min(len(text), MOST)] = [CODE[c] for c in text[:MOST]]
    return out


class Batches(IterableDataset):
    """Endless batches of (pictures uint8 [N, 1, H, W], kinds [N], lines [N, 2, MOST]).

    kind TEXT: the first row holds the whole text of a real plate, whose line break is not known; all others: the two
    rows hold the two lines, empty ones where there is no plate.
    """

    def __init__(self, seed: int, batch: int, real: RealSet | None, real_part: float = .3, empty_part: float = .04, start: int = 0, easy: tuple[int, int] = (30_000, 120_000),
                 splicer: Splicer | None = None, splice_part: float = 0.0):
        self.seed, self.batch, self.real = seed, batch, real
        self.real_part = real_part if real else 0.0
        self.splicer, self.splice_part = splicer, splice_part if splicer else 0.0
        self.empty_part, self.start, self.easy = empty_part, start, easy

    def __iter__(self):
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rng = random.Random(self.seed * 1_000_003 + self.start * 31 + number)
        patches = self.real.backgrounds if self.real else []
        backgrounds = Backgrounds(patches)
        photographer = Photographer(rng, backgrounds)
        share = weights(self.real.plates) if self.real else []
        done = self.start
        while True:
            pictures, kinds, known = [], [], []
            low, high = self.easy
            ease = min(max(1 - (done - low) / max(high - low, 1), 0), 1)
            chosen = rng.choices(self.real.plates, share, k=self.batch) if self.real else []
            for i in range(self.batch):
                u = rng.random()
                if u < self.empty_part:
                    picture, kind, lines = self._empty(rng, backgrounds), NOTHING, []
                elif u < self.empty_part + self.real_part:
                    picture, kind, lines = augment(rng, chosen[i]), TEXT, [chosen[i].text]
                elif u < self.empty_part + self.real_part + self.splice_part:
                    plate, lines = self.splicer.make(rng)
                    picture, kind = augment(rng, plate), SPLICED
                else:
                    picture, lines = photographer.shoot(max(ease, rng.random() ** .6))
                    kind = DRAWN
                pictures.append(picture)
                kinds.append(kind)
                known.append((codes(lines[0] if lines else ""), codes("".join(lines[1:]))))
            done += self.batch * workers
            yield torch.from_numpy(np.stack(pictures)[:, None]), torch.tensor(kinds), torch.from_numpy(np.array(known))

    @staticmethod
    def _empty(rng: random.Random, backgrounds: Backgrounds) -> np.ndarray:
        """A picture without a registration: an advert, a patch of a photograph, or a panel."""
        if rng.random() < .45:
            return photograph(rng, Flat(to_grey(draw_board(rng, .5)), [""], "none"), backgrounds)
        w, h = rng.randint(60, 240), rng.randint(20, 70)
        picture = backgrounds.patch(rng, w, h)
        return finish(rng, picture, 14) if rng.random() < .7 else shrink(camera.light(rng, picture))


def normalise(pictures: torch.Tensor) -> torch.Tensor:
    """value/255 minus .5 over .5, as the description says."""
    return pictures.float() / 127.5 - 1.0


assert HEIGHT == 48 and WIDTH == 160
