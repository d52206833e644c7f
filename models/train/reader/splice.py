"""New plates from real pixels: characters of photographed plates cut apart and put together in another order.

A network reads real plates it was trained on far better than others, because it learns their texts by heart. So
its own alignment cuts each photographed plate between its characters; the pieces are shuffled, left out,
repeated, or exchanged with those of plates that look alike, and the text follows. What is done to the result
afterwards is the same as for any real crop (`real.augment`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from .corners import grown
from .crops import shrink, to_grey
from .decode import distance, greedy
from .net import ALPHABET, HEIGHT, STEPS, WIDTH
from .real import RealPlate, truth_crop

_AROUND = .25  # kept around the straightened plate
_SURE = .45  # least probability of every character on its alignment


@dataclass
class Cell:
    """One character and its columns, from the top to the bottom of its line's strip."""

    picture: np.ndarray
    character: str


@dataclass
class Cuttable:
    """A straightened plate with its lines cut into cells: picture is grey, rows and columns are in its pixels."""

    picture: np.ndarray
    box: tuple[float, float, float, float]
    lines: list[list[Cell]]
    strips: list[tuple[int, int, int, int]]  # of each line: x0, x1, y0, y1 in picture
    band: list[tuple[float, float]]  # of each line: where its characters' ink is, parts of the strip's height
    levels: list[tuple[float, float]]  # of each line: dark and bright
    dark_ink: bool
    plate: RealPlate

    @property
    def kind(self):
        """Plates with the same value may exchange characters."""
        return len(self.lines), self.dark_ink, self.plate.source[:10]


def aligned(logp: np.ndarray, text: str):
    """The likeliest steps of every character of a known text: [(first, last, probability)], by Viterbi over CTC's states."""
    states = [0]
    for c in text:
        states += [ALPHABET.index(c) + 1, 0]
    n, steps = len(states), len(logp)
    score = np.full(n, -np.inf)
    score[:2] = logp[0, states[0]], logp[0, states[1]]
    back = np.zeros((steps, n), np.int8)
    skip = np.array([s >= 2 and states[s] != 0 and states[s] != states[s - 2] for s in range(n)])
    for t in range(1, steps):
        one = np.concatenate(([-np.inf], score[:-1]))
        two = np.where(skip, np.concatenate(([-np.inf] * 2, score[:-2])), -np.inf)
        options = np.stack((score, one, two))
        back[t] = options.argmax(0)
        score = options.max(0) + logp[t, states]
    s = n - 1 if score[-1] >= score[-2] else n - 2
    path = [s]
    for t in range(steps - 1, 0, -1):
        s -= int(back[t, s])
        path.append(s)
    path = path[::-1]
    out = []
    for i in range(len(text)):
        at = [t for t, s in enumerate(path) if s == 2 * i + 1]
        if not at:
            return None
        out.append((at[0], at[-1], float(np.exp(logp[at, states[2 * i + 1]].max()))))
    return out


def _straightened(plate: RealPlate):
    """The plate seen straight on with _AROUND about it, grey; and its box there."""
    x, y, w, h = plate.box
    quad = plate.quad if plate.quad is not None else np.float32(((x, y), (x + w, y), (x + w, y + h), (x, y + h)))
    width = float(np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3])) / 2
    height = float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
    if min(width, height) < 8:
        return None
    k = 1 + 2 * _AROUND
    size = (round(width * k), round(height * k))
    m = cv2.getPerspectiveTransform(grown(quad, _AROUND, _AROUND, _AROUND, _AROUND), np.float32(((0, 0), (size[0], 0), size, (0, size[1]))))
    picture = cv2.warpPerspective(to_grey(plate.picture), m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return picture, (width * _AROUND, height * _AROUND, width, height)


def _ink_rows(strip: np.ndarray) -> tuple[float, float]:
    """Where a line's characters are, by how much its rows change from left to right."""
    busy = np.abs(np.diff(strip.astype(np.float32), axis=1)).mean(1)
    busy = cv2.GaussianBlur(busy[:, None], (1, 5), 0)[:, 0] if len(busy) > 8 else busy
    n = len(busy)
    middle = slice(n // 4, max(n - n // 4, n // 4 + 1))
    limit = busy[middle].max() * .45
    a = b = n // 4 + int(busy[middle].argmax())
    while a > 0 and busy[a - 1] > limit:
        a -= 1
    while b < n - 1 and busy[b + 1] > limit:
        b += 1
    return a / n, (b + 1) / n


def _seam(strip: np.ndarray, low: float, high: float) -> int:
    """The emptiest column between two characters."""
    middle, reach = (low + high) / 2, (high - low) * .28
    a, b = max(int(middle - reach), 0), min(int(middle + reach) + 2, strip.shape[1])
    if b - a < 2:
        return int(round(middle))
    part = strip[:, a:b].astype(np.float32)
    cost = part.std(0)
    cost = cost + strip.std() * .3 * np.abs(np.arange(a, b) + .5 - middle) / max(reach, 1)  # of empty ones the middle
    return a + int(cost.argmin())


@torch.no_grad()
def cuttable(model, plates: list[RealPlate]) -> list[Cuttable]:
    """The plates that the network follows surely, cut into characters."""
    model.eval()
    out = []
    for plate in plates:
        seen = _straightened(plate)
        if seen is None:
            continue
        picture, (bx, by, bw, bh) = seen
        m = .06
        x0, y0, x1, y1 = bx - bw * m, by - bh * m, bx + bw * (1 + m), by + bh * (1 + m)
        crop = shrink(picture[int(y0):int(np.ceil(y1)), int(x0):int(np.ceil(x1))])
        logits = model(torch.from_numpy(crop[None, None]).float() / 127.5 - 1)
        steps = aligned(torch.log_softmax(logits.float(), 2)[0].numpy().astype(np.float64), plate.text)
        if steps is None or min(p for _, _, p in steps) < _SURE or len(plate.text) < 3:
            continue
        upper = [i for i, (first, _, _) in enumerate(steps) if first < STEPS]
        lines, strips, bands, levels, inks = [], [], [], [], []
        rows = [(0, picture.shape[0])]
        parts = [range(len(upper))]
        if len(upper) < len(plate.text):
            if not upper or steps[len(upper) - 1][1] >= STEPS:
                lines = None
            else:
                split = int(by + bh * .5)
                rows, parts = [(0, split), (split, picture.shape[0])], [upper, range(len(upper), len(plate.text))]
        good = lines is not None
        for (top, low), chosen in zip(rows, parts) if good else ():
            at = [x0 + ((a % STEPS + b % STEPS + 1) / 2) / STEPS * (x1 - x0) for a, b in ((steps[i][0], steps[i][1]) for i in chosen)]
            gaps = np.diff(at)
            pitch = float(np.median(gaps)) if len(gaps) else bw * .12
            if len(gaps) and gaps.min() < max(pitch * .45, 2.0):
                good = False
                break
            body = picture[max(int(by), top):min(int(by + bh), low)]
            edges = [max(int(at[0] - pitch * .58), 0)] + [_seam(body, a, b) for a, b in zip(at, at[1:])] + [min(int(at[-1] + pitch * .58) + 1, picture.shape[1])]
            if min(np.diff(edges)) < 2:
                good = False
                break
            strip = picture[top:low]
            band = _ink_rows(picture[max(int(by), top):min(int(by + bh), low), edges[0]:edges[-1]])
            inner_top, inner = max(int(by), top) - top, min(int(by + bh), low) - max(int(by), top)
            bands.append(((inner_top + band[0] * inner) / (low - top), (inner_top + band[1] * inner) / (low - top)))
            inked = strip[int(bands[-1][0] * (low - top)):max(int(bands[-1][1] * (low - top)), int(bands[-1][0] * (low - top)) + 2), edges[0]:edges[-1]]
            levels.append(tuple(np.percentile(inked, (6, 94))))
            inks.append(float(inked.mean()) < sum(levels[-1]) / 2)
            lines.append([Cell(strip[:, a:b].copy(), plate.text[i]) for i, a, b in zip(chosen, edges, edges[1:])])
            strips.append((edges[0], edges[-1], top, low))
        if good and all(high - low > 18 for low, high in levels):
            bright_ink = sum(inks) > len(inks) / 2
            out.append(Cuttable(picture, (bx, by, bw, bh), lines, strips, bands, levels, not bright_ink, plate))
    return out


@torch.no_grad()
def well_cut(model, plates: list[Cuttable], tries: int = 4, most: float = .25) -> list[Cuttable]:
    """Those whose characters the network still reads when they have changed places: the rest are cut through their strokes."""
    rng = random.Random(11)
    out = []
    for plate in plates:
        alone = Splicer([plate], [1.0])
        made = [alone.make(rng) for _ in range(tries)]
        logits = model(torch.from_numpy(np.stack([truth_crop(p) for p, _ in made])[:, None]).float() / 127.5 - 1).numpy()
        wrong = sum(distance(greedy(l)[0], p.text) for l, (p, _) in zip(logits, made))
        if wrong <= most * sum(len(p.text) for p, _ in made):
            out.append(plate)
    return out


class Splicer:
    """Makes new real plates without end out of cut ones."""

    def __init__(self, plates: list[Cuttable], weights: list[float]):
        self.plates, self.weights = plates, weights
        self.kin: dict = {}
        for plate in plates:
            self.kin.setdefault(plate.kind, []).append(plate)

    def __bool__(self):
        return bool(self.plates)

    def make(self, rng: random.Random) -> tuple[RealPlate, list[str]]:
        """A plate and its lines."""
        host = rng.choices(self.plates, self.weights)[0]
        alike = self.kin[host.kind]
        picture, texts = host.picture.copy(), []
        grown_by = 0
        swap = rng.choice((0, .3, .6))
        # Letters stay where letters were, so that the series' pattern still tells O from 0 and I from 1.
        tidy = rng.random() < .75 or bool(set("O0I1") & set(host.plate.text))
        for number, (cells, (x0, x1, y0, y1)) in enumerate(zip(host.lines, host.strips)):
            cells = list(cells)
            if tidy:
                _shuffle_within_kinds(rng, cells)
            else:
                rng.shuffle(cells)
            if len(host.lines) == 1:
                if len(cells) > 4 and rng.random() < .2:
                    cells.pop(rng.randrange(len(cells)))
                if len(cells) < 8 and rng.random() < .25:
                    twin = rng.randrange(len(cells))  # beside itself: the pattern stays, and doubles are the hardest to count
                    cells.insert(twin, cells[twin])
            pieces = []
            for cell in cells:
                if swap and rng.random() < swap:
                    other = self._donor(rng, host, alike)
                    if other is not None:
                        line = min(number, len(other.lines) - 1)
                        choice = [c for c in other.lines[line] if c.character.isdigit() == cell.character.isdigit()] if tidy else [c for c in other.lines[line] if c.character not in "O0I1"]
                        if choice:
                            cell = _fitted(rng.choice(choice), other, line, host, number)
                pieces.append(cell)
            strip = _joined([c.picture for c in pieces])
            texts.append("".join(c.character for c in pieces))
            if len(host.lines) == 1:
                picture = np.concatenate((picture[:, :x0], strip, picture[:, x1:]), 1)
                grown_by = strip.shape[1] - (x1 - x0)
                seams = (x0, x0 + strip.shape[1])
            else:
                picture[y0:y1, x0:x1] = cv2.resize(strip, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA if strip.shape[1] > x1 - x0 else cv2.INTER_LINEAR)
                seams = (x0, x1)
            for x in seams:
                _soften(picture[y0:y1], x)
        bx, by, bw, bh = host.box
        box = (bx, by, bw + grown_by, bh)
        plate = RealPlate(picture, box, "".join(texts), host.plate.group, host.plate.source, host.plate.height)
        return plate, texts

    @staticmethod
    def _donor(rng, host: Cuttable, alike: list[Cuttable]) -> Cuttable | None:
        for _ in range(6):
            other = rng.choice(alike)
            if other is not host and .6 < other.box[3] / host.box[3] < 1.9 and .5 < _span(other) / _span(host) < 2.2:
                return other
        return None


def _shuffle_within_kinds(rng: random.Random, cells: list[Cell]) -> None:
    """Letters change places with letters and digits with digits."""
    for digits in (False, True):
        places = [i for i, c in enumerate(cells) if c.character.isdigit() == digits]
        moved = [cells[i] for i in places]
        rng.shuffle(moved)
        for i, cell in zip(places, moved):
            cells[i] = cell


def _span(plate: Cuttable) -> float:
    low, high = plate.levels[0]
    return high - low


def _fitted(cell: Cell, donor: Cuttable, line: int, host: Cuttable, number: int) -> Cell:
    """A donor's cell with its ink where the host's is, as high and as bright."""
    x0, x1, y0, y1 = host.strips[number]
    rows = y1 - y0
    dy0, dy1 = (b * cell.picture.shape[0] for b in donor.band[line])
    hy0, hy1 = (b * rows for b in host.band[number])
    k = (hy1 - hy0) / max(dy1 - dy0, 1)
    width = max(int(round(cell.picture.shape[1] * k)), 2)
    picture = cell.picture
    if k < .75:
        picture = cv2.resize(picture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        dy0 = dy0 * picture.shape[0] / cell.picture.shape[0]
        k = 1.0
    sx = width / picture.shape[1]
    m = np.float32([[sx, 0, 0], [0, k, hy0 - dy0 * k]])
    picture = cv2.warpAffine(picture, m, (width, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    (a, b), (c, d) = donor.levels[line], host.levels[number]
    picture = np.clip((picture.astype(np.float32) - np.float32(a)) * np.float32((d - c) / (b - a)) + np.float32(c), 0, 255).astype(np.uint8)
    return Cell(picture, cell.character)


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    """Pieces side by side, their backgrounds brought together, seams a little softened."""
    strip = np.concatenate(pieces, 1)
    x = 0
    for piece in pieces[:-1]:
        x += piece.shape[1]
        _soften(strip, x)
    return strip


def _soften(strip: np.ndarray, x: int) -> None:
    """Blends a hard vertical edge at column x into a ramp of four columns."""
    if 2 <= x <= strip.shape[1] - 2:
        a, b = strip[:, x - 2].astype(np.float32), strip[:, x + 1].astype(np.float32)
        strip[:, x - 1] = (a * .65 + b * .35).astype(np.uint8)
        strip[:, x] = (a * .35 + b * .65).astype(np.uint8)
