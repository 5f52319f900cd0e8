-- Recipients, purposes, quiet hours and digests. AUTOINCREMENT: a delivery's number is its key at the receiver, and must
-- not come again when old rows are gone. An alert's message refers to a transition, a digest or a test carries `body`.
-- `unsure`: attempts that failed here and may have arrived all the same; `under_way`: one has begun and not ended.
CREATE TABLE deliveries_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    recipient TEXT NOT NULL,
    purpose TEXT NOT NULL,
    language TEXT NOT NULL,
    alert TEXT,
    transition_id INTEGER REFERENCES transitions (id),
    body BLOB,
    why TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('waiting', 'held', 'delivered', 'refused', 'given_up', 'digested', 'lapsed', 'skipped')),
    attempts INTEGER NOT NULL,
    unsure INTEGER NOT NULL DEFAULT 0,
    under_way INTEGER NOT NULL DEFAULT 0,
    next_try_ms INTEGER,
    held_until_ms INTEGER,
    digest INTEGER REFERENCES deliveries_new (id),
    last_error TEXT,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
);
INSERT INTO deliveries_new (id, channel, recipient, purpose, language, alert, transition_id, why, reason, state, attempts,
    next_try_ms, last_error, created_ms, changed_ms)
SELECT id, channel, 'channel:' || channel, 'news', 'en', alert, transition_id, 'route', '', state, attempts, next_try_ms,
    last_error, created_ms, changed_ms
FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;
CREATE INDEX deliveries_waiting ON deliveries (channel, alert, recipient, id) WHERE state = 'waiting';
CREATE INDEX deliveries_held ON deliveries (recipient, channel) WHERE state = 'held';
CREATE INDEX deliveries_by_alert ON deliveries (alert, id);
CREATE INDEX deliveries_by_channel ON deliveries (channel, state, changed_ms);

-- Channels that were disabled, or enabled again, and by whom. One that is not here works.
CREATE TABLE channels (
    name TEXT PRIMARY KEY,
    disabled_ms INTEGER,
    reason TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) WITHOUT ROWID;
