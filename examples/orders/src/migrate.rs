//! `orders migrate`: changes the tables or prints their status.

use std::sync::Arc;
use std::time::Duration;

use underpin_database::Pool;
use underpin_database::migrate::{MigrationState, MigrationStatus};
use underpin_errors::{Error, ResultExt as _};
use underpin_logger::Logger;
use underpin_outbox::{Inbox, Outbox};

use crate::{Settings, bus, store};

/// A change of the tables, or their status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrate {
    Up,
    Down,
    Status,
    Fresh,
    Seed,
}

/// Runs it and returns its output: a line for each migration.
///
/// # Errors
/// The database is unreachable, or a migration failed; the error names it.
pub(crate) async fn run(settings: &Settings, what: Migrate, log: &Arc<dyn Logger>) -> Result<String, Error> {
    let pool = store::connect(&settings.database, log).await?;
    let said = change(&pool, what).await;
    pool.close(Duration::from_secs(5)).await;
    if let (Migrate::Fresh, Ok(_), Some(journal)) = (what, &said, bus::journal(settings)) {
        // Its events belong to the orders that are gone. There is none before the first start.
        drop(std::fs::remove_file(journal));
    }
    said
}

async fn change(pool: &Pool, what: Migrate) -> Result<String, Error> {
    let migrations = store::migrations();
    match what {
        Migrate::Up => {
            store::migrate(pool, &Outbox::default(), &Inbox::default()).await.map(|up| listed("up", &up))
        }
        Migrate::Down => {
            migrations.down(pool, 1).await.map(|down| listed("down", &down)).context("migrate down")
        }
        Migrate::Fresh => {
            migrations.fresh(pool).await.map(|up| listed("fresh", &up)).context("migrate fresh")
        }
        Migrate::Status => migrations.status(pool).await.map(|all| stands(&all)).context("read the status"),
        Migrate::Seed => {
            migrations.run_seeds(pool).await.map(|()| "seed\tdone\n".to_owned()).context("run the seeds")
        }
    }
}

fn listed(what: &str, names: &[String]) -> String {
    match names {
        [] => format!("{what}\tnothing to do\n"),
        names => names.iter().map(|name| format!("{what}\t{name}\n")).collect(),
    }
}

fn stands(status: &[MigrationStatus]) -> String {
    let line = |MigrationStatus { name, state, .. }: &MigrationStatus| match state {
        MigrationState::Applied { at } => format!("applied\t{name}\t{at}\n"),
        MigrationState::Changed { at } => format!("changed since\t{name}\t{at}\n"),
        MigrationState::Unknown { at } => format!("not in this release\t{name}\t{at}\n"),
        _ => format!("pending\t{name}\n"),
    };
    status.iter().map(line).collect()
}
