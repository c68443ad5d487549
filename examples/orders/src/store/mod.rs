//! The tables and queries.

mod cursor;
mod migrations;
pub(crate) mod orders;
pub(crate) mod stats;
mod tables;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use underpin_database::{DatabaseSettings, Pool};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::Logger;
use underpin_outbox::{Inbox, Outbox};

pub(crate) use cursor::Cursor;
pub(crate) use migrations::migrations;

/// Connects, and migrates: safe at every start, and by several processes at once.
///
/// # Errors
/// The database is unreachable, or a migration failed.
pub(crate) async fn open(
    settings: &DatabaseSettings,
    outbox: &Outbox,
    inbox: &Inbox,
    log: &Arc<dyn Logger>,
) -> Result<Pool, Error> {
    let pool = connect(settings, log).await?;
    migrate(&pool, outbox, inbox).await?;
    Ok(pool)
}

/// Runs what has not run yet, of the service and of the libraries it uses, and names what was its own.
pub(crate) async fn migrate(pool: &Pool, outbox: &Outbox, inbox: &Inbox) -> Result<Vec<String>, Error> {
    let done = migrations().up(pool).await.context("migrate the tables")?;
    outbox.migrate(pool).await.context("create the tables of the outbox")?;
    inbox.migrate(pool).await.context("create the table of the inbox")?;
    Ok(done)
}

/// Connects, waiting for a database that is not up yet.
pub(crate) async fn connect(settings: &DatabaseSettings, log: &Arc<dyn Logger>) -> Result<Pool, Error> {
    if let Some(folder) = sqlite_file(settings.url.expose()).as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(folder).wrap_err_with(Kind::Internal, || {
            format!("create the folder {} of the database file", folder.display())
        })?;
    }
    underpin_database::connect(settings, Arc::clone(log))
        .await
        .context("connect to the database (see DATABASE_URL)")
}

/// The file of a SQLite URL; none for a database in memory and for other databases. SQLite does not create its folder.
pub(crate) fn sqlite_file(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let in_memory = path == ":memory:" || path.is_empty() || query.contains("mode=memory");
    (!in_memory).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sqlite_url_with_a_path_has_a_file() {
        for (url, file) in [
            ("sqlite:data/orders.db", "data/orders.db"),
            ("sqlite:///var/lib/orders.db?mode=rwc", "/var/lib/orders.db"),
            ("sqlite:orders.db", "orders.db"),
        ] {
            assert_eq!(sqlite_file(url).as_deref(), Some(Path::new(file)), "{url}");
        }
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://x?mode=memory",
            "postgres://app:pw@host/orders",
        ] {
            assert_eq!(sqlite_file(url), None, "{url}");
        }
    }
}
