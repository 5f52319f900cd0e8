-- The outbox of notifications: written with the transition, sent afterwards.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    alert TEXT NOT NULL,
    transition_id INTEGER NOT NULL REFERENCES transitions (id),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'refused', 'given_up')),
    attempts INTEGER NOT NULL,
    next_try_ms INTEGER,
    last_error TEXT,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
);
CREATE INDEX deliveries_waiting ON deliveries (channel, alert, id) WHERE state = 'waiting';
CREATE INDEX deliveries_by_alert ON deliveries (alert, id);
