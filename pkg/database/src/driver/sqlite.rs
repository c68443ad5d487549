use std::time::Duration;

use sqlx::{
    ConnectOptions as _, Executor as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::settings::{DatabaseSettings, SqliteMode, SqlitePlace, SqliteUrl};

/// Write-ahead log, so that readers and the one writer do not stop each other; foreign keys checked; a busy file is waited
/// for as long as a caller would wait for a connection.
pub(super) fn options(url: &SqliteUrl, settings: &DatabaseSettings) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(settings.acquire_timeout.max(Duration::from_millis(1)))
        .disable_statement_logging();
    match &url.place {
        SqlitePlace::Memory => options.in_memory(true),
        SqlitePlace::File(path) => {
            let options = options.filename(path);
            match url.mode {
                SqliteMode::ReadOnly => options.read_only(true),
                SqliteMode::ReadWrite => wal(options),
                SqliteMode::CreateIfMissing => wal(options.create_if_missing(true)),
            }
        }
    }
}

fn wal(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal)
}

/// Ends the transaction that may be open, and its read-only mode.
pub(super) async fn roll_back(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    let outcome = match conn.execute("ROLLBACK").await.map(drop) {
        // "no transaction is active": SQLite has ended it by itself, or it never began.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("1") => Ok(()),
        other => other,
    };
    conn.execute("PRAGMA query_only = 0").await?;
    outcome
}
