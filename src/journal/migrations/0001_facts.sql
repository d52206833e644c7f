-- What happened, in the order in which it was recorded: the only table that is precious.
--
-- `open` is what names no vehicle and nobody, `personal` is the rest; both are MessagePack arrays (journal/body.rs).
-- `hash` seals the row and all before it (journal/chain.rs). What was erased is NULL and leaves its digest in `erased`.
-- `told` counts the facts that are for the broker, up to this one; `delivered` is how many of them the broker had
-- when the row was written. Times are microseconds since 1970 in UTC, ids are the 16 bytes of a UUIDv7.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

CREATE TABLE facts (
    nr        INTEGER PRIMARY KEY,
    kind      INTEGER NOT NULL,
    id        BLOB NOT NULL,
    recorded  INTEGER NOT NULL,
    open      BLOB,
    personal  BLOB,
    hash      BLOB NOT NULL,
    told      INTEGER NOT NULL,
    delivered INTEGER NOT NULL
);

CREATE TABLE erased (
    nr       INTEGER PRIMARY KEY,
    open     BLOB,
    personal BLOB
);
