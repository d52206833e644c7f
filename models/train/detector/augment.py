"""From an annotated picture to a training tile: place, scale, flip, spoil.

Pure functions of a random generator and arrays; where pictures come from is `samples`.
A scene is (picture RGB uint8, Truth).
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

PAD = 114
# A plate lower than this on the tile is no longer asked for, nor held against the network.
LOWEST = 4.5
NO_QUAD = np.full((4, 2), np.nan, np.float32)


@dataclass
class Truth:
    boxes: np.ndarray  # n x 4: x0 y0 x1 y1
    quads: np.ndarray  # n x 4 x 2: TL TR BR BL, NaN where not known
    trust: np.ndarray  # n: how tight the box is known to be, 0..1
    ignore: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    complete: bool = True  # False: distant plates may be there without a box

    @staticmethod
    def none(complete=True):
        return Truth(
            np.zeros((0, 4), np.float32), np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32), complete=complete
        )

    def moved(self, scale_x, scale_y, dx, dy):
        s = np.array([scale_x, scale_y], np.float32)
        d = np.array([dx, dy], np.float32)
        s4, d4 = np.tile(s, 2), np.tile(d, 2)
        return Truth(
            self.boxes * s4 + d4, self.quads * s + d, self.trust, self.ignore * s4 + d4, self.complete
        )


def mirrored(truth: Truth, width: int) -> Truth:
    """Left and right swapped, corners renamed so that TL stays top left."""
    boxes = truth.boxes.copy()
    boxes[:, [0, 2]] = width - truth.boxes[:, [2, 0]]
    ignore = truth.ignore.copy()
    ignore[:, [0, 2]] = width - truth.ignore[:, [2, 0]]
    quads = truth.quads.copy()
    quads[..., 0] = width - quads[..., 0]
    return Truth(boxes, quads[:, [1, 0, 3, 2]], truth.trust, ignore, truth.complete)


def clipped(truth: Truth, x0, y0, x1, y1) -> Truth:
    """What of the truth is left inside a window; plates mostly cut off become ignored areas."""
    lo, hi = np.array([x0, y0], np.float32), np.array([x1, y1], np.float32)
    b = truth.boxes
    cut = np.concatenate([np.clip(b[:, :2], lo, hi), np.clip(b[:, 2:], lo, hi)], 1)
    area = np.maximum(b[:, 2] - b[:, 0], 0) * np.maximum(b[:, 3] - b[:, 1], 0)
    left = np.maximum(cut[:, 2] - cut[:, 0], 0) * np.maximum(cut[:, 3] - cut[:, 1], 0)
    share = left / np.maximum(area, 1e-6)
    high = cut[:, 3] - cut[:, 1]
    keep = (share > 0.65) & (high >= LOWEST)
    drop = ~keep & (left > 0)
    quads = truth.quads.copy()
    quads[share < 0.97] = np.nan
    i = truth.ignore
    i = np.concatenate([np.clip(i[:, :2], lo, hi), np.clip(i[:, 2:], lo, hi)], 1) if len(i) else i
    return Truth(cut[keep], quads[keep], truth.trust[keep], np.concatenate([i, cut[drop]]), truth.complete)


def scaled(picture, sx, sy):
    size = (max(1, round(picture.shape[1] * sx)), max(1, round(picture.shape[0] * sy)))
    how = cv2.INTER_AREA if sx < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=how)


def placed(rng, scene, width, height, fit_w, fit_h):
    """One scene at a random scale and place on a tile. `fit_*` is what the detector sees whole."""
    picture, truth = scene
    ph, pw = picture.shape[:2]
    fit = min(fit_w / pw, fit_h / ph)
    chosen = rng.integers(len(truth.boxes)) if len(truth.boxes) else None
    if chosen is not None and rng.random() < 0.5:
        # By the plate's height, so that every height is practised equally.
        high = float(truth.boxes[chosen, 3] - truth.boxes[chosen, 1])
        scale = np.exp(rng.uniform(np.log(6.0), np.log(0.45 * height))) / max(high, 1)
        scale = float(np.clip(scale, 0.4 * fit, min(2.2 * fit, 1.7)))
    else:
        scale = fit * float(np.exp(rng.uniform(np.log(0.55), np.log(1.5))))
    stretch = float(np.exp(rng.normal(0, 0.07)))
    sx, sy = scale * stretch, scale / stretch
    w, h = pw * sx, ph * sy

    def offset(size, tile, lo, hi):
        # `lo`..`hi`: the chosen plate on the scaled picture, to be kept on the tile if it fits.
        if size <= tile:
            return rng.uniform(0, tile - size)
        least, most = tile - size, 0.0
        if lo is not None and hi - lo < tile:
            least, most = max(least, -lo), min(most, tile - hi)
            if least > most:
                least = most = (least + most) / 2
        return rng.uniform(least, most)

    if chosen is not None and rng.random() < 0.9:
        bx0, by0, bx1, by1 = truth.boxes[chosen] * np.array([sx, sy, sx, sy])
    else:
        bx0 = by0 = bx1 = by1 = None
    dx, dy = round(offset(w, width, bx0, bx1)), round(offset(h, height, by0, by1))
    # Only the part that is seen is scaled.
    u0, v0 = max(0, int(-dx / sx) - 2), max(0, int(-dy / sy) - 2)
    u1, v1 = min(pw, int((width - dx) / sx) + 3), min(ph, int((height - dy) / sy) + 3)
    part = scaled(picture[v0:v1, u0:u1], sx, sy)
    sx, sy = part.shape[1] / (u1 - u0), part.shape[0] / (v1 - v0)
    ox, oy = round(dx + u0 * scale * stretch), round(dy + v0 * scale / stretch)
    tile = np.full((height, width, 3), PAD, np.uint8)
    x0, y0 = max(0, ox), max(0, oy)
    x1, y1 = min(width, ox + part.shape[1]), min(height, oy + part.shape[0])
    if x1 > x0 and y1 > y0:
        tile[y0:y1, x0:x1] = part[y0 - oy : y1 - oy, x0 - ox : x1 - ox]
    truth = truth.moved(sx, sy, ox - u0 * sx, oy - v0 * sy)
    return tile, clipped(truth, x0, y0, max(x1, x0), max(y1, y0))


def joined(rng, scenes, width, height, fit_w, fit_h):
    """Four scenes around a random point: many plates, many edges, for the price of one tile."""
    cx = int(width * rng.uniform(0.3, 0.7))
    cy = int(height * rng.uniform(0.3, 0.7))
    tile = np.empty((height, width, 3), np.uint8)
    parts = []
    windows = ((0, 0, cx, cy), (cx, 0, width, cy), (0, cy, cx, height), (cx, cy, width, height))
    for scene, (x0, y0, x1, y1) in zip(scenes, windows):
        part, truth = placed(rng, scene, x1 - x0, y1 - y0, 0.7 * fit_w, 0.7 * fit_h)
        tile[y0:y1, x0:x1] = part
        parts.append(truth.moved(1, 1, x0, y0))
    return tile, Truth(
        np.concatenate([t.boxes for t in parts]),
        np.concatenate([t.quads for t in parts]),
        np.concatenate([t.trust for t in parts]),
        np.concatenate([t.ignore for t in parts]),
        all(t.complete for t in parts),
    )


def motion_kernel(rng, length):
    kernel = np.zeros((length, length), np.float32)
    angle = rng.normal(0, 0.4) if rng.random() < 0.7 else rng.uniform(0, np.pi)
    c = (length - 1) / 2
    d = np.array([np.cos(angle), np.sin(angle)]) * c
    cv2.line(kernel, tuple(int(round(v)) for v in c - d), tuple(int(round(v)) for v in c + d), 1)
    return kernel / max(kernel.sum(), 1)


def spoiled(rng, tile):
    """What lenses, sensors, lamps and encoders do to a whole picture."""
    if rng.random() < 0.75:
        gain = np.exp(rng.normal(0, 0.25))
        gamma = np.exp(rng.normal(0, 0.3))
        lift = rng.normal(0, 12)
        ramp = np.clip((np.arange(256) / 255.0) ** gamma * 255 * gain + lift, 0, 255)
        tint = np.exp(rng.normal(0, 0.08, 3)) if rng.random() < 0.7 else np.exp(rng.normal(0, 0.25, 3))
        table = np.clip(ramp[:, None] * tint, 0, 255).astype(np.uint8)
        tile = cv2.LUT(tile, table[:, None, :])
    draw = rng.random()
    if draw < 0.2:
        tile = cv2.cvtColor(cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    elif draw < 0.28:  # a camera without an infrared filter: everything pink or purple
        grey = cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY).astype(np.float32)
        hue = np.array([rng.uniform(0.8, 1.2), rng.uniform(0.35, 0.8), rng.uniform(0.6, 1.1)], np.float32)
        share = rng.uniform(0.4, 0.9)
        tile = np.clip(tile * (1 - share) + grey[..., None] * hue * share, 0, 255).astype(np.uint8)
    elif draw < 0.38:
        hsv = cv2.cvtColor(tile, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(np.int16) + rng.integers(-90, 91)) % 180
        hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.3, 1.5), 0, 255)
        tile = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    draw = rng.random()
    if draw < 0.15:
        tile = cv2.GaussianBlur(tile, (0, 0), rng.uniform(0.4, 1.6))
    elif draw < 0.27:
        tile = cv2.filter2D(tile, -1, motion_kernel(rng, int(rng.integers(3, 9))))
    elif draw < 0.33:
        soft = cv2.GaussianBlur(tile, (0, 0), 1.2)
        tile = cv2.addWeighted(tile, 1.8, soft, -0.8, 0)
    if rng.random() < 0.3:
        noise = np.empty(tile.shape, np.int16)
        cv2.randn(noise, 0, float(rng.uniform(2, 16)))
        tile = cv2.add(tile, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))]
        tile = cv2.imdecode(cv2.imencode(".jpg", tile, quality)[1], cv2.IMREAD_COLOR)
    if rng.random() < 0.03:
        tile = 255 - tile
    return tile


def tile_from(rng, draw, width, height, fit_w, fit_h):
    """A finished tile; `draw(rng)` gives a scene."""
    if rng.random() < 0.3:
        tile, truth = joined(rng, [draw(rng) for _ in range(4)], width, height, fit_w, fit_h)
    else:
        tile, truth = placed(rng, draw(rng), width, height, fit_w, fit_h)
    if rng.random() < 0.5:
        tile, truth = tile[:, ::-1], mirrored(truth, width)
    return np.ascontiguousarray(spoiled(rng, np.ascontiguousarray(tile))), truth
