use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_database::DatabaseSettings;
use underpin_errors::BoxError;
use underpin_events::jetstream::JetStreamSettings;
use underpin_events::{Backoff, Order, SubscribeOptions};
use underpin_logger::{LogFormat, LogOutput, LogSink, LoggerSettings};
use underpin_outbox::RelaySettings;

use crate::process::WorkerTask;

/// The settings of one worker process, as JSON in the variable [`WorkerSettings::VARIABLE`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorkerSettings {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) database_url: String,
    pub(crate) nats_url: String,
    /// Where the log goes, and what a worker writes down besides.
    pub(crate) folder: PathBuf,
    /// Ends itself here, by SIGKILL, once.
    pub(crate) crash_point: Option<CrashPoint>,
    /// The process that must outlive this one.
    pub(crate) parent: i32,
}

/// What a worker does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    Producer(ProducerSettings),
    Relay,
    Consumer(InboxUse),
}

/// How the producer works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProducerSettings {
    pub(crate) seed: u64,
    pub(crate) writers: u32,
    /// Transfers per second, of all writers together.
    pub(crate) rate: u32,
    /// Ends after that many transfers of each writer.
    pub(crate) most: Option<u64>,
    pub(crate) enqueue: Enqueue,
}

/// Where the event is enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Enqueue {
    /// In the transaction of the transfer, as it should be.
    Inside,
    /// In a second transaction, after the commit: the mistake that the outbox exists to prevent.
    AfterCommit,
}

/// Whether effects are guarded by the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InboxUse {
    On,
    /// The mistake that the inbox exists to prevent.
    Off,
}

/// A spot at which a worker kills itself, so that a test need not hope to hit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CrashPoint {
    /// Right after the n-th commit: before the event is enqueued outside the transaction, or before the acknowledgement.
    AfterCommit(u64),
}

impl WorkerTask for WorkerSettings {
    const VARIABLE: &'static str = "UNDERPIN_CHAOS_WORKER";

    fn name(&self) -> &str {
        &self.name
    }

    /// What it says before it has a log, or instead.
    fn stderr(&self) -> Option<PathBuf> {
        Some(self.folder.join("stderr"))
    }
}

impl WorkerSettings {
    /// Reads what the driver wrote.
    pub(crate) fn from_env() -> Result<Self, BoxError> {
        Ok(serde_json::from_str(&std::env::var(Self::VARIABLE)?)?)
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        log_file(&self.folder, &self.name)
    }

    /// Each record at once: what a killed process did is in its log.
    pub(crate) fn logger(&self) -> LoggerSettings {
        LoggerSettings::default()
            .format(LogFormat::Json)
            .output(LogOutput::File(self.log_file()))
            .sink(LogSink::Direct)
            .level("info,sqlx=warn,async_nats=warn")
            .service(&self.name)
    }

    /// Short limits, so that a run of half a minute sees many recoveries.
    pub(crate) fn database(&self) -> DatabaseSettings {
        let mut settings = DatabaseSettings::new(&self.database_url);
        settings.max_open = 8;
        settings.acquire_timeout = Duration::from_secs(2);
        settings.connect_timeout = Duration::from_secs(2);
        settings.statement_timeout = Duration::from_secs(3);
        settings.slow_query = Duration::ZERO;
        settings.application_name.clone_from(&self.name);
        settings
    }

    pub(crate) fn jetstream(&self) -> JetStreamSettings {
        let mut settings = JetStreamSettings::new(&self.nats_url);
        // The consumers are replicas of one service: they share its subscriptions.
        settings.name = self.name.split('-').next().unwrap_or_default().to_owned();
        settings.connect_timeout = Duration::from_secs(3);
        settings.request_timeout = Duration::from_secs(2);
        settings.reconnect = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
        settings.publish.timeout = Duration::from_millis(1400);
        settings.publish.ack_timeout = Duration::from_millis(600);
        settings
    }

    pub(crate) fn relay() -> RelaySettings {
        let mut settings = RelaySettings::default();
        settings.lease = Duration::from_secs(3);
        settings.poll = Duration::from_millis(250);
        settings.publish_timeout = Duration::from_millis(1500);
        settings.database_timeout = Duration::from_secs(2);
        settings.event_backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        settings.outage_backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
        settings
    }

    /// One subscription of all consumers together.
    pub(crate) fn subscription(partition: &str) -> SubscribeOptions {
        SubscribeOptions::new(partition)
            .types([format!("{partition}.>")])
            .order(Order::Strict)
            // PostgreSQL may be away for a while. An event is never at fault here.
            .max_attempts(1000)
            .backoff(Backoff::new(Duration::from_millis(50), Duration::from_millis(500)))
            .handler_timeout(Duration::from_secs(5))
            .ack_wait(Duration::from_secs(2))
    }

    /// Where the producer notes transfers whose commit it was told of.
    pub(crate) fn acknowledged(&self) -> PathBuf {
        acknowledged(&self.folder)
    }
}

pub(crate) fn log_file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

pub(crate) fn acknowledged(folder: &Path) -> PathBuf {
    folder.join("acknowledged")
}
