-- One sequence of readings: what a camera's agent said since it booted. `settled`: the highest seq with nothing
-- missing below it, -1 for none.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    boot TEXT NOT NULL,
    camera TEXT NOT NULL,
    settled INTEGER NOT NULL,
    touched_ms INTEGER NOT NULL,
    UNIQUE (agent, boot, camera)
);

-- The payload as it came. `captured_to_ms` is corrected by `offset_ms`; the original is in the payload.
CREATE TABLE readings (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL,
    captured_to_ms INTEGER NOT NULL,
    offset_ms INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    late INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE UNIQUE INDEX readings_once ON readings (stream, seq);
CREATE INDEX readings_by_time ON readings (captured_to_ms);

-- Readings refused for good: the agent need not send them again.
CREATE TABLE refused_seqs (
    stream INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE TABLE refusals (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    size INTEGER NOT NULL,
    first_bytes BLOB NOT NULL
);

CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE clocks (
    agent TEXT NOT NULL,
    boot TEXT NOT NULL,
    offset_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (agent, boot)
) WITHOUT ROWID;

-- The last status of each agent (camera '') and the last health of each camera, as they came.
CREATE TABLE said (
    agent TEXT NOT NULL,
    camera TEXT NOT NULL,
    topic TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (agent, camera)
) WITHOUT ROWID;

-- What the monitor must know after a restart: one row.
CREATE TABLE memory (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    run TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    state BLOB
);

-- `retained`: the broker may still hold a retained message about this alert.
CREATE TABLE alerts (
    alert TEXT PRIMARY KEY,
    opened_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER,
    retained INTEGER NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (opened_at_ms);

CREATE TABLE transitions (
    id INTEGER PRIMARY KEY,
    alert TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX transitions_by_alert ON transitions (alert, id);

-- One sample a second. Sums run over samples in which the value was known (`known`), not over all `samples`.
CREATE TABLE zone_minutes (
    zone TEXT NOT NULL,
    minute_ms INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    known INTEGER NOT NULL,
    partly INTEGER NOT NULL,
    people_sum REAL NOT NULL,
    people_low REAL,
    people_high REAL,
    people_max REAL,
    density_sum REAL NOT NULL,
    patch_max_per_m2 REAL,
    level_max INTEGER,
    PRIMARY KEY (zone, minute_ms)
) WITHOUT ROWID;

-- From readings, late ones too, in the minute they were captured in.
CREATE TABLE camera_minutes (
    camera TEXT NOT NULL,
    minute_ms INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    late INTEGER NOT NULL,
    grids INTEGER NOT NULL,
    people_sum REAL NOT NULL,
    people_max REAL,
    outside_sum REAL NOT NULL,
    vehicles_max INTEGER NOT NULL,
    frames_used INTEGER NOT NULL,
    frames_dropped INTEGER NOT NULL,
    PRIMARY KEY (camera, minute_ms)
) WITHOUT ROWID;

CREATE TABLE line_minutes (
    line TEXT NOT NULL,
    kind TEXT NOT NULL,
    minute_ms INTEGER NOT NULL,
    forward INTEGER NOT NULL,
    backward INTEGER NOT NULL,
    PRIMARY KEY (line, kind, minute_ms)
) WITHOUT ROWID;
