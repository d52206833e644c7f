//! Formats of Africa, as far as the plates are in Latin letters.

use super::{Format, strict};

pub(super) const FORMATS: &[Format] = &[
    strict(
        "za",
        "South Africa",
        "([BCDFGHJ-NPR-TV-Z]{2}[0-9]{2}[BCDFGHJ-NPR-TV-Z]{2}(GP|MP|EC|L|FS|NC|NW|ZN)?|\
         [BCDFGHJ-NPR-TV-Z]{3}[0-9]{3}(GP|MP|EC|L|FS|NC|NW|ZN)|C[A-Z]{1,2}[0-9]{1,6})",
        &["BC 12 DF GP", "BCD 123 L", "CA 123456"],
        &["AB 12 CD GP", "BCD 123 XX", "DA 1234"],
    ),
    strict(
        "ke",
        "Kenya",
        "K[A-HJ-NP-Z]{2}[0-9]{3}[A-HJ-NP-Z]",
        &["KAB 123C", "KDA 001A"],
        &["LAB 123C", "KIB 123C", "KAB 123"],
    ),
    strict(
        "ng",
        "Nigeria",
        "[A-Z]{3}[0-9]{2,3}[A-Z]{2}",
        &["ABC-123 DE", "LAG 12 XY"],
        &["AB-123 DE", "ABC-1 DE", "ABC-123 D"],
    ),
    strict("tz", "Tanzania", "T[0-9]{3}[A-Z]{3}", &["T 123 ABC"], &["T 12 ABC", "A 123 ABC", "T 123 AB"]),
    strict("ug", "Uganda", "U[A-Z]{2}[0-9]{3}[A-Z]", &["UAB 123C"], &["KAB 123C", "UAB 12C", "UAB 123"]),
];
