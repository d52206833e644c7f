-- Entries of lists that people added while the service runs, every change of them, and what has to be remembered of
-- decisions: who is inside, how much of a pass is used.

CREATE TABLE entries (
    list        TEXT NOT NULL,
    plate       TEXT NOT NULL,
    note        TEXT,
    valid_from  INTEGER,
    valid_until INTEGER,
    uses        INTEGER,
    lasts       INTEGER,          -- milliseconds
    schedule    TEXT,
    added       INTEGER NOT NULL,
    added_by    TEXT NOT NULL,
    PRIMARY KEY (list, plate)
) WITHOUT ROWID;

-- `before` and `after` are the entry as JSON; the number of the last change tells a running daemon to look again.
CREATE TABLE changes (
    nr     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    verb   TEXT NOT NULL,
    list   TEXT NOT NULL,
    plate  TEXT NOT NULL,
    before TEXT,
    after  TEXT
);

CREATE TABLE inside (
    plate TEXT PRIMARY KEY,
    list  TEXT NOT NULL,
    since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE passes (
    list      TEXT NOT NULL,
    plate     TEXT NOT NULL,
    added     INTEGER,            -- NULL: an entry of the configuration
    used      INTEGER NOT NULL,
    first_use INTEGER NOT NULL,
    last_use  INTEGER NOT NULL,
    PRIMARY KEY (list, plate)
) WITHOUT ROWID;
