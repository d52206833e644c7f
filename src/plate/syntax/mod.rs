//! National formats: whether a text fits one, and what a read becomes where a format demands it.
//!
//! The formats stand in tables, one file per part of the world, each row with texts that fit and texts that do not.
//! They rank and repair, they never reject: many countries have plates that follow no format. Which countries are
//! expected, the configuration says.

mod africa;
mod americas;
mod asia;
mod europe_north;
mod europe_south;
mod pattern;
mod rank;

use std::sync::OnceLock;

use super::{PlateText, Region};
pub use pattern::{Pattern, PatternError};
pub use rank::{Ranked, rerank};

/// A row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// ISO 3166 code.
    region: &'static str,
    name: &'static str,
    pattern: &'static str,
    demand: Demand,
    longest: usize,
    /// Texts that fit, and texts that do not: the format explained, and its test.
    #[cfg_attr(not(test), expect(dead_code, reason = "documents the row; read by its test"))]
    fits: &'static [&'static str],
    #[cfg_attr(not(test), expect(dead_code, reason = "documents the row; read by its test"))]
    fails: &'static [&'static str],
}

/// What a format says about a text that does not fit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// Plates of the country look like this: a look-alike character in the wrong place is a misread.
    Strict,
    /// Such plates exist, but the country also has others: nothing is repaired to fit.
    Loose,
}

const fn strict(
    region: &'static str,
    name: &'static str,
    pattern: &'static str,
    fits: &'static [&'static str],
    fails: &'static [&'static str],
) -> Format {
    Format { region, name, pattern, demand: Demand::Strict, longest: super::MAX_TEXT, fits, fails }
}

const fn loose(
    region: &'static str,
    name: &'static str,
    pattern: &'static str,
    fits: &'static [&'static str],
    fails: &'static [&'static str],
) -> Format {
    Format { demand: Demand::Loose, ..strict(region, name, pattern, fits, fails) }
}

impl Format {
    const fn up_to(self, longest: usize) -> Self {
        Self { longest, ..self }
    }
}

/// A format, ready to be asked.
#[derive(Debug)]
struct Known {
    region: Region,
    name: &'static str,
    demand: Demand,
    pattern: Pattern,
}

fn tables() -> impl Iterator<Item = &'static Format> {
    [europe_north::FORMATS, europe_south::FORMATS, americas::FORMATS, asia::FORMATS, africa::FORMATS]
        .into_iter()
        .flatten()
}

/// All formats, strict ones first.
fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        // A row that cannot be used would be left out; a test holds that there is none.
        let ready = |format: &Format| {
            Some(Known {
                region: Region::from_code(format.region)?,
                name: format.name,
                demand: format.demand,
                pattern: Pattern::parse(format.pattern).ok()?.up_to(format.longest),
            })
        };
        let mut all: Vec<_> = tables().filter_map(ready).collect();
        all.sort_by_key(|known| known.demand);
        all
    })
}

/// How a text fits a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    pub demand: Demand,
    /// Which of the country's formats it is.
    pub name: &'static str,
}

/// The format of this country that the text fits, a strict one if there is one.
pub fn fit(text: &PlateText, region: Region) -> Option<Fit> {
    let mut formats = known().iter().filter(|known| known.region == region);
    let found = formats.find(|known| known.pattern.matches(text.as_str()))?;
    Some(Fit { demand: found.demand, name: found.name })
}

/// Countries whose formats are known, in alphabetical order.
pub fn regions() -> Vec<Region> {
    let mut regions: Vec<_> = known().iter().map(|known| known.region).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

/// A country of the tables by its code; the error lists them all.
pub fn region_named(code: &str) -> Result<Region, String> {
    let regions = regions();
    Region::from_code(code).filter(|region| regions.contains(region)).ok_or_else(|| {
        let known: Vec<&str> = regions.iter().map(Region::as_str).collect();
        format!(
            "no formats of {code:?} are known; there are {} (ISO 3166: Great Britain is gb)",
            known.join(" ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_tables_can_be_used() {
        for format in tables() {
            let pattern = Pattern::parse(format.pattern);
            assert!(pattern.is_ok(), "{}: {:?}", format.name, pattern.err());
            assert!(Region::from_code(format.region).is_some(), "{}", format.name);
        }
        assert_eq!(known().len(), tables().count());
    }

    #[test]
    fn a_country_without_formats_is_refused_with_those_that_have_some() {
        assert_eq!(region_named("GB"), Ok(Region::from_code("gb").unwrap()));
        for unknown in ["uk", "xx", "deu", ""] {
            assert!(region_named(unknown).is_err_and(|error| error.contains("fr gb gr")), "{unknown}");
        }
    }

    #[test]
    fn every_row_holds_what_its_examples_say() {
        for format in tables() {
            let pattern = Pattern::parse(format.pattern).unwrap().up_to(format.longest);
            assert!(!format.fits.is_empty() && !format.fails.is_empty(), "{} has no examples", format.name);
            let normal = |text: &&str| PlateText::normalise(text).unwrap();
            for text in format.fits.iter().map(normal) {
                assert!(pattern.matches(text.as_str()), "{text} should fit {}", format.name);
            }
            for text in format.fails.iter().map(normal) {
                assert!(!pattern.matches(text.as_str()), "{text} should not fit {}", format.name);
            }
        }
    }

    #[test]
    fn at_least_forty_countries_are_known() {
        assert!(regions().len() >= 60, "{}", regions().len());
    }

    #[test]
    fn a_text_is_told_its_format() {
        let fit = |text: &str, region: &str| {
            let text = PlateText::normalise(text).unwrap();
            fit(&text, Region::from_code(region).unwrap()).map(|f| (f.demand, f.name))
        };
        assert_eq!(fit("AB12 CDE", "gb"), Some((Demand::Strict, "Great Britain since 2001")));
        assert_eq!(fit("AB 1234", "gb").map(|f| f.0), Some(Demand::Loose));
        assert_eq!(fit("AB12 CDE", "fr"), None);
        assert_eq!(fit("ABC 1234", "us").map(|f| f.0), Some(Demand::Strict));
        assert_eq!(fit("GR8 DAD", "us").map(|f| f.0), Some(Demand::Loose));
        assert_eq!(fit("AB12 CDE", "xx"), None);
    }
}
