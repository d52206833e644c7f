//! Formats of France, the Alps, the Mediterranean, the Balkans and Turkey.

use super::{Format, loose, strict};

pub(super) const FORMATS: &[Format] = &[
    strict(
        "fr",
        "France since 2009",
        "[A-HJ-NP-TV-Z]{2}[0-9]{3}[A-HJ-NP-TV-Z]{2}",
        &["AB-123-CD", "GE-001-XY"],
        &["AI-123-CD", "AB-12-CD", "AB-123-CO", "A8-123-CD"],
    ),
    loose(
        "fr",
        "France to 2009",
        "[0-9]{1,4}[A-HJ-NP-Z]{1,3}([0-9]{2}|2[AB])",
        &["123 ABC 75", "1234 AB 2A"],
        &["12345 A 75", "123 ABC 7", "ABC 123"],
    ),
    strict(
        "at",
        "Austria",
        "(AM|B|BA|BB|BL|BM|BN|BR|BZ|DL|DO|E|EF|EU|FB|FE|FF|FK|FR|G|GB|GD|GF|GM|GR|GS|GU|HA|HB|HE|HF|HL|HO|I|IL|IM|JE|\
         JO|JU|JW|K|KB|KF|KI|KL|KO|KR|KS|KU|L|LA|LB|LE|LF|LI|LL|LN|LZ|MA|MD|ME|MI|MU|MZ|ND|NK|OP|OW|P|PE|PL|RA|RE|RI|\
         RO|S|SB|SD|SE|SL|SP|SR|SV|SW|SZ|TA|TU|UU|VB|VI|VK|VL|VO|W|WB|WE|WK|WL|WN|WO|WT|WU|WY|WZ|ZE|ZT|ZW)\
         ([1-9][0-9]{0,4}[A-Z]{1,3}|[A-Z]{1,5}[1-9][0-9]{0,4})",
        &["W-12345 A", "S 123 AB", "GU-ABC 1"],
        &["QQ-123 AB", "W-012345", "W-A", "123 AB"],
    )
    .up_to(8),
    strict(
        "ch",
        "Switzerland",
        "(AG|AI|AR|BE|BL|BS|FR|GE|GL|GR|JU|LU|NE|NW|OW|SG|SH|SO|SZ|TG|TI|UR|VD|VS|ZG|ZH)[1-9][0-9]{0,5}",
        &["ZH 123456", "BE·1"],
        &["XX 123", "ZH 0123", "ZH 1234567", "Z 123"],
    ),
    strict(
        "es",
        "Spain since 2000",
        "[0-9]{4}[BCDFGHJ-NPR-TV-Z]{3}",
        &["1234 BCD", "0001 ZZZ"],
        &["1234 BAD", "123 BCD", "1234 BC"],
    ),
    loose(
        "es",
        "Spain to 2000",
        "[A-Z]{1,2}[0-9]{4}[A-Z]{1,2}",
        &["M-1234-AB", "SE 0001 B"],
        &["M-123-AB", "ABC-1234-A", "M-12345"],
    ),
    strict(
        "pt",
        "Portugal",
        "([A-Z]{2}[0-9]{2}[A-Z]{2}|[0-9]{2}[A-Z]{2}[0-9]{2}|[0-9]{4}[A-Z]{2}|[A-Z]{2}[0-9]{4})",
        &["AB-12-CD", "12-AB-34", "12-34-AB", "AB-12-34"],
        &["AB-1-CD", "ABC-123", "12-34-56"],
    ),
    strict(
        "it",
        "Italy",
        "[A-HJ-NPR-TV-Z]{2}[0-9]{3}[A-HJ-NPR-TV-Z]{2}",
        &["AB 123 CD", "ZZ 999 ZZ"],
        &["AQ 123 CD", "AB 12 CD", "AB 123 CU"],
    ),
    strict(
        "ro",
        "Romania",
        "(B[0-9]{2,3}|(AB|AG|AR|BC|BH|BN|BR|BT|BV|BZ|CJ|CL|CS|CT|CV|DB|DJ|GJ|GL|GR|HD|HR|IF|IL|IS|MH|MM|MS|NT|OT|PH|SB|\
         SJ|SM|SV|TL|TM|TR|VL|VN|VS)[0-9]{2})[A-HJ-NPR-Z][A-PR-Z]{2}",
        &["B 123 ABC", "CJ 01 XYZ", "B 21 GSB"],
        &["B 1 ABC", "XX 12 ABC", "CJ 123 ABC", "B 123 IBC", "B 123 AB"],
    ),
    strict(
        "ro",
        "Romania, temporary",
        "(B|AB|AG|AR|BC|BH|BN|BR|BT|BV|BZ|CJ|CL|CS|CT|CV|DB|DJ|GJ|GL|GR|HD|HR|IF|IL|IS|MH|MM|MS|NT|OT|PH|SB|SJ|SM|SV|\
         TL|TM|TR|VL|VN|VS)0[0-9]{5}",
        &["B 089414", "CJ 012345"],
        &["B 189414", "B 08941", "XX 012345"],
    ),
    strict(
        "bg",
        "Bulgaria",
        "[ABEKMHOPCTYX]{1,2}[0-9]{4}[ABEKMHOPCTYX]{2}",
        &["CA 1234 BT", "A 1234 KX"],
        &["DA 1234 BT", "CA 123 BT", "CA 1234 B"],
    ),
    strict("gr", "Greece", "[ABEZHIKMNOPTYX]{3}[0-9]{4}", &["ABE-1234"], &["ABC-1234", "ABE-123", "AB-1234"]),
    strict(
        "hr",
        "Croatia",
        "[A-Z]{2}[0-9]{3,4}[A-Z]{1,2}",
        &["ZG 1234-AB", "ŠI 123-A"],
        &["Z 1234-AB", "ZG 12-AB", "ZG 1234"],
    ),
    loose(
        "si",
        "Slovenia",
        "(CE|GO|KK|KP|KR|LJ|MB|MS|NM|PO|SG)[0-9A-Z]{4,5}",
        &["LJ 12-ABC", "MB AB-123"],
        &["XX 12-ABC", "LJ 123", "LJ 123-ABC"],
    ),
    strict(
        "rs",
        "Serbia",
        "[A-Z]{2}[0-9]{3,5}[A-Z]{2}",
        &["BG 123-AB", "NŠ 1234-ŽĆ"],
        &["B 123-AB", "BG 12-AB", "BG 123-A"],
    ),
    strict(
        "ba",
        "Bosnia and Herzegovina",
        "[AEJKMOT][0-9]{2}[AEJKMOT][0-9]{3}",
        &["A12-E-345", "T00-O-000"],
        &["B12-E-345", "A12-E-34", "A123-E-45"],
    ),
    strict(
        "tr",
        "Turkey",
        "(0[1-9]|[1-7][0-9]|8[01])([A-PR-VYZ][0-9]{4,5}|[A-PR-VYZ]{2}[0-9]{3,4}|[A-PR-VYZ]{3}[0-9]{2,3})",
        &["34 ABC 123", "06 A 12345", "81 AB 123"],
        &["82 ABC 123", "00 A 1234", "34 ABW 123", "34 ABC 1"],
    ),
];
