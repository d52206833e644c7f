"""Registration texts by national pattern.

A pattern is a small regular expression (classes, {n}, {m,n}, literals) in which further signs
say how the plate is laid out: ' ' a gap, '-' a dash, '.' a dot, '*' an emblem (seal, arms,
state picture), '/' where a two-line plate breaks. They are not part of the text.
Formats are from general knowledge; they serve to draw plates, never to judge a reading.
"""

from __future__ import annotations

import functools
import random
import string

_RO = ("AB AG AR BC BH BN BR BT BV BZ CJ CL CS CT CV DB DJ GJ GL GR HD HR IF IL IS MH MM MS NT OT PH SB SJ SM SV TL TM "
       "TR VL VN VS").split()
_CH = "AG AI AR BE BL BS FR GE GL GR JU LU NE NW OW SG SH SO SZ TG TI UR VD VS ZG ZH".split()
_IN = ("AN AP AR AS BR CG CH DD DL GA GJ HP HR JH JK KA KL LA MH ML MN MP MZ NL OD OR PB PY RJ SK TN TR TS UK UP WB").split()
_SI = "CE GO KK KP KR LJ MB MS NM PO SG".split()
LISTS = {"RO": _RO, "CH": _CH, "IN": _IN, "SI": _SI}

# id -> (weight, [patterns])
COUNTRIES: dict[str, tuple[float, list[str]]] = {
    "DE": (5, ["[A-Z]{1,3}*/[A-Z]{1,2} [1-9][0-9]{0,3}", "[A-Z]{1,3}*[A-Z]{1,2} [1-9][0-9]{2,3}",
               "[A-Z]{1,3}*[A-Z]{1,2} [1-9][0-9]{1,3}", "[A-Z]{1,2}*[A-Z]{1,2} [1-9][0-9]{1,2}E", "[A-Z]*/[A-Z]{2} [1-9][0-9]{1,2}H"]),
    "AT": (1.5, ["[A-Z]{1,2}*[0-9]{2,5}[A-Z]{1,3}", "[A-Z]{1,2}*[A-Z]{1,5}[0-9]{1,3}"]),
    "FR": (3, ["[A-HJ-NP-TV-Z]{2}-[0-9]{3}-/[A-HJ-NP-TV-Z]{2}"]),
    "FR-old": (1.5, ["[0-9]{2,4} [A-HJ-NP-Z]{1,3} [0-9]{2}", "[0-9]{3,4} [A-HJ-NP-Z]{2} /2[AB]"]),
    "ES": (2.5, ["[0-9]{4} [BCDFGHJ-NPR-TV-Z]{3}", "[0-9]{4}/[BCDFGHJ-NPR-TV-Z]{3}"]),
    "ES-old": (.8, ["[A-Z]{1,2}-[0-9]{4}-[A-Z]{1,2}", "[A-Z]{1,2}-[0-9]{4}-/[A-Z]{1,2}"]),
    "PT": (1.5, ["[A-Z]{2}-[0-9]{2}-[A-Z]{2}", "[0-9]{2}-[A-Z]{2}-[0-9]{2}", "[0-9]{2}-[0-9]{2}-[A-Z]{2}", "[A-Z]{2}-[0-9]{2}-[0-9]{2}"]),
    "IT": (2.5, ["[A-HJ-NPR-TV-Z]{2} [0-9]{3}[A-HJ-NPR-TV-Z]{2}", "[A-HJ-NPR-TV-Z]{2}/[0-9]{3}[A-HJ-NPR-TV-Z]{2}"]),
    "NL": (2.5, ["[A-Z]{2}-[0-9]{2}-[A-Z]{2}", "[0-9]{2}-[A-Z]{2}-/[A-Z]{2}", "[A-Z]{2}-[A-Z]{2}-[0-9]{2}", "[0-9]{2}-[A-Z]{3}-[0-9]",
                 "[0-9]-[A-Z]{3}-[0-9]{2}", "[BDFGHJKLNPRSTVXZ]{2}-[0-9]{3}-[BDFGHJKLNPRSTVXZ]", "[BDFGHJKLNPRSTVXZ]-[0-9]{3}-[BDFGHJKLNPRSTVXZ]{2}",
                 "[0-9]{2}-[0-9]{2}-[A-Z]{2}"]),
    "BE": (1.5, ["[1-9]-[A-Z]{3}-[0-9]{3}", "[A-Z]{3}-[0-9]{3}", "[0-9]{3}-[A-Z]{3}", "1-[A-Z]{3}-/[0-9]{3}"]),
    "LU": (.8, ["[A-Z]{2} [0-9]{4}", "[0-9]{4,5}"]),
    "CH": (1.5, ["<CH>-[0-9]{1,6}", "<CH>*[0-9]{4,6}", "<CH>*/[0-9]{3,6}"]),
    "PL": (2.5, ["[A-Z]{2,3} [0-9]{5}", "[A-Z]{2,3} [0-9]{4}[A-Z]", "[A-Z]{3} [A-Z]{2}[0-9]{2,3}", "[A-Z]{2}/[0-9]{3}[A-Z]{2}", "[A-Z]{2} [0-9]{3}[A-Z]{2}",
                 "[A-Z]{3} [0-9][A-Z][0-9]{2}"]),
    "CZ": (4, ["[0-9][ABCEHJ-MPSTUZ][0-9A-Z]*[0-9]{4}", "[0-9][ABCEHJ-MPSTUZ][0-9]*[0-9]{4}", "[A-Z]{2,3} [0-9]{2}-[0-9]{2}",
                 "[0-9][ABCEHJ-MPSTUZ][0-9]/[0-9]{4}"]),
    "SK": (4, ["[A-Z]{2}*[0-9]{3}[A-Z]{2}", "[A-Z]{2}-[0-9]{3}[A-Z]{2}"]),
    "HU": (2, ["[A-Z]{3}-[0-9]{3}", "[A-Z]{2} [A-Z]{2}-[0-9]{3}", "[A-Z]{3}/[0-9]{3}"]),
    "RO": (3, ["B [0-9]{2,3} [A-Z]{3}", "<RO> [0-9]{2} [A-Z]{3}", "<RO> [0-9]{2}/[A-Z]{3}", "<RO> 0[0-9]{5}"]),
    "BG": (1.2, ["[ABEKMHOPCTYX]{1,2} [0-9]{4} [ABEKMHOPCTYX]{2}"]),
    "GR": (1.2, ["[ABEZHIKMNOPTYX]{3}-[0-9]{4}", "[ABEZHIKMNOPTYX]{3}/[0-9]{4}"]),
    "HR": (1.2, ["[A-Z]{2}*[0-9]{3,4}-[A-Z]{1,2}"]),
    "SI": (1, ["<SI> *[A-Z]{2}-[0-9]{3}", "<SI> [0-9A-Z]{2}-[0-9A-Z]{3}"]),
    "RS": (1, ["[A-Z]{2}*[0-9]{3,5}-[A-Z]{2}"]),
    "BA": (1, ["[AEJKMOT][0-9]{2}-[AEJKMOT]-[0-9]{3}"]),
    "UA": (1.2, ["[ABCEHIKMOPTX]{2} [0-9]{4} [ABCEHIKMOPTX]{2}", "[ABCEHIKMOPTX]{2}[0-9]{4}[ABCEHIKMOPTX]{2}"]),
    "RU": (1.5, ["[ABEKMHOPCTYX][0-9]{3}[ABEKMHOPCTYX]{2} [0-9]{2,3}"]),
    "BY": (.7, ["[0-9]{4} [ABEIKMHOPCTX]{2}-[1-8]"]),
    "TR": (1.5, ["[0-7][0-9] [A-Z][0-9]{4}", "[0-7][0-9] [A-Z]{2} [0-9]{3,4}", "[0-7][0-9] [A-Z]{3} [0-9]{2,3}", "[0-7][0-9] [A-Z]{2}/[0-9]{3,4}"]),
    "SE": (1.5, ["[A-HJ-PR-UW-Z]{3} [0-9]{3}", "[A-HJ-PR-UW-Z]{3} [0-9]{2}[A-HJ-NPR-UW-Z]"]),
    "NO": (1.2, ["[A-FHJ-LNPR-VX-Z]{2} [0-9]{5}", "[A-FHJ-LNPR-VX-Z]{2}/[0-9]{4,5}"]),
    "DK": (1, ["[A-HJ-NPR-VX-Z]{2} [0-9]{2} [0-9]{3}", "[A-HJ-NPR-VX-Z]{2}/[0-9]{2}[0-9]{3}"]),
    "FI": (1, ["[A-Z]{2,3}-[0-9]{1,3}", "[A-Z]{3}-[0-9]{3}"]),
    "EE": (.8, ["[0-9]{3} [A-Z]{3}"]),
    "LV": (.8, ["[A-Z]{2}-[0-9]{1,4}"]),
    "LT": (.8, ["[A-PR-VYZ]{3} [0-9]{3}", "[A-PR-VYZ]{3}*[0-9]{3}"]),
    "IE": (1.2, ["[0-2][0-9][12]-[A-Z]{1,2}-[0-9]{1,5}", "[0-9]{2}-[A-Z]{1,2}-[0-9]{3,6}"]),
    "GB": (5, ["[A-HJ-PR-Y]{2}[0-9]{2} [A-HJ-PR-Z]{3}", "[A-HJ-PR-Y]{2}[0-9]{2}/[A-HJ-PR-Z]{3}", "[A-HJ-PR-Y]{2}[0-9]{2} [A-HJ-PR-Z]{3}"]),
    "GB-prefix": (1.5, ["[A-HJ-NPR-TV-Y][0-9]{1,3} [A-HJ-PR-Y]{3}", "[A-HJ-NPR-TV-Y][0-9]{2,3}/[A-HJ-PR-Y]{3}"]),
    "GB-suffix": (.8, ["[A-HJ-PR-Y]{3} [0-9]{1,3}[A-HJ-NPR-TV-Y]"]),
    "GB-dateless": (.8, ["[A-Z]{1,3} [0-9]{1,4}", "[0-9]{1,4} [A-Z]{1,3}"]),
    "US": (38, ["[A-Z]{3}*[0-9]{4}", "[A-Z]{3} [0-9]{4}", "[A-Z]{3}-[0-9]{4}", "[A-Z]{3}*[0-9]{3}", "[A-Z]{3} [0-9]{3}", "[0-9]{3}*[A-Z]{3}", "[0-9]{3} [A-Z]{3}",
                "[0-9]{3}-[A-Z]{3}", "[1-9][A-Z]{3}[0-9]{3}", "[1-9][A-Z]{3}[0-9]{3}", "[1-9][A-Z]{3}[0-9]{3}", "[A-Z]{2}[0-9]{5}", "[A-Z]{2} [0-9]{5}", "[A-Z][0-9]{2} [A-Z]{3}",
                "[A-Z][0-9]{2}*[A-Z]{3}", "[A-Z]{2}[0-9] [A-Z][0-9][A-Z]", "[A-Z]{2}[0-9]*[A-Z][0-9][A-Z]", "[A-Z]{2}[0-9]*[A-Z][0-9][A-Z]", "[A-Z]{2}[0-9]-[A-Z][0-9][A-Z]", "[A-Z]{2}[0-9] [A-Z]{3}[0-9]", "[0-9]{3}[A-Z][0-9]{2}", "[0-9]{3} [A-Z][0-9]{2}",
                "[A-Z][0-9]{6}", "[A-Z]{4}[0-9]{2}", "[0-9A-Z]{3} [0-9A-Z]{3}", "[0-9A-Z]{5,7}", "[0-9]{2}[A-Z]{2}[0-9]{2}", "[0-9][A-Z]{2}[0-9]{3}",
                "[0-9]{3} [0-9]{3}", "[0-9]{3}*[A-Z]{2}[0-9]", "[0-9]{2}[A-Z]*[A-Z][0-9]{2}", "[A-Z]{2}[0-9]{4}", "[0-9]{2}[A-Z]{3}[0-9]", "[0-9]{4}*[A-Z]{2}", "[0-9]{6}", "[A-Z]{3}[0-9] [0-9][0-9]"]),
    "US-vanity": (8, ["?"]),
    "CA": (2.5, ["[A-Z]{4}*[0-9]{3}", "[A-Z]{3} [0-9]{3}", "[A-Z]{3}-[0-9]{4}", "[A-Z][0-9]{2} [A-Z]{3}", "[0-9]{3} [A-Z]{3}", "[A-Z]{2}[0-9]*[0-9]{2}[A-Z]"]),
    "MX": (1.5, ["[A-HJ-NPR-Z]{3}-[0-9]{3}-[A-Z]", "[A-HJ-NPR-Z]{3}-[0-9]{2}-[0-9]{2}", "[A-HJ-NPR-Z]{2}-[0-9]{5}"]),
    "BR": (8, ["[A-Z]{3}[0-9][A-J][0-9]{2}", "[A-Z]{3}[0-9][A-Z][0-9]{2}", "[A-Z]{3}/[0-9][A-Z][0-9]{2}"]),
    "BR-old": (16, ["[A-Z]{3}-[0-9]{4}", "[A-Z]{3}.[0-9]{4}", "[A-Z]{3} [0-9]{4}", "[A-Z]{3}-[0-9]{4}", "[A-Z]{3}/[0-9]{4}"]),
    "AR": (1.5, ["[A-Z]{2} [0-9]{3} [A-Z]{2}", "[A-Z]{3} [0-9]{3}"]),
    "CL": (1, ["[BCDFGHJKLPRSTVWXYZ]{2}-[BCDFGHJKLPRSTVWXYZ]{2}-[0-9]{2}", "[A-Z]{2}-[0-9]{4}"]),
    "CO": (1, ["[A-Z]{3} [0-9]{3}", "[A-Z]{3}-[0-9]{3}"]),
    "PE": (.8, ["[A-Z][0-9A-Z][A-Z0-9]-[0-9]{3}"]),
    "UY": (.8, ["[A-Z]{3} [0-9]{4}", "[A-Z]{4} [0-9]{3}"]),
    "AU": (3, ["[A-Z]{3}-[0-9]{2}[A-Z]", "[A-Z]{2}-[0-9]{2}-[A-Z]{2}", "[0-9][A-Z]{2} [0-9][A-Z]{2}", "[0-9]{3}*[A-Z]{3}", "[0-9]{3}-[A-Z]{2}[0-9]", "1[A-Z]{3}-[0-9]{3}",
               "S[0-9]{3}-[A-Z]{3}", "[A-Z]{3}*[0-9]{3}", "[A-Z]{3}-[0-9]{3}"]),
    "NZ": (1, ["[A-HJ-NP-Z]{3}[0-9]{3}", "[A-Z]{2}[0-9]{3,4}"]),
    "IN": (2.5, ["<IN>[0-9]{2} [A-HJ-NP-Z]{1,2} [0-9]{4}", "<IN> [0-9]{2} [A-HJ-NP-Z]{1,2}/[0-9]{4}", "<IN>[0-9]{1,2}[A-HJ-NP-Z]{1,3}[0-9]{4}", "<IN>-[0-9]{2}-[A-HJ-NP-Z]{1,2}-[0-9]{4}",
                 "[0-9]{2} BH [0-9]{4} [A-HJ-NP-Z]{1,2}"]),
    "PK": (4, ["[A-Z]{2,3}-[0-9]{3}", "[A-Z]{2,3}/[0-9]{3,4}", "[A-Z]{2,3} [0-9]{3,4}", "LE[A-Z]-[01][0-9]/[0-9]{3,4}", "[LM][A-Z]{2}-[01][0-9]/[0-9]{3,4}", "[A-Z]{2,3}-[01][0-9]-[0-9]{2,4}", "[A-Z]{3}-[0-9]{3}", "[A-Z]-[0-9]{4}"]),
    "LK": (.6, ["[A-Z]{2,3}-[0-9]{4}"]),
    "MY": (1.5, ["[A-HJ-NP-Z]{3} [0-9]{1,4}", "[A-HJ-NP-Z]{1,2} [0-9]{3,4} [A-HJ-NP-Z]", "[A-HJ-NP-Z]{3}/[0-9]{3,4}", "[A-HJ-NP-Z]{3}[0-9]{4}"]),
    "SG": (1, ["S[A-Z]{2} [0-9]{1,4} [A-EGHJ-MPR-UX-Z]", "S[A-Z]{2}[0-9]{4}[A-EGHJ-MPR-UX-Z]", "S[A-Z]{2}/[0-9]{3,4}[A-EGHJ-MPR-UX-Z]"]),
    "HK": (.8, ["[A-HJ-NPR-Z]{2} [0-9]{1,4}", "[A-HJ-NPR-Z]{2}/[0-9]{3,4}"]),
    "TW": (.8, ["[A-HJ-NP-Z]{3}-[0-9]{4}", "[A-Z0-9]{2}-[0-9]{4}", "[0-9]{4}-[A-Z0-9]{2}"]),
    "ID": (1.2, ["[A-Z]{1,2} [0-9]{3,4} [A-Z]{1,3}"]),
    "PH": (.8, ["[A-HJ-NPR-Z]{3} [0-9]{3,4}"]),
    "VN": (1.5, ["[1-9][0-9][A-Z]-[0-9]{3}.[0-9]{2}", "[1-9][0-9]-[A-Z][0-9]/[0-9]{3}.[0-9]{2}", "[1-9][0-9][A-Z]/[0-9]{3}.[0-9]{2}", "[1-9][0-9][A-Z]/[0-9]{4}", "[1-9][0-9][A-Z]-[0-9]{4}",
                 "[1-9][0-9]-[A-Z][0-9]/[0-9]{4}"]),
    "CN": (1, ["%[A-HJ-NP-Z].[A-HJ-NP-Z0-9]{5}", "%[A-HJ-NP-Z].[0-9]{5}", "%[A-HJ-NP-Z].[A-HJ-NP-Z0-9]{6}"]),
    "IL": (1.5, ["[0-9]{2}-[0-9]{3}-[0-9]{2}", "[0-9]{2}.[0-9]{3}.[0-9]{2}", "[0-9]{3}-[0-9]{2}-[0-9]{3}"]),
    "AE": (.8, ["[A-Z] [0-9]{3,5}", "[A-Z]{1,2}%[0-9]{3,5}"]),
    "SA": (.6, ["[0-9]{1,4} [ABJDRSXTEGKLZNHUV]{3}"]),
    "ZA": (1.2, ["[BCDFGHJ-NPR-TV-Z]{2} [0-9]{2} [BCDFGHJ-NPR-TV-Z]{2} GP", "[BCDFGHJ-NPR-TV-Z]{3} [0-9]{3} GP", "[BCDFGHJ-NPR-TV-Z]{3} [0-9]{3} [LE]C", "CA [0-9]{3}-[0-9]{3}", "C[A-Z] [0-9]{4,6}"]),
    "KE": (.6, ["K[A-HJ-NP-Z]{2} [0-9]{3}[A-HJ-NP-Z]"]),
    "NG": (.6, ["[A-Z]{3}-[0-9]{2,3}[A-Z]{2}"]),
    "free": (9, ["?"]),
}
_WORDS = ("LOVE KING RACE FAST BABY LIFE GO MY BIG DOG CAT SKI FUN MOM DAD GOLF SURF JEEP VET DOC SUN CAR BMW HOT ROD RUN "
          "ACE FLY SEA ZEN TOY MR MS DR THE 4 2 U R ME YOU IM GR8 ONE TWO 1 NO YES OLD NEW RED BLU TRK MAX JO BOB SAM ANN").split()


@functools.lru_cache(maxsize=None)
def _compile(pattern: str):
    """Pattern -> list of (alphabet or None, literal, low, high)."""
    out, i = [], 0
    while i < len(pattern):
        c = pattern[i]
        if c == "<":
            j = pattern.index(">", i)
            out.append(("list", LISTS[pattern[i + 1:j]], 1, 1))
            i = j + 1
            continue
        if c == "[":
            j = pattern.index("]", i)
            body, chars, k = pattern[i + 1:j], "", 0
            while k < len(body):
                if k + 2 < len(body) and body[k + 1] == "-":
                    chars += "".join(chr(v) for v in range(ord(body[k]), ord(body[k + 2]) + 1))
                    k += 3
                else:
                    chars += body[k]
                    k += 1
            kind, value, i = "set", chars, j + 1
        else:
            kind, value, i = "lit", c, i + 1
        low = high = 1
        if i < len(pattern) and pattern[i] == "{":
            j = pattern.index("}", i)
            low, _, top = pattern[i + 1:j].partition(",")
            low, high, i = int(low), int(top or low), j + 1
        out.append((kind, value, low, high))
    return out


def from_pattern(rng: random.Random, pattern: str) -> str:
    """A text with its layout signs, drawn evenly from a pattern."""
    if pattern == "?":
        return vanity(rng)
    out = []
    for kind, value, low, high in _compile(pattern):
        for _ in range(low if low == high else rng.randint(low, high)):
            out.append(value if kind == "lit" else rng.choice(value))
    return "".join(out)


def vanity(rng: random.Random) -> str:
    """Free strings and word-like texts, 2 to 8 characters."""
    kind = rng.random()
    alphabet = string.ascii_uppercase + string.digits
    if kind < .35:
        text = "".join(rng.choice(alphabet) for _ in range(rng.randint(3, 8)))
        if rng.random() < .4 and len(text) > 4:
            cut = rng.randint(2, len(text) - 2)
            text = text[:cut] + rng.choice(" -*") + text[cut:]
        return text
    if kind < .7:
        parts = [rng.choice(_WORDS) for _ in range(rng.randint(1, 3))]
        text = rng.choice(["", " "]).join(parts)[:8].strip()
        return text if len(text) > 1 else text + rng.choice(alphabet) * 2
    vowels, rest = "AEIOUY", "BCDFGHJKLMNPQRSTVWXZ"
    text = "".join(rng.choice(vowels if i % 2 else rest) for i in range(rng.randint(4, 7)))
    if rng.random() < .4:
        text += rng.choice(string.digits) * rng.randint(1, 2)
    return text[:8]


# Few series there have O, I and Q, whose print is that of 0 and 1, and no pattern tells them apart.
_SHY = {"US", "US-vanity", "CA", "MX", "AU", "free", "PK", "MY", "AR"}
_IDS = list(COUNTRIES)
_WEIGHTS = [COUNTRIES[c][0] for c in _IDS]


def pick_country(rng: random.Random) -> str:
    return rng.choices(_IDS, _WEIGHTS)[0]


def pick_text(rng: random.Random, country: str) -> str:
    """A laid-out text of a country (with gaps, dashes, emblems, line break)."""
    laid = from_pattern(rng, rng.choice(COUNTRIES[country][1]))
    if country in _SHY and not laid.replace(" ", "").isalpha() and rng.random() < .95:
        laid = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c in "OIQ" and rng.random() < (.97 if c != "Q" else .7) else c for c in laid)
    return _doubled(rng, laid) if rng.random() < .12 else laid


def _doubled(rng: random.Random, laid: str) -> str:
    """Makes two neighbours equal, often 1 1, which are the hardest to count."""
    pairs = [i for i in range(len(laid) - 1) if laid[i].isdigit() and laid[i + 1].isdigit() or laid[i] in string.ascii_uppercase and laid[i + 1] in string.ascii_uppercase]
    if not pairs:
        return laid
    i = rng.choice(pairs)
    c = "1" if laid[i].isdigit() and rng.random() < .5 else laid[i]
    return laid[:i] + c + c + laid[i + 2:]


def plain(laid_out: str) -> str:
    """The registration alone: A-Z and 0-9."""
    return "".join(c for c in laid_out if c.isascii() and c.isalnum())
