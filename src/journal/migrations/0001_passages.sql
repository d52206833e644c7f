-- Passages, their decisions and their reads.
-- Times are microseconds since 1970 in UTC, ids are the 16 bytes of a UUIDv7 (so they sort by time),
-- probabilities are ten-thousandths, latencies are microseconds since the frame was captured.
-- Words that come back again and again (cameras, models, verdicts ...) stand once in `words`.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

CREATE TABLE words (
    nr   INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
);

CREATE TABLE passages (
    id         BLOB PRIMARY KEY,
    camera     INTEGER NOT NULL,
    live       INTEGER NOT NULL,
    began      INTEGER NOT NULL,
    lasted     INTEGER,           -- from `began` to its end
    direction  INTEGER,
    frames     INTEGER NOT NULL,
    tracks     INTEGER NOT NULL,
    decided_on TEXT,              -- the plate that the decision was made on
    area_x     INTEGER,           -- whole pixels
    area_y     INTEGER,
    area_w     INTEGER,
    area_h     INTEGER,
    plate      TEXT,              -- NULL: no vote
    confidence INTEGER,
    raw        TEXT,              -- NULL: the same as `plate`
    region     INTEGER,
    runner_up  TEXT,
    runner_up_confidence INTEGER,
    sure       INTEGER,
    votes      INTEGER,
    agreeing   INTEGER,
    engine     INTEGER,
    model      INTEGER,
    decoded    INTEGER,
    detected   INTEGER,
    read       INTEGER,
    voted      INTEGER,
    decided    INTEGER,
    published  INTEGER,
    actuated   INTEGER
) WITHOUT ROWID;

CREATE INDEX passages_by_plate ON passages (plate, began) WHERE plate IS NOT NULL;
CREATE INDEX passages_by_time ON passages (began, direction);

CREATE TABLE decisions (
    passage    BLOB PRIMARY KEY,
    camera     INTEGER NOT NULL,
    live       INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    verdict    INTEGER NOT NULL,
    reason     INTEGER NOT NULL,
    list       INTEGER,
    note       TEXT,
    matched    TEXT,              -- the entry's plate, where it is not the one that was read
    watched_by INTEGER,
    plate      TEXT,              -- the vote as it stood when it was decided
    confidence INTEGER,
    raw        TEXT,
    region     INTEGER,
    runner_up  TEXT,
    runner_up_confidence INTEGER,
    sure       INTEGER,
    votes      INTEGER,
    agreeing   INTEGER,
    engine     INTEGER,
    model      INTEGER,
    decoded    INTEGER,
    detected   INTEGER,
    read       INTEGER,
    voted      INTEGER,
    decided    INTEGER,
    published  INTEGER,
    actuated   INTEGER
) WITHOUT ROWID;

-- How the vote of a passage came about: its reads and its characters, packed (journal/pack.rs has the layout).
CREATE TABLE reads (
    passage BLOB PRIMARY KEY,
    reads   BLOB NOT NULL,
    chars   BLOB
) WITHOUT ROWID;
