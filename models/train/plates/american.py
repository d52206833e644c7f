"""North American plates: embossed dies, state names, slogans, stickers, pictures, frames.

Most of a 2:1 plate is not registration: a name on top, a slogan or county below, stickers in the
corners, a picture anywhere. All of it is drawn so that the reader learns to leave it out.
"""

from __future__ import annotations

import random

from .designs import BLACK, WHITE, Look, corner_bolts, jitter

# state -> (ground, ink, script name, slogans)
_NAVY, _GREEN, _MAROON = (25, 40, 110), (20, 85, 60), (120, 25, 50)
STATES = {
    "California": (WHITE, (35, 40, 110), .9, ("dmv.ca.gov", "", "", "")),
    "TEXAS": (WHITE, BLACK, .1, ("THE LONE STAR STATE", "")),
    "NEW YORK": ((240, 170, 40), (25, 35, 90), 0, ("EMPIRE STATE", "")),
    "New York": (WHITE, _NAVY, .2, ("THE EMPIRE STATE", "")),
    "FLORIDA": (WHITE, (25, 90, 60), 0, ("SUNSHINE STATE", "MYFLORIDA.COM", "IN GOD WE TRUST")),
    "ILLINOIS": (WHITE, (190, 30, 40), .5, ("Land of Lincoln",)),
    "OHIO": (WHITE, _NAVY, .4, ("BIRTHPLACE OF AVIATION", "THE HEART OF IT ALL")),
    "PENNSYLVANIA": (WHITE, _NAVY, .1, ("visitPA.com", "www.state.pa.us")),
    "MICHIGAN": (WHITE, _NAVY, .3, ("GREAT LAKES", "www.michigan.gov", "Spectacular Peninsulas")),
    "NEW JERSEY": ((235, 215, 120), BLACK, .2, ("Garden State",)),
    "GEORGIA": (WHITE, BLACK, .3, ("...on my mind", "FULTON", "GWINNETT", "Peach State")),
    "VIRGINIA": (WHITE, _NAVY, 0, ("", "", "VIRGINIA IS FOR LOVERS", "400th Anniversary")),
    "WASHINGTON": (WHITE, _NAVY, .3, ("EVERGREEN STATE", "Evergreen State")),
    "ARIZONA": ((200, 150, 190), (25, 80, 70), 0, ("GRAND CANYON STATE",)),
    "MASSACHUSETTS": (WHITE, (180, 30, 45), .5, ("The Spirit of America",)),
    "MISSOURI": (WHITE, (30, 60, 120), .2, ("SHOW-ME STATE",)),
    "MARYLAND": (WHITE, BLACK, .1, ("", "War of 1812", "Treasure the Chesapeake")),
    "WISCONSIN": (WHITE, BLACK, 0, ("America's Dairyland",)),
    "MINNESOTA": (WHITE, _NAVY, 0, ("10,000 lakes", "Explore")),
    "COLORADO": (_GREEN, WHITE, 0, ("", "")),
    "ALABAMA": (WHITE, _NAVY, .2, ("Stars Fell On", "Heart of Dixie", "Sweet Home")),
    "SOUTH CAROLINA": (WHITE, _NAVY, .2, ("Smiling Faces. Beautiful Places.", "Travel2SC.com")),
    "NORTH CAROLINA": (WHITE, _NAVY, .1, ("First in Flight",)),
    "LOUISIANA": (WHITE, _NAVY, .3, ("Sportsman's Paradise",)),
    "KENTUCKY": (WHITE, _NAVY, .1, ("Bluegrass State", "JEFFERSON", "UNBRIDLED SPIRIT")),
    "OREGON": (WHITE, _NAVY, .2, ("", "Pacific Wonderland")),
    "CONNECTICUT": ((190, 215, 235), _NAVY, .3, ("Constitution State",)),
    "IOWA": (WHITE, _NAVY, 0, ("POLK", "LINN", "STORY")),
    "MISSISSIPPI": (WHITE, _NAVY, .2, ("HINDS", "MADISON")),
    "ARKANSAS": (WHITE, _NAVY, .3, ("The Natural State",)),
    "KANSAS": ((190, 215, 235), _NAVY, .2, ("", "SG", "JO")),
    "UTAH": (WHITE, _NAVY, .1, ("LIFE ELEVATED", "GREATEST SNOW ON EARTH", "CENTENNIAL")),
    "NEVADA": (WHITE, _NAVY, .2, ("THE SILVER STATE",)),
    "NEW MEXICO": ((240, 200, 50), (190, 30, 40), 0, ("LAND OF ENCHANTMENT USA",)),
    "WEST VIRGINIA": (WHITE, _NAVY, .2, ("Wild, Wonderful",)),
    "NEBRASKA": (WHITE, _NAVY, .2, ("", "www.nebraska.gov")),
    "IDAHO": (WHITE, (40, 50, 60), .1, ("SCENIC IDAHO", "FAMOUS POTATOES")),
    "HAWAII": (WHITE, BLACK, 0, ("ALOHA STATE",)),
    "MAINE": (WHITE, _NAVY, .2, ("Vacationland",)),
    "NEW HAMPSHIRE": (WHITE, _GREEN, 0, ("LIVE FREE OR DIE",)),
    "RHODE ISLAND": (WHITE, _NAVY, .3, ("Ocean State",)),
    "MONTANA": ((60, 90, 160), WHITE, .1, ("TREASURE STATE", "Big Sky Country")),
    "DELAWARE": ((20, 50, 110), (235, 200, 60), 0, ("THE FIRST STATE",)),
    "SOUTH DAKOTA": (WHITE, _NAVY, .3, ("GREAT FACES GREAT PLACES",)),
    "NORTH DAKOTA": (WHITE, BLACK, .1, ("Peace Garden State", "Discover the Spirit")),
    "ALASKA": ((240, 200, 50), _NAVY, .1, ("The Last Frontier",)),
    "VERMONT": (_GREEN, WHITE, 0, ("Green Mountain State",)),
    "WYOMING": (WHITE, (70, 45, 30), .1, ("",)),
    "TENNESSEE": (WHITE, _NAVY, .1, ("THE VOLUNTEER STATE", "SHELBY", "DAVIDSON")),
    "OKLAHOMA": (WHITE, _GREEN, .1, ("NATIVE AMERICA", "IS OK")),
    "INDIANA": (WHITE, _NAVY, .2, ("IN GOD WE TRUST", "MARION", "Hoosier State")),
    "WASHINGTON, DC": (WHITE, _NAVY, 0, ("TAXATION WITHOUT REPRESENTATION",)),
    "U.S. GOVERNMENT": (WHITE, _NAVY, 0, ("FOR OFFICIAL USE ONLY",)),
}
_PROVINCES = {
    "ONTARIO": (WHITE, _NAVY, 0, ("YOURS TO DISCOVER",)),
    "Quebec": (WHITE, _NAVY, .3, ("Je me souviens",)),
    "BRITISH COLUMBIA": (WHITE, _NAVY, .3, ("Beautiful", "The Best Place on Earth")),
    "ALBERTA": (WHITE, (180, 30, 45), .4, ("Wild Rose Country",)),
    "MANITOBA": (WHITE, _NAVY, .2, ("FRIENDLY",)),
    "SASKATCHEWAN": (WHITE, _GREEN, .2, ("Land of Living Skies",)),
    "NOVA SCOTIA": (WHITE, _NAVY, .2, ("CANADA'S OCEAN PLAYGROUND",)),
}
_FRAMES = ("LAKERS", "UNIVERSITY OF FLORIDA", "ALUMNI", "MY OTHER CAR", "HONDA OF DOWNTOWN", "Toyota", "MERCEDES-BENZ", "BMW OF MIAMI", "RAIDERS", "I LOVE MY DOG", "MARINES", "CHEVROLET", "LEXUS", "Auto Mall")


def look(rng: random.Random, country: str, two: bool) -> Look:
    states = _PROVINCES if country == "CA" and rng.random() < .9 else STATES
    names = list(states)
    # The commonest state gets more than its share, the rest are even.
    name = "California" if states is STATES and rng.random() < .14 else rng.choice(names)
    ground, ink, script, slogans = states[name]
    slogan = rng.choice(slogans)
    plate = Look(rng.choice(((305, 152), (305, 152), (300, 150), (305, 160))), jitter(rng, ground), jitter(rng, ink), "us", fonts=.42, emboss=rng.choice((0, .2, .35, .5)))
    if rng.random() < .1:  # special issues and older bases: any colours
        plate.ground = jitter(rng, rng.choice((WHITE, (200, 220, 240), (240, 225, 190), _NAVY, BLACK, (250, 210, 60), (190, 225, 200), (240, 170, 60), (220, 220, 225))))
        plate.ink = jitter(rng, rng.choice((BLACK, _NAVY, _GREEN, _MAROON, (200, 50, 40)) if sum(plate.ground) > 400 else (WHITE, (250, 210, 60), (200, 220, 240))))
    if rng.random() < .3:
        plate.gradient = jitter(rng, rng.choice(((150, 190, 235), (245, 220, 150), (170, 215, 180), (240, 160, 130), (210, 180, 220), (120, 150, 210))))
    if rng.random() < .35:
        plate.picture = rng.uniform(.1, .4)
    y0, y1 = rng.uniform(.24, .32), rng.uniform(.70, .80)
    plate.text = (rng.uniform(.03, .09), y0, rng.uniform(.91, .97), y1)
    if rng.random() < .12:
        plate.logo = rng.uniform(.14, .26)
    name_ink = plate.ink if rng.random() < .5 else jitter(rng, rng.choice((_NAVY, (190, 30, 40), BLACK, _GREEN, (150, 60, 120))))
    if sum(plate.ground) < 330:
        name_ink = plate.ink
    shown = name if rng.random() < .75 else name.title() if rng.random() < .6 else name.upper()
    is_script = rng.random() < script
    if rng.random() < .93:
        plate.words.append((shown, rng.uniform(.42, .58), rng.uniform(.10, .16), rng.uniform(.13, .21), name_ink, is_script))
    if slogan and rng.random() < .9:
        plate.words.append((slogan, .5, rng.uniform(.86, .92), rng.uniform(.08, .14), name_ink, rng.random() < script * .5))
    corners = [(.02, .03), (.80, .03), (.02, .82), (.80, .82)]
    count = rng.choice((0, 1, 1, 2, 2, 4))
    for x, y in rng.sample(corners, count):
        plate.stickers.append((x, y, rng.uniform(.1, .18), rng.uniform(.12, .18)))
    plate.stickered = rng.random() < (.85 if name == "MISSOURI" else .15)
    plate.bolts = corner_bolts(rng)
    if rng.random() < .15:
        x, tone, radius = rng.uniform(.18, .3), rng.choice((25, 40, 90, 200)), rng.uniform(4, 8)
        plate.screws = [(side, y, radius, tone) for side in (x, 1 - x) for y in ((y0 - rng.uniform(0, .08), y1 + rng.uniform(0, .08)) if rng.random() < .7 else (y0 - .04,))]
    plate.widen, plate.spacing, plate.gap = rng.uniform(.8, 1.15), rng.uniform(.1, .3), rng.uniform(.25, .7)
    plate.align = rng.choice(("centre", "justify", "justify"))
    plate.dash = .75
    if rng.random() < .3:
        plate.border = (plate.ink, rng.uniform(1, 3), rng.uniform(1, 4))
    if country == "US" and rng.random() < .02:
        plate.stack, plate.stack_right = 2, rng.random() < .4
    elif rng.random() < .1:  # the letters of a class one above the other, small: no part of the number
        letters = rng.choice(("DV", "PC", "AP", "TRK", "NE", "DP", "XT", "COM", "FLT", "WC", "TX", "GV", "SC", "APP"))
        right = rng.random() < .5
        x0, low, x1, high = plate.text
        plate.text = (x0, low, x1 - .08, high) if right else (x0 + .08, low, x1, high)
        for row, letter in enumerate(letters):
            plate.words.append((letter, x1 - .03 if right else x0 + .03, low + (high - low) * (row + .5) / len(letters), (high - low) / len(letters) * .7, plate.ink, False))
    if rng.random() < .22:  # dealer frame covering the edges, often the name and the slogan too
        tone = rng.choice(((20, 20, 22), (20, 20, 22), (190, 190, 195), (150, 30, 40), (30, 40, 110)))
        letters = WHITE if sum(tone) < 330 else BLACK
        plate.border = (tone, rng.uniform(8, 18), 0)
        for y in ((.06, .94) if rng.random() < .6 else (rng.choice((.06, .94)),)):
            plate.words.append((rng.choice(_FRAMES), .5, y, rng.uniform(.08, .13), letters, False))
    return plate
