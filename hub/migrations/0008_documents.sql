-- Assessments and photographs, encrypted (hub/vault.py). A version is never changed; a change is a new version.
-- `fingerprint`: SHA-256 of the plain document under the document's own key (HMAC), so that two that are equal do not
-- look equal here. `body` is AES-256-GCM under that key, `wrapped` is that key under the master key `key_id`, which is
-- in a file outside.
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    key_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    body BLOB NOT NULL,
    put_by TEXT NOT NULL,
    put_at_ms INTEGER NOT NULL,
    UNIQUE (name, version)
);
