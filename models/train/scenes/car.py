"""Vehicles made of a few dozen faces: enough for a plate to sit where plates sit.

A car's own axes: x to its front, y to its left, z up; the origin on the ground under its
middle. `draw` is handed everything that varies, so the same random state gives the same car.
"""

import numpy as np

from .view import Face, Thing

PAINTS = [
    (235, 236, 238), (190, 194, 198), (120, 124, 130), (28, 29, 32), (52, 60, 72), (150, 22, 28),
    (24, 50, 110), (30, 82, 60), (196, 168, 60), (110, 84, 64), (210, 214, 200), (200, 90, 30),
]
# Outlines from the front bumper over the roof to the rear bumper: (x, z) for a car 4.3 m long.
SHAPES = {
    "saloon": [(2.10, 0.22), (2.15, 0.50), (2.08, 0.74), (1.95, 0.82), (0.95, 0.95), (0.25, 1.40), (-0.95, 1.42),
               (-1.55, 1.02), (-2.05, 0.98), (-2.13, 0.62), (-2.10, 0.25)],
    "hatch": [(1.95, 0.22), (2.00, 0.52), (1.93, 0.76), (1.80, 0.86), (1.00, 0.98), (0.35, 1.46), (-1.35, 1.46),
              (-1.75, 1.05), (-1.85, 0.95), (-1.90, 0.60), (-1.86, 0.25)],
    "estate": [(2.15, 0.24), (2.20, 0.56), (2.13, 0.84), (2.00, 0.95), (1.15, 1.06), (0.50, 1.62), (-1.75, 1.64),
               (-2.05, 1.12), (-2.10, 1.00), (-2.16, 0.62), (-2.12, 0.28)],
    "van": [(2.25, 0.26), (2.30, 0.62), (2.24, 0.95), (2.10, 1.10), (1.75, 1.22), (1.20, 1.90), (-2.15, 1.98),
            (-2.28, 1.30), (-2.30, 1.00), (-2.32, 0.62), (-2.28, 0.28)],
}
GLASS = (30, 38, 44)


def turned(points, x, y, heading):
    c, s = np.cos(heading), np.sin(heading)
    p = np.asarray(points, float)
    return np.stack((p[..., 0] * c - p[..., 1] * s + x, p[..., 0] * s + p[..., 1] * c + y, p[..., 2]), -1)


class Car:
    """One vehicle; `at` places it in the world."""

    def __init__(self, rng, plate, rear_plate=None, paint=None, shape=None):
        self.shape = shape or str(rng.choice(list(SHAPES)))
        self.paint = paint if paint is not None else PAINTS[int(rng.integers(len(PAINTS)))]
        self.faces, self.details = [], []
        profile = np.array(SHAPES[self.shape])
        profile[:, 1] *= rng.uniform(0.95, 1.06)
        self.half = rng.uniform(0.82, 0.93)
        self.length = profile[:, 0].max() - profile[:, 0].min()
        self._hull(profile, rng)
        self._wheels(rng)
        self._end(profile, rng, True, plate, 0, 1, 2)
        self._end(profile, rng, False, rear_plate if rear_plate is not None else plate, -1, -2, -3)

    # -- the body ---------------------------------------------------------------------------
    def _widths(self, profile):
        """Half width at each outline point: narrower at the roof."""
        z = profile[:, 1]
        belt = 1.06 if self.shape != "van" else 1.3
        lean = np.clip((z - belt) / 0.5, 0, 1)
        return self.half * (1 - 0.16 * lean)

    def _hull(self, profile, rng):
        widths = self._widths(profile)
        paint = np.array(self.paint, float)
        # Across: two rounded corners and the middle.
        across = (-1.0, -0.78, 0.78, 1.0)
        back = (0.22, 0.0, 0.0, 0.22)
        grid = []
        for i, ((x, z), w) in enumerate(zip(profile, widths)):
            end = 1 if i < 4 else (-1 if i >= len(profile) - 3 else 0)
            grid.append([(x - end * b, a * w, z) for a, b in zip(across, back)])
        grid = np.array(grid)
        n = len(profile)
        for i in range(n - 1):
            (x0, z0), (x1, z1) = profile[i], profile[i + 1]
            glass = z1 - z0 > 0.3 and i == 4 or z0 - z1 > 0.28 and i == 6
            for k in range(3):
                quad = np.array([grid[i][k], grid[i][k + 1], grid[i + 1][k + 1], grid[i + 1][k]])
                low = i in (0, n - 2)
                colour = paint * (0.82 if low and k != 1 else 1.0)
                shine = 0.55 if glass else (0.35 if i in (3, 5) else 0.16)
                self.faces.append(Face(quad, GLASS if glass and k == 1 else tuple(colour), shine))
            if glass:  # pillars beside the pane stay painted
                q = np.array([grid[i][1], grid[i][2], grid[i + 1][2], grid[i + 1][1]])
                mid = q.mean(0)
                self.details.append(Face(mid + (q - mid) * 0.94, GLASS, 0.6))
        for side in (-1, 1):
            outline = np.array([(x, side * w, z) for (x, z), w in zip(profile, widths)])
            outline[:4, 0] -= 0.22
            outline[-3:, 0] += 0.22
            # The side is not flat (the roof leans in): below the belt, then the cabin.
            belt = [i for i in range(n) if i <= 4 or i >= 7]
            lower, cabin = outline[belt], outline[4:8]
            if side < 0:
                lower, cabin = lower[::-1], cabin[::-1]
            self.faces.append(Face(lower[::-1], tuple(paint), 0.12))
            self.faces.append(Face(cabin[::-1], tuple(paint), 0.2))
            mid = cabin.mean(0)
            pane = mid + (cabin[::-1] - mid) * (0.93, 1.0, 0.8)
            pane[:, 1] += side * 0.006
            self.details.append(Face(pane, GLASS, 0.5))

    def _wheels(self, rng):
        turn = np.linspace(0, 2 * np.pi, 17)[:-1]
        for side in (-1, 1):
            for x in (0.31 * self.length, -0.30 * self.length):
                for radius, colour in ((0.33, (18, 18, 20)), (0.21, (140, 142, 146))):
                    ring = np.stack((x + radius * np.cos(turn), np.full(16, side * (self.half + 0.01)),
                                     0.32 + radius * np.sin(turn)), -1)
                    self.details.append(Face(ring if side < 0 else ring[::-1], colour))

    # -- front and rear ---------------------------------------------------------------------
    def _end(self, profile, rng, front, plate, i0, i1, i2):
        """Lamps, grille, bumper, badge and the plate on one end of the car."""
        sign = 1 if front else -1
        low, middle, top = profile[i0], profile[i1], profile[i2]

        def spot(y, z, lift=0.012):
            """A point on the end's surface at a height."""
            a, b = (low, middle) if z <= middle[1] else (middle, top)
            t = (z - a[1]) / max(b[1] - a[1], 1e-6)
            x = a[0] + t * (b[0] - a[0])
            out = max(0.0, abs(y) / self.half - 0.78) / 0.22
            return (x + sign * lift - sign * 0.22 * out, sign * y, z)

        def patch(y0, y1, z0, z1, colour, shine=0.0, glow=False, lift=0.012):
            # As seen from outside: y grows to the viewer's left on the front, mirrored by `sign`.
            q = np.array([spot(y0, z0, lift), spot(y1, z0, lift), spot(y1, z1, lift), spot(y0, z1, lift)])
            self.details.append(Face(q, colour, shine, glow))

        half, zm, zt = self.half, middle[1], top[1]
        dark = tuple(rng.uniform(14, 48) * np.ones(3))
        if rng.random() < 0.4:
            patch(-0.78 * half, 0.78 * half, low[1] + 0.02, low[1] + 0.16, dark)
        if front:
            # Grille with bars between the lamps.
            g0, g1 = zm - 0.02 + rng.uniform(-0.06, 0.04), zt - rng.uniform(0.0, 0.05)
            w = half * rng.uniform(0.3, 0.5)
            patch(-w, w, g0, g1, dark)
            bars = int(rng.integers(0, 6))
            for k in range(bars):
                z = g0 + (k + 0.5) * (g1 - g0) / bars
                patch(-w, w, z - 0.008, z + 0.008, tuple(rng.uniform(60, 190) * np.ones(3)), lift=0.016)
            if rng.random() < 0.7:
                r = rng.uniform(0.035, 0.06)
                z = (g0 + g1) / 2 + rng.uniform(0, 0.05)
                patch(-r, r, z - r, z + r, (200, 204, 208), 0.5, lift=0.02)
            lit = rng.random() < 0.35
            for side in (-1, 1):
                y0, y1 = half * rng.uniform(0.55, 0.6), half * rng.uniform(0.9, 0.97)
                lamp = (255, 252, 235) if lit else (198, 206, 212)
                z0, z1 = zm + 0.03, zt - 0.005
                a, b = (y0, y1) if side > 0 else (-y1, -y0)
                patch(a, b, z0, z1, (60, 66, 72), 0.3)
                patch(a + 0.03, b - 0.03, z0 + 0.02, z1 - 0.03, lamp, 0.0, lit, lift=0.018)
                if rng.random() < 0.5:
                    c = side * half * 0.66
                    patch(c - 0.06, c + 0.06, low[1] + 0.08, low[1] + 0.16, (150, 156, 160), 0.2)
        else:
            for side in (-1, 1):
                y0, y1 = half * rng.uniform(0.55, 0.7), half * 0.97
                a, b = (y0, y1) if side > 0 else (-y1, -y0)
                patch(a, b, zm + 0.02, zt + rng.uniform(-0.08, 0.0), (150, 18, 22), 0.2)
                patch(a + 0.02, b - 0.05, zm + 0.05, zm + 0.11, (214, 196, 190), 0.0, lift=0.02)
            if rng.random() < 0.5:  # a badge or a word: not a plate
                y = half * rng.uniform(-0.5, 0.3)
                for k in range(int(rng.integers(1, 7))):
                    patch(y + 0.05 * k, y + 0.05 * k + 0.035, zt - 0.07, zt - 0.03, (190, 192, 196), lift=0.02)
        if plate is None:
            return
        high_, wide_ = plate.image.shape[:2]
        ratio = wide_ / high_
        w = 0.52 if ratio > 3.6 else (0.40 if ratio > 2.4 else (0.305 if ratio > 1.75 else 0.26))
        w, h = w / 2, w / ratio / 2
        if front:
            z = zm + rng.uniform(-0.16, -0.04) - 0.3 * h
        else:
            z = (zm + zt) / 2 + rng.uniform(-0.05, 0.03) if rng.random() < 0.6 else zm - 0.14
        z = max(z, low[1] + h + 0.01)
        y = 0.0 if rng.random() < 0.85 else rng.uniform(-0.2, 0.2)
        rim = rng.uniform(0.0, 0.025)
        x = max(sign * spot(y, z - h)[0], sign * spot(y, z + h)[0]) * sign
        lean = rng.normal(0, 0.012)

        def board(grow, lift):
            q = [(-w - grow, h + grow), (w + grow, h + grow), (w + grow, -h - grow), (-w - grow, -h - grow)]
            # From TL clockwise as read from outside: the reader's left is the car's right at the front.
            return np.array([(x + sign * (lift - lean * dz / max(h, 1e-6)), sign * (y - -dy), z + dz) for dy, dz in q])

        if rim > 0.004:
            self.details.append(Face(board(rim, 0.018)[::-1], dark))
        self.details.append(Face(board(0.0, 0.024), (255, 255, 255), picture=plate.image, plate=plate))

    # -- in the world -----------------------------------------------------------------------
    def at(self, x, y, heading) -> Thing:
        def moved(face):
            return Face(turned(face.points, x, y, heading), face.colour, face.shine, face.glow, face.picture, face.plate)

        l, w = self.length / 2 + 0.1, self.half + 0.1
        outline = turned([(l, -w, 0.0), (l, w, 0.0), (-l, w, 0.0), (-l, -w, 0.0)], x, y, heading)
        return Thing([moved(f) for f in self.faces], [moved(f) for f in self.details], outline)
