//! Formats of the British Isles, the Nordic and Baltic countries, and Europe north of the Alps.

use super::{Format, loose, strict};

pub(super) const FORMATS: &[Format] = &[
    strict(
        "gb",
        "Great Britain since 2001",
        "[A-HJ-PR-Y]{2}[0-9]{2}[A-HJ-PR-Z]{3}",
        &["AB12 CDE", "LK07 ZYX"],
        &["AB1 2CDE9", "AI12 CDE", "AB12 CQE", "A812 CDE", "ZB12 CDE"],
    ),
    strict(
        "gb",
        "Great Britain 1983-2001",
        "[A-HJ-NPR-TV-Y][0-9]{1,3}[A-HJ-PR-Y]{3}",
        &["P123 ABC", "A1 BCD"],
        &["O123 ABC", "P1234 ABC", "P123 ABZ"],
    ),
    strict(
        "gb",
        "Great Britain 1963-1983",
        "[A-HJ-PR-Y]{3}[0-9]{1,3}[A-HJ-NPR-TV-Y]",
        &["ABC 123P", "OLD 1A"],
        &["ABC 123O", "ABC 123", "AIC 123P"],
    ),
    loose(
        "gb",
        "Great Britain before 1963, Northern Ireland",
        "([A-Z]{1,3}[0-9]{1,4}|[0-9]{1,4}[A-Z]{1,3})",
        &["A 1", "VXI 4321", "1234 AB"],
        &["ABCD 1", "AB12 CDE", "12345 A"],
    ),
    strict(
        "ie",
        "Ireland",
        "[0-9]{2}[12]?(C|CE|CN|CW|D|DL|G|KE|KK|KY|L|LD|LH|LM|LS|MH|MN|MO|OY|RN|SO|T|W|WH|WX|WW)[0-9]{1,6}",
        &["12-D-12345", "131-C-123", "231-LH-1"],
        &["123-D-1", "12-D", "12-X-123", "1-D-123"],
    )
    .up_to(11),
    strict(
        "de",
        "Germany",
        "[A-Z]{1,3}[A-Z]{1,2}[1-9][0-9]{0,3}[EH]?",
        &["B-AB 1234", "KA-X 7", "LÖ-AB 123E", "M-A 1H"],
        &["B-AB 0123", "AB 12345", "B1234", "ABCD-EF 12", "B-AB 12A"],
    )
    .up_to(9),
    strict(
        "nl",
        "Netherlands",
        "([A-Z]{2}[0-9]{2}[A-Z]{2}|[0-9]{2}[A-Z]{4}|[A-Z]{4}[0-9]{2}|[0-9]{2}[A-Z]{3}[0-9]|[0-9][A-Z]{3}[0-9]{2}|\
         [A-Z]{2}[0-9]{3}[A-Z]|[A-Z][0-9]{3}[A-Z]{2}|[A-Z]{3}[0-9]{2}[A-Z]|[A-Z][0-9]{2}[A-Z]{3}|\
         [0-9]{2}[A-Z]{2}[0-9]{2}|[0-9]{4}[A-Z]{2}|[A-Z]{2}[0-9]{4})",
        &["12-ABC-3", "AB-123-C", "G-123-BB", "GB-12-RT"],
        &["ABC-123", "12-345-6", "A-BCD-EF", "1-ABC-2"],
    ),
    strict(
        "be",
        "Belgium",
        "([1-9][A-Z]{3}[0-9]{3}|[A-Z]{3}[0-9]{3}|[0-9]{3}[A-Z]{3})",
        &["1-ABC-234", "ABC-123", "123-ABC"],
        &["0-ABC-234", "AB-1234", "1-AB-2345"],
    ),
    strict(
        "lu",
        "Luxembourg",
        "([A-Z]{2}[0-9]{4}|[0-9]{4,5})",
        &["AB 1234", "12345", "1234"],
        &["ABC 123", "123", "123456"],
    ),
    strict(
        "pl",
        "Poland",
        "[A-Z]{2,3}[0-9ACE-HJ-NPR-Y]{4,5}",
        &["WA 12345", "KR 5AC22", "WPR 12AC"],
        &["W1 12345", "WA 123", "WA 1234567", "1WA 1234"],
    ),
    strict(
        "cz",
        "Czechia",
        "([0-9][ABCEHJ-MPSTUZ][0-9A-FHJ-NPRSTUVX-Z][0-9]{4}|[A-Z]{2,3}[0-9]{4})",
        &["1A2 3456", "5B7 0001", "ABC 12-34"],
        &["1G2 3456", "1A2 345", "12A 3456"],
    ),
    strict("sk", "Slovakia", "[A-Z]{2}[0-9]{3}[A-Z]{2}", &["BA-123CD"], &["BA-1234C", "B-123CD", "BA-12CDE"]),
    strict(
        "hu",
        "Hungary",
        "([A-Z]{4}[0-9]{3}|[A-Z]{3}[0-9]{3})",
        &["AA BC-123", "ABC-123"],
        &["ABC-12", "ABCDE-123", "AB-1234"],
    ),
    strict(
        "ua",
        "Ukraine",
        "[ABCEHIKMOPTX]{2}[0-9]{4}[ABCEHIKMOPTX]{2}",
        &["AA 1234 BB", "KA 0001 IX"],
        &["AD 1234 BB", "AA 123 BB", "AA 1234 B"],
    ),
    strict(
        "ru",
        "Russia",
        "[ABEKMHOPCTYX][0-9]{3}[ABEKMHOPCTYX]{2}[0-9]{2,3}",
        &["A123BC 77", "M001XX 199"],
        &["D123BC 77", "A12BC 77", "A123BC 7"],
    ),
    strict(
        "by",
        "Belarus",
        "[0-9]{4}[ABEIKMHOPCTX]{2}[1-8]",
        &["1234 AB-7"],
        &["1234 AB-9", "123 AB-7", "1234 DB-7"],
    ),
    strict(
        "se",
        "Sweden",
        "[A-HJ-PR-UW-Z]{3}[0-9]{2}[0-9A-HJ-NPR-UW-Z]",
        &["ABC 123", "ABC 12D"],
        &["AIC 123", "ABC 12O", "AB 123", "ABC 1D2"],
    ),
    strict(
        "no",
        "Norway",
        "[A-HJ-NPR-Z]{2}[0-9]{4,5}",
        &["AB 12345", "EL 1234"],
        &["A 12345", "AB 123", "AI 12345"],
    ),
    strict(
        "dk",
        "Denmark",
        "[A-HJ-NPR-VX-Z]{2}[0-9]{5}",
        &["AB 12 345"],
        &["AB 1234", "AI 12 345", "ABC 1234"],
    ),
    strict("fi", "Finland", "[A-Z]{2,3}[0-9]{1,3}", &["ABC-123", "ÄB-1"], &["A-123", "ABC-1234", "123-ABC"]),
    strict("ee", "Estonia", "[0-9]{3}[A-Z]{3}", &["123 ABC"], &["12 ABC", "ABC 123", "123 AB"]),
    strict("lv", "Latvia", "[A-Z]{2}[0-9]{1,4}", &["AB-1234", "AB-1"], &["ABC-123", "AB-12345", "A-123"]),
    strict("lt", "Lithuania", "[A-PR-VYZ]{3}[0-9]{3}", &["ABC 123"], &["ABW 123", "AB 123", "ABC 1234"]),
];
