-- Readings of this minute that came too late to be judged: the zone's figures lack them.
ALTER TABLE zone_minutes ADD COLUMN late INTEGER NOT NULL DEFAULT 0;

-- `captured_ms`: the newest captured_to, as the device said it. `forgotten`: the highest seq whose payload is past its
-- time; what is settled up to there was heard, though no row says so any more.
ALTER TABLE streams ADD COLUMN captured_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN forgotten INTEGER NOT NULL DEFAULT -1;
UPDATE streams SET
    captured_ms = max(touched_ms, coalesce(
        (SELECT max(captured_to_ms - offset_ms) FROM readings WHERE stream = streams.id), 0)),
    forgotten = coalesce((SELECT min(seq) - 1 FROM readings WHERE stream = streams.id), settled);

-- Streams that were captured up to this time may have been dropped: a reading as old as that, which no stream knows,
-- can not be told from one that was stored.
CREATE TABLE floors (
    agent TEXT NOT NULL,
    camera TEXT NOT NULL,
    captured_ms INTEGER NOT NULL,
    PRIMARY KEY (agent, camera)
) WITHOUT ROWID;
