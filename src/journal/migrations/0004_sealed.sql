-- Changes of lists are facts of the chain from here on; this says which. The number of the last one tells a running
-- daemon to look again. What the table `changes` held is sealed by journal/changes.rs, which then drops it.
CREATE TABLE list_changes (
    nr   INTEGER PRIMARY KEY AUTOINCREMENT,
    fact INTEGER NOT NULL
);

-- Of vehicles let in a moment ago whose plates are not stored: sixteen bits (journal/marks.rs).
CREATE TABLE marks (
    passage BLOB PRIMARY KEY,
    bits    INTEGER NOT NULL,
    at      INTEGER NOT NULL
) WITHOUT ROWID;

-- Commands that were accepted, for as long as they could be repeated (journal/orders.rs).
CREATE TABLE orders (
    id    TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) WITHOUT ROWID;

-- Changes of the node's health are facts, too, and few: this finds them without looking at all others.
CREATE INDEX health ON facts (nr) WHERE kind = 4;
