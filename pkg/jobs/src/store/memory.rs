use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::tick_store::ScheduleStatus;
use super::types::{Claimed, NewJob};
use super::verdict::Verdict;
use crate::status::{millis_of, time_of};
use crate::{Enqueued, JobId, JobState, JobStatus, Progress, RunId, UniqueScope};

mod admin;
mod jobs;

/// Jobs in memory, gone with the process: for tests, and for trying out.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_jobs::store::{Claim, ClaimKind, ClaimQueue, JobStore, MemoryJobStore, NewJob};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_jobs::JobsError> {
/// let store = MemoryJobStore::default();
/// let id = store.insert(&[NewJob::new("mail.send", "mail", "{}")]).await?[0].id();
/// let queue = ClaimQueue::new("mail", 1, vec![ClaimKind::new("mail.send", 1, 1)]);
/// let claimed = store.claim(&Claim::new(vec![queue], Duration::from_secs(30), "docs")).await?;
/// assert_eq!((claimed[0].run.job, claimed[0].attempt), (id, 1));
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct MemoryJobStore(Mutex<MemoryState>);

#[derive(Debug, Default)]
pub(super) struct MemoryState {
    jobs: BTreeMap<JobId, Row>,
    ended: BTreeMap<JobId, JobStatus>,
    dead: BTreeMap<JobId, Row>,
    /// Who holds a key, and until when if it is a window.
    unique: HashMap<(String, String), (JobId, Option<i64>)>,
    paused: HashSet<String>,
    schedules: BTreeMap<String, ScheduleStatus>,
    ticks: HashSet<(String, i64)>,
    last_run: i64,
    /// How far the clock is ahead, in milliseconds.
    ahead: i64,
}

/// A job that waits, runs or is dead.
#[derive(Debug, Clone)]
struct Row {
    job: NewJob,
    attempt: u32,
    rescues: u32,
    due: i64,
    rank: i64,
    enqueued_at: i64,
    ended_at: i64,
    run: Option<i64>,
    lease_until: i64,
    cancel_asked: bool,
    reason: Option<String>,
    progress: Option<Progress>,
}

impl MemoryJobStore {
    /// Moves the clock of the store forward.
    pub fn advance(&self, by: Duration) {
        self.state().ahead += i64::try_from(by.as_millis()).unwrap_or(0);
    }

    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryState {
    fn now(&self) -> i64 {
        millis_of(SystemTime::now()) + self.ahead
    }

    fn insert(&mut self, job: &NewJob) -> Enqueued {
        let now = self.now();
        if let Some(unique) = &job.unique {
            let key = (job.kind.clone(), unique.key.clone());
            match self.unique.get(&key) {
                Some((holder, until)) if until.is_none_or(|until| until > now) => {
                    return Enqueued::Existing(*holder);
                }
                _ => {}
            }
            let until = match unique.scope {
                UniqueScope::Window(window) => Some(now.saturating_add(millis(window))),
                _ => None,
            };
            self.unique.insert(key, (job.id, until));
        }
        let due = job.at.map_or(now, millis_of).saturating_add(millis(job.after));
        let row = Row {
            job: job.clone(),
            attempt: 0,
            rescues: 0,
            due,
            rank: due.saturating_add(job.rank_offset_ms()),
            enqueued_at: now,
            ended_at: 0,
            run: None,
            lease_until: 0,
            cancel_asked: false,
            reason: None,
            progress: None,
        };
        self.jobs.insert(job.id, row);
        Enqueued::New(job.id)
    }

    fn claim_one(&mut self, id: JobId, lease: Duration) -> Option<Claimed> {
        let now = self.now();
        self.last_run += 1;
        let token = self.last_run;
        let row = self.jobs.get_mut(&id)?;
        row.run = Some(token);
        row.attempt += 1;
        row.lease_until = now + millis(lease);
        let claimed = Claimed {
            run: RunId { job: id, token },
            queue: row.job.queue.clone(),
            kind: row.job.kind.clone(),
            version: row.job.version,
            attempt: row.attempt,
            waited: Duration::from_millis(u64::try_from(now - row.due).unwrap_or(0)),
            payload: row.job.payload.clone(),
            headers: row.job.headers.clone(),
        };
        let job = row.job.clone();
        if job.unique.as_ref().is_some_and(|unique| unique.scope == UniqueScope::UntilStarted) {
            self.release(&job);
        }
        Some(claimed)
    }

    /// The job of an attempt that still has it.
    fn held(&mut self, run: RunId) -> Option<&mut Row> {
        self.jobs.get_mut(&run.job).filter(|row| row.run == Some(run.token))
    }

    fn release(&mut self, job: &NewJob) {
        let Some(unique) = &job.unique else { return };
        let key = (job.kind.clone(), unique.key.clone());
        if self.unique.get(&key).is_some_and(|(holder, until)| *holder == job.id && until.is_none()) {
            self.unique.remove(&key);
        }
    }

    fn end(&mut self, id: JobId, state: JobState, reason: Option<String>, keep: bool) {
        let now = self.now();
        let Some(mut row) = self.jobs.remove(&id) else { return };
        self.release(&row.job);
        row.ended_at = now;
        row.reason = reason.or(row.reason);
        (row.run, row.progress) = (None, None);
        if state == JobState::Dead {
            self.dead.insert(id, row);
        } else if keep {
            self.ended.insert(id, JobStatus { at: time_of(now), ..row.status(state) });
        }
    }

    fn finish(&mut self, run: RunId, verdict: &Verdict, keep: bool) -> bool {
        let now = self.now();
        let Some(row) = self.held(run) else { return false };
        let ends = match verdict {
            Verdict::Done => Some(JobState::Done),
            Verdict::Dead { .. } => Some(JobState::Dead),
            Verdict::Cancelled => Some(JobState::Cancelled),
            _ => row.cancel_asked.then_some(JobState::Cancelled),
        };
        match ends {
            Some(state) => self.end(run.job, state, verdict.reason(), keep),
            None => {
                if let Some(after) = verdict.after_ms() {
                    let offset = row.rank - row.due;
                    row.due = now.saturating_add(after);
                    row.rank = row.due.saturating_add(offset);
                }
                row.attempt -= u32::from(verdict.is_free());
                row.reason = verdict.reason().or(row.reason.take());
                (row.run, row.progress) = (None, None);
            }
        }
        true
    }
}

impl Row {
    fn status(&self, state: JobState) -> JobStatus {
        JobStatus {
            id: self.job.id,
            kind: self.job.kind.clone(),
            version: self.job.version,
            queue: self.job.queue.clone(),
            state,
            attempt: self.attempt,
            enqueued_at: time_of(self.enqueued_at),
            at: time_of(if state == JobState::Dead { self.ended_at } else { self.due }),
            cancel_asked: self.cancel_asked && !state.is_ended(),
            reason: self.reason.clone(),
            progress: self.progress.clone(),
        }
    }

    fn live_status(&self) -> JobStatus {
        self.status(if self.run.is_some() { JobState::Running } else { JobState::Waiting })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
