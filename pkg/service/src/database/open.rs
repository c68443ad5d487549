use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use underpin_database::migrate::Migrations;
use underpin_database::{Backend, DatabaseSettings, Pool, connect};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, info};
#[cfg(feature = "outbox")]
use underpin_outbox::{Inbox, Outbox};

use super::pool::{DATABASE, NamedPool};
use crate::commands::{MigrateCommand, Offer};
use crate::place::{Place, absolute, journal_beside};
use crate::{Opened, Opening, Plugin};

/// The operator command that works on the tables.
const MIGRATE: &str = "migrate";

/// How long a pool that is given up may take to close its connections.
const CLOSE: Duration = Duration::from_secs(1);

/// Opens the pool of a database. The handle is the [`Pool`]; its health is required for readiness.
///
/// It waits for a server that is not there yet, as long as `connect_retry` of the settings says, creates the folder of a SQLite
/// file, and runs the migrations that it is given.
///
/// # Examples
/// ```
/// use underpin_database::DatabaseSettings;
/// use underpin_database::migrate::{Migration, Migrations};
/// use underpin_service::Ended;
/// use underpin_service::testing::TestService;
///
/// # #[tokio::main] async fn main() {
/// let tables = Migrations::new("notes").step(Migration::new("0001_note", "CREATE TABLE note (text TEXT)"));
/// let ended = TestService::new(DatabaseSettings::new("sqlite::memory:"))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let pool = start.plugin(underpin_service::database(&settings).migrate(tables)).await?;
///             pool.batch("INSERT INTO note VALUES ('hello')").await?;
///             Ok(())
///         },
///         async |service| assert!(service.health().await.components.contains_key("database")),
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
pub fn database(settings: &DatabaseSettings) -> OpenDatabase {
    OpenDatabase {
        settings: settings.clone(),
        migrations: None,
        name: DATABASE.to_owned(),
        is_required: true,
    }
}

/// See [`database`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenDatabase {
    settings: DatabaseSettings,
    migrations: Option<Migrations>,
    name: String,
    is_required: bool,
}

impl OpenDatabase {
    /// Gives the database another name, for a second one: that of its health and its component, and of the block of the settings in
    /// errors. The operator command for its migrations is `migrate-NAME`, which the service declares
    /// ([`Service::command`](crate::Service::command)).
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The service stays ready, and degraded, while the database is down: for a read replica, whose readers can go to the primary. It must
    /// be there for the start all the same.
    pub fn optional(mut self) -> Self {
        self.is_required = false;
        self
    }

    /// The setting to change, as errors name it.
    fn setting(&self) -> String {
        match self.name.as_str() {
            DATABASE => "see database.url, DATABASE_URL".to_owned(),
            name => format!("see {name}.url"),
        }
    }

    fn opened(&self, pool: &Pool) -> Opened<Pool> {
        let (name, is_required) = (self.name.clone(), self.is_required);
        Opened::new(pool.clone(), NamedPool { name, pool: pool.clone(), is_required })
    }

    /// Runs what has not run yet of these migrations, one process at a time. With the feature `outbox` the tables of outbox and inbox are
    /// created as well.
    pub fn migrate(mut self, migrations: Migrations) -> Self {
        self.migrations = Some(migrations);
        self
    }
}

impl Plugin for OpenDatabase {
    type Handle = Pool;

    async fn open(self, at: &Opening) -> Result<Opened<Pool>, Error> {
        if let Some(folder) = self.settings.sqlite_file().as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(folder).wrap_err_with(Kind::Internal, || {
                format!("create the folder {} of the database ({})", folder.display(), self.setting())
            })?;
        }
        let pool = connect(&self.settings, Arc::clone(&at.log)).await;
        let pool = pool.with_context(|| format!("connect to the database ({})", self.setting()))?;
        at.data.set(match (pool.backend(), self.settings.sqlite_file()) {
            (Backend::Sqlite, Some(file)) => Place::File(file),
            (Backend::Sqlite, None) => Place::Memory,
            _ => Place::Server,
        });
        let Some(migrations) = &self.migrations else { return Ok(self.opened(&pool)) };
        let command =
            if self.name == DATABASE { MIGRATE.to_owned() } else { format!("{MIGRATE}-{}", self.name) };
        offer(at, command, self.settings.sqlite_file(), &pool, migrations);
        if !at.is_serving() {
            return Ok(self.opened(&pool));
        }
        match migrate(&pool, migrations).await {
            Ok(ran) => {
                if !ran.is_empty() {
                    info!(at.log, &Context::background(), "database migrated", migrations = ran.join(","));
                }
                Ok(self.opened(&pool))
            }
            Err(error) => {
                pool.close(CLOSE).await;
                Err(error)
            }
        }
    }
}

/// Offers the migrations. On a SQLite file a running service does it, as far as it does not take the tables away.
fn offer(at: &Opening, name: String, file: Option<PathBuf>, pool: &Pool, migrations: &Migrations) {
    let command = MigrateCommand::new(pool.clone(), migrations.clone());
    #[cfg(feature = "outbox")]
    let command = command.tables(Outbox::default(), Inbox::default());
    let Some(file) = file else { return at.commands.offer(Offer::new(name, command)) };
    let journal = journal_beside(&file);
    let command = command.after_fresh(move || match std::fs::remove_file(&journal) {
        // Its events belong to the data that is gone. There is none before the first start.
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::wrap(Kind::Internal, error, format!("remove the journal {}", journal.display())))
        }
        _ => Ok(()),
    });
    let resource = format!("sqlite:{}", absolute(&file).display());
    at.commands.offer(Offer::new(name, command).resource(resource).offline(["down", "fresh"]));
}

/// Runs what has not run yet, of the service and of the libraries that it uses, and names what was its own.
async fn migrate(pool: &Pool, migrations: &Migrations) -> Result<Vec<String>, Error> {
    let ran = migrations.up(pool).await.context("migrate the database")?;
    #[cfg(feature = "outbox")]
    {
        Outbox::default().migrate(pool).await.context("create the tables of the outbox")?;
        Inbox::default().migrate(pool).await.context("create the table of the inbox")?;
    }
    Ok(ran)
}
