-- What the broker has not yet acknowledged. `kind`: 0 is a decision, 1 a closed passage; the fact itself stands
-- in `decisions` or `passages`. Numbers are given in order and never twice; the highest one ever given is the
-- larger of max(seq) and meta's 'seq'.

CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY,
    kind     INTEGER NOT NULL,
    passage  BLOB NOT NULL,
    recorded INTEGER NOT NULL
);
