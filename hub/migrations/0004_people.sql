-- Who may enter, and what waits for a second person. Times are Unix ms. Secrets are kept as their SHA-256 only.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    login TEXT NOT NULL UNIQUE,               -- lower case; never changes, since the audit log names it
    display TEXT NOT NULL,
    roles TEXT NOT NULL,                      -- JSON array
    sites TEXT,                               -- JSON array; NULL: all sites
    language TEXT,                            -- NULL: the browser's
    password TEXT,                            -- argon2id; NULL: none set yet, or logs in elsewhere
    password_ms INTEGER,
    issuer TEXT,                              -- who else vouches for them (OpenID Connect), and under which name
    subject TEXT,
    disabled INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    secret BLOB NOT NULL UNIQUE,
    user INTEGER NOT NULL REFERENCES users (id),
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,                -- over then, however busy
    address TEXT NOT NULL,
    browser TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_of ON sessions (user);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    secret BLOB NOT NULL UNIQUE,
    user INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    begin TEXT NOT NULL,                      -- its first characters, to tell one from another
    scopes TEXT NOT NULL,                     -- JSON array of rights
    created_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX tokens_of ON tokens (user);

CREATE TABLE links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    secret BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,                       -- first, invite, reset
    user INTEGER REFERENCES users (id),       -- NULL: makes the first administrator
    made_by TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    action TEXT NOT NULL,
    needs TEXT NOT NULL,                      -- the right
    site TEXT NOT NULL,
    payload TEXT NOT NULL,                    -- JSON, canonical
    payload_hash TEXT NOT NULL,               -- SHA-256 of it, hex
    summary TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_user INTEGER REFERENCES users (id), -- NULL: open mode
    asked_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    state TEXT NOT NULL,                      -- waiting, approved, done, failed, refused, withdrawn, expired
    decided_by TEXT,
    decided_ms INTEGER,
    decided_reason TEXT,
    done_ms INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX approvals_by_state ON approvals (state, asked_ms);
