"""Synthetic licence plates: texts, designs, faces and the damage a camera does.

    from plates import draw_plate, damage
    rng = random.Random(1)
    plate = draw_plate(rng)            # or draw_plate(rng, "DE"); ids: texts.COUNTRIES
    plate.image, plate.text, plate.lines, plate.country
    board = draw_board(rng)            # an advert or badge, no plate
    worn = damage(rng, plate.image)    # RGB uint8 in, RGB uint8 of the same size out
"""

from .boards import draw_board
from .camera import damage
from .painter import Plate, draw_plate
from .texts import COUNTRIES

__all__ = ["COUNTRIES", "Plate", "damage", "draw_board", "draw_plate"]
