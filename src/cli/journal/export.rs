//! `amslpr journal export`: every passage that fits, as CSV or as a line of JSON each.

use std::{io::Write, path::Path};

use clap::ValueEnum;

use super::super::{
    Exit,
    passages::{self, PassageReport},
};
use crate::journal::{Cursor, Filter, Reader};

/// Passages fetched at a time.
const PAGE: usize = 1000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    #[command(flatten)]
    which: passages::Which,
    /// Write to this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

pub(super) fn run(args: &Args, path: &Path) -> anyhow::Result<Exit> {
    let filter = args.which.filter()?;
    match &args.output {
        Some(file) => {
            let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
            export(args.format, filter, path, &mut out)?;
            out.into_inner().map_err(std::io::Error::from)?.sync_all()?;
        }
        None => export(args.format, filter, path, &mut std::io::BufWriter::new(std::io::stdout().lock()))?,
    }
    Ok(Exit::Success)
}

fn export(format: Format, filter: Filter, path: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let mut reader = Reader::open(path)?;
    let mut filter = Filter { limit: Some(PAGE), ..filter };
    let mut table = csv::Writer::from_writer(Vec::new());
    loop {
        let page = reader.passages(&filter)?;
        for record in &page {
            let report = PassageReport::from(record);
            match format {
                Format::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
                Format::Csv => table.serialize(&report)?,
            }
        }
        table.flush()?;
        out.write_all(table.get_ref())?;
        // Its header goes out with the first page only.
        let header = filter.after.is_none() && page.is_empty();
        let next = csv::WriterBuilder::new().has_headers(header).from_writer(Vec::new());
        table = next;
        match page.last() {
            Some(last) if page.len() == PAGE => filter.after = Some(Cursor::behind(&last.passage)),
            _ => break,
        }
    }
    out.flush()?;
    Ok(())
}
