//! Formats of North and South America.

use super::{Format, loose, strict};

pub(super) const FORMATS: &[Format] = &[
    // Nearly all states leave I and O out of their series; where three letters stand together some do not.
    strict(
        "us",
        "United States, common series",
        "([A-Z]{3}[0-9]{3,4}|[0-9]{3}[A-Z]{3}|[0-9]{4}[A-HJ-NP-Z]{2,3}|[0-9]{3}[A-HJ-NP-Z]{2}|\
         [0-9][A-HJ-NP-Z]{3}[0-9]{2,3}|[0-9][A-HJ-NP-Z]{2}[0-9]{3,4}|[0-9][A-HJ-NP-Z]{4}[0-9]|[0-9]{2}[A-HJ-NP-Z]{3}[0-9]|\
         [0-9]{3}[A-HJ-NP-Z][0-9]{2}|[A-HJ-NP-Z]{2}[0-9]{4,5}|[A-HJ-NP-Z][0-9]{6}|[A-HJ-NP-Z]{4}[0-9]{2}|\
         [A-HJ-NP-Z][0-9]{2}[A-HJ-NP-Z]{3}|[A-HJ-NP-Z][0-9]{3}[A-HJ-NP-Z]{2}|[A-HJ-NP-Z][0-9]{4}[A-HJ-NP-Z]|\
         [A-HJ-NP-Z]{3}[0-9][A-HJ-NP-Z][0-9]|[A-HJ-NP-Z]{2}[0-9][A-HJ-NP-Z][0-9][A-HJ-NP-Z]|[0-9]{6,7})",
        &[
            "ABC 1234", "7ABC123", "123 ABC", "AB1 C2D", "A12 BCD", "1AB 2345", "1ABC 23", "1ABCD2",
            "A123 BC", "A12-34B", "123 4567", "OHO 1234",
        ],
        &["GR8 DAD", "AB", "12345678", "AB1 O2D", "1AIC 234"],
    ),
    // Every state issues what its drivers wish for: nothing in these lengths is a misread for sure.
    loose(
        "us",
        "United States, personal",
        "[0-9A-Z]{2,8}",
        &["GR8 DAD", "HI", "ILUVNY1"],
        &["A", "ABCDEFGHI"],
    ),
    strict(
        "ca",
        "Canada",
        "([A-Z]{4}[0-9]{3}|[A-Z]{3}[0-9]{3,4}|[A-Z][0-9]{2}[A-Z]{3}|[A-Z]{2}[0-9]{3}[A-Z]|[0-9]{3}[A-Z]{3})",
        &["ABCD 123", "ABC 123", "A12 BCD", "AB1 23C"],
        &["ABC 12", "12 ABCD", "ABCDE 12"],
    ),
    loose("ca", "Canada, personal", "[0-9A-Z]{2,8}", &["HOCKEY", "EH2"], &["A", "ABCDEFGHI"]),
    strict(
        "mx",
        "Mexico",
        "([A-HJ-NPR-Z]{3}[0-9]{3}[A-HJ-NPR-Z]|[A-HJ-NPR-Z]{3}[0-9]{4}|[A-HJ-NPR-Z]{2}[0-9]{4,5})",
        &["ABC-123-D", "ABC-12-34", "AB-12345"],
        &["AIC-123-D", "ABC-123", "A-12345"],
    ),
    strict(
        "br",
        "Brazil since 2018 (Mercosul)",
        "[A-Z]{3}[0-9][A-J][0-9]{2}",
        &["ABC1D23", "RIO2A18"],
        &["ABC1K23", "AB1D234", "ABC1D2"],
    ),
    strict("br", "Brazil 1990-2018", "[A-Z]{3}[0-9]{4}", &["ABC-1234"], &["ABC-123", "AB-12345", "ABCD-123"]),
    strict(
        "ar",
        "Argentina",
        "([A-Z]{2}[0-9]{3}[A-Z]{2}|[A-Z]{3}[0-9]{3})",
        &["AB 123 CD", "ABC 123"],
        &["AB 12 CD", "ABC 1234", "A 123 BC"],
    ),
    strict(
        "cl",
        "Chile",
        "([BCDFGHJKLPRSTVWXYZ]{4}[0-9]{2}|[A-Z]{2}[0-9]{4})",
        &["BCDF-12", "AB-1234"],
        &["BADF-12", "BCD-123", "A-12345"],
    ),
    strict("co", "Colombia", "[A-Z]{3}[0-9]{3}", &["ABC-123"], &["ABC-12", "AB-123", "ABC-1234"]),
    strict(
        "pe",
        "Peru",
        "[A-Z][0-9A-Z]{2}[0-9]{3}",
        &["ABC-123", "A1B-234"],
        &["1BC-123", "ABC-12", "ABCD-123"],
    ),
    strict("uy", "Uruguay", "[A-Z]{3}[0-9]{4}", &["ABC 1234"], &["ABC 123", "ABCD 123"]),
    strict(
        "py",
        "Paraguay",
        "([A-Z]{3}[0-9]{3}|[A-Z]{4}[0-9]{3})",
        &["ABC 123", "ABCD 123"],
        &["AB 123", "ABC 1234"],
    ),
];
