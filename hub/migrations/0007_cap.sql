-- A released alert, from its first message to its Cancel. `body`: the frame it was released in, what was said and
-- what was told last (hub.cap.life.Life). At most one open life for each alert.
CREATE TABLE cap_lives (
    id INTEGER PRIMARY KEY,
    alert TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    released_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX cap_lives_open ON cap_lives (alert) WHERE ended_ms IS NULL;
CREATE INDEX cap_lives_by_alert ON cap_lives (alert, id);

-- What has left, as it left: the outbox of every way out. A row is never changed. AUTOINCREMENT: a reader may hold the
-- number of the last row it has seen.
CREATE TABLE cap_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    life INTEGER NOT NULL REFERENCES cap_lives (id),
    number INTEGER NOT NULL,
    identifier TEXT NOT NULL UNIQUE,
    msg_type TEXT NOT NULL CHECK (msg_type IN ('Alert', 'Update', 'Cancel')),
    change TEXT NOT NULL,
    status TEXT NOT NULL,
    scope TEXT NOT NULL,
    headline TEXT NOT NULL,
    sent TEXT NOT NULL,
    sent_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    document BLOB NOT NULL,
    UNIQUE (life, number)
);
