//! The tables.

use underpin_database::migrate::{Migration, Migrations};

pub(crate) fn migrations() -> Migrations {
    Migrations::new("files")
        .step(Migration::new("0001_file", FILE).down("DROP TABLE file"))
        .step(Migration::new("0002_file_state", FILE_STATE).down("DROP INDEX file_state"))
        .step(Migration::new("0003_link_key", LINK_KEY).down("DROP TABLE link_key"))
}

/// A file, from before its data is sent until after its data is deleted: no data is without a row.
const FILE: &str = "
    CREATE TABLE file (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        name VARCHAR(255) NOT NULL,
        content_type VARCHAR(255) NOT NULL,
        size BIGINT NOT NULL,
        sha256 VARCHAR(64) NOT NULL,
        state VARCHAR(10) NOT NULL,
        expires BIGINT NOT NULL
    )";

/// For lists and for the sweeper.
const FILE_STATE: &str = "CREATE INDEX file_state ON file (state, id)";

/// The key that signs links, one for all processes of the database.
const LINK_KEY: &str = "
    CREATE TABLE link_key (
        id INTEGER NOT NULL PRIMARY KEY,
        secret VARCHAR(64) NOT NULL
    )";
