"""What stands around the vehicles: sky, ground, road, houses, posts, and writing that is no plate."""

import cv2
import numpy as np

from .view import Face, Thing, fill_gradient

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
FACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)


def rough(rng, height, width, grain):
    """Uneven brightness at several scales, around 1."""
    out = np.ones((height, width), np.float32)
    for size in (4, 16, 64):
        coarse = rng.normal(0, grain, (max(2, height // size), max(2, width // size))).astype(np.float32)
        out += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return out


def backdrop(rng, camera, light, road_half=3.2):
    """Sky, ground and a straight road, with the texture that flat colours lack."""
    h, w = camera.height, camera.width
    canvas = np.zeros((h, w, 3), np.uint8)
    sky = np.asarray(light.sky_colour, float) * np.asarray(light.tint)
    horizon = camera.flat(camera.seen(np.array([[4000.0, 0.0, camera.place[2]]])))[0, 1]
    fill_gradient(canvas, np.array([[0, 0], [w, 0], [w, max(h, 1)], [0, h]], float), sky * 0.9, sky)
    green = np.array(rng.choice([(96, 118, 70), (130, 124, 104), (112, 112, 110), (84, 96, 62)]), float)
    shade = light.sky + 0.6 * light.sun
    land = np.clip(green * shade * light.tint, 0, 255)
    far = camera.flat(camera.seen(np.array([[4000.0, y, 0.0] for y in (4000.0, -4000.0)])))
    rise = (far[1, 1] - far[0, 1]) / max(far[1, 0] - far[0, 0], 1e-6)
    edge = far[0, 1] + rise * (np.array([0, w]) - far[0, 0])
    cv2.fillPoly(canvas, [np.array([[0, edge[0]], [w, edge[1]], [w, 4 * h], [0, 4 * h]]).astype(np.int32)], tuple(land.tolist()))
    grey = rng.uniform(70, 130)
    ground(camera, canvas, -road_half, road_half, np.array((grey, grey, grey * 1.03)) * shade * light.tint)
    for y in (-road_half, road_half):
        ground(camera, canvas, y - 0.09, y + 0.09, np.array((190, 190, 184)) * shade * light.tint)
    if horizon < h:
        top = max(0, int(horizon))
        canvas[top:] = np.clip(canvas[top:] * rough(rng, h - top, w, 0.03)[..., None], 0, 255).astype(np.uint8)
    return canvas


def ground(camera, canvas, left, right, colour):
    strip = camera.outline(np.array([(0.7, right, 0), (0.7, left, 0), (400.0, left, 0), (400.0, right, 0)]))
    if strip is not None:
        points = np.round(np.clip(strip, -20000, 20000) * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, points, tuple(float(min(c, 255)) for c in colour), cv2.LINE_AA, 4)


def box(x0, x1, y0, y1, z0, z1, colour, shine=0.0) -> Thing:
    """A block: houses, walls, posts, kiosks."""
    c = [np.array(p, float) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    faces = []
    for a, b in zip(c, c[1:] + c[:1]):
        faces.append(Face(np.array([(*a, z0), (*b, z0), (*b, z1), (*a, z1)]), colour, shine))
    faces.append(Face(np.array([(*p, z1) for p in c]), colour, shine))
    return Thing(faces)


def house(rng, x, y, facing) -> Thing:
    """A block with windows on the side that looks at the road."""
    deep, wide, high = rng.uniform(4, 9), rng.uniform(6, 14), rng.uniform(3, 9)
    colour = tuple(np.array(rng.choice([(196, 184, 160), (170, 120, 96), (210, 208, 200), (140, 144, 150)])) * rng.uniform(0.7, 1.1))
    y0, y1 = (y, y + deep) if facing < 0 else (y - deep, y)
    thing = box(x, x + wide, y0, y1, 0, high, colour)
    wall = y0 if facing < 0 else y1
    for i in range(int(wide // 2)):
        for k in range(int(high // 2.6)):
            a, b = x + 0.6 + 2 * i, x + 1.7 + 2 * i
            z = 0.9 + 2.6 * k
            q = np.array([(a, wall, z), (b, wall, z), (b, wall, z + 1.3), (a, wall, z + 1.3)])
            q[:, 1] += 0.01 * facing
            thing.details.append(Face(q if facing < 0 else q[::-1], (52, 62, 72), 0.4))
    return thing


def writing(rng, words=None):
    """A flat picture with text that is no plate: an advert, a shop sign, a phone number, a house number."""
    lines = words or ["".join(rng.choice(list(LETTERS), int(rng.integers(2, 11)))) for _ in range(int(rng.integers(1, 4)))]
    face = FACES[int(rng.integers(len(FACES)))]
    size, thick = 2.0, int(rng.integers(2, 7))
    boxes = [cv2.getTextSize(line, face, size, thick)[0] for line in lines]
    pad = int(rng.integers(8, 60))
    w = max(b[0] for b in boxes) + 2 * pad
    h = sum(b[1] + 26 for b in boxes) + 2 * pad
    dark, pale = rng.uniform(0, 110, 3), rng.uniform(150, 255, 3)
    if rng.random() < 0.5:
        dark, pale = pale, dark
    picture = np.empty((h, w, 3), np.uint8)
    picture[:] = pale.astype(np.uint8)
    y = pad
    for line, (tw, th) in zip(lines, boxes):
        y += th + 13
        x = (w - tw) // 2 if rng.random() < 0.6 else pad
        cv2.putText(picture, line, (x, y), face, size, tuple(float(v) for v in dark), thick, cv2.LINE_AA)
        y += 13
    return picture


def board(rng, x, y, z, wide, picture, heading=np.pi) -> Thing:
    """A sign showing a picture, looking along `heading` (pi: towards the camera)."""
    high = wide * picture.shape[0] / picture.shape[1]
    ahead = np.array([np.cos(heading), np.sin(heading), 0])
    right = np.array([-ahead[1], ahead[0], 0])  # the reader's right, seen from ahead
    c = np.array([x, y, z])
    up = np.array([0, 0, high / 2])
    q = np.array([c - right * wide / 2 + up, c + right * wide / 2 + up, c + right * wide / 2 - up, c - right * wide / 2 - up])
    back = Face(q[::-1] + 0.0, (90, 90, 92))
    return Thing([back], [Face(q + ahead * 0.01, (255, 255, 255), picture=picture)])


def surroundings(rng):
    """A random street: houses, posts, hedges, signs, bins."""
    things = []
    for side in (-1, 1):
        x = rng.uniform(4, 12)
        while x < 60 and rng.random() < 0.85:
            things.append(house(rng, x, side * rng.uniform(6, 9), -side))
            x += rng.uniform(8, 22)
        for _ in range(int(rng.integers(0, 4))):
            x, y = rng.uniform(3, 30), side * rng.uniform(3.4, 5.5)
            r, high = rng.uniform(0.04, 0.16), rng.uniform(0.8, 4.5)
            things.append(box(x, x + 2 * r, y - r, y + r, 0, high, tuple(rng.uniform(40, 200) * np.ones(3))))
            if rng.random() < 0.6:
                wide = float(np.exp(rng.uniform(np.log(0.3), np.log(2.5))))
                things.append(board(rng, x - 0.1, y, rng.uniform(0.8, 2.6), wide, writing(rng)))
        if rng.random() < 0.4:
            x = rng.uniform(3, 20)
            things.append(box(x, x + rng.uniform(2, 15), side * 4.2 - 0.4, side * 4.2 + 0.4, 0, rng.uniform(0.6, 1.6),
                              tuple(rng.uniform(0.6, 1.1) * np.array((70, 92, 50)))))
    return things
