use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use underpin_database::{DatabaseSettings, Executor, Pool, connect};
use underpin_errors::BoxError;
use underpin_events::jetstream::{JetStream, JetStreamSettings};
use underpin_logger::NoopLogger;
use underpin_outbox::{Inbox, Outbox};
use underpin_testkit::{Fault as NetworkFault, NatsServer, PostgresServer, Proxy};

use super::bank;
use super::fault::{Fault, FaultKind, InjectedFault, Server, Target, servers_of};
use super::random::Random;
use super::worker::{CrashPoint, Role, WorkerSettings};
use super::{inject, malformed};
use crate::process::WorkerProcess;

/// A session that leaves a transaction open for longer is ended by PostgreSQL. A connection that dies without a word would
/// otherwise keep its locks until TCP gives it up, which takes hours.
const ABANDONED: (&str, &str) = ("idle_in_transaction_session_timeout", "5s");

/// Everything on the testbed: two servers, the workers, and a link for each worker to each server it uses.
pub(crate) struct Testbed {
    program: PathBuf,
    folder: PathBuf,
    links: BTreeMap<(&'static str, Server), Proxy>,
    workers: BTreeMap<&'static str, Arc<Mutex<WorkerProcess<WorkerSettings>>>>,
    postgres: PostgresServer,
    nats: NatsServer,
    malformed: std::sync::Mutex<BTreeSet<u64>>,
}

impl Testbed {
    /// Starts the servers and opens the bank. `program` is the one that becomes a worker when it is called with `work`.
    pub(crate) async fn set(program: &Path, folder: &Path) -> Result<Self, BoxError> {
        let postgres = PostgresServer::try_private(&[ABANDONED]).await?;
        let nats = NatsServer::try_private("").await?;
        let testbed = Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            links: BTreeMap::new(),
            workers: BTreeMap::new(),
            postgres,
            nats,
            malformed: std::sync::Mutex::default(),
        };
        let database = testbed.database().await?;
        bank::open(&database).await?;
        Outbox::default().migrate(&database).await?;
        Inbox::default().migrate(&database).await?;
        database.close(Duration::from_secs(5)).await;
        // The streams are there before the first worker is, so that none is killed while it makes them.
        testbed.bus().await?.close(Duration::from_secs(5)).await?;
        Ok(testbed)
    }

    /// Starts a worker, behind its own links.
    pub(crate) async fn start(
        &mut self,
        name: &'static str,
        role: Role,
        crash_point: Option<CrashPoint>,
    ) -> Result<(), BoxError> {
        for server in servers_of(name) {
            let proxy = Proxy::try_to(self.url(*server)).await?;
            self.links.insert((name, *server), proxy);
        }
        let url =
            |server| self.links.get(&(name, server)).map_or_else(String::new, |link| link.url().to_owned());
        let settings = WorkerSettings {
            name: name.to_owned(),
            role,
            database_url: url(Server::Postgres),
            nats_url: url(Server::Nats),
            folder: self.folder.clone(),
            crash_point,
            parent: std::process::id().cast_signed(),
        };
        let process = WorkerProcess::start(&self.program, settings)?;
        self.workers.insert(name, Arc::new(Mutex::new(process)));
        Ok(())
    }

    fn url(&self, server: Server) -> &str {
        match server {
            Server::Postgres => self.postgres.url(),
            Server::Nats => self.nats.url(),
        }
    }

    /// A pool of the driver's own, past all links.
    pub(crate) async fn database(&self) -> Result<Pool, BoxError> {
        let mut settings = DatabaseSettings::new(self.postgres.url());
        settings.slow_query = Duration::ZERO;
        Ok(connect(&settings, Arc::new(NoopLogger)).await?)
    }

    /// A connection of the driver's own, past all links.
    pub(crate) async fn bus(&self) -> Result<JetStream, BoxError> {
        let settings = JetStreamSettings::new(self.nats.url());
        Ok(JetStream::connect(&settings, Arc::new(NoopLogger)).await?)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn worker(&self, name: &str) -> Result<Arc<Mutex<WorkerProcess<WorkerSettings>>>, BoxError> {
        self.workers.get(name).map(Arc::clone).ok_or_else(|| format!("there is no {name}").into())
    }

    /// Does kind, waits, and heals it.
    pub(crate) async fn inject(&self, fault: Fault, random: &mut Random) -> Result<InjectedFault, BoxError> {
        match fault.target {
            Target::Worker(name) => inject::into_worker(&*self.worker(name)?, &fault).await?,
            Target::Server(Server::Postgres) => self.inject_into_postgres(&fault).await,
            Target::Server(Server::Nats) if fault.kind == FaultKind::Malformed => {
                self.publish_malformed(random).await;
            }
            Target::Server(Server::Nats) => inject::into_nats(&self.nats, &fault).await,
            Target::Link(name, server) => {
                let link = self.links.get(&(name, server)).ok_or("there is no such link")?;
                inject::into_link(link, &fault, random).await;
            }
        }
        Ok(InjectedFault { fault, healed: SystemTime::now() })
    }

    async fn inject_into_postgres(&self, fault: &Fault) {
        match fault.kind {
            FaultKind::Freeze => {
                self.postgres.pause().await;
                tokio::time::sleep(fault.lasts).await;
                self.postgres.resume().await;
            }
            FaultKind::Restart => {
                self.postgres.stop().await;
                tokio::time::sleep(fault.lasts).await;
                self.postgres.start().await;
            }
            _ => {
                self.postgres.kill().await;
                tokio::time::sleep(fault.lasts).await;
                self.postgres.start().await;
            }
        }
    }

    async fn publish_malformed(&self, random: &mut Random) {
        let partitions: Vec<String> = bank::partitions().collect();
        let Some(partition) = random.pick(&partitions) else { return };
        let address = self.nats.url().trim_start_matches("nats://");
        let subject = format!("events.{partition}.booked");
        if let Some(sequence) = malformed::publish(address, &subject, random).await {
            self.malformed.lock().unwrap_or_else(PoisonError::into_inner).insert(sequence);
        }
    }

    /// The sequences of the malformed messages whose publication the server confirmed.
    pub(crate) fn malformed(&self) -> BTreeSet<u64> {
        self.malformed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the fault of one link, until it is set again.
    pub(crate) fn set_link(&self, link: (&'static str, Server), fault: NetworkFault) -> Result<(), BoxError> {
        self.links.get(&link).ok_or("there is no such link")?.set(fault);
        Ok(())
    }

    /// Workers that have ended by themselves since the last call, and how. They are started again.
    pub(crate) fn restart_ended(&self) -> Result<Vec<String>, BoxError> {
        inject::restart_ended(&self.workers)
    }

    /// What the two servers are.
    pub(crate) async fn versions(&self) -> Result<(String, String), BoxError> {
        let (database, bus) = (self.database().await?, self.bus().await?);
        let version = underpin_database::sql("SHOW server_version", []);
        let postgres = database.query_one(version).await?.ok_or("no version")?.try_get_by_index(0)?;
        let nats = bus.client().server_info().version;
        bus.close(Duration::from_secs(5)).await?;
        database.close(Duration::from_secs(5)).await;
        Ok((postgres, nats))
    }
}
