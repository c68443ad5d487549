CREATE TABLE underpin_inbox (
    consumer text NOT NULL,
    source text NOT NULL,
    event_id text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, source, event_id)
);

CREATE INDEX underpin_inbox_done_at ON underpin_inbox (done_at);
