//! What the service keeps in its database.

mod cursor;
mod migrations;
pub(crate) mod orders;
pub(crate) mod stats;
mod tables;

use std::path::Path;
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
/// What keeps it from connecting, with the variable to look at.
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
    if let Some(folder) = sqlite_folder(settings.url.expose()) {
        std::fs::create_dir_all(folder).wrap_err_with(Kind::Internal, || {
            format!("create the folder {} of the database file", folder.display())
        })?;
    }
    underpin_database::connect(settings, Arc::clone(log))
        .await
        .context("connect to the database (see DATABASE_URL)")
}

/// The folder of a SQLite file, which SQLite itself does not create.
fn sqlite_folder(url: &str) -> Option<&Path> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest).split('?').next()?;
    Path::new(path).parent().filter(|folder| path != ":memory:" && !folder.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sqlite_file_has_a_folder() {
        assert_eq!(sqlite_folder("sqlite:data/orders.db"), Some(Path::new("data")));
        assert_eq!(sqlite_folder("sqlite:///var/lib/orders.db?mode=rwc"), Some(Path::new("/var/lib")));
        for url in
            ["sqlite:orders.db", "sqlite::memory:", "sqlite://:memory:", "postgres://app:pw@host/orders"]
        {
            assert_eq!(sqlite_folder(url), None, "{url}");
        }
    }
}
