CREATE TABLE IF NOT EXISTS underpin_events_schema (
    module text NOT NULL,
    version integer NOT NULL,
    migrated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (module, version)
)
