use async_trait::async_trait;
use underpin_database::Pool;
use underpin_database::migrate::{MigrationState, MigrationStatus, Migrations};
use underpin_errors::{Error, Kind, ResultExt as _};
#[cfg(feature = "outbox")]
use underpin_outbox::{Inbox, Outbox};

use crate::{CommandCall, CommandOutput, OperatorCommand};

/// `migrate up|down|status|fresh|seed`.
///
/// # Examples
/// ```no_run
/// use underpin_database::Pool;
/// use underpin_database::migrate::Migrations;
/// use underpin_commands::{Commands, MigrateCommand, Offer};
///
/// fn offer(commands: &Commands, pool: &Pool, migrations: Migrations) {
///     commands.offer(Offer::new("migrate", MigrateCommand::new(pool.clone(), migrations)));
/// }
/// ```
pub struct MigrateCommand {
    pool: Pool,
    migrations: Migrations,
    #[cfg(feature = "outbox")]
    tables: Option<(Outbox, Inbox)>,
    after_fresh: Option<AfterFresh>,
}

type AfterFresh = Box<dyn Fn() -> Result<(), Error> + Send + Sync>;

impl std::fmt::Debug for MigrateCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MigrateCommand").finish_non_exhaustive()
    }
}

impl MigrateCommand {
    /// Migrates this database with this set.
    pub fn new(pool: Pool, migrations: Migrations) -> Self {
        Self {
            pool,
            migrations,
            #[cfg(feature = "outbox")]
            tables: None,
            after_fresh: None,
        }
    }

    /// `up` and `fresh` also create or complete the tables of outbox and inbox, which are not part of the set.
    #[cfg(feature = "outbox")]
    #[must_use]
    pub fn tables(mut self, outbox: Outbox, inbox: Inbox) -> Self {
        self.tables = Some((outbox, inbox));
        self
    }

    /// What `fresh` does at last: to remove a journal whose events belong to the data that is gone, for example.
    #[must_use]
    pub fn after_fresh(mut self, run: impl Fn() -> Result<(), Error> + Send + Sync + 'static) -> Self {
        self.after_fresh = Some(Box::new(run));
        self
    }

    async fn create_tables(&self) -> Result<(), Error> {
        #[cfg(feature = "outbox")]
        if let Some((outbox, inbox)) = &self.tables {
            outbox.migrate(&self.pool).await.context("create the tables of the outbox")?;
            inbox.migrate(&self.pool).await.context("create the table of the inbox")?;
        }
        Ok(())
    }
}

#[async_trait]
impl OperatorCommand for MigrateCommand {
    async fn run(&self, call: &CommandCall, out: &mut CommandOutput) -> Result<(), Error> {
        let Self { pool, migrations, after_fresh, .. } = self;
        match call.action() {
            "up" => {
                list("up", &migrations.up(pool).await.context("migrate up")?, out);
                self.create_tables().await
            }
            "down" => {
                let steps = call.number("STEPS")?.unwrap_or(1);
                list("down", &migrations.down(pool, steps).await.context("migrate down")?, out);
                Ok(())
            }
            "fresh" => {
                list("fresh", &migrations.fresh(pool).await.context("migrate fresh")?, out);
                self.create_tables().await?;
                after_fresh.as_ref().map_or(Ok(()), |run| run())
            }
            "status" => {
                for status in migrations.status(pool).await.context("read the status")? {
                    out.line(state(&status));
                }
                Ok(())
            }
            "seed" => {
                migrations.run_seeds(pool).await.context("run the seeds")?;
                out.line("seed\tdone");
                Ok(())
            }
            other => Err(Error::new(Kind::InvalidArgument, format!("migrate has no action {other}"))),
        }
    }
}

fn list(action: &str, names: &[String], out: &mut CommandOutput) {
    for name in names {
        out.line(format_args!("{action}\t{name}"));
    }
    if names.is_empty() {
        out.line(format_args!("{action}\tnothing to do"));
    }
}

fn state(MigrationStatus { name, state, .. }: &MigrationStatus) -> String {
    match state {
        MigrationState::Applied { at } => format!("applied\t{name}\t{at}"),
        MigrationState::Changed { at } => format!("changed since\t{name}\t{at}"),
        MigrationState::Unknown { at } => format!("not in this release\t{name}\t{at}"),
        _ => format!("pending\t{name}"),
    }
}
