CREATE TABLE underpin_inbox (
    consumer TEXT NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    done_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    PRIMARY KEY (consumer, source, event_id)
) WITHOUT ROWID;

CREATE INDEX underpin_inbox_done_at ON underpin_inbox (done_at);
