CREATE TABLE underpin_job_schedule (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    description TEXT NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    last_tick INTEGER NOT NULL
);

CREATE TABLE underpin_job_tick (
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    job TEXT NOT NULL,
    fired_at INTEGER NOT NULL,
    PRIMARY KEY (name, at)
);

CREATE INDEX underpin_job_tick_fired_at ON underpin_job_tick (fired_at);
