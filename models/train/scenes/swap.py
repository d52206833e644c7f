"""Drawn plates put in the place of the real ones in photographs.

The scene stays real (car, light, clutter), the plate may be of any country, and its corners
are known exactly. Pure: picture and truth in, picture and truth out.
"""

import cv2
import numpy as np

from .view import paste


def covered(picture, box, grow=0.06):
    """The old plate hidden under what surrounds it, blended in from all four sides."""
    h, w = picture.shape[:2]
    bw, bh = box[2] - box[0], box[3] - box[1]
    x0, y0 = int(max(box[0] - grow * bw, 1)), int(max(box[1] - grow * bh - 1, 1))
    x1, y1 = int(min(box[2] + grow * bw + 1, w - 1)), int(min(box[3] + grow * bh + 2, h - 1))
    if x1 - x0 < 3 or y1 - y0 < 3:
        return
    soft = picture[max(y0 - 3, 0) : y1 + 3, max(x0 - 3, 0) : x1 + 3]
    top, bottom = picture[y0 - 1, x0:x1].astype(np.float32), picture[y1, x0:x1].astype(np.float32)
    left, right = picture[y0:y1, x0 - 1].astype(np.float32), picture[y0:y1, x1].astype(np.float32)
    v = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None, None]
    u = np.linspace(0, 1, x1 - x0, dtype=np.float32)[None, :, None]
    from_rows = top[None] * (1 - v) + bottom[None] * v
    from_columns = left[:, None] * (1 - u) + right[:, None] * u
    near_rows = np.minimum(v, 1 - v) + 0.02
    near_columns = np.minimum(u, 1 - u) * (bw / max(bh, 1)) + 0.02
    share = near_columns / (near_rows + near_columns)
    patch = from_rows * share + from_columns * (1 - share)
    grain = np.std(soft.astype(np.float32) - cv2.blur(soft, (3, 3)))
    noise = np.empty(patch.shape, np.float32)
    cv2.randn(noise, 0, float(min(0.4 * grain, 6)))
    picture[y0:y1, x0:x1] = np.clip(patch + noise, 0, 255)


def corners_for(rng, box, quad, ratio):
    """Where a plate of some proportions goes: about the old one's place, size and slant."""
    if quad is not None and rng.random() < 0.5:
        return np.asarray(quad, np.float64)
    w, h = box[2] - box[0], box[3] - box[1]
    area = max(w * h, 1.0) * np.exp(rng.normal(-0.05, 0.18))
    high = np.sqrt(area / ratio)
    wide = high * ratio
    # A plate seen from the side is narrower; one far wider than the old one would leave the car.
    wide = min(wide * np.exp(rng.normal(-0.05, 0.12)), 1.5 * w)
    flat = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
    angle = rng.normal(0, 0.04) if rng.random() < 0.85 else rng.normal(0, 0.14)
    shear = rng.normal(0, 0.05) if rng.random() < 0.85 else rng.normal(0, 0.14)
    flat[:, 1] += shear * flat[:, 0]
    flat[:, 0] += rng.normal(0, 0.06) * flat[:, 1]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flat = flat @ turn.T
    near = rng.normal(0, 0.05)
    flat[[0, 3], 1] *= 1 + near
    flat[[1, 2], 1] *= 1 - near
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    return flat + middle + rng.normal(0, 0.05, 2) * (w, h)


def light_of(picture, box):
    """Black and white as the old plate shows them, per colour."""
    x0, y0, x1, y1 = (int(v) for v in box)
    crop = picture[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1].reshape(-1, 3).astype(np.float32)
    if len(crop) < 12:
        return np.ones(3), 0.0
    dark, pale = np.percentile(crop, 4, axis=0), np.percentile(crop, 92, axis=0)
    return np.clip((pale - dark) / 215, 0.12, 1.1), float(np.clip(dark.mean() - 10, 0, 120))


def swapped(rng, picture, plates, plate_of, least=9.0):
    """A copy of the photograph with the plates of some size replaced.

    plates: (box, quad or None) each; gives back the picture and, for each plate, the new
    corners, or None where the real one was left.
    """
    out = picture.copy()
    corners = []
    for box, quad in plates:
        if box[3] - box[1] < least:
            corners.append(None)
            continue
        gain, lift = light_of(picture, box)
        if rng.random() < 0.3:  # now and then a plate brighter or duller than the old one
            gain = gain * np.exp(rng.normal(0, 0.25))
        plate = plate_of(rng)
        ratio = plate.image.shape[1] / plate.image.shape[0]
        new = corners_for(rng, box, quad, ratio)
        covered(out, box)
        high = (np.linalg.norm(new[3] - new[0]) + np.linalg.norm(new[2] - new[1])) / 2
        wide = (np.linalg.norm(new[1] - new[0]) + np.linalg.norm(new[2] - new[3])) / 2
        if rng.random() < 0.4:  # a frame around it
            rim = high * rng.uniform(0.03, 0.14)
            middle = new.mean(0)
            frame = middle + (new - middle) * (1 + 2 * rim / np.array([[max(wide, 1), max(high, 1)]]))
            shade = np.full((8, 8, 3), rng.uniform(5, 90), np.uint8)
            paste(out, shade, frame, gain, lift)
        paste(out, plate.image, new, gain, lift, soft=float(abs(rng.normal(0, 0.025)) * high))
        corners.append(new)
    return out, corners


def with_boards(rng, picture, boxes, board_of, most=3):
    """The photograph with lettered things that are no plates stuck about it, clear of the plates."""
    h, w = picture.shape[:2]
    out = picture.copy()
    for _ in range(int(rng.integers(1, most + 1))):
        board = board_of(rng)
        high = float(np.exp(rng.uniform(np.log(8), np.log(0.2 * h))))
        wide = min(high * board.shape[1] / board.shape[0], 0.6 * w)
        x0, y0 = rng.uniform(0, w - wide), rng.uniform(0, max(h - high, 1))
        box = np.array([x0, y0, x0 + wide, y0 + high])
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in boxes):
            continue
        gain, lift = light_of(picture, box)
        quad = corners_for(rng, box, None, wide / high)
        paste(out, board, quad, np.maximum(gain, 0.3) * rng.uniform(0.6, 1.1), 0.5 * lift, soft=float(abs(rng.normal(0, 0.02)) * high))
    return out
