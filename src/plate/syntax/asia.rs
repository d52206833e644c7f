//! Formats of Asia and Oceania, as far as their plates (or a line of them) are in Latin letters.

use super::{Format, loose, strict};

pub(super) const FORMATS: &[Format] = &[
    strict(
        "au",
        "Australia",
        "([A-Z]{3}[0-9]{2}[A-Z]|[A-Z]{2}[0-9]{2}[A-Z]{2}|[0-9][A-Z]{2}[0-9][A-Z]{2}|[0-9]{3}[A-Z]{2}[0-9A-Z]|\
         [01][A-Z]{3}[0-9]{3}|S[0-9]{3}[A-Z]{3}|[A-Z]{3}[0-9]{3}|[A-Z][0-9]{2}[A-Z]{2}|[A-Z]{2}[0-9]{5})",
        &["ABC-12D", "1AB-2CD", "123-AB4", "S123-ABC", "1ABC-234"],
        &["ABCD-12", "2ABC-234", "1234-AB"],
    ),
    strict(
        "nz",
        "New Zealand",
        "([A-HJ-NP-Z]{3}[0-9]{3}|[A-Z]{2}[0-9]{1,4})",
        &["ABC123", "AB1234"],
        &["AOC123", "ABC1234", "A1234"],
    ),
    strict(
        "in",
        "India",
        "(AN|AP|AR|AS|BR|CG|CH|DD|DL|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|OR|PB|PY|RJ|SK|TG|TN|TR|TS|UK|\
         UP|WB)[0-9]{1,2}[A-HJ-NP-Z]{0,3}[0-9]{4}",
        &["MH 12 AB 1234", "DL 3C 0001", "KA 01 1234"],
        &["XX 12 AB 1234", "MH 12 AI 1234", "MH 12 AB 123"],
    ),
    strict(
        "in",
        "India, all states (BH)",
        "[0-9]{2}BH[0-9]{4}[A-HJ-NP-Z]{1,2}",
        &["22 BH 1234 AA"],
        &["22 BH 123 AA", "22 AH 1234 A", "2 BH 1234 A"],
    ),
    strict(
        "pk",
        "Pakistan",
        "([A-Z]{2,4}[0-9]{2}[0-9]{1,4}|[A-Z]{1,3}[0-9]{2,4})",
        &["LEC-14-8740", "ABC-123", "A-1234"],
        &["ABCDE-12", "1234", "AB-1"],
    ),
    strict(
        "lk",
        "Sri Lanka",
        "[A-Z]{2,5}[0-9]{4}",
        &["WP CAB-1234", "KA-1234"],
        &["A-1234", "WP CAB-123", "ABCDEF-1234"],
    ),
    strict(
        "my",
        "Malaysia",
        "[A-HJ-NP-Z]{1,3}[0-9]{1,4}[A-HJ-NP-Z]?",
        &["WXY 1234", "B 1", "W 1234 A"],
        &["IAB 123", "ABCD 123", "WXY 12345"],
    ),
    strict(
        "sg",
        "Singapore",
        "[A-Z]{1,3}[0-9]{1,4}[A-EGHJ-MPR-UX-Z]",
        &["SBA 1234 G", "E 1 A"],
        &["SBA 1234", "SBA 1234 F", "ABCD 12 G"],
    ),
    strict(
        "hk",
        "Hong Kong",
        "[A-HJ-NPR-Z]{2}[0-9]{1,4}",
        &["AB 1234", "XY 1"],
        &["AI 1234", "ABC 123", "AB 12345"],
    ),
    strict(
        "tw",
        "Taiwan",
        "([A-HJ-NP-Z]{3}[0-9]{4}|[A-HJ-NP-Z0-9]{2}[0-9]{4}|[0-9]{4}[A-HJ-NP-Z0-9]{2})",
        &["ABC-1234", "A1-2345", "1234-A5"],
        &["ABC-123", "AOC-1234", "ABCD-123"],
    ),
    strict(
        "id",
        "Indonesia",
        "[A-Z]{1,2}[1-9][0-9]{0,3}[A-Z]{1,3}",
        &["B 1234 ABC", "DK 12 A"],
        &["B 0123 A", "ABC 123 A", "B 1234"],
    ),
    strict(
        "ph",
        "Philippines",
        "[A-HJ-NPR-Z]{3}[0-9]{3,4}",
        &["ABC 123", "ABC 1234"],
        &["AIC 123", "AB 1234", "ABC 12"],
    ),
    strict(
        "vn",
        "Vietnam",
        "[1-9][0-9][A-Z][0-9A-Z]?[0-9]{4,5}",
        &["51F-123.45", "29-H1 12345", "30A-1234"],
        &["01A-12345", "5A-12345", "51F-123"],
    ),
    // The province sign before it is not Latin and is not read.
    strict(
        "cn",
        "China without the province sign",
        "[A-HJ-NP-Z][A-HJ-NP-Z0-9]{5,6}",
        &["A12345", "B1A234", "AD12345"],
        &["I12345", "A1234O", "1A2345", "A1234"],
    ),
    strict("il", "Israel", "[0-9]{7,8}", &["12-345-67", "123-45-678"], &["123456", "A2-345-67", "123456789"]),
    strict(
        "ae",
        "United Arab Emirates",
        "[A-Z]{0,2}[0-9]{1,5}",
        &["A 12345", "AA 1", "12345"],
        &["ABC 123", "A 123456", "A"],
    ),
    strict(
        "sa",
        "Saudi Arabia, Latin line",
        "[0-9]{1,4}[ABJDRSXTEGKLZNHUV]{3}",
        &["1234 ABJ", "1 RSX"],
        &["1234 ABC", "12345 ABJ", "ABJ 1234"],
    ),
    loose("jo", "Jordan", "[0-9]{2}[0-9]{3,5}", &["12-34567", "10-123"], &["1-234", "12-345678", "A2-3456"]),
];
