use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use underpin_errors::BoxError;
use underpin_logger::NoopLogger;
use underpin_nats::Connection;
use underpin_store::{JetStreamKeyValue, JetStreamStore, KeyValueExt};
use underpin_testkit::{NatsServer, Proxy, poll};

use super::check::{consumers, entries, violations};
use super::ledger::{Ledger, LedgerServer};
use super::report::StoreReport;
use super::task::{StoreRole, StoreTask, buckets, nats};
use super::watcher::END;
use super::worker::DATA;
use crate::chaos::fault::{Cast, Fault, Server, Target, schedule};
use crate::chaos::inject::{self, Workers};
use crate::chaos::random::Random;
use crate::process::WorkerProcess;

const WORKERS: [&str; 7] =
    ["holder-1", "holder-2", "client-1", "client-2", "client-3", "watcher-1", "watcher-2"];
const HOLDERS: [&str; 4] = ["holder-1", "holder-2", "holder-3", "holder-4"];
const CAST: Cast =
    Cast { workers: &WORKERS, servers: &[Server::Nats], servers_of: |_| &[Server::Nats], malformed: 0 };
/// The shortest that a bucket keeps.
const LEASE: Duration = Duration::from_secs(1);
/// How long anything may take once all faults are healed.
const LIMIT: Duration = Duration::from_secs(60);

/// A run: its length and what its faults are made from.
#[derive(Debug, Clone)]
pub struct StoreChaos {
    program: PathBuf,
    folder: PathBuf,
    seed: u64,
}

impl StoreChaos {
    /// A run. `program` is the binary `chaos-store` of this package, `folder` a place for what the workers say.
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>, seed: u64) -> Self {
        Self { program: program.into(), folder: folder.into(), seed }
    }

    /// Does faults to everything for so long, with this mean time between two.
    ///
    /// # Errors
    /// When a server or a process cannot be had, or does not end. A broken promise is a violation of the report.
    pub async fn run(&self, length: Duration, gap: Duration) -> Result<StoreReport, BoxError> {
        let mut scene = Scene::set(self).await?;
        for name in WORKERS {
            let role = match name.split('-').next() {
                Some("holder") => StoreRole::Holder { locks: 4, lease_ms: millis(LEASE * 2) },
                Some("client") => StoreRole::Client,
                _ => StoreRole::Watcher,
            };
            scene.start(self, name, role).await?;
        }
        let (scene, began) = (Arc::new(scene), Instant::now());
        let mut report = StoreReport { seed: self.seed, ..StoreReport::default() };
        let mut running = JoinSet::new();
        for (place, fault) in schedule(&CAST, self.seed, length, gap).into_iter().enumerate() {
            scene.tend_until(began + fault.at, &mut report).await?;
            *report.faults.entry(fault.label()).or_default() += 1;
            running.spawn(inject_one(
                Arc::clone(&scene),
                fault,
                Random::new(self.seed.rotate_left(32) ^ place as u64),
            ));
        }
        scene.tend_until(began + length, &mut report).await?;
        while let Some(healed) = running.join_next().await {
            healed??;
        }
        scene.end(&["holder-1", "holder-2", "client-1", "client-2", "client-3"], &mut report).await?;
        let lasted = began.elapsed();
        scene.converge(&mut report).await?;
        scene.judge(lasted, &mut report).await?;
        Ok(report)
    }

    /// Lets holders take locks, kill and freeze themselves and set their clocks, until so many locks were taken, each of these has happened,
    /// and the fence has refused a late write for each hundred locks.
    ///
    /// # Errors
    /// When a server or a process cannot be had, or the rounds take longer than `within`.
    pub async fn rounds(&self, rounds: u64, within: Duration) -> Result<StoreReport, BoxError> {
        let mut scene = Scene::set(self).await?;
        for name in HOLDERS {
            scene.start(self, name, StoreRole::Holder { locks: 10, lease_ms: millis(LEASE) }).await?;
        }
        let began = Instant::now();
        let mut report = StoreReport { seed: self.seed, ..StoreReport::default() };
        let is_done = |ledger: &Ledger| ledger.rounds() >= rounds && ledger.has_proved(rounds / 100);
        while !is_done(&scene.ledger.read()) {
            if began.elapsed() > within {
                let (done, refused) = scene.ledger.read().progress();
                let so_far = format!("{done} of {rounds} rounds and {refused} late writes in {within:?}");
                return Err(so_far.into());
            }
            scene.tend_until(Instant::now() + Duration::from_millis(200), &mut report).await?;
        }
        scene.end(&HOLDERS, &mut report).await?;
        scene.judge(began.elapsed(), &mut report).await?;
        Ok(report)
    }
}

/// The server, the workers and their links.
struct Scene {
    server: NatsServer,
    nats: Connection,
    data: JetStreamKeyValue,
    ledger: LedgerServer,
    links: BTreeMap<&'static str, Proxy>,
    workers: Workers<StoreTask>,
}

impl Scene {
    async fn set(chaos: &StoreChaos) -> Result<Self, BoxError> {
        std::fs::create_dir_all(&chaos.folder)?;
        let server = NatsServer::try_private("").await?;
        let connection = Connection::connect(&nats(server.url()), Arc::new(NoopLogger)).await?;
        let store = JetStreamStore::open(connection.clone(), &buckets(), Arc::new(NoopLogger)).await?;
        Ok(Self {
            server,
            nats: connection,
            data: store.key_value(DATA)?,
            ledger: LedgerServer::start().await?,
            links: BTreeMap::new(),
            workers: Workers::new(),
        })
    }

    async fn start(
        &mut self,
        chaos: &StoreChaos,
        name: &'static str,
        role: StoreRole,
    ) -> Result<(), BoxError> {
        let link = Proxy::try_to(self.server.url()).await?;
        let task = StoreTask {
            name: name.to_owned(),
            role,
            nats_url: link.url().to_owned(),
            ledger: self.ledger.address.clone(),
            folder: chaos.folder.clone(),
            seed: chaos.seed ^ (self.workers.len() as u64).rotate_left(48),
            parent: std::process::id().cast_signed(),
        };
        self.links.insert(name, link);
        self.workers.insert(name, Arc::new(Mutex::new(WorkerProcess::start(&chaos.program, task)?)));
        Ok(())
    }

    /// Starts workers again that have killed themselves, and resumes the one that has frozen itself once another holder came.
    async fn tend_until(&self, until: Instant, report: &mut StoreReport) -> Result<(), BoxError> {
        loop {
            for ended in inject::restart_ended(&self.workers)? {
                // By their own hand.
                if !(ended.starts_with("holder") && ended.contains("SIGKILL")) {
                    report.violations.push(ended);
                }
            }
            let frozen = self.ledger.read().to_resume();
            // A worker with a fault is locked, and it is woken again and again until it says that it is awake.
            if let Some(worker) = frozen.and_then(|name| self.workers.get(name.as_str()))
                && let Ok(worker) = worker.try_lock()
            {
                worker.resume();
            }
            let now = Instant::now();
            if now >= until {
                return Ok(());
            }
            sleep_until(until.min(now + Duration::from_millis(100))).await;
        }
    }

    /// Ends workers in an orderly way.
    async fn end(&self, names: &[&str], report: &mut StoreReport) -> Result<(), BoxError> {
        for name in names {
            let worker = self.workers.get(name).ok_or("there is no such worker")?;
            let mut process = worker.lock().await;
            process.resume();
            if process.ended().is_none()
                && let Err(error) = process.stop(LIMIT).await
                && !error.to_string().contains("SIGKILL")
            {
                report.violations.push(error.to_string());
            }
        }
        Ok(())
    }

    /// Waits until the watchers have seen the end, and each has one consumer at most.
    async fn converge(&self, report: &mut StoreReport) -> Result<(), BoxError> {
        let written = || async { self.data.set(END, "1").await.ok() };
        poll(LIMIT, written).await.ok_or("the server does not come back")?;
        let watchers = WORKERS.iter().filter(|name| name.starts_with("watcher")).count();
        let told = || async { (self.ledger.read().states.len() == watchers).then_some(()) };
        if poll(LIMIT, told).await.is_none() {
            report.violations.push("a watcher has not seen the end".to_owned());
        }
        let few = || async { consumers(&self.nats).await.ok().filter(|count| *count <= watchers as u64) };
        if poll(LIMIT, few).await.is_none() {
            let left = consumers(&self.nats).await?;
            report.violations.push(format!("{left} consumers are left for {watchers} watches"));
        }
        Ok(())
    }

    async fn judge(&self, lasted: Duration, report: &mut StoreReport) -> Result<(), BoxError> {
        let entries = entries(&self.data).await?;
        let ledger = self.ledger.read();
        report.duration_s = lasted.as_secs_f64();
        report.rounds = ledger.rounds();
        (report.writes, report.fenced) = (ledger.writes.accepted, ledger.writes.refused);
        report.acknowledged = ledger.numbers.values().map(|numbers| numbers.written.len() as u64).sum();
        report.unknown = ledger.numbers.values().map(|numbers| numbers.open.len() as u64).sum();
        (report.session_steps, report.taken) = (ledger.session_steps, ledger.taken);
        report.watchers = ledger.states.len();
        for (fate, times) in &ledger.fates {
            report.faults.insert(format!("holder: {fate:?}"), *times);
        }
        report.violations.extend(violations(&ledger, &entries, lasted));
        Ok(())
    }
}

async fn inject_one(scene: Arc<Scene>, fault: Fault, mut random: Random) -> Result<(), BoxError> {
    match fault.target {
        Target::Worker(name) => {
            let worker = scene.workers.get(name).ok_or("there is no such worker")?;
            inject::into_worker(worker, &fault).await?;
        }
        Target::Server(_) => inject::into_nats(&scene.server, &fault).await,
        Target::Link(name, _) => {
            let link = scene.links.get(name).ok_or("there is no such link")?;
            inject::into_link(link, &fault, &mut random).await;
        }
    }
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
