"""What a country's flat plate looks like: sizes, colours, faces, bands, words.

`look_of(rng, country, two_lines)` gives a Look; painter.py paints it. American plates have a file of their
own (american.py). All from general knowledge; looks are drawn wider than any real series.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

WHITE, BLACK = (245, 245, 242), (18, 18, 20)
YELLOW, BLUE, RED = (245, 200, 40), (20, 60, 150), (190, 25, 35)


@dataclass
class Look:
    """One plate's look, lengths in millimetres."""

    size: tuple[float, float]
    ground: tuple[int, int, int] = WHITE
    ink: tuple[int, int, int] = BLACK
    role: str = "din"
    fonts: float = .5
    text: tuple[float, float, float, float] = (.04, .16, .96, .84)  # box of the text, parts of width and height
    row_split: float = .5
    spacing: float = .12
    gap: float = .3
    widen: float = 1.0
    tail_scale: float = 1.0
    dash: float = .85
    band: tuple[str, float, tuple[int, int, int], str] | None = None  # side, part of the width, colour, letters
    right_band: tuple[float, tuple[int, int, int], str] | None = None
    border: tuple[tuple[int, int, int], float, float] | None = None  # colour, thickness, inset in mm
    words: list = field(default_factory=list)  # (text, x, y, height, colour, script): parts of the plate
    picture: float = 0.0
    stickers: list = field(default_factory=list)  # (x, y, w, h)
    bolts: list = field(default_factory=list)
    emboss: float = .25
    align: str = "centre"
    stack: int = 0
    stack_right: bool = False
    sealed: bool = False  # emblems are a pair of round seals
    stickered: bool = False  # emblems are the month's and the year's stickers
    screws: list = field(default_factory=list)  # (x, y, radius in mm, tone), over the print
    boxed_tail: bool = False
    logo: float = 0.0  # a picture of this width (part of the plate) left of the text
    foreign_row: float = 0.0  # a row of foreign script on top, part of the height
    gradient: tuple[int, int, int] | None = None


def jitter(rng: random.Random, colour, amount: int = 18):
    shift = rng.randint(-amount, amount)
    return tuple(min(255, max(0, c + shift + rng.randint(-amount // 2, amount // 2))) for c in colour)


def wide_bolts(rng: random.Random):
    y = rng.uniform(.4, .6)
    return rng.choice(([], [(.07, y), (.93, y)], [(.2, .12), (.8, .12)], [(.35, .1), (.65, .1)], [(.03, .5), (.97, .5)]))


def corner_bolts(rng: random.Random):
    x, y = rng.uniform(.13, .25), rng.uniform(.06, .12)
    top, low = [(x, y), (1 - x, y)], [(x, 1 - y), (1 - x, 1 - y)]
    return rng.choice(([], top, top + low, low, top))


_DEALERS = ("AUTOHAUS", "MOTORS", "www.cars.com", "GARAGE", "Autos", "VW-Zentrum", "CAR CENTRE", "Ford", "TOYOTA", "Rental", "Auto & Sohn")


def european(rng, country, two):
    """Blue band (or none), black on white or a national colour."""
    size = rng.choice(((340, 200), (280, 200), (240, 130))) if two else rng.choice(((520, 110), (520, 110), (520, 120), (460, 110), (420, 110)))
    if country == "CH":
        size = (300, 160) if two else rng.choice(((300, 80), (500, 110)))
    look = Look(size, jitter(rng, WHITE), BLACK, "eu", emboss=rng.choice((0, .15, .3)))
    if country == "DE":
        look.role = rng.choice(("fe", "fe", "fe", "din"))
        look.sealed = rng.random() < .9
    elif country in ("RO", "PL", "CZ", "SK", "HU", "HR", "SI", "BG", "GR", "RS", "TR", "EE", "LV", "LT", "BA", "UA", "RU", "BY"):
        look.role = rng.choice(("din", "din", "eu"))
    codes = {"DE": "D", "ES-old": "E", "ES": "E", "FR": "F", "FR-old": "F", "IT": "I", "PT": "P", "NL": "NL", "BE": "B", "AT": "A", "HU": "H", "SI": "SLO", "SE": "S", "NO": "N",
             "FI": "FIN", "LU": "L", "IE": "IRL", "EE": "EST", "BA": "BIH"}
    code = codes.get(country, country[:2])
    banded = {"CH": 0, "NO": .5, "RU": 0, "ES-old": 0, "FR-old": .3, "UA": .6, "BA": .7, "RS": .8, "HR": .4, "BY": .4, "TR": .9}.get(country, .82)
    if country in ("PT", "NL", "DE", "FI", "GR", "HU", "RO", "PL"):
        banded = .7
    if rng.random() < banded:
        width = rng.uniform(.07, .11) if not two else rng.uniform(.1, .16)
        look.band = ("left", width, jitter(rng, rng.choice(((20, 55, 140), (10, 60, 160), (40, 70, 130)))), code)
        look.text = (width + .02, .14, .97, .86)
    if country in ("IT", "FR") and rng.random() < .7:
        look.right_band = (rng.uniform(.06, .1), jitter(rng, BLUE), rng.choice(("75", "13", "RM", "MI", "59", "")))
    elif country not in ("PT", "RU") and rng.random() < .04:  # dated plates, customs, districts
        look.right_band = (rng.uniform(.06, .1), jitter(rng, rng.choice((RED, BLUE, YELLOW))), rng.choice(("12 07", "08", "14", "A", "22")))
    if country == "PT" and rng.random() < .5:
        look.right_band = (.07, jitter(rng, YELLOW), rng.choice(("04 12", "11 06")))
    yellow = {"NL": .75, "LU": 1, "FR-old": .4, "IL": 1, "NO": .1, "DK": .1, "FR": .05, "GR": .05}.get(country, .02)
    if rng.random() < yellow:
        look.ground = jitter(rng, (240, 190, 40), 25)
    elif country in ("ES-old", "FR-old", "PT", "IT", "FI", "NL", "BE", "AT", "IE") and rng.random() < .12:
        look.ground, look.ink = jitter(rng, BLACK), jitter(rng, (225, 225, 225))
    elif country == "AT" and rng.random() < .2:
        look.ground, look.ink = BLACK, WHITE
    elif rng.random() < .01:
        look.ground, look.ink = jitter(rng, rng.choice((RED, BLUE, (30, 110, 60)))), WHITE
    if country == "BE":
        look.ink = jitter(rng, (160, 30, 50))
    elif country == "IT" and two:
        look.row_split = .4
    if rng.random() < .7:
        look.border = (look.ink if country != "DK" else RED, rng.uniform(2, 5), rng.uniform(0, 3))
    if country == "SI":
        look.border = ((40, 120, 70), 5, 1)
    if country == "DK":
        look.border = (RED, 4, 1)
    if country == "RU":
        look.boxed_tail, look.tail_scale = True, .75
        look.role = "din"
    look.bolts = wide_bolts(rng)
    if rng.random() < .15:
        look.words.append((rng.choice(_DEALERS), .5, .95, .08, jitter(rng, look.ink, 40), False))
    look.widen = rng.uniform(.85, 1.2)
    look.spacing = rng.uniform(.07, .2)
    look.gap = rng.uniform(.2, .55)
    look.align = rng.choice(("centre", "justify", "justify", "left"))
    return look


def british(rng, country, two):
    """Charles Wright proportions: GB, IE, HK, MY, SG, KE and their like."""
    size = (285, 203) if two else rng.choice(((520, 111), (520, 111), (450, 111), (405, 111)))
    yellow = rng.random() < .5
    look = Look(size, jitter(rng, (240, 195, 35) if yellow else WHITE), BLACK, "gb", fonts=.2, emboss=rng.choice((0, 0, .2)))
    dark = {"MY": .97, "SG": .6, "GB-suffix": .5, "GB-dateless": .6}.get(country, .02)
    if rng.random() < dark:
        look.ground, look.ink = jitter(rng, BLACK), jitter(rng, (230, 230, 230))
    if country in ("MY",):
        look.role, look.fonts = rng.choice(("free", "gb", "din")), .6
    if country.startswith("GB") or country == "IE":
        if rng.random() < .45:
            look.band = ("left", rng.uniform(.06, .1), jitter(rng, rng.choice((BLUE, BLUE, (30, 140, 60)))), rng.choice(("GB", "UK", "IRL", "")))
        if country == "IE":
            look.words.append((rng.choice(("BAILE ATHA CLIATH", "CORCAIGH", "GAILLIMH")), .55, .08, .11, BLACK, False))
        elif rng.random() < .3:
            look.words.append((rng.choice(_DEALERS), .5, .94, .08, jitter(rng, BLACK, 30), False))
    left = look.band[1] + .03 if look.band else .04
    look.text = (left, .15, .97, .85)
    if rng.random() < .35:
        look.border = (look.ink, rng.uniform(2, 4), rng.uniform(0, 4))
    look.spacing = rng.uniform(.1, .18)
    look.gap = rng.uniform(.3, .5)
    look.bolts = wide_bolts(rng)
    return look


def brazilian_old(rng, country, two):
    """Grey plate, black letters, place name on top; red and other colours now and then."""
    size = (187, 136) if two else rng.choice(((400, 130), (400, 130), (400, 140)))
    grey = rng.randint(140, 215)
    look = Look(size, (grey, grey, grey + rng.randint(-4, 6)), (20, 20, 24), rng.choice(("br", "br", "din")), fonts=.55)
    colour = rng.random()
    if colour < .08:
        look.ground, look.ink = jitter(rng, RED), jitter(rng, (225, 225, 225))
    elif colour < .12:
        look.ground, look.ink = jitter(rng, rng.choice((WHITE, BLUE, BLACK, (30, 100, 60)))), None
        look.ink = BLACK if sum(look.ground) > 400 else WHITE
    look.text = (.05, rng.uniform(.26, .33), .95, rng.uniform(.86, .94))
    if two:
        look.text = (.08, .24, .92, .95)
    town = rng.choice(("SAO PAULO", "CAMPINAS", "RIO DE JANEIRO", "BRASILIA", "CURITIBA", "BELO HORIZONTE", "SALVADOR", "FORTALEZA", "RECIFE", "PORTO ALEGRE", "GOIANIA", "SANTOS", "JOINVILLE",
                       "VITORIA", "NATAL", "LONDRINA", "MANAUS", "OSASCO", "SOROCABA", "JUNDIAI", "SERRA", "BLUMENAU", "UBERLANDIA", "NITEROI", "MACAE"))
    state = rng.choice(("SP", "SP", "RJ", "MG", "PR", "SC", "RS", "DF", "BA", "CE", "PE", "GO", "ES"))
    look.words.append((f"{state}{rng.choice((' - ', '-', '  '))}{town}", rng.uniform(.42, .58), rng.uniform(.11, .17), rng.uniform(.11, .16), look.ink, False))
    look.bolts = rng.choice(([(.1, .16), (.9, .16)], [(.16, .14), (.84, .14)], [], [(.06, .55), (.94, .55)]))
    if rng.random() < .7:  # the screws below hang on the characters' feet, and make a Q of an O
        x, y = rng.uniform(.22, .34), look.text[3] + rng.uniform(-.02, .04)
        tone, radius = rng.choice((25, 40, 70, 150, 220)), rng.uniform(3, 8)
        look.screws = [(x, y, radius, tone), (1 - x, y, radius, tone)]
        if rng.random() < .6:
            look.screws += [(x, rng.uniform(.1, .2), radius, tone), (1 - x, rng.uniform(.1, .2), radius, tone)]
    if rng.random() < .35:  # the yearly seal
        look.stickers.append((rng.uniform(.03, .1), .06, .07, .16))
    if rng.random() < .6:
        look.border = (look.ink, rng.uniform(2, 4), rng.uniform(0, 4))
    look.widen = rng.uniform(.9, 1.25)
    look.spacing, look.gap = rng.uniform(.1, .2), rng.uniform(.28, .45)
    look.align = rng.choice(("centre", "justify"))
    look.dash = .75
    look.emboss = rng.choice((.2, .35))
    if rng.random() < .25:
        look.picture = .0
        look.words.append((rng.choice(("MERCEDES", "FIAT", "Chevrolet", "VW", "Revenda", "Toyota")), .5, .97, .07, look.ink, False))
    return look


def mercosul(rng, country, two):
    """White with a blue strip on top."""
    size = (200, 170) if two else (400, 130)
    look = Look(size, jitter(rng, WHITE), rng.choice((BLACK, BLACK, BLACK, (160, 30, 40), (30, 60, 140))), "fe")
    strip = rng.uniform(.2, .27)
    name = {"BR": "BRASIL", "AR": "REPUBLICA ARGENTINA", "UY": "URUGUAY"}.get(country, "PARAGUAY")
    look.band = ("top", strip, jitter(rng, (20, 50, 130)), name)
    look.text = (.06, strip + .1, .95, .93)
    look.spacing = rng.uniform(.08, .18)
    look.widen = rng.uniform(1.0, 1.3)
    if country == "BR" and rng.random() < .6:
        look.words += [("BR", .05, .82, .12, BLACK, False)]
        look.text = (.1, strip + .1, .95, .93)
    look.border = (look.ink, 3, 1) if rng.random() < .7 else None
    look.bolts = rng.choice(([], [(.1, .1), (.9, .1)]))
    return look


def pakistani(rng, country, two):
    look = Look(rng.choice(((330, 150), (300, 150), (345, 160), (400, 130))), jitter(rng, WHITE), BLACK, rng.choice(("pk", "eu", "din", "free", "odd")), fonts=.65)
    style = rng.random()
    if style < .3:
        look.band = ("left", rng.uniform(.17, .26), jitter(rng, (30, 110, 60)), "PUNJAB")
        look.text = (look.band[1] + .02, .1, .95, .9)
    elif style < .5:
        look.words.append(("ICT", .5, .1, .11, BLACK, False))
        look.words.append(("ISLAMABAD", .5, .9, .12, BLACK, False))
        y = rng.uniform(.24, .34)
        look.text = (.06, y, .94, y + rng.uniform(.36, .48))
        look.role = rng.choice(("pk", "eu", "din", "us"))
    elif style < .6:
        look.words.append(("ICT-ISLAMABAD", .55, .88, .14, BLACK, False))
        look.picture = .2
        look.text = (.2, .12, .96, .74)
    elif style < .72:
        look.ground = jitter(rng, YELLOW)
        look.words.append(("SINDH", .5, .88, .12, jitter(rng, BLACK, 60), False))
        look.text = (.05, .12, .95, .74)
    elif style < .9:
        look.ground, look.ink = jitter(rng, BLACK), WHITE
        pad = rng.uniform(.1, .14 if two else .32)
        look.text = (.05, pad, .95, 1 - pad)
        look.widen = rng.uniform(.9, 1.6)
    look.gap = rng.uniform(.3, .8)
    look.spacing = rng.uniform(.08, .32)
    look.tail_scale = rng.choice((1.0, .55, .65)) if two else 1.0
    look.border = (look.ink, 3, rng.uniform(1, 5)) if rng.random() < .6 else None
    look.bolts = rng.choice((corner_bolts(rng), wide_bolts(rng)))
    look.emboss = rng.choice((0, .2, .35))
    return look


def indian(rng, country, two):
    look = Look((340, 200) if two else rng.choice(((500, 120), (450, 110))), jitter(rng, rng.choice((WHITE, WHITE, YELLOW))), BLACK, rng.choice(("in", "in", "free", "gb")), fonts=.65)
    if rng.random() < .06:
        look.ground, look.ink = jitter(rng, BLACK), jitter(rng, YELLOW)
    if rng.random() < .4:
        look.words += [("IND", .035, .7, .13, BLUE, False)]
        look.text = (.09, .14, .97, .86)
    look.border = (look.ink, 3, 2) if rng.random() < .5 else None
    look.bolts = wide_bolts(rng)
    look.spacing = rng.uniform(.08, .2)
    return look


def asian(rng, country, two):
    """CN, VN, TW, ID, IL, AE, SA: one flat sheet each."""
    size = {"CN": (440, 140), "VN": (520, 110), "TW": (380, 160), "ID": (430, 135), "IL": (520, 110), "AE": (520, 110), "SA": (520, 110)}[country]
    if two:
        size = rng.choice(((190, 140), (330, 165), (280, 200)))
    look = Look(size, jitter(rng, WHITE), BLACK, "din", emboss=rng.choice((0, .2, .35)))
    if country == "CN":
        look.ground, look.ink = rng.choice((((30, 80, 190), WHITE), ((30, 80, 190), WHITE), ((120, 200, 140), BLACK), ((240, 190, 40), BLACK)))
        look.spacing = .18
    elif country == "VN":
        look.role = rng.choice(("fe", "din"))
        if rng.random() < .1:
            look.ground, look.ink = (30, 80, 170), WHITE
    elif country == "IL":
        look.ground = jitter(rng, (245, 195, 30))
        if rng.random() < .6:
            look.band = ("left", .07, BLUE, "IL")
            look.text = (.1, .14, .97, .86)
    elif country == "ID":
        if rng.random() < .6:
            look.ground, look.ink = jitter(rng, BLACK), WHITE
        look.words.append((f"{rng.randint(1, 12):02d} . {rng.randint(10, 29)}", .5, .88, .14, look.ink, False))
        look.text = (.05, .1, .95, .74)
    elif country in ("AE", "SA"):
        if rng.random() < .6:
            look.right_band = (.12, jitter(rng, (200, 200, 205)), "KSA")
        if rng.random() < .5:
            look.size = rng.choice(((335, 155), (520, 110)))
            look.foreign_row = rng.uniform(.3, .48)
            look.text = (.05, look.foreign_row + .06, .95, .92)
    look.border = (look.ink, rng.uniform(2, 4), rng.uniform(1, 4)) if rng.random() < .6 else None
    look.bolts = rng.choice((wide_bolts(rng), corner_bolts(rng)))
    return look


def southern(rng, country, two):
    """AU, NZ, ZA, NG, LK, PH, CL, CO, PE, MX, old AR and the like."""
    sizes = {"AU": ((372, 134), (372, 107)), "NZ": ((360, 125),), "ZA": ((520, 113), (440, 120)), "NG": ((320, 150),), "LK": ((420, 130),), "PH": ((390, 140),), "CL": ((360, 130),),
             "CO": ((330, 160),), "PE": ((300, 150),), "MX": ((300, 150),), "AR": ((294, 129),), "HK": ((520, 110),), "KE": ((520, 110),)}
    look = Look(rng.choice(sizes.get(country, ((400, 130),))), jitter(rng, WHITE), jitter(rng, BLACK, 10), rng.choice(("us", "us", "eu", "din")))
    top = bottom = None
    if country == "AU":
        top, bottom = rng.choice(((None, "NEW SOUTH WALES"), (None, "VICTORIA - ON THE MOVE"), (None, "QUEENSLAND - SUNSHINE STATE"), ("WA", None), (None, "WESTERN AUSTRALIA"),
                                  ("NSW", None), (None, "SOUTH AUSTRALIA"), ("TAS", "EXPLORE THE POSSIBILITIES"), ("VICTORIA", None), ("QLD", None)))
        look.ground, look.ink = rng.choice(((jitter(rng, YELLOW, 25), BLACK), (jitter(rng, YELLOW), BLACK), (WHITE, (20, 40, 110)), (WHITE, BLACK), (jitter(rng, BLACK), WHITE), (WHITE, (30, 90, 60)),
                                            (WHITE, (120, 30, 60)), (YELLOW, (20, 80, 50)), (jitter(rng, BLACK), (240, 200, 60))))
    elif country == "CO":
        look.ground, bottom = jitter(rng, YELLOW), rng.choice(("BOGOTA D.C.", "MEDELLIN", "CALI"))
    elif country == "AR":
        look.ground, look.ink, top = jitter(rng, BLACK), WHITE, "ARGENTINA"
    elif country == "CL":
        bottom = "CHILE"
    elif country == "PE":
        top = "PERU"
    elif country == "MX":
        top = rng.choice(("JALISCO MEXICO", "MEXICO DF", "NUEVO LEON", "BAJA CALIFORNIA"))
    elif country == "NG":
        top, bottom = rng.choice(("LAGOS", "ABUJA")), "FEDERAL REPUBLIC OF NIGERIA"
    elif country == "PH":
        top, bottom = rng.choice((("PILIPINAS", "REGION IV"), (None, "MATATAG NA REPUBLIKA")))
    elif country == "ZA" and rng.random() < .5:
        look.ground, look.picture = jitter(rng, (225, 220, 190)), .3
    y0, y1 = (.3 if top else .15), (.74 if bottom else .88)
    look.text = (.05, y0, .95, y1)
    if top:
        look.words.append((top, .5, .15, rng.uniform(.12, .18), look.ink, False))
    if bottom:
        look.words.append((bottom, .5, .87, rng.uniform(.1, .15), look.ink, False))
    look.border = (look.ink, 3, 2) if rng.random() < .5 else None
    look.bolts = rng.choice((corner_bolts(rng), wide_bolts(rng)))
    look.widen, look.spacing, look.gap = rng.uniform(.9, 1.2), rng.uniform(.1, .25), rng.uniform(.25, .6)
    look.dash = .7
    if country == "AU" and not top and rng.random() < .4:  # the state's letters one above the other
        for row, letter in enumerate(rng.choice(("NSW", "VIC", "QLD", "ACT"))):
            look.words.append((letter, .045, .3 + .2 * row, .15, look.ink, False))
        look.text = (.09, .12, .96, .88)
    return look


def anything(rng, country, two):
    """No country: any colours, any face, any size."""
    size = (rng.uniform(180, 340), rng.uniform(110, 200)) if two else (rng.uniform(280, 540), rng.uniform(90, 160))
    dark = rng.random() < .35
    tint = tuple(rng.randint(0, 255) for _ in range(3))
    light = tuple(int(235 - (255 - c) * rng.uniform(0, .35)) for c in tint)
    deep = tuple(int(c * rng.uniform(0, .45)) for c in tint)
    look = Look(size, deep if dark else light, light if dark else deep, rng.choice(("free", "free", "us", "eu", "din", "gb", "fe", "odd")), fonts=.6)
    m = rng.uniform(.02, .1)
    low = .14 if two else .33
    look.text = (m, rng.uniform(.08, low), 1 - m, rng.uniform(1 - low, .92))
    look.widen, look.spacing, look.gap = rng.uniform(.8, 1.5), rng.uniform(.05, .25), rng.uniform(.2, .8)
    look.border = (look.ink, rng.uniform(1, 5), rng.uniform(0, 5)) if rng.random() < .5 else None
    look.bolts = rng.choice((corner_bolts(rng), wide_bolts(rng)))
    look.emboss = rng.choice((0, .2, .4))
    look.picture = .3 if rng.random() < .1 else 0
    look.logo = rng.uniform(.12, .25) if rng.random() < .08 else 0
    look.align = rng.choice(("centre", "justify"))
    return look


_BY_COUNTRY = {"BR-old": brazilian_old, "BR": mercosul, "UY": mercosul, "PK": pakistani, "IN": indian, "free": anything}
_BY_COUNTRY.update({c: british for c in ("GB", "GB-prefix", "GB-suffix", "GB-dateless", "IE", "HK", "MY", "SG", "KE")})
_BY_COUNTRY.update({c: asian for c in ("CN", "VN", "TW", "ID", "IL", "AE", "SA")})
_BY_COUNTRY.update({c: southern for c in ("AU", "NZ", "ZA", "NG", "LK", "PH", "CL", "CO", "PE", "MX")})


def look_of(rng: random.Random, country: str, two: bool) -> Look:
    from . import american
    if country in ("US", "US-vanity", "CA"):
        return american.look(rng, country, two)
    if country == "AR":
        return (mercosul if rng.random() < .5 else southern)(rng, country, two)
    return _BY_COUNTRY.get(country, european)(rng, country, two)
