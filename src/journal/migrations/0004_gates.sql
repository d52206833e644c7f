-- What became of each order to a gate: an audit of every opening and of every refusal.
-- `step`: ordered, actuated, refused, failed, released. `lasted` is the pulse of an actuated one, and how long the
-- output was on for a released one. Stage times are those of the frame that decided.

CREATE TABLE gate_events (
    id         BLOB PRIMARY KEY,
    gate       INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    order_id   BLOB NOT NULL,
    step       INTEGER NOT NULL,
    reason     INTEGER,           -- why it was refused or released
    words      TEXT,              -- why it failed
    lasted     INTEGER,
    passage    BLOB,              -- NULL: somebody asked for it
    camera     INTEGER,
    asked_by   TEXT,
    asked_why  TEXT,
    has_times  INTEGER NOT NULL,
    decoded    INTEGER,
    detected   INTEGER,
    read       INTEGER,
    voted      INTEGER,
    decided    INTEGER,
    published  INTEGER,
    actuated   INTEGER
) WITHOUT ROWID;
