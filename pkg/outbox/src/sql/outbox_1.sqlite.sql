-- Writers wait for each other, so ids appear in order; AUTOINCREMENT keeps them from being used again.
CREATE TABLE underpin_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane INTEGER NOT NULL,
    key TEXT NOT NULL,
    envelope TEXT NOT NULL,
    created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE TABLE underpin_outbox_held (
    lane INTEGER NOT NULL,
    key TEXT NOT NULL,
    id INTEGER NOT NULL,
    envelope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    failed_at INTEGER,
    due_at INTEGER,
    quarantined_at INTEGER,
    PRIMARY KEY (lane, key, id)
) WITHOUT ROWID;

CREATE INDEX underpin_outbox_held_heads ON underpin_outbox_held (lane, due_at)
WHERE due_at IS NOT NULL OR quarantined_at IS NOT NULL;

CREATE INDEX underpin_outbox_held_quarantine ON underpin_outbox_held (id) WHERE quarantined_at IS NOT NULL;

CREATE TABLE underpin_outbox_sent (
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL,
    key TEXT NOT NULL,
    envelope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
);

CREATE INDEX underpin_outbox_sent_at ON underpin_outbox_sent (sent_at);

CREATE TABLE underpin_outbox_lanes (
    lane INTEGER PRIMARY KEY,
    owner TEXT,
    expires_at INTEGER,
    floor INTEGER NOT NULL DEFAULT 0,
    bell INTEGER NOT NULL DEFAULT 1
);

WITH RECURSIVE lanes (lane) AS (SELECT 0 UNION ALL SELECT lane + 1 FROM lanes WHERE lane < 31)
INSERT INTO underpin_outbox_lanes (lane) SELECT lane FROM lanes;

CREATE TABLE underpin_outbox_relays (relay TEXT PRIMARY KEY, seen_until INTEGER NOT NULL);
