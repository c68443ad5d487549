//! The remedies of the runbooks of jobs, tried through the commands of a service over SQLite, while its workers run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Loader, Validate};
use underpin_database::{DatabaseSettings, connect};
use underpin_jobs::cron::CronEntry;
use underpin_jobs::{
    Enqueue, Job, JobId, JobOptions, JobOutcome, JobRun, JobState, Jobs, JobsSettings, Workers,
    WorkersBuilder, WorkersSettings, typed_job, typed_job_with,
};
use underpin_logger::{LoggerSettings, NoopLogger};
use underpin_service::testing::run_command;
use underpin_service::{LifecycleSettings, Metadata, Service, ServiceSettings, Start};
use underpin_testkit::eventually_blocking;

use crate::support::LIMIT;

#[derive(Deserialize)]
struct Settings {}

impl Validate for Settings {}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        LoggerSettings::default()
    }

    fn lifecycle(&self) -> LifecycleSettings {
        let mut lifecycle = LifecycleSettings::default();
        lifecycle.admin.enabled = false;
        lifecycle
    }
}

/// A mail to send; the server that takes it may be away.
#[derive(Serialize, Deserialize)]
struct Mail;

impl Job for Mail {
    const KIND: &'static str = "mail";

    fn options() -> JobOptions {
        JobOptions::default().queue("mail").backoff(Duration::from_millis(10), Duration::from_millis(10))
    }
}

/// A mail of a newer release.
#[derive(Serialize, Deserialize)]
struct NewerMail;

impl Job for NewerMail {
    const KIND: &'static str = "newer mail";

    fn options() -> JobOptions {
        Mail::options()
    }
}

/// What the handlers of the tests do.
#[derive(Clone, Default)]
struct Handlers {
    fail: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
}

impl Handlers {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// The database of a service, and its workers.
struct Scene {
    jobs: Jobs,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    fn set() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let jobs = runtime.block_on(async {
            let settings = DatabaseSettings::new(url(&file(folder.path())));
            let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
            let jobs = Jobs::new(&pool, JobsSettings::default()).unwrap();
            jobs.migrate().await.unwrap();
            jobs
        });
        Self { jobs, folder, runtime }
    }

    fn start(&self, build: impl FnOnce(WorkersBuilder) -> WorkersBuilder) -> Workers {
        let _entered = self.runtime.enter();
        let settings =
            WorkersSettings::default().lease(Duration::from_secs(2)).poll(Duration::from_millis(100));
        build(Workers::builder(&self.jobs).settings(settings)).start().unwrap()
    }

    fn enqueue(&self, job: &impl Job) -> JobId {
        self.runtime.block_on(self.jobs.enqueue_committed(job, Enqueue::default())).unwrap().id()
    }

    fn state(&self, id: JobId) -> Option<JobState> {
        self.runtime.block_on(self.jobs.get(id)).unwrap().map(|status| status.state)
    }

    fn until(&self, id: JobId, state: JobState) {
        eventually_blocking(LIMIT, format!("a job that is {state:?}"), || self.state(id) == Some(state));
    }

    /// What `SERVICE jobs ...` prints.
    fn operator(&self, arguments: &[&str]) -> String {
        let service =
            Service::new(Metadata::new("shop", "1.0.0"), Loader::new("SHOP").environment([("", ""); 0]));
        let service = service.arguments([&["jobs"], arguments].concat());
        let database = DatabaseSettings::new(url(&file(self.folder.path())));
        let done = run_command(service, async |start: &mut Start<Settings>| {
            let database = start.plugin(underpin_service::database(&database)).await?;
            start.plugin(underpin_service::jobs(&database)).await?;
            Ok(())
        });
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{arguments:?}");
        done.stdout
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("shop.db")
}

fn url(file: &Path) -> String {
    format!("sqlite:{}?mode=rwc", file.display())
}

/// `JobsDead`.
#[test]
fn dead_jobs_are_replayed_once_the_cause_is_fixed_or_discarded() {
    let (scene, handlers) = (Scene::set(), Handlers::default());
    handlers.fail.store(true, Ordering::SeqCst);
    let route = typed_job_with(handlers.clone(), async |handlers: Handlers, _: Mail, _: JobRun| {
        Ok(if handlers.fail.load(Ordering::SeqCst) {
            JobOutcome::dead("no such user")
        } else {
            JobOutcome::Done
        })
    });
    let _workers = scene.start(|workers| workers.on(route));
    let (replayed, discarded) = (scene.enqueue(&Mail), scene.enqueue(&Mail));
    scene.until(replayed, JobState::Dead);
    scene.until(discarded, JobState::Dead);
    let listed = scene.operator(&["dead"]);
    assert_eq!(listed.lines().filter(|line| line.ends_with("no such user")).count(), 2, "{listed}");
    assert!(scene.operator(&["inspect", &replayed.to_string()]).contains("no such user"));

    handlers.fail.store(false, Ordering::SeqCst);
    let (replay, discard) = (replayed.to_string(), discarded.to_string());
    assert_eq!(scene.operator(&["replay", &replay]), format!("replay: dead job {replay}\n"));
    scene.until(replayed, JobState::Done);
    assert_eq!(scene.operator(&["discard", &discard]), format!("discard: dead job {discard}\n"));
    assert_eq!(scene.operator(&["dead"]).lines().count(), 1, "no more than the head");
}

/// `JobsStuck`: a queue that is paused, a kind that no process knows, and a job that hangs.
#[test]
fn jobs_that_wait_run_when_their_queue_goes_on_or_a_release_knows_them_and_one_that_hangs_is_cancelled() {
    let (scene, handlers) = (Scene::set(), Handlers::default());
    handlers.fail.store(true, Ordering::SeqCst);
    let mail = || {
        typed_job_with(handlers.clone(), async |handlers: Handlers, _: Mail, run: JobRun| {
            handlers.calls.fetch_add(1, Ordering::SeqCst);
            if handlers.fail.load(Ordering::SeqCst) {
                run.cancelled().await;
                return Ok(JobOutcome::Cancelled);
            }
            Ok(JobOutcome::Done)
        })
    };
    let older = scene.start(|workers| workers.on(mail()));
    let hangs = scene.enqueue(&Mail);
    eventually_blocking(LIMIT, "a job that hangs", || handlers.calls() == 1);
    scene.operator(&["cancel", &hangs.to_string()]);
    scene.until(hangs, JobState::Cancelled);

    handlers.fail.store(false, Ordering::SeqCst);
    scene.operator(&["pause", "mail"]);
    let (waits, unknown) = (scene.enqueue(&Mail), scene.enqueue(&NewerMail));
    let paused = scene.operator(&["queues"]);
    assert!(
        paused.lines().skip(1).all(|line| line.starts_with("mail\t") && line.ends_with("\tpaused")),
        "{paused}"
    );
    assert_eq!(scene.state(waits), Some(JobState::Waiting));
    assert_eq!(scene.operator(&["resume", "mail"]), "resume: queue mail\n");
    scene.until(waits, JobState::Done);
    assert_eq!(scene.state(unknown), Some(JobState::Waiting));
    drop(older);
    let newer = typed_job(async |_: NewerMail, _: JobRun| Ok(JobOutcome::Done));
    let _newer = scene.start(|workers| workers.on(mail()).on(newer));
    scene.until(unknown, JobState::Done);
}

/// `JobsRetrying`.
#[test]
fn a_queue_that_is_paused_spares_the_attempts_until_what_it_calls_is_back() {
    let (scene, handlers) = (Scene::set(), Handlers::default());
    handlers.fail.store(true, Ordering::SeqCst);
    let route = typed_job_with(handlers.clone(), async |handlers: Handlers, _: Mail, _: JobRun| {
        handlers.calls.fetch_add(1, Ordering::SeqCst);
        let fails = handlers.fail.load(Ordering::SeqCst);
        Ok(if fails { JobOutcome::retry("the mail server is away") } else { JobOutcome::Done })
    });
    let _workers = scene.start(|workers| workers.on(route));
    let mail = scene.enqueue(&Mail);
    eventually_blocking(LIMIT, "an attempt after the first", || handlers.calls() > 1);
    scene.operator(&["pause", "mail"]);
    // An attempt may have been claimed before.
    scene.until(mail, JobState::Waiting);
    let spared = handlers.calls();
    assert!(scene.operator(&["inspect", &mail.to_string()]).contains("the mail server is away"));
    assert_eq!(handlers.calls(), spared);
    handlers.fail.store(false, Ordering::SeqCst);
    scene.operator(&["resume", "mail"]);
    scene.until(mail, JobState::Done);
}

/// `CronSkipped`.
#[test]
fn a_cron_entry_that_was_paused_fires_when_it_is_resumed() {
    let (scene, handlers) = (Scene::set(), Handlers::default());
    let route = typed_job_with(handlers.clone(), async |handlers: Handlers, _: Mail, _: JobRun| {
        handlers.calls.fetch_add(1, Ordering::SeqCst);
        Ok(JobOutcome::Done)
    });
    let newer = typed_job(async |_: NewerMail, _: JobRun| Ok(JobOutcome::Done));
    let _workers = scene.start(|workers| {
        let other = CronEntry::new("other", "* * * * * *", &NewerMail);
        workers.on(route).on(newer).cron(CronEntry::new("mails", "* * * * * *", &Mail)).cron(other)
    });
    eventually_blocking(LIMIT, "a tick", || handlers.calls() > 0);
    assert_eq!(scene.operator(&["pause-schedule", "mails"]), "pause-schedule: cron entry mails\n");
    let schedules = scene.operator(&["schedules"]);
    assert!(
        schedules.lines().any(|line| line.starts_with("mails\t") && line.ends_with("\tpaused")),
        "{schedules}"
    );
    scene.operator(&["resume-schedule", "mails"]);
    let before = handlers.calls();
    eventually_blocking(LIMIT, "the next tick", || handlers.calls() > before);
}
