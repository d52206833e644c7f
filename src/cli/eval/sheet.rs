//! A contact sheet of the plates that were read wrong: each with what it says above what was read.

use std::path::Path;

use anyhow::Context;
use image::{Rgb, RgbImage};

use super::score::Wrong;
use crate::{
    cli::annotate::draw_text,
    frame::{Frame, Scaler},
    geometry::Size,
};

const COLUMNS: u32 = 6;
const CELL: Size = Size::new(220, 124);
const PICTURE: Size = Size::new(208, 72);
/// Most plates on a sheet; the rest is only listed.
const MOST: usize = 600;
const PAPER: Rgb<u8> = Rgb([235, 235, 235]);
const TRUTH: Rgb<u8> = Rgb([20, 90, 30]);
const READ: Rgb<u8> = Rgb([190, 20, 20]);

/// Gathers cells while the pictures pass by.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    scaler: Scaler,
    cells: Vec<RgbImage>,
    /// Plates that did not fit on the sheet.
    pub left_out: usize,
}

impl Sheet {
    /// Adds a plate, cut out of its picture with some surroundings.
    pub(super) fn add(&mut self, frame: &Frame, wrong: &Wrong) -> anyhow::Result<()> {
        if self.cells.len() >= MOST {
            self.left_out += 1;
            return Ok(());
        }
        let area = wrong.area.grown(0.12);
        let wide = (PICTURE.height as f32 * area.width / area.height) as u32;
        let size = if wide <= PICTURE.width {
            Size::new(wide.max(8), PICTURE.height)
        } else {
            let high = PICTURE.width as f32 * area.height / area.width;
            Size::new(PICTURE.width, (high as u32).max(8))
        };
        let mut bytes = Vec::new();
        self.scaler.crop(frame, area, size, 3, &mut bytes).context("cutting a plate out for the sheet")?;
        let plate = RgbImage::from_raw(size.width, size.height, bytes)
            .context("cutting a plate out for the sheet gave another size")?;
        let mut cell = RgbImage::from_pixel(CELL.width, CELL.height, PAPER);
        image::imageops::replace(&mut cell, &plate, 6, 4);
        draw_text(&mut cell, wrong.truth.as_str(), 6, 82, 2, TRUTH);
        let read = match (&wrong.read, wrong.found) {
            (Some(read), _) => read.to_string(),
            (None, true) => "NO TEXT".to_owned(),
            (None, false) => "NOT FOUND".to_owned(),
        };
        draw_text(&mut cell, &read, 6, 102, 2, READ);
        self.cells.push(cell);
        Ok(())
    }

    /// Writes the sheet as PNG.
    pub(super) fn save(&self, file: &Path) -> anyhow::Result<()> {
        let rows = (self.cells.len() as u32).div_ceil(COLUMNS).max(1);
        let mut sheet = RgbImage::from_pixel(COLUMNS * CELL.width, rows * CELL.height, PAPER);
        for (cell, i) in self.cells.iter().zip(0u32..) {
            let (x, y) = (i % COLUMNS * CELL.width, i / COLUMNS * CELL.height);
            image::imageops::replace(&mut sheet, cell, i64::from(x), i64::from(y));
        }
        sheet
            .save_with_format(file, image::ImageFormat::Png)
            .with_context(|| format!("cannot write the sheet {}", file.display()))
    }
}
