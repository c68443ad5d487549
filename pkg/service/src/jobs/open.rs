use async_trait::async_trait;
use underpin_database::Pool;
use underpin_errors::{Error, ResultExt as _};
use underpin_jobs::{Jobs, JobsSettings};

use crate::commands::{JobsCommand, Offer};
use crate::{Component, Deadline, Opened, Opening, Plugin, Stopped};

/// The jobs in this database: creates their tables and offers the command `jobs`. The handle is [`Jobs`], for
/// [`enqueue`](Jobs::enqueue) in the transactions of handlers; [`workers`](crate::workers) run them.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_database::{DatabaseExt, DatabaseSettings, TxOptions};
/// use underpin_jobs::{Job, JobOutcome, JobRun, JobsError, Workers, typed_job_with};
/// use underpin_service::Ended;
/// use underpin_service::testing::TestService;
///
/// #[derive(Serialize, Deserialize)]
/// struct SendMail { to: String }
///
/// impl Job for SendMail { const KIND: &'static str = "mail.send"; }
///
/// # #[tokio::main] async fn main() {
/// let (sent, mut mails) = tokio::sync::mpsc::unbounded_channel();
/// let handles = std::sync::OnceLock::new();
/// let ended = TestService::new(DatabaseSettings::new("sqlite::memory:"))
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let database = start.plugin(underpin_service::database(&settings)).await?;
///             let jobs = start.plugin(underpin_service::jobs(&database)).await?;
///             let handler = typed_job_with(sent, async |sent: tokio::sync::mpsc::UnboundedSender<String>, mail: SendMail, _: JobRun| {
///                 sent.send(mail.to).ok();
///                 Ok(JobOutcome::Done)
///             });
///             start.traffic(underpin_service::workers(Workers::builder(&jobs).on(handler).queue("default", 4)));
///             handles.set((database, jobs)).ok();
///             Ok(())
///         },
///         async |_| {
///             let (database, jobs) = handles.get().unwrap();
///             let mail = &SendMail { to: "ada@example.org".into() };
///             let change = |tx| async move { jobs.enqueue(&tx, mail).await };
///             database.transaction::<_, JobsError, _, _>(TxOptions::default(), change).await.unwrap();
///             assert_eq!(mails.recv().await.as_deref(), Some("ada@example.org"));
///         },
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
pub fn jobs(database: &Pool) -> OpenJobs {
    OpenJobs { database: database.clone(), settings: JobsSettings::default() }
}

/// See [`jobs`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenJobs {
    database: Pool,
    settings: JobsSettings,
}

impl OpenJobs {
    /// The largest payload, and the limit for a call of the database.
    pub fn settings(mut self, settings: JobsSettings) -> Self {
        self.settings = settings;
        self
    }
}

impl Plugin for OpenJobs {
    type Handle = Jobs;

    async fn open(self, at: &Opening) -> Result<Opened<Jobs>, Error> {
        let jobs = Jobs::new(&self.database, self.settings).context("set up the jobs")?;
        if at.is_serving() {
            jobs.migrate().await.context("create the tables of the jobs")?;
        }
        at.commands.offer(Offer::new("jobs", JobsCommand::new(jobs.clone())));
        Ok(Opened::new(jobs, Tables))
    }
}

/// Holds nothing: the pool is closed by its own component.
struct Tables;

#[async_trait]
impl Component for Tables {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "job tables"
    }

    async fn stop(&self, _: Deadline) -> Stopped {
        Stopped::Clean
    }
}
