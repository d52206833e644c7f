"""Random streets with random vehicles: pictures in which every plate's corners are known."""

import numpy as np

from . import street
from .car import PAINTS, Car
from .view import Camera, Face, Light, show


def random_light(rng):
    night = rng.random() < 0.25
    if night:
        power = rng.uniform(0.15, 0.45)
        return Light(0.1 * power, power, tuple(rng.uniform(0, 60) + np.array((6.0, 8.0, 14.0))), tuple(rng.uniform(0.7, 1.15, 3)))
    sky = tuple(np.clip(np.array((205, 218, 238)) * rng.uniform(0.6, 1.1) + rng.normal(0, 8, 3), 0, 255))
    return Light(rng.uniform(0.0, 0.75), rng.uniform(0.35, 0.75), sky, tuple(np.exp(rng.normal(0, 0.06, 3))))


def random_camera(rng, width, height):
    place = np.array([0.0, rng.uniform(-3.5, 3.5), np.exp(rng.uniform(np.log(0.6), np.log(4.0)))])
    return Camera(
        place,
        yaw=rng.normal(0, 0.15),
        pitch=-0.05 * (place[2] - 0.8) + rng.normal(0, 0.03),
        roll=rng.normal(0, 0.04),
        focal=width * np.exp(rng.uniform(np.log(0.7), np.log(2.2))),
        width=width,
        height=height,
    )


def street_scene(rng, plate_of, width=768, height=464):
    """A picture and its plates: (RGB, [(plate, quad, share seen)])."""
    light, camera = random_light(rng), random_camera(rng, width, height)
    canvas = street.backdrop(rng, camera, light)
    things = street.surroundings(rng)
    x = rng.uniform(2.5, 8)
    for _ in range(int(rng.choice([0, 1, 2, 3, 4], p=[0.05, 0.35, 0.3, 0.2, 0.1]))):
        paint = PAINTS[int(rng.integers(len(PAINTS)))] if rng.random() < 0.7 else tuple(rng.uniform(10, 240, 3))
        car = Car(rng, plate_of(rng), paint=paint)
        towards = np.pi if rng.random() < 0.55 else 0.0
        y = float(rng.choice([-4.6, -1.7, 1.7, 4.6]) + rng.normal(0, 0.3))
        if rng.random() < 0.3:
            y = camera.place[1] + (x + 2) * np.tan(camera.yaw) + rng.normal(0, 0.6)
        thing = car.at(x + car.length / 2, y, towards + rng.normal(0, 0.2))
        if rng.random() < 0.12:  # writing on the bonnet, boot or side
            panel = car.details and thing.faces[int(rng.integers(len(thing.faces)))]
            q = panel.points
            if len(q) == 4:
                mid = q.mean(0)
                q = mid + (q - mid) * rng.uniform(0.3, 0.7)
                thing.details.append(Face(q[[3, 2, 1, 0]] + panel.normal() * 0.01, (255, 255, 255), picture=street.writing(rng)))
        things.append(thing)
        x += rng.uniform(1.5, 9) if rng.random() < 0.6 else 0.0
    found = show(camera, canvas, things, light)
    plates = []
    for plate, quad, slant, seen in found:
        if slant < 0.2:
            seen = 0.0  # edge on: nobody can say
        plates.append((plate, quad, seen))
    return canvas, plates
