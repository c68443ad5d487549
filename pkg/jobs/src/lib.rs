//! Durable jobs enqueued in the caller's transaction, and cron without a leader, on underpin-database.
//!
//! For work that must happen if and only if a change was committed: mails, reports, calls to slow systems. Jobs live in
//! PostgreSQL or SQLite beside the data; an in-memory twin serves tests.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use serde::{Deserialize, Serialize};
//! # use underpin_database::{DatabaseExt, DatabaseSettings, TxOptions, connect};
//! use underpin_jobs::{Job, JobOutcome, JobRun, Jobs, JobsError, JobsSettings, Workers, WorkersDrain, typed_job};
//!
//! #[derive(Serialize, Deserialize)]
//! struct SendMail { to: String }
//!
//! impl Job for SendMail { const KIND: &'static str = "mail.send"; }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
//! let jobs = &Jobs::new(&pool, JobsSettings::default())?;
//! jobs.migrate().await?;
//! let workers = Workers::builder(jobs)
//!     .on(typed_job(async |mail: SendMail, _run: JobRun| {
//!         assert_eq!(mail.to, "ada@example.org");
//!         Ok(JobOutcome::Done)
//!     }))
//!     .start()?;
//!
//! let enqueued = pool
//!     .transaction(TxOptions::default(), |tx| async move {
//!         // ... the change itself, on `tx` ...
//!         jobs.enqueue(&tx, &SendMail { to: "ada@example.org".into() }).await // does not compile with a pool
//!     })
//!     .await?;
//! # let mut tries = 0;
//! # while jobs.get(enqueued.id()).await?.is_some_and(|status| !status.state.is_ended()) && tries < 3000 {
//! #     tries += 1;
//! #     tokio::time::sleep(Duration::from_millis(10)).await;
//! # }
//! # assert_eq!(jobs.get(enqueued.id()).await?.unwrap().state, underpin_jobs::JobState::Done);
//! assert_eq!(workers.drain(Duration::from_secs(10)).await, WorkersDrain::Drained);
//! # Ok(()) }
//! ```
//!
//! * A [`Job`] is a payload with a kind, a version and [`JobOptions`]. [`Jobs`] enqueues it, lists, cancels, replays.
//! * [`Workers`] claim jobs with a lease, run the [`JobHandler`] of their kind, and commit the [`JobOutcome`]s in groups.
//! * [`JobRun`] is one attempt: payload, context, progress, cancellation, and [`JobRun::complete_in`] for effects in the
//!   database.
//! * [`Unique`] keys, priorities with aging, due times: [`Enqueue`].
//! * `cron` (feature of that name): jobs on a schedule in a time zone.
//! * [`InlineRunner`] runs jobs where a test awaits it. [`store`] has the traits below; `conformance` (feature of that name) is
//!   the suite that every store passes.
//!
//! # Guarantees
//!
//! A job of a committed transaction runs at least once, one of a rolled-back transaction never. Attempts are counted when
//! they begin. Each attempt has a fencing token: the end of an attempt that has lost its lease is refused and counted. With
//! [`JobRun::complete_in`] the effects of a handler on the database happen once. The clock of the database decides what is due.
#![cfg_attr(
    not(all(feature = "cron", feature = "conformance")),
    allow(rustdoc::broken_intra_doc_links, reason = "the story links to what some features leave out")
)]

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "cron")]
pub mod cron;
mod enqueue;
mod error;
mod handler;
mod headers;
mod id;
mod job;
mod jobs;
mod meters;
mod operate;
mod outcome;
mod progress;
mod run;
mod settings;
mod status;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod workers;

pub use enqueue::{Enqueue, Enqueued, Unique, UniqueScope};
pub use error::JobsError;
pub use handler::{JobHandler, JobRoute, typed_job, typed_job_with};
pub use id::{JobId, JobIdError, RunId};
pub use job::{HistoryPolicy, Job, JobOptions};
pub use jobs::Jobs;
pub use meters::describe_metrics;
pub use outcome::{CompletedIn, JobOutcome};
pub use progress::Progress;
pub use run::JobRun;
pub use settings::{JobsSettings, WorkersSettings};
pub use status::{CancelOutcome, JobFilter, JobRecord, JobState, JobStatus, QueueStatus};
pub use underpin_database::InTransaction;
pub use workers::{InlineAttempt, InlineRunner, Workers, WorkersBuilder, WorkersDrain};

#[cfg(all(doctest, feature = "cron"))]
#[doc = include_str!("../README.md")]
struct Readme;
