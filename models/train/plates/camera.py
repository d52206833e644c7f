"""What happens to a plate between the paint and the file: wear, light, optics, sensor, compression.

Every function takes a random.Random and a uint8 picture (grey or RGB) and gives one of the same
size and kind back. Sizes of effects are relative to `unit`, the height of a character in pixels.
"""

from __future__ import annotations

import random

import cv2
import numpy as np


def _noise(rng: random.Random, shape) -> np.ndarray:
    """Normal noise from a generator seeded by rng, so a run can be repeated."""
    return np.random.Generator(np.random.SFC64(rng.getrandbits(63))).standard_normal(shape, np.float32)


def light(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """Gamma, contrast and brightness by one look-up table."""
    x = np.arange(256, dtype=np.float32) / 255
    x = x ** rng.choice((1.0, rng.uniform(.45, 2.1)))
    if rng.random() < .5:
        contrast = rng.uniform(.35, 1.15)
        low = rng.uniform(0, max(1 - contrast, 0)) if contrast < 1 else rng.uniform(-.1, .02)
        x = low + x * contrast
    if rng.random() < .12:
        x = x * rng.uniform(1.1, 1.6) + rng.uniform(-.05, .15)  # over-exposed
    return cv2.LUT(image, np.clip(x * 255, 0, 255).astype(np.uint8))


def shading(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """A soft gradient, a shadow edge, lamp spots or a flare over the picture."""
    h, w = image.shape[:2]
    kind = rng.random()
    yy, xx = np.mgrid[0:8, 0:16].astype(np.float32)
    yy, xx = yy / 7, xx / 15
    if kind < .45:
        field = 1 + rng.uniform(-.6, .6) * (xx - .5) + rng.uniform(-.6, .6) * (yy - .5)
    elif kind < .75:
        a, b = rng.uniform(-1, 1), rng.uniform(-1, 1)
        edge = a * (xx - rng.random()) + b * (yy - rng.random())
        field = np.where(edge > 0, 1.0, rng.uniform(.35, .85)).astype(np.float32)
    else:
        field = np.ones_like(xx)
        for _ in range(rng.choice((1, 2))):
            cx, cy = rng.random(), rng.choice((rng.uniform(-.2, .1), rng.random()))
            field += rng.uniform(.2, 1.2) * np.exp(-((xx - cx) ** 2 * rng.uniform(8, 40) + (yy - cy) ** 2 * rng.uniform(2, 8)))
    field = cv2.resize(field, (w, h), interpolation=cv2.INTER_LINEAR)
    if image.ndim == 3:
        field = field[..., None]
    return np.clip(image * field, 0, 255).astype(np.uint8)


def wear(rng: random.Random, image: np.ndarray, unit: float) -> np.ndarray:
    """Dirt, fading, scratches, blobs and a small occluder."""
    h, w = image.shape[:2]
    image = image.copy()
    kind = rng.random()
    if kind < .35:  # cloudy dirt
        field = cv2.resize(_noise(rng, (4, 12)), (w, h), interpolation=cv2.INTER_CUBIC)
        tone, amount = rng.randint(40, 190), rng.uniform(.1, .45)
        alpha = np.clip(field * amount, 0, .6)
        if image.ndim == 3:
            alpha = alpha[..., None]
        image = (image + (tone - image.astype(np.float32)) * alpha).astype(np.uint8)
    elif kind < .6:  # scratches and wires
        for _ in range(rng.randint(1, 4)):
            tone = rng.randint(20, 240)
            colour = tone if image.ndim == 2 else (tone, tone, tone)
            cv2.line(image, (rng.randrange(w), rng.randrange(h)), (rng.randrange(w), rng.randrange(h)), colour, max(1, int(unit * rng.uniform(.01, .06))), cv2.LINE_AA)
    elif kind < .9:  # specks and screws
        for _ in range(rng.randint(1, 10)):
            tone = rng.randint(10, 245)
            colour = tone if image.ndim == 2 else (tone, tone, tone)
            cv2.circle(image, (rng.randrange(w), rng.randrange(h)), max(1, int(unit * rng.uniform(.01, .09))), colour, -1, cv2.LINE_AA)
    else:  # a tow ball, a wiper, a bar over at most a third of a character
        tone = rng.randint(10, 200)
        colour = tone if image.ndim == 2 else (tone, tone, tone)
        x = rng.randrange(w)
        reach = int(h * rng.uniform(.03, .16))
        y = rng.choice((0, h - reach))
        cv2.rectangle(image, (x, y), (x + int(unit * rng.uniform(.2, 1.2)), y + reach), colour, -1)
    return image


def blur(rng: random.Random, image: np.ndarray, unit: float, most: float = 1.0) -> np.ndarray:
    """Motion (mostly sideways) or defocus, never so much that strokes vanish."""
    if rng.random() < .45:
        length = rng.uniform(0, .34) * unit * most
        if length >= 1.2:
            size = int(length) | 1
            size = max(size, 3)
            angle = rng.gauss(0, 12) if rng.random() < .75 else rng.uniform(0, 180)
            kernel = np.zeros((size, size), np.float32)
            kernel[size // 2] = 1
            kernel = cv2.warpAffine(kernel, cv2.getRotationMatrix2D((size / 2 - .5, size / 2 - .5), angle, 1), (size, size))
            return cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-3), borderType=cv2.BORDER_REPLICATE)
        return image
    sigma = rng.uniform(0, .105) * unit * most
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) if sigma > .3 else image


def sensor(rng: random.Random, image: np.ndarray, most: float = 1.0) -> np.ndarray:
    """Grain, stronger at night."""
    amount = rng.choice((0, rng.uniform(1, 6), rng.uniform(2, 16) * most))
    if amount < 1:
        return image
    grain = _noise(rng, image.shape)
    if rng.random() < .4:
        grain = cv2.GaussianBlur(grain, (3, 3), 0) * 1.7
    return np.clip(image + grain * amount, 0, 255).astype(np.uint8)


def jpeg(rng: random.Random, image: np.ndarray, lowest: int = 30) -> np.ndarray:
    """One or two rounds of JPEG."""
    for _ in range(rng.choice((0, 1, 1, 2))):
        good, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, rng.randint(lowest, 92)))
        if good:
            image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    return image


def sharpen(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """The camera's own sharpening, with its halos."""
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(.8, 1.6))
    k = rng.uniform(.3, 1.3)
    return cv2.addWeighted(image, 1 + k, soft, -k, 0)


def tint(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """Colour casts of an RGB picture: grey or infrared, pink NoIR, sodium light, white balance."""
    kind = rng.random()
    if kind < .3:
        weights = np.float32((.299, .587, .114)) if rng.random() < .5 else np.float32([rng.uniform(.05, 1) for _ in range(3)])
        grey = np.clip(image @ (weights / weights.sum()), 0, 255).astype(np.uint8)
        return cv2.merge([grey] * 3)
    if kind < .4:
        gains = (1.0, rng.uniform(.35, .7), rng.uniform(.5, .9))
    elif kind < .5:
        gains = (1.0, rng.uniform(.65, .9), rng.uniform(.25, .6))
    else:
        gains = [rng.uniform(.85, 1.1) for _ in range(3)]
    return np.clip(image * np.float32(gains), 0, 255).astype(np.uint8)


def damage(rng: random.Random, image: np.ndarray, unit: float | None = None) -> np.ndarray:
    """The whole chain on a picture of a plate, at the size it has; unit: height of a character in pixels."""
    unit = unit or image.shape[0] * .55
    if rng.random() < .35:
        image = wear(rng, image, unit)
    if rng.random() < .4:
        image = shading(rng, image)
    if image.ndim == 3 and rng.random() < .7:
        image = tint(rng, image)
    if rng.random() < .8:
        image = light(rng, image)
    image = blur(rng, image, unit)
    if rng.random() < .15:
        image = sharpen(rng, image)
    image = sensor(rng, image)
    return jpeg(rng, image)
