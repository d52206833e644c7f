//! The journal within its size: when it is too large, and when enough was erased.
//!
//! What counts is pages in use; erased ones are written again, so the file itself neither grows nor shrinks. It does
//! shrink where the limit was lowered below its size.

use rusqlite::Connection;

/// A part of the limit is kept free, so that what comes in while the oldest facts go finds room: one in so many.
const MARGIN: u64 = 16;

#[derive(Debug)]
pub(super) struct Limit {
    largest: u64,
    /// Room is being made.
    making: bool,
}

impl Limit {
    pub(super) const fn new(largest: u64) -> Self {
        Self { largest, making: false }
    }

    /// The oldest facts have to go. A journal that cannot say how large it is will say it when it is written.
    pub(super) fn is_reached(&self, db: &Connection) -> bool {
        size(db).is_ok_and(|size| size.used > self.largest - self.largest / MARGIN)
    }

    /// So much was erased that it need not be done again soon.
    pub(super) fn is_enough(&self, db: &Connection) -> bool {
        size(db).is_ok_and(|size| size.used < self.largest - self.largest / MARGIN * 2)
    }

    /// True for the first piece of a turn.
    pub(super) const fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.making, true)
    }

    /// Room was made. A file that is still too large, because the limit was another one once, gives pages back.
    pub(super) fn end(&mut self, db: &Connection) {
        self.making = false;
        let Ok(size) = size(db) else { return };
        let over = size.whole.saturating_sub(self.largest) / size.page.max(1);
        if over > 0
            && let Err(error) = give_back(db, over)
        {
            tracing::warn!(%error, "the journal's file stays larger than its limit");
        }
    }
}

fn give_back(db: &Connection, pages: u64) -> rusqlite::Result<()> {
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    // A page a step.
    while rows.next()?.is_some() {}
    Ok(())
}

struct Size {
    page: u64,
    whole: u64,
    used: u64,
}

fn size(db: &Connection) -> rusqlite::Result<Size> {
    let ask = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, u64>(0));
    let (page, pages) = (ask("PRAGMA page_size")?, ask("PRAGMA page_count")?);
    let free = ask("PRAGMA freelist_count")?;
    Ok(Size { page, whole: pages * page, used: pages.saturating_sub(free) * page })
}
