"""Reader crops made of synthetic plates: a plate warped into a scene and cut out like a detector's box.

A flat plate is drawn once and photographed several times (Photographer keeps a bounded shelf),
because drawing costs more than a photograph of it. Everything after the drawing is grey.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np

from plates import camera, draw_plate

from .net import HEIGHT, WIDTH

# The crop is the box grown by MARGIN of its width (height) on every side; slack is drawn around that.
MARGIN = 0.05
# Around boxes of our detector, which are tighter than the annotated ones.
DETECTED_MARGIN = 0.08
SLACK = (-0.05, 0.15)
_LUMA = np.float32((.299, .587, .114))


def slack(rng: random.Random, least: float = SLACK[0]) -> float:
    """How far one side of a crop lies outside the plate, as a part of the plate's size."""
    return max(least, rng.triangular(SLACK[0], SLACK[1], MARGIN))


def shrink(image: np.ndarray, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """To the input size: area average when shrinking, bilinear when growing, per axis, as an antialiased bilinear resize does."""
    h, w = image.shape[:2]
    if h > height:
        image = cv2.resize(image, (w, height), interpolation=cv2.INTER_AREA)
    if w > width:
        image = cv2.resize(image, (width, image.shape[0]), interpolation=cv2.INTER_AREA)
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return image


def to_grey(image: np.ndarray, weights: np.ndarray = _LUMA) -> np.ndarray:
    """RGB to grey by any weighting of the colours; grey stays as it is."""
    return image if image.ndim == 2 else cv2.transform(image, (weights / weights.sum()).reshape(1, 3))


def any_grey(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """RGB to grey as some camera might: infrared and filters see colours differently."""
    return to_grey(image, _LUMA if rng.random() < .6 else np.float32([rng.uniform(.05, 1) for _ in range(3)]))


@dataclass
class Flat:
    grey: np.ndarray
    lines: list[str]
    country: str


class Backgrounds:
    """What is around a plate: patches of photographs if there are any, else painted panels."""

    def __init__(self, patches: list[np.ndarray] | None = None):
        self.patches = patches or []

    def patch(self, rng: random.Random, w: int, h: int) -> np.ndarray:
        if self.patches and rng.random() < .6:
            source = rng.choice(self.patches)
            sh, sw = source.shape
            pw, ph = rng.randint(min(24, sw), sw), rng.randint(min(16, sh), sh)
            x, y = rng.randint(0, sw - pw), rng.randint(0, sh - ph)
            return cv2.resize(source[y:y + ph, x:x + pw], (w, h), interpolation=cv2.INTER_LINEAR)
        tone = rng.choice((rng.randint(5, 60), rng.randint(10, 250)))
        image = np.full((h, w), tone, np.uint8)
        for _ in range(rng.randint(0, 4)):  # bumper edges, grille lines, lamps
            other = min(255, max(0, tone + rng.randint(-90, 90)))
            if rng.random() < .6:
                y = rng.randrange(h)
                cv2.rectangle(image, (0, y), (w, y + rng.randint(1, max(h // 3, 2))), other, -1)
            else:
                x = rng.randrange(w)
                cv2.rectangle(image, (x, rng.randrange(h)), (x + rng.randint(1, max(w // 4, 2)), h), other, -1)
        return image


def _unit_part(flat: Flat) -> float:
    """Roughly the height of a character as a part of the plate's height."""
    if len(flat.lines) > 1:
        return .33
    return .45 if flat.grey.shape[1] / flat.grey.shape[0] < 2.4 else .68


def photograph(rng: random.Random, flat: Flat, backgrounds: Backgrounds, ease: float = 0.0) -> np.ndarray:
    """A crop of HEIGHT x WIDTH. ease: 1 gives gentle pictures (for the first minutes), 0 all kinds."""
    grey = flat.grey
    fh, fw = grey.shape
    part = _unit_part(flat)
    unit = min(max(rng.lognormvariate(2.8 + .15 * ease, .5), 8.0 + 2.5 * ease), 60.0)  # character height in the camera's pixels
    height = unit / part
    width = height * fw / fh * rng.uniform(.9, 1.08)
    # The quad: yaw, pitch and roll as a light projective warp.
    tilt = rng.gauss(0, 4.5)
    yaw = rng.gauss(0, .14)
    yaw = min(max(yaw, -.42), .42)
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    squash = 1 - abs(yaw) * rng.uniform(.2, .9)
    shear = rng.gauss(0, .09)
    quad = []
    for x, y in ((-.5, -.5), (.5, -.5), (.5, .5), (-.5, .5)):
        grow = 1 + yaw * x * .5
        px, py = x * width * squash, y * height * grow
        px += shear * -py
        quad.append((px * c - py * s, px * s + py * c))
    quad = np.float32(quad)
    x0, y0 = quad.min(0)
    x1, y1 = quad.max(0)
    bw, bh = x1 - x0, y1 - y0
    x0, x1 = x0 - slack(rng) * bw, x1 + slack(rng) * bw
    y0, y1 = y0 - slack(rng) * bh, y1 + slack(rng) * bh
    cw, ch = max(int(x1 - x0), 12), max(int(y1 - y0), 6)
    scale_x, scale_y = cw / (x1 - x0), ch / (y1 - y0)
    quad = (quad - (x0, y0)) * np.float32((scale_x, scale_y))
    # Bring the flat plate near its final size first, so the warp does not alias.
    if fh > height * 1.3:
        k = height * 1.2 / fh
        grey = cv2.resize(grey, (max(int(fw * k), 8), max(int(fh * k), 4)), interpolation=cv2.INTER_AREA)
    if rng.random() < .3:
        grey = camera.wear(rng, grey, grey.shape[0] * part)
    scene = backgrounds.patch(rng, cw, ch)
    gh, gw = grey.shape
    matrix = cv2.getPerspectiveTransform(np.float32(((0, 0), (gw, 0), (gw, gh), (0, gh))), quad)
    if rng.random() < .35:  # holder or shadow gap around the plate
        cv2.polylines(scene, [np.int32(quad)], True, rng.randint(0, 90), max(1, int(unit * rng.uniform(.05, .35))))
    soft = scene
    cv2.warpPerspective(grey, matrix, (cw, ch), dst=soft, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    return finish(rng, soft, unit, ease)


def finish(rng: random.Random, crop: np.ndarray, unit: float, ease: float = 0.0) -> np.ndarray:
    """Light, optics, sensor, compression at the camera's own size; then to the input size."""
    if rng.random() < .4:
        crop = camera.shading(rng, crop)
    if rng.random() < .75:
        crop = camera.light(rng, crop)
    most = 1 - .7 * ease
    if rng.random() < .8:
        # Small characters bear less blur: below about 9 px they are only just there.
        crop = camera.blur(rng, crop, unit, most * min(1.0, unit / 14))
    if rng.random() < .2:
        crop = camera.sharpen(rng, crop)
    if rng.random() < .6:
        crop = camera.sensor(rng, crop, most)
    if rng.random() < .5:
        crop = camera.jpeg(rng, crop, 30 if unit > 12 else 50)
    if rng.random() < .07:
        crop = 255 - crop
    spread = float(crop.std())
    if spread < 11:  # below this not even a person reads it: give it back a little contrast
        k, middle = 11 / max(spread, 1.0), float(crop.mean())
        crop = np.clip((crop - np.float32(middle)) * k + min(max(middle, 30), 225), 0, 255).astype(np.uint8)
    return shrink(crop)


class Photographer:
    """Keeps a shelf of flat plates and photographs a random one; a new plate is drawn for every `reuse` photographs."""

    def __init__(self, rng: random.Random, backgrounds: Backgrounds, shelf: int = 1500, reuse: int = 8, scale: float = .55):
        self.rng, self.backgrounds, self.size, self.reuse, self.scale = rng, backgrounds, shelf, reuse, scale
        self.shelf: list[Flat] = []
        self.count = 0

    def _draw(self) -> Flat:
        rng = self.rng
        while True:
            plate = draw_plate(rng, scale=self.scale * rng.choice((.8, 1.0, 1.2)))
            if not 2 <= len(plate.text) <= 10 or (len(plate.lines) > 1 and rng.random() < .35):
                continue
            grey = any_grey(rng, plate.image)
            if grey.std() < 14:  # print that fades away in this light is not readable
                grey = to_grey(plate.image)
            return Flat(grey, plate.lines, plate.country)

    def shoot(self, ease: float = 0.0) -> tuple[np.ndarray, list[str]]:
        rng = self.rng
        self.count += 1
        if len(self.shelf) < self.size and (self.count % 2 == 0 or not self.shelf):
            self.shelf.append(self._draw())
        elif self.count % self.reuse == 0:
            self.shelf[rng.randrange(len(self.shelf))] = self._draw()
        flat = rng.choice(self.shelf)
        return photograph(rng, flat, self.backgrounds, ease), flat.lines
