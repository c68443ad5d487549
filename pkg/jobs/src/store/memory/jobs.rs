use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use rand::RngExt as _;

use super::{MemoryJobStore, Row, millis};
use crate::store::types::{Claim, Claimed, Heartbeat, KnownKind, NewJob, Rescue, RescueOutcome};
use crate::store::verdict::{FinishReport, Finished};
use crate::store::{JobStore, ScheduleStatus, Tick, TickStore};
use crate::{Enqueued, JobId, JobState, JobStatus, JobsError, Progress, RunId};

#[async_trait]
impl JobStore for MemoryJobStore {
    async fn insert(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobsError> {
        let mut state = self.state();
        Ok(jobs.iter().map(|job| state.insert(job)).collect())
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, JobsError> {
        let mut state = self.state();
        let now = state.now();
        let waiting = state.jobs.values().filter(|row| row.status.state == JobState::Waiting);
        let due = waiting.filter(|row| row.due() <= now && !state.paused.contains(&row.status.queue));
        let mut due: Vec<(i64, &JobStatus)> = due.map(|row| (row.rank(), &row.status)).collect();
        due.sort_unstable_by_key(|(rank, status)| (*rank, status.id));
        let mut kinds: Vec<_> = claim.kinds.iter().map(|kind| (kind, kind.most)).collect();
        let (mut queues, mut picked) = (HashMap::<&str, usize>::new(), Vec::new());
        for (_, status) in due {
            let asked = kinds.iter_mut().find(|(kind, left)| {
                (&kind.queue, &kind.kind) == (&status.queue, &status.kind)
                    && status.version <= kind.version
                    && *left > 0
            });
            let Some((kind, left)) = asked else { continue };
            let taken = queues.entry(&kind.queue).or_default();
            if *taken < kind.queue_most {
                (*taken, *left) = (*taken + 1, *left - 1);
                picked.push(status.id);
            }
        }
        Ok(picked.into_iter().filter_map(|id| state.claim_one(id, claim.lease)).collect())
    }

    async fn finish(&self, results: &[Finished]) -> Result<FinishReport, JobsError> {
        let mut state = self.state();
        let held: Vec<RunId> = results
            .iter()
            .filter(|result| state.finish(result.run, &result.verdict, result.keep))
            .map(|result| result.run)
            .collect();
        Ok(FinishReport::of(results, |run| held.contains(run)))
    }

    async fn heartbeat(&self, runs: &[RunId], lease: Duration) -> Result<Vec<Heartbeat>, JobsError> {
        let mut state = self.state();
        let until = state.now() + millis(lease);
        let beat = |run: &RunId| {
            let row = state.held(*run)?;
            row.lease_until = until;
            Some(Heartbeat { run: *run, cancel: row.status.cancel_asked })
        };
        Ok(runs.iter().filter_map(beat).collect())
    }

    async fn progress(&self, reports: &[(RunId, Progress)]) -> Result<(), JobsError> {
        let mut state = self.state();
        for (run, progress) in reports {
            if let Some(row) = state.held(*run) {
                row.status.progress.get_or_insert_default().merge(progress.clone());
            }
        }
        Ok(())
    }

    async fn rescue(&self, kinds: &[KnownKind], most: u32) -> Result<Vec<Rescue>, JobsError> {
        let mut state = self.state();
        let now = state.now();
        let is_known = |status: &JobStatus| {
            kinds.iter().any(|known| known.kind == status.kind && status.version <= known.version)
        };
        let lost = |row: &&Row| row.run.is_some() && row.lease_until < now && is_known(&row.status);
        let lost: Vec<JobId> = state.jobs.values().filter(lost).map(|row| row.status.id).take(100).collect();
        let mut rescued = Vec::new();
        for job in lost {
            let Some(row) = state.jobs.get_mut(&job) else { continue };
            let kind = row.status.kind.clone();
            let outcome = if row.status.cancel_asked {
                state.end(job, JobState::Cancelled, None, true);
                RescueOutcome::Cancelled
            } else if row.rescues >= most {
                state.end(job, JobState::Dead, Some("lost".to_owned()), true);
                RescueOutcome::Dead
            } else {
                let pause = || rand::rng().random_range(0..1000 << row.rescues.min(6));
                let due = (row.rescues > 0).then(|| now + pause());
                row.wait(due);
                row.rescues += 1;
                row.status.reason = Some("lost".to_owned());
                RescueOutcome::Requeued
            };
            rescued.push(Rescue { job, kind, outcome });
        }
        Ok(rescued)
    }

    async fn set_notify(&self, _queues: &[String], _notify: bool) -> Result<(), JobsError> {
        Ok(())
    }
}

#[async_trait]
impl TickStore for MemoryJobStore {
    async fn register(&self, name: &str, schedule: &str) -> Result<(), JobsError> {
        let mut state = self.state();
        let now = state.now().div_euclid(1000);
        let known = state.schedules.get(name);
        if known.is_some_and(|known| known.schedule == schedule) {
            return Ok(());
        }
        let status = ScheduleStatus {
            name: name.to_owned(),
            schedule: schedule.to_owned(),
            paused: known.is_some_and(|known| known.paused),
            last_tick: known.map_or(now, |known| known.last_tick.max(now)),
        };
        state.schedules.insert(name.to_owned(), status);
        Ok(())
    }

    async fn schedules(&self) -> Result<(i64, Vec<ScheduleStatus>), JobsError> {
        let state = self.state();
        Ok((state.now(), state.schedules.values().cloned().collect()))
    }

    async fn fire(&self, tick: &Tick, job: &NewJob) -> Result<bool, JobsError> {
        if !self.skip(tick).await? {
            return Ok(false);
        }
        self.state().insert(job);
        Ok(true)
    }

    async fn skip(&self, tick: &Tick) -> Result<bool, JobsError> {
        let mut state = self.state();
        let entry = state.schedules.get_mut(&tick.name);
        let entry = entry
            .filter(|entry| entry.schedule == tick.schedule && !entry.paused && entry.last_tick < tick.at);
        Ok(entry.map(|entry| entry.last_tick = tick.at).is_some())
    }

    async fn set_schedule_paused(&self, name: &str, paused: bool) -> Result<bool, JobsError> {
        Ok(self.state().schedules.get_mut(name).map(|entry| entry.paused = paused).is_some())
    }

    async fn remove_schedule(&self, name: &str) -> Result<bool, JobsError> {
        Ok(self.state().schedules.remove(name).is_some())
    }
}
