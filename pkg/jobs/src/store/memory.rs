use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::tick_store::ScheduleStatus;
use super::types::{Claimed, NewJob};
use super::verdict::Verdict;
use crate::status::{millis_of, time_of};
use crate::{Enqueued, JobId, JobState, JobStatus, RunId, Unique, UniqueScope};

mod admin;
mod jobs;

/// Jobs in memory, gone with the process: for tests, and for trying out.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_jobs::store::{Claim, ClaimKind, JobStore, MemoryJobStore, NewJob};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), underpin_jobs::JobsError> {
/// let store = MemoryJobStore::default();
/// let id = store.insert(&[NewJob::new("mail.send", "mail", "{}")]).await?[0].id();
/// let kinds = vec![ClaimKind::new("mail", 1, "mail.send", 1)];
/// let claimed = store.claim(&Claim::new(kinds, Duration::from_secs(30), "docs")).await?;
/// assert_eq!((claimed[0].run.job, claimed[0].attempt), (id, 1));
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
pub struct MemoryJobStore(Mutex<MemoryState>);

#[derive(Debug, Default)]
pub(super) struct MemoryState {
    /// Those that wait, run or are dead.
    jobs: BTreeMap<JobId, Row>,
    ended: BTreeMap<JobId, JobStatus>,
    /// Who holds a key, and until when if it is a window.
    unique: HashMap<(String, String), (JobId, Option<i64>)>,
    paused: HashSet<String>,
    schedules: BTreeMap<String, ScheduleStatus>,
    last_run: i64,
    /// How far the clock is ahead, in milliseconds.
    ahead: i64,
}

#[derive(Debug)]
struct Row {
    status: JobStatus,
    payload: String,
    headers: String,
    unique: Option<Unique>,
    rank_offset: i64,
    rescues: u32,
    run: Option<i64>,
    lease_until: i64,
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
            let holder = self.unique.get(&key);
            if let Some((holder, _)) = holder.filter(|(_, until)| until.is_none_or(|until| until > now)) {
                return Enqueued::Existing(*holder);
            }
            let until = match unique.scope {
                UniqueScope::Window(window) => Some(now.saturating_add(millis(window))),
                _ => None,
            };
            self.unique.insert(key, (job.id, until));
        }
        let status = JobStatus {
            id: job.id,
            kind: job.kind.clone(),
            version: job.version,
            queue: job.queue.clone(),
            state: JobState::Waiting,
            attempt: 0,
            enqueued_at: time_of(now),
            at: time_of(job.at.map_or(now, millis_of).saturating_add(millis(job.after))),
            cancel_asked: false,
            reason: None,
            progress: None,
        };
        let row = Row {
            status,
            payload: job.payload.clone(),
            headers: job.headers.clone(),
            unique: job.unique.clone(),
            rank_offset: job.rank_offset_ms(),
            rescues: 0,
            run: None,
            lease_until: 0,
        };
        self.jobs.insert(job.id, row);
        Enqueued::New(job.id)
    }

    fn claim_one(&mut self, id: JobId, lease: Duration) -> Option<Claimed> {
        let now = self.now();
        self.last_run += 1;
        let token = self.last_run;
        let row = self.jobs.get_mut(&id)?;
        (row.run, row.lease_until) = (Some(token), now + millis(lease));
        row.status.state = JobState::Running;
        row.status.attempt += 1;
        let claimed = Claimed {
            run: RunId { job: id, token },
            queue: row.status.queue.clone(),
            kind: row.status.kind.clone(),
            version: row.status.version,
            attempt: row.status.attempt,
            waited: Duration::from_millis(u64::try_from(now - row.due()).unwrap_or(0)),
            payload: row.payload.clone(),
            headers: row.headers.clone(),
            place: String::new(),
        };
        let unique = row.unique.clone().filter(|unique| unique.scope == UniqueScope::UntilStarted);
        self.release(id, &claimed.kind, unique);
        Some(claimed)
    }

    /// The job of an attempt that still has it.
    fn held(&mut self, run: RunId) -> Option<&mut Row> {
        self.jobs.get_mut(&run.job).filter(|row| row.run == Some(run.token))
    }

    fn release(&mut self, id: JobId, kind: &str, unique: Option<Unique>) {
        let Some(unique) = unique else { return };
        let key = (kind.to_owned(), unique.key);
        if self.unique.get(&key).is_some_and(|(holder, until)| *holder == id && until.is_none()) {
            self.unique.remove(&key);
        }
    }

    fn end(&mut self, id: JobId, state: JobState, reason: Option<String>, keep: bool) {
        let at = time_of(self.now());
        let Some(mut row) = self.jobs.remove(&id) else { return };
        self.release(id, &row.status.kind, row.unique.take());
        row.wait(None);
        let reason = reason.or(row.status.reason.take());
        row.status = JobStatus { state, at, cancel_asked: false, reason, ..row.status };
        if state == JobState::Dead {
            self.jobs.insert(id, row);
        } else if keep {
            self.ended.insert(id, row.status);
        }
    }

    fn finish(&mut self, run: RunId, verdict: &Verdict, keep: bool) -> bool {
        let now = self.now();
        let Some(row) = self.held(run) else { return false };
        let ends = match verdict {
            Verdict::Done => Some(JobState::Done),
            Verdict::Dead { .. } => Some(JobState::Dead),
            Verdict::Cancelled => Some(JobState::Cancelled),
            _ => row.status.cancel_asked.then_some(JobState::Cancelled),
        };
        if let Some(state) = ends {
            self.end(run.job, state, verdict.reason(), keep);
            return true;
        }
        row.wait(verdict.after_ms().map(|after| now.saturating_add(after)));
        row.status.attempt -= u32::from(verdict.is_free());
        row.status.reason = verdict.reason().or(row.status.reason.take());
        true
    }
}

impl Row {
    fn due(&self) -> i64 {
        millis_of(self.status.at)
    }

    fn rank(&self) -> i64 {
        self.due().saturating_add(self.rank_offset)
    }

    /// Has no attempt any more, and is due then.
    fn wait(&mut self, due: Option<i64>) {
        (self.run, self.status.progress, self.status.state) = (None, None, JobState::Waiting);
        self.status.at = due.map_or(self.status.at, time_of);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
