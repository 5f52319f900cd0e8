-- The audit log: see hub/audit.py for the chain. `seq` has no gap; `previous` is the hash of the entry before, kept so
-- that a check can say which of two entries was changed.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    via TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
);

-- The newest entry, so that a cut at the end shows. `pruned`: up to where retention removed entries; a checkpoint entry
-- in the chain says the same.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    pruned INTEGER NOT NULL
);
INSERT INTO audit_head (id, seq, hash, pruned) VALUES (1, 0, zeroblob(32), 0);

-- What a run of retention has removed of one table so far, until the entry about it is in the log.
CREATE TABLE removals (
    kept TEXT PRIMARY KEY,
    began_ms INTEGER NOT NULL,
    before_ms INTEGER NOT NULL,
    n INTEGER NOT NULL,
    oldest_ms INTEGER,
    newest_ms INTEGER,
    digest BLOB NOT NULL
) WITHOUT ROWID;

-- Against our own mistakes, not against who opens the file: that is what the chain and the anchors are for.
CREATE TRIGGER audit_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'an entry of the audit log is never changed');
END;
CREATE TRIGGER audit_never_removed BEFORE DELETE ON audit
WHEN OLD.seq > (SELECT pruned FROM audit_head) BEGIN
    SELECT raise(ABORT, 'an entry of the audit log is removed by retention only');
END;
