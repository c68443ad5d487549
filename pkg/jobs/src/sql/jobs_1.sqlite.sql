-- The tables of `jobs_1.postgres.sql`; times are Unix milliseconds.

CREATE TABLE underpin_job (
    id TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    rescues INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    run INTEGER,
    worker TEXT,
    lease_until INTEGER,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    unique_key TEXT,
    unique_scope TEXT,
    reason TEXT,
    done INTEGER,
    total INTEGER,
    note TEXT,
    headers TEXT NOT NULL,
    payload TEXT NOT NULL
);

CREATE INDEX underpin_job_waiting ON underpin_job (queue, kind, rank, due, id) WHERE run IS NULL;

CREATE INDEX underpin_job_running ON underpin_job (lease_until) WHERE run IS NOT NULL;

CREATE TABLE underpin_job_run (last INTEGER NOT NULL);

INSERT INTO underpin_job_run VALUES (0);

CREATE TABLE underpin_job_history (
    id TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
);

CREATE INDEX underpin_job_history_ended_at ON underpin_job_history (ended_at);

CREATE TABLE underpin_job_dead (
    id TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    enqueued_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    rank_offset INTEGER NOT NULL,
    reason TEXT,
    headers TEXT NOT NULL,
    payload TEXT NOT NULL
);

CREATE TABLE underpin_job_unique (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    job TEXT NOT NULL,
    until INTEGER,
    PRIMARY KEY (kind, key)
);

CREATE TABLE underpin_job_queue (
    queue TEXT PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0
);
