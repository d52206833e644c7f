//! Plates as CSV: the columns that the files of the configuration and the commands share.
//!
//! Reads all of a file or says everything that is wrong with it, line by line. What stands on a list is `access`'s
//! business.

use std::{collections::BTreeMap, io, time::Duration};

use jiff::Timestamp;

use super::{
    hours::When,
    values::{HELP, Time},
};
use crate::{
    access::{LONGEST_NOTE, NewEntry, Pass},
    plate::PlateText,
};

/// The columns in the order in which they are written. Only `plate` is needed.
pub const COLUMNS: [&str; 8] = ["list", "plate", "note", "from", "until", "uses", "lasts", "schedule"];

/// Largest file of plates: some 100,000 of them with notes and times.
pub const LARGEST: u64 = 16 << 20;

/// Entries of one file at most.
const MOST: usize = 250_000;

/// A line that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub line: u64,
    pub list: Option<String>,
    pub entry: NewEntry,
}

/// A line that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    pub line: u64,
    pub what: String,
}

impl std::fmt::Display for BadLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// Every line as an entry, or what is wrong with it. Columns are separated by commas or semicolons; the first line
/// may name them, else they are `plate` and `note`. Empty lines and those that begin with # are passed over.
pub fn read(text: &[u8]) -> (Vec<Row>, Vec<BadLine>) {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(text))
        .comment(Some(b'#'))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    let mut columns: Option<Vec<&str>> = None;
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                bad.push(BadLine { line: reader.position().line(), what: error.to_string() });
                break;
            }
        }
        let line = record.position().map_or(0, |position| line_of(text, position));
        let fields: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
        let fields = match fields {
            Ok(fields) => fields,
            Err(_) => {
                bad.push(BadLine { line, what: "this is not UTF-8".to_owned() });
                continue;
            }
        };
        // Spaces and separators only.
        if fields.iter().all(|field| field.is_empty()) {
            continue;
        }
        if rows.len() >= MOST {
            bad.push(BadLine { line, what: format!("more than {MOST} plates") });
            break;
        }
        let Some(known) = &columns else {
            match header(&fields) {
                Some(Ok(named)) => {
                    columns = Some(named);
                    continue;
                }
                Some(Err(what)) => {
                    // Every other line would be wrong for the same reason.
                    bad.push(BadLine { line, what });
                    return (rows, bad);
                }
                None => columns = Some(vec!["plate", "note"]),
            }
            take(line, columns.as_deref().unwrap_or_default(), &fields, &mut rows, &mut bad);
            continue;
        };
        take(line, known, &fields, &mut rows, &mut bad);
    }
    (rows, bad)
}

/// The line on which a record begins: its position is that of the empty lines and comments before it.
fn line_of(text: &[u8], position: &csv::Position) -> u64 {
    let mut line = position.line();
    let mut rest = usize::try_from(position.byte()).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    loop {
        let passed_over = match rest {
            [b'\r' | b'\n', ..] => 1,
            [b'#', ..] => rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1),
            _ => return line,
        };
        let (passed, behind) = rest.split_at(passed_over);
        line += u64::from(passed.ends_with(b"\n"));
        rest = behind;
    }
}

/// A comma or a semicolon: whichever comes first in the first line that says something.
fn separator(text: &[u8]) -> u8 {
    let says = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"#");
    let first = text.split(|b| *b == b'\n').find(says).unwrap_or_default();
    first.iter().copied().find(|b| matches!(b, b',' | b';')).unwrap_or(b',')
}

/// The columns that this line names; `None` if it names none.
fn header(fields: &[&str]) -> Option<Result<Vec<&'static str>, String>> {
    let is_header = fields.iter().any(|field| field.eq_ignore_ascii_case("plate"));
    is_header.then(|| {
        let mut columns: Vec<&'static str> = Vec::new();
        for field in fields {
            let known = COLUMNS.iter().find(|column| field.eq_ignore_ascii_case(column));
            match known {
                None => {
                    return Err(format!("{field:?} is no column; the columns are {}", COLUMNS.join(", ")));
                }
                Some(column) if columns.contains(column) => {
                    return Err(format!("the column {column} stands there twice"));
                }
                Some(column) => columns.push(column),
            }
        }
        Ok(columns)
    })
}

fn take(line: u64, columns: &[&str], fields: &[&str], rows: &mut Vec<Row>, bad: &mut Vec<BadLine>) {
    match row(line, columns, fields) {
        Ok(row) => rows.push(row),
        Err(what) => bad.push(BadLine { line, what }),
    }
}

fn row(line: u64, columns: &[&str], fields: &[&str]) -> Result<Row, String> {
    if let Some(more) = fields.iter().skip(columns.len()).find(|field| !field.is_empty()) {
        return Err(format!("{more:?} stands behind the last column ({})", columns.join(", ")));
    }
    let given: BTreeMap<&str, &str> =
        columns.iter().copied().zip(fields.iter().copied()).filter(|(_, field)| !field.is_empty()).collect();
    let of = |column: &str| given.get(column).copied();
    let written = of("plate").ok_or("the plate is missing")?;
    let plate = PlateText::normalise(written).map_err(|error| format!("{written:?} is no plate: {error}"))?;
    let when = |column: &str| -> Result<Option<When>, String> {
        of(column).map(|text| text.parse().map_err(|error| format!("{column}: {error}"))).transpose()
    };
    let note = of("note").map(str::to_owned);
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(format!("the note is longer than {LONGEST_NOTE} characters"));
    }
    let uses = of("uses").map(|text| match text.parse() {
        Ok(uses @ 1..=1_000_000) => Ok(uses),
        _ => Err(format!("uses: {text:?} is no number from 1 to 1000000")),
    });
    Ok(Row {
        line,
        list: of("list").map(str::to_owned),
        entry: NewEntry {
            plate,
            note,
            from: when("from")?.and_then(When::begin),
            until: when("until")?.and_then(When::end),
            pass: Pass { uses: uses.transpose()?, lasts: of("lasts").map(lasts).transpose()? },
            schedule: of("schedule").map(str::to_owned),
        },
    })
}

/// How long a pass lasts: `4h`, `3d`.
pub fn lasts(written: &str) -> Result<Duration, String> {
    match Time::try_from(toml::Value::from(written)) {
        Ok(Time(time)) => Ok(time),
        Err(error) => Err(format!("lasts: {}", error.replace(HELP, "; "))),
    }
}

/// Writes entries, each with its list, so that [`read`] gives them back.
pub fn write<'a>(
    out: impl io::Write,
    entries: impl IntoIterator<Item = (&'a str, &'a NewEntry)>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    for (list, entry) in entries {
        let lasts = entry.pass.lasts.map(written_time).unwrap_or_default();
        let uses = entry.pass.uses.map(|uses| uses.to_string()).unwrap_or_default();
        writer.write_record([
            list,
            entry.plate.as_str(),
            entry.note.as_deref().unwrap_or_default(),
            &instant(entry.from),
            &instant(entry.until),
            &uses,
            &lasts,
            entry.schedule.as_deref().unwrap_or_default(),
        ])?;
    }
    writer.flush()
}

/// A length of time with the largest unit that divides it.
pub fn written_time(time: Duration) -> String {
    let millis = time.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];
    let (unit, size) = units.into_iter().find(|(_, size)| millis.is_multiple_of(*size)).unwrap_or(("ms", 1));
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(rows: &[Row]) -> Vec<(u64, &str, Option<&str>)> {
        rows.iter().map(|row| (row.line, row.entry.plate.as_str(), row.entry.note.as_deref())).collect()
    }

    #[test]
    fn plates_and_notes_are_read_line_by_line() {
        let (rows, bad) = read(
            "\u{feff}plate,note\n\n# guests\nB 123 ABC,Anna's van\r\n\"is-07-xyz\",\"says \"\"hi\"\", often\"\nCJ99ZZZ\n"
                .as_bytes(),
        );
        let expected = [
            (4, "B123ABC", Some("Anna's van")),
            (5, "IS07XYZ", Some("says \"hi\", often")),
            (6, "CJ99ZZZ", None),
        ];
        assert_eq!((shown(&rows), bad), (expected.to_vec(), vec![]));
        let (rows, bad) = read(b"B 123 ABC;Anna, daily\nCJ99ZZZ;\n");
        assert_eq!(shown(&rows), [(1, "B123ABC", Some("Anna, daily")), (2, "CJ99ZZZ", None)]);
        assert_eq!(bad, []);
    }

    #[test]
    fn columns_may_be_named_and_left_out() {
        let (rows, bad) =
            read(b"List;Plate;Until;Uses;Lasts;Schedule\nguests;AB12;2026-12-24;3;4h;office\n;CD34;;;;\n");
        assert_eq!(bad, []);
        let first = &rows[0];
        assert_eq!(
            (first.list.as_deref(), first.entry.schedule.as_deref()),
            (Some("guests"), Some("office"))
        );
        let pass = Pass { uses: Some(3), lasts: Some(Duration::from_secs(4 * 3600)) };
        assert_eq!(first.entry.pass, pass);
        assert_eq!(first.entry.until, "2026-12-24".parse::<When>().unwrap().end());
        assert_eq!(rows[1].entry, NewEntry::new(PlateText::normalise("CD34").unwrap()));
    }

    #[test]
    fn every_bad_line_is_named() {
        let (rows, bad) = read(
            b"plate,note,until,uses,lasts\nAB12,ok\n\xff\xfe,x\n,nobody\nCD34,,tomorrow\nEF56,,,0\nGH78,,,,4\nIJ90,,,,,x\nKL12\n",
        );
        assert_eq!(rows.len(), 2);
        let told: Vec<String> = bad.iter().map(ToString::to_string).collect();
        let expected = [
            "line 3: this is not UTF-8",
            "line 4: the plate is missing",
            "line 5: until: \"tomorrow\" is no day or time",
            "line 6: uses: \"0\" is no number",
            "line 7: lasts: the time \"4\" has no unit",
            "line 8: \"x\" stands behind the last column",
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told} instead of {expected}");
        }
        assert!(read(b"plate,colour\nAB12,red\n").1[0].to_string().contains("\"colour\" is no column"));
        assert!(read(b"plate,plate\n").1[0].to_string().contains("twice"));
    }

    #[test]
    fn times_are_written_with_the_largest_unit() {
        for text in ["3d", "5h", "90min", "1s", "1500ms"] {
            assert_eq!(written_time(lasts(text).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            plates in prop::collection::vec(
                ("[A-Z0-9]{1,9}", prop::option::of("[!-~][ -~äß;,\"]{0,20}[!-~]"), prop::option::of(1u32..9), prop::option::of(1u64..9_999_999), prop::option::of(0i64..4_000_000_000)),
                0..20,
            ),
        ) {
            let entries: Vec<NewEntry> = plates.into_iter().map(|(plate, note, uses, seconds, until)| NewEntry {
                note,
                pass: Pass { uses, lasts: seconds.map(Duration::from_secs) },
                until: until.map(|second| Timestamp::from_second(second).unwrap()),
                ..NewEntry::new(PlateText::normalise(&plate).unwrap())
            }).collect();
            let mut text = Vec::new();
            write(&mut text, entries.iter().map(|entry| ("staff", entry))).unwrap();
            let (rows, bad) = read(&text);
            prop_assert_eq!(bad, vec![]);
            prop_assert!(rows.iter().all(|row| row.list.as_deref() == Some("staff")));
            prop_assert_eq!(rows.into_iter().map(|row| row.entry).collect::<Vec<_>>(), entries);
        }

        #[test]
        fn no_bytes_bring_the_reader_down(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let (rows, bad) = read(&text);
            prop_assert!(rows.len() + bad.len() <= 201);
        }
    }
}
