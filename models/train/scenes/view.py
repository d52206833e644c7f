"""A pinhole camera and a painter: flat faces in space to a picture, far ones first.

World: x ahead along the road, y to the left, z up, metres. Knows nothing about cars.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

NEAR = 0.25
SUN = np.array([-0.45, 0.35, 0.82])


@dataclass
class Camera:
    place: np.ndarray
    yaw: float = 0.0  # to the left
    pitch: float = 0.0  # up
    roll: float = 0.0
    focal: float = 1000.0
    width: int = 1280
    height: int = 720

    def __post_init__(self):
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        ahead = np.array([cy * cp, sy * cp, sp])
        left = np.array([-sy, cy, 0.0])
        up = np.cross(ahead, left)
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        self.axes = np.stack((ahead, left * cr + up * sr, up * cr - left * sr))

    def seen(self, points):
        """World points to camera axes: ahead, left, up."""
        return (np.asarray(points, float) - self.place) @ self.axes.T

    def flat(self, seen):
        """Camera axes to pixels."""
        ahead = np.maximum(seen[..., 0], 1e-6)
        u = self.width / 2 - self.focal * seen[..., 1] / ahead
        v = self.height / 2 - self.focal * seen[..., 2] / ahead
        return np.stack((u, v), -1)

    def outline(self, points):
        """Pixels of a polygon cut at the near plane, or None if nothing of it is ahead."""
        seen = self.seen(points)
        ahead = seen[:, 0]
        if (ahead < NEAR).all():
            return None
        if (ahead < NEAR).any():
            cut = []
            for a, b in zip(seen, np.roll(seen, -1, 0)):
                if a[0] >= NEAR:
                    cut.append(a)
                if (a[0] < NEAR) != (b[0] < NEAR):
                    t = (NEAR - a[0]) / (b[0] - a[0])
                    cut.append(a + t * (b - a))
            seen = np.array(cut)
        return self.flat(seen)


@dataclass
class Face:
    """A flat polygon, corners anticlockwise as seen from its visible side."""

    points: np.ndarray
    colour: tuple
    shine: float = 0.0  # share of sky mirrored in it, more towards its upper edge
    glow: bool = False  # lamps: not darkened by shade
    picture: np.ndarray | None = None  # painted on it, corners from TL clockwise
    plate: object = None  # what the picture shows, if it is a plate

    def normal(self):
        p = self.points
        n = np.cross(p[1] - p[0], p[2] - p[0])
        if self.picture is not None:  # pictures run clockwise, from their top left corner
            n = -n
        return n / max(np.linalg.norm(n), 1e-9)


@dataclass
class Thing:
    """Faces that hide one another by distance, and details painted upon them afterwards."""

    faces: list
    details: list = field(default_factory=list)
    shade: np.ndarray | None = None  # its shadow on the ground

    def distance(self, camera):
        middle = np.mean([f.points.mean(0) for f in self.faces], 0)
        return np.linalg.norm(middle - camera.place)


@dataclass
class Light:
    sun: float = 0.55
    sky: float = 0.55
    sky_colour: tuple = (205, 220, 240)
    tint: tuple = (1.0, 1.0, 1.0)

    def on(self, normal):
        return self.sky * (0.75 + 0.25 * normal[2]) + self.sun * max(0.0, float(normal @ SUN))


SHIFT = 4


def fill(canvas, pixels, colour):
    points = np.round(np.clip(pixels, -20000, 20000) * (1 << SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(canvas, points, tuple(float(c) for c in colour), cv2.LINE_AA, SHIFT)


def fill_gradient(canvas, pixels, top, bottom):
    """Filled with a colour that changes from its upper to its lower edge."""
    h, w = canvas.shape[:2]
    x0, y0 = np.maximum(np.floor(pixels.min(0)).astype(int) - 1, 0)
    x1, y1 = np.ceil(pixels.max(0)).astype(int) + 2
    x1, y1 = min(x1, w), min(y1, h)
    if x1 <= x0 or y1 <= y0:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    points = np.round(np.clip(pixels - (x0, y0), -20000, 20000) * (1 << SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(mask, points, 255, cv2.LINE_AA, SHIFT)
    span = max(pixels[:, 1].max() - pixels[:, 1].min(), 1)
    t = np.clip((np.arange(y0, y1) - pixels[:, 1].min()) / span, 0, 1)[:, None]
    rows = (np.asarray(top) * (1 - t) + np.asarray(bottom) * t)[:, None, :]
    a = (mask / 255.0)[..., None]
    part = canvas[y0:y1, x0:x1]
    part[:] = (part * (1 - a) + rows * a).astype(np.uint8)


def paste(canvas, picture, quad, gain=(1.0, 1.0, 1.0), lift=0.0, soft=0.0):
    """A flat picture into four pixels corners (TL TR BR BL), without jagged edges."""
    h, w = canvas.shape[:2]
    x0, y0 = np.maximum(np.floor(quad.min(0)).astype(int) - 2, 0)
    x1, y1 = np.minimum(np.ceil(quad.max(0)).astype(int) + 3, (w, h))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    wide = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    high = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1]))
    ph, pw = picture.shape[:2]
    shrink = min(1.0, max(1.3 * wide / pw, 1.3 * high / ph))
    if shrink < 1:
        picture = cv2.resize(picture, (max(2, round(pw * shrink)), max(2, round(ph * shrink))), interpolation=cv2.INTER_AREA)
        ph, pw = picture.shape[:2]
    # Twice the size, then halved: smooth edges of the mask as well.
    ss = 2 if max(x1 - x0, y1 - y0) < 400 else 1
    to = ((quad - (x0, y0)) * ss).astype(np.float32)
    from_ = np.array([[0, 0], [pw, 0], [pw, ph], [0, ph]], np.float32)
    m = cv2.getPerspectiveTransform(from_, to)
    size = ((x1 - x0) * ss, (y1 - y0) * ss)
    warped = cv2.warpPerspective(picture, m, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(mask, np.round(to * (1 << SHIFT)).astype(np.int32), 255, cv2.LINE_AA, SHIFT)
    if ss > 1:
        warped = cv2.resize(warped, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
    warped = warped * np.asarray(gain, np.float32) + lift
    if soft > 0.3:
        warped = cv2.GaussianBlur(warped, (0, 0), soft)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.5 * soft)
    a = (mask / np.float32(255))[..., None]
    part = canvas[y0:y1, x0:x1]
    part[:] = np.clip(part * (1 - a) + warped * a, 0, 255).astype(np.uint8)


def show(camera, canvas, things, light):
    """Paints all things; gives back (plate, quad in pixels, share of it still seen)."""
    plates = []
    for thing in sorted(things, key=lambda t: -t.distance(camera)):
        if thing.shade is not None:
            shadow(camera, canvas, thing.shade)
        order = sorted(thing.faces, key=lambda f: -np.linalg.norm(f.points.mean(0) - camera.place))
        for face in order + thing.details:
            normal = face.normal()
            towards = float(normal @ (camera.place - face.points[0]))
            if towards <= 0:
                continue
            if face.picture is not None:
                seen = camera.seen(face.points)
                if (seen[:, 0] < NEAR).any():
                    continue
                quad = camera.flat(seen)
                if (quad.max(0) < 0).any() or quad[:, 0].min() > camera.width or quad[:, 1].min() > camera.height:
                    continue
                lit = 0.35 + 0.65 * light.on(normal)
                paste(canvas, face.picture, quad, np.asarray(light.tint) * lit)
                if face.plate is not None:
                    slant = towards / np.linalg.norm(camera.place - face.points[0])
                    plates.append((face.plate, quad, slant, canvas_at(canvas, quad)))
                continue
            pixels = camera.outline(face.points)
            if pixels is None:
                continue
            if (pixels.max(0) < 0).any() or pixels[:, 0].min() > camera.width or pixels[:, 1].min() > camera.height:
                continue
            lit = 1.0 if face.glow else light.on(normal)
            base = np.clip(np.asarray(face.colour, float) * lit * np.asarray(light.tint), 0, 255)
            if face.shine:
                sky = np.asarray(light.sky_colour, float) * np.asarray(light.tint)
                top = base * (1 - face.shine) + sky * face.shine
                low = base * (1 - 0.25 * face.shine) + 40 * 0.25 * face.shine
                fill_gradient(canvas, pixels, np.clip(top, 0, 255), np.clip(low, 0, 255))
            else:
                fill(canvas, pixels, base)
    return [(p, q, slant, still(canvas, q, was)) for p, q, slant, was in plates]


def shadow(camera, canvas, outline):
    pixels = camera.outline(outline)
    if pixels is None:
        return
    h, w = canvas.shape[:2]
    soft = max(1.0, min(np.ptp(pixels[:, 1]), h) / 10)
    margin = int(3 * soft) + 1
    x0, y0 = np.clip(np.floor(pixels.min(0)).astype(int) - margin, 0, (w, h))
    x1, y1 = np.clip(np.ceil(pixels.max(0)).astype(int) + margin, 0, (w, h))
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fill(mask, pixels - (x0, y0), (185,))
    mask = cv2.GaussianBlur(mask, (0, 0), soft)
    part = canvas[y0:y1, x0:x1]
    part[:] = (part * (1 - (mask / 255.0)[..., None])).astype(np.uint8)


def window(canvas, quad):
    h, w = canvas.shape[:2]
    x0, y0 = np.clip(np.floor(quad.min(0)).astype(int), 0, (w, h))
    x1, y1 = np.clip(np.ceil(quad.max(0)).astype(int) + 1, 0, (w, h))
    return x0, y0, x1, y1


def canvas_at(canvas, quad):
    x0, y0, x1, y1 = window(canvas, quad)
    return canvas[y0:y1, x0:x1].copy()


def still(canvas, quad, was):
    """Share of the plate's window that nothing painted later has changed."""
    x0, y0, x1, y1 = window(canvas, quad)
    if was.size == 0:
        return 0.0
    return float((canvas[y0:y1, x0:x1] == was).all(-1).mean())
