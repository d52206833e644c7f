-- Where to find a fact. Made from `facts`, some hundreds at a time (journal/index.rs), and made anew if need be:
-- meta's 'indexed' says up to which number. What is not indexed yet is looked at itself.

CREATE TABLE words (
    nr   INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
);

CREATE TABLE by_id (
    id BLOB NOT NULL,
    nr INTEGER NOT NULL,
    PRIMARY KEY (id, nr)
) WITHOUT ROWID;

CREATE TABLE by_time (
    began  INTEGER NOT NULL,
    nr     INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    PRIMARY KEY (began, nr)
) WITHOUT ROWID;

-- In parts of 65,536 facts, so that new entries land on few pages: a random page written per passage wears SD cards.
CREATE TABLE by_plate (
    part  INTEGER NOT NULL,
    plate TEXT NOT NULL,
    began INTEGER NOT NULL,
    nr    INTEGER NOT NULL,
    PRIMARY KEY (part, plate, began, nr)
) WITHOUT ROWID;

-- Passages per quarter of an hour: every time zone's days begin at one.
CREATE TABLE counts (
    quarter   INTEGER NOT NULL,
    camera    INTEGER NOT NULL,
    direction INTEGER NOT NULL,
    passages  INTEGER NOT NULL,
    PRIMARY KEY (quarter, camera, direction)
) WITHOUT ROWID;
