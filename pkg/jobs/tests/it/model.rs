//! Claim, heartbeat, loss, rescue, finish and cancel in any interleaving, against a model of what may happen.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use underpin_jobs::conformance::{Harness, claim, job};
use underpin_jobs::store::{Finished, KnownKind, RescueOutcome, Verdict};
use underpin_jobs::{CancelOutcome, JobId, JobState, RunId};

use crate::conformance::{Memory, Postgres, Sqlite};

const LEASE: Duration = Duration::from_secs(30);
const RESCUES: u32 = 2;

#[derive(Debug, Clone)]
enum Step {
    Insert,
    Claim(usize),
    /// Some time passes: less than a lease.
    Wait(u64),
    Rescue,
    /// Of the attempts ever made, this one.
    Heartbeat(usize),
    Finish(usize, usize),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Insert),
        4 => (1_usize..4).prop_map(Step::Claim),
        3 => (1_u64..29).prop_map(Step::Wait),
        3 => Just(Step::Rescue),
        2 => any::<usize>().prop_map(Step::Heartbeat),
        5 => (any::<usize>(), 0_usize..5).prop_map(|(run, verdict)| Step::Finish(run, verdict)),
        1 => any::<usize>().prop_map(Step::Cancel),
    ]
}

fn verdict(number: usize) -> Verdict {
    match number {
        0 => Verdict::Done,
        1 => Verdict::Retry { after: Duration::ZERO, reason: "again".to_owned() },
        2 => Verdict::Dead { reason: "never".to_owned() },
        3 => Verdict::GiveBack,
        _ => Verdict::Snooze { after: Duration::ZERO },
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Model {
    state: JobState,
    attempt: u32,
    rescues: u32,
    run: Option<RunId>,
    lease_until: u64,
    cancel_asked: bool,
}

#[derive(Default)]
struct Machine {
    jobs: BTreeMap<JobId, Model>,
    runs: Vec<RunId>,
    now: u64,
}

impl Machine {
    /// Does a step to the store and to the model, and compares the answers.
    async fn step(&mut self, harness: &impl Harness, step: &Step) {
        let store = harness.store();
        match *step {
            Step::Insert => {
                let id = store.insert(&[job("{}")]).await.unwrap()[0].id();
                let (state, attempt, rescues, run) = (JobState::Waiting, 0, 0, None);
                self.jobs
                    .insert(id, Model { state, attempt, rescues, run, lease_until: 0, cancel_asked: false });
            }
            Step::Claim(most) => {
                let waiting = self.jobs.values().filter(|job| job.state == JobState::Waiting).count();
                let claimed = claim(&*store, most).await;
                assert_eq!(claimed.len(), waiting.min(most));
                for claimed in claimed {
                    let job = self.jobs.get_mut(&claimed.run.job).unwrap();
                    assert_eq!((job.state, job.run), (JobState::Waiting, None));
                    assert!(self.runs.iter().all(|run| run.token < claimed.run.token), "the token is new");
                    job.attempt += 1;
                    assert_eq!(claimed.attempt, job.attempt);
                    (job.state, job.run) = (JobState::Running, Some(claimed.run));
                    job.lease_until = self.now + LEASE.as_secs();
                    self.runs.push(claimed.run);
                }
            }
            Step::Wait(seconds) => {
                harness.pass(Duration::from_secs(seconds)).await;
                self.now += seconds;
            }
            Step::Rescue => self.rescue(harness).await,
            Step::Heartbeat(number) => {
                let Some(run) = self.run(number) else { return };
                let beats = store.heartbeat(&[run], LEASE).await.unwrap();
                let now = self.now;
                let held = self.held(run);
                assert_eq!(beats.len(), usize::from(held.is_some()));
                if let Some(job) = held {
                    assert_eq!(beats[0].cancel, job.cancel_asked);
                    job.lease_until = now + LEASE.as_secs();
                }
            }
            Step::Finish(number, number_of_verdict) => {
                let Some(run) = self.run(number) else { return };
                let verdict = verdict(number_of_verdict);
                let report = store.finish(&[Finished::new(run, verdict.clone())]).await.unwrap();
                let Some(job) = self.held(run) else {
                    assert_eq!(report.stale, [run], "an end of an old attempt is refused");
                    return;
                };
                assert!(report.stale.is_empty());
                job.run = None;
                job.state = match verdict {
                    Verdict::Done => JobState::Done,
                    Verdict::Dead { .. } => JobState::Dead,
                    _ if job.cancel_asked => JobState::Cancelled,
                    Verdict::Retry { .. } => JobState::Waiting,
                    _ => {
                        job.attempt -= 1;
                        JobState::Waiting
                    }
                };
                // A pause of nothing is over a moment later.
                harness.pass(Duration::from_millis(50)).await;
            }
            Step::Cancel(number) => {
                let Some(id) = self.jobs.keys().nth(number % self.jobs.len().max(1)).copied() else { return };
                let outcome = store.cancel(id).await.unwrap();
                let job = self.jobs.get_mut(&id).unwrap();
                match job.state {
                    JobState::Waiting => {
                        assert_eq!(outcome, CancelOutcome::Removed);
                        job.state = JobState::Cancelled;
                    }
                    JobState::Running => {
                        assert_eq!(outcome, CancelOutcome::Asked);
                        job.cancel_asked = true;
                    }
                    _ => assert_eq!(outcome, CancelOutcome::Ended),
                }
            }
        }
    }

    async fn rescue(&mut self, harness: &impl Harness) {
        let rescued = harness.store().rescue(&[KnownKind::new("work", 1)], RESCUES).await.unwrap();
        let now = self.now;
        // At the very second either is right.
        let certain = self.jobs.values().filter(|job| job.run.is_some() && job.lease_until < now).count();
        assert!(rescued.len() >= certain, "{} of {certain}", rescued.len());
        for rescue in rescued {
            let job = self.jobs.get_mut(&rescue.job).unwrap();
            assert!(job.run.take().is_some() && job.lease_until <= now, "only what was lost");
            job.state = if job.cancel_asked {
                JobState::Cancelled
            } else if job.rescues >= RESCUES {
                JobState::Dead
            } else {
                job.rescues += 1;
                JobState::Waiting
            };
            let expected = match job.state {
                JobState::Cancelled => RescueOutcome::Cancelled,
                JobState::Dead => RescueOutcome::Dead,
                _ => RescueOutcome::Requeued,
            };
            assert_eq!(rescue.outcome, expected);
        }
        // What was lost twice waits for two seconds at most.
        harness.pass(Duration::from_secs(3)).await;
        self.now += 3;
    }

    fn run(&self, number: usize) -> Option<RunId> {
        self.runs.get(number % self.runs.len().max(1)).copied()
    }

    fn held(&mut self, run: RunId) -> Option<&mut Model> {
        self.jobs.get_mut(&run.job).filter(|job| job.run == Some(run))
    }

    async fn compare(&self, harness: &impl Harness) {
        for (id, job) in &self.jobs {
            let status = harness.store().inspect(*id).await.unwrap().unwrap().status;
            assert_eq!((status.state, status.attempt), (job.state, job.attempt), "{id}");
        }
    }
}

/// Runs so many random histories.
fn histories<H: Harness>(cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let steps = proptest::collection::vec(step(), 1..60);
    TestRunner::new(config)
        .run(&steps, |steps| {
            runtime.block_on(async {
                let harness = H::start().await;
                let mut machine = Machine::default();
                for step in &steps {
                    machine.step(&harness, step).await;
                }
                machine.compare(&harness).await;
            });
            Ok(())
        })
        .unwrap();
}

#[test]
fn memory() {
    histories::<Memory>(500);
}

#[test]
fn sqlite() {
    histories::<Sqlite>(12);
}

#[test]
fn postgres() {
    histories::<Postgres>(12);
}
