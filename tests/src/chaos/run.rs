use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use underpin_errors::BoxError;

use super::bank::Transfer;
use super::check::check;
use super::fault::{Fault, InjectedFault, OUTBOX, WORKERS, schedule};
use super::journal::Journal;
use super::observations::{Observations, wait_until_idle};
use super::random::Random;
use super::recovery::{Recovery, recoveries};
use super::report::{RecoveryReport, Report};
use super::testbed::Testbed;
use super::violation::Violation;
use super::worker::{Enqueue, InboxUse, ProducerSettings, Role};

/// How long one orderly end may take.
const END: Duration = Duration::from_secs(30);
/// How long everything may take to arrive once all faults are healed.
const SETTLE: Duration = Duration::from_secs(120);

/// A chaos run: what it does, where, and with what.
#[derive(Debug, Clone)]
pub struct Chaos {
    seed: u64,
    length: Duration,
    gap: Duration,
    rate: u32,
    program: PathBuf,
    folder: PathBuf,
}

impl Chaos {
    /// A run of this length. `program` is the binary `chaos` of this package, `folder` a place for logs.
    pub fn new(seed: u64, length: Duration, program: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        let (program, folder) = (program.into(), folder.into());
        Self { seed, length, gap: Duration::from_millis(2500), rate: 60, program, folder }
    }

    /// Sets the mean time between two faults; 2.5 s otherwise.
    #[must_use]
    pub fn gap(self, gap: Duration) -> Self {
        Self { gap, ..self }
    }

    /// Sets how many transfers the producer tries to make in a second; 60 otherwise.
    #[must_use]
    pub fn rate(self, rate: u32) -> Self {
        Self { rate, ..self }
    }

    /// Where the logs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does it: sets the testbed, lets everything work while faults happen, heals them, waits and judges.
    ///
    /// # Errors
    /// When the run itself cannot be done: no servers, no room, a server that does not come back. A broken promise is no
    /// error but a violation in the report.
    pub async fn run(&self) -> Result<Report, BoxError> {
        std::fs::create_dir_all(&self.folder)?;
        let mut testbed = Testbed::set(&self.program, &self.folder).await?;
        let (postgres, nats) = testbed.versions().await?;
        for name in WORKERS {
            testbed.start(name, self.role(name), None).await?;
        }
        let testbed = Arc::new(testbed);
        let began = Instant::now();
        let (injected, mut incidents) = self.inject(&testbed).await?;
        sleep_until(began + self.length).await;
        let duration_s = began.elapsed().as_secs_f64();
        incidents.extend(testbed.restart_ended()?);
        incidents.extend(end(&testbed, &["producer"]).await?);
        let settled = wait_until_idle(&testbed, SETTLE).await;
        let settled_ms = settled.as_ref().map_or(SETTLE, |took| *took).as_millis();
        let not_settled = settled.err().map(|error| Violation::Stuck(error.to_string()));
        let workers: Vec<&str> = WORKERS.into_iter().filter(|name| *name != "producer").collect();
        incidents.extend(testbed.restart_ended()?);
        incidents.extend(end(&testbed, &workers).await?);
        let observations = Observations::collect(&testbed, incidents).await?;
        let recovered = recoveries(&testbed.database().await?, &injected).await?;
        let violations = check(&observations).into_iter().chain(not_settled);
        let mut faults = BTreeMap::new();
        for injected in &injected {
            *faults.entry(injected.fault.label()).or_default() += 1;
        }
        Ok(Report {
            seed: self.seed,
            duration_s,
            settled_ms,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            postgres,
            nats,
            faults,
            transfers_committed: observations.transfers.len(),
            transfers_acknowledged: observations.acknowledged.len(),
            events_in_stream: observations.stream.len(),
            events_repeated_in_stream: repeated(&observations.stream),
            effects: observations.applied.len(),
            malformed: observations.malformed_in_stream.len(),
            journal: Journal::read(&self.folder)?,
            recovery: summary(&recovered),
            violations: violations.map(|violation| violation.to_string()).collect(),
        })
    }

    fn role(&self, name: &str) -> Role {
        match name.split('-').next() {
            Some("relay") => Role::Relay,
            Some("consumer") => Role::Consumer(InboxUse::On),
            _ => Role::Producer(ProducerSettings {
                seed: self.seed,
                writers: 3,
                rate: self.rate,
                most: None,
                enqueue: Enqueue::Inside,
            }),
        }
    }

    /// Lets every fault of the schedule happen at its time, and returns when all are healed.
    async fn inject(&self, testbed: &Arc<Testbed>) -> Result<(Vec<InjectedFault>, Vec<String>), BoxError> {
        let (began, mut running) = (Instant::now(), JoinSet::new());
        let (mut injected, mut incidents) = (Vec::new(), Vec::new());
        for (place, fault) in schedule(&OUTBOX, self.seed, self.length, self.gap).into_iter().enumerate() {
            while Instant::now() < began + fault.at {
                incidents.extend(testbed.restart_ended()?);
                let soon = (Instant::now() + Duration::from_millis(200)).min(began + fault.at);
                sleep_until(soon).await;
            }
            let random = Random::new(self.seed.rotate_left(32) ^ place as u64);
            running.spawn(one(Arc::clone(testbed), fault, random));
            while let Some(done) = running.try_join_next() {
                injected.push(done??);
            }
        }
        while let Some(done) = running.join_next().await {
            injected.push(done??);
        }
        Ok((injected, incidents))
    }
}

async fn one(testbed: Arc<Testbed>, fault: Fault, mut random: Random) -> Result<InjectedFault, BoxError> {
    testbed.inject(fault, &mut random).await.map_err(|error| format!("{fault}: {error}").into())
}

/// Ends workers in an orderly way; says of each that does not end so.
async fn end(testbed: &Testbed, workers: &[&str]) -> Result<Vec<String>, BoxError> {
    let mut incidents = Vec::new();
    for name in workers {
        if let Err(error) = testbed.worker(name)?.lock().await.stop(END).await {
            incidents.push(error.to_string());
        }
    }
    Ok(incidents)
}

fn repeated(stream: &[Transfer]) -> usize {
    let mut seen = HashSet::new();
    stream.iter().filter(|transfer| !seen.insert(transfer.id.as_str())).count()
}

fn summary(recoveries: &[Recovery]) -> RecoveryReport {
    // The longest first.
    let at = |hundredth: usize| {
        let place = recoveries.len().saturating_sub(1) * (100 - hundredth) / 100;
        recoveries.get(place).map_or(0, |recovery| recovery.took.as_millis())
    };
    RecoveryReport {
        measured: recoveries.len(),
        median_ms: at(50),
        p95_ms: at(95),
        worst_ms: at(100),
        worst_after: recoveries.first().map_or_else(String::new, |worst| worst.fault.fault.to_string()),
    }
}
