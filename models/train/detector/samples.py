"""Where training scenes come from, and the batches made of them.

The share of each layer is set here; how a layer draws is `scenes`, how a tile is spoiled
`augment`.
"""

from collections import Counter

import cv2
import numpy as np
import torch

from . import augment
from .augment import NO_QUAD, Truth

# How tight a source's boxes are (1: to the pixel) and whether every visible plate has one.
SOURCES = {
    "robertlucian": (0.25, False),
    "openlpr": (0.6, True),
    "openimages": (0.8, False),
    "openimages1024": (0.9, False),
    "ccpd": (1.0, True),
    "vietnam": (0.9, True),
}


def truth_of(note) -> Truth:
    trust, complete = SOURCES.get(note["source"], (0.8, True))
    plates = note["plates"]
    if not plates:
        return Truth.none()
    return Truth(
        np.array([p["box"] for p in plates], np.float32),
        np.array([p["quad"] or NO_QUAD for p in plates], np.float32).reshape(-1, 4, 2),
        np.full(len(plates), trust, np.float32),
        complete=complete,
    )


class Photographs:
    """Draws annotated photographs, each group of near-alike ones as one."""

    def __init__(self, cache):
        self.cache = cache
        sizes = Counter(note["group"] for note in cache.notes)
        weight = np.array([1 / np.sqrt(sizes[n["group"]]) for n in cache.notes])
        # Sources without plates are few but every one of their pictures is a negative.
        self.odds = np.cumsum(weight / weight.sum())

    def __call__(self, rng):
        picture, note = self.cache[int(np.searchsorted(self.odds, rng.random()))]
        return picture, truth_of(note)


class Mixture:
    """One scene at a time from several layers, by share."""

    def __init__(self, layers):
        self.layers = [layer for layer, _ in layers]
        self.odds = np.cumsum([share for _, share in layers])
        self.odds = self.odds / self.odds[-1]

    def __call__(self, rng):
        return self.layers[int(np.searchsorted(self.odds, rng.random()))](rng)


MOST = 24  # plates and ignored areas kept per tile


def collated(tiles):
    """uint8 NCHW and padded truth tensors."""
    pixels = torch.from_numpy(np.stack([t for t, _ in tiles])).permute(0, 3, 1, 2)
    n = len(tiles)
    most = min(MOST, max(1, *(max(len(t.boxes), len(t.ignore)) for _, t in tiles)))
    boxes = torch.zeros(n, most, 4)
    quads = torch.full((n, most, 4, 2), float("nan"))
    trust = torch.zeros(n, most)
    ignore = torch.zeros(n, most, 4)
    complete = torch.ones(n, dtype=torch.bool)
    for i, (_, t) in enumerate(tiles):
        k = min(len(t.boxes), most)
        boxes[i, :k] = torch.from_numpy(t.boxes[:k])
        quads[i, :k] = torch.from_numpy(t.quads[:k])
        trust[i, :k] = torch.from_numpy(t.trust[:k])
        k = min(len(t.ignore), most)
        ignore[i, :k] = torch.from_numpy(np.asarray(t.ignore[:k], np.float32))
        complete[i] = t.complete
    return {"pixels": pixels, "boxes": boxes, "quads": quads, "trust": trust, "ignore": ignore, "complete": complete}


class Batches(torch.utils.data.IterableDataset):
    def __init__(self, draw, seed, sizes, fit=(640, 384)):
        """`sizes`: (width, height, batch, share) of the tiles; `fit`: the detector's input."""
        self.draw, self.seed, self.sizes, self.fit = draw, seed, sizes, fit

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        cv2.setNumThreads(1)
        cv2.setRNGSeed(int(rng.integers(1 << 30)))
        torch.set_num_threads(1)
        odds = np.cumsum([s[3] for s in self.sizes])
        while True:
            width, height, batch, _ = self.sizes[int(np.searchsorted(odds / odds[-1], rng.random()))]
            yield collated([augment.tile_from(rng, self.draw, width, height, *self.fit) for _ in range(batch)])


def mirrored(batch):
    """The batch seen in a mirror."""
    width = batch["pixels"].shape[3]
    out = dict(batch)
    out["pixels"] = batch["pixels"].flip(3)
    real = (batch["boxes"][..., 3:] > batch["boxes"][..., 1:2]).float()
    for name in ("boxes", "ignore"):
        b = batch[name]
        turned = torch.stack((width - b[..., 2], b[..., 1], width - b[..., 0], b[..., 3]), -1)
        there = real if name == "boxes" else (b[..., 3:] > b[..., 1:2]).float()
        out[name] = turned * there
    quads = batch["quads"].clone()
    quads[..., 0] = width - quads[..., 0]
    out["quads"] = quads[:, :, [1, 0, 3, 2]]
    return out


def reused(batches, uses, seed, waiting=24):
    """Every batch `uses` times, far apart, mirrored in between: making tiles costs a third of learning from them."""
    if uses <= 1:
        yield from batches
        return
    rng = np.random.default_rng(seed)
    kept = []
    for batch in batches:
        yield batch
        kept.append([batch, uses - 1])
        while len(kept) > waiting:
            i = int(rng.integers(len(kept)))
            kept[i][0] = mirrored(kept[i][0])
            kept[i][1] -= 1
            yield kept[i][0]
            if kept[i][1] <= 0:
                kept[i] = kept[-1]
                kept.pop()
