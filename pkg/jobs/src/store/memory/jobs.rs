use std::time::Duration;

use async_trait::async_trait;
use rand::RngExt as _;

use super::{MemoryJobStore, millis};
use crate::store::types::{Claim, Claimed, Heartbeat, KnownKind, NewJob, Rescue, RescueOutcome};
use crate::store::verdict::{FinishReport, Finished};
use crate::store::{JobStore, RegisteredEntry, ScheduleStatus, Tick, TickStore};
use crate::{Enqueued, JobState, JobsError, Progress, RunId};

#[async_trait]
impl JobStore for MemoryJobStore {
    async fn insert(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, JobsError> {
        let mut state = self.state();
        Ok(jobs.iter().map(|job| state.insert(job)).collect())
    }

    async fn claim(&self, claim: &Claim) -> Result<Vec<Claimed>, JobsError> {
        let mut state = self.state();
        let (now, mut claimed) = (state.now(), Vec::new());
        for queue in &claim.queues {
            if state.paused.contains(&queue.queue) {
                continue;
            }
            let mut due: Vec<_> = state
                .jobs
                .iter()
                .filter(|(_, row)| row.run.is_none() && row.due <= now && row.job.queue == queue.queue)
                .map(|(id, row)| (row.rank, *id, row.job.kind.clone(), row.job.version))
                .collect();
            due.sort_unstable();
            let mut kinds: Vec<_> = queue.kinds.iter().map(|kind| (kind, kind.most)).collect();
            let mut picked = Vec::new();
            for (_, id, name, version) in due {
                let known = kinds
                    .iter_mut()
                    .find(|(kind, left)| kind.kind == name && version <= kind.version && *left > 0);
                if let (Some((_, left)), true) = (known, picked.len() < queue.most) {
                    *left -= 1;
                    picked.push(id);
                }
            }
            for id in picked {
                claimed.extend(state.claim_one(id, claim.lease));
            }
        }
        Ok(claimed)
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
            Some(Heartbeat { run: *run, cancel: row.cancel_asked })
        };
        Ok(runs.iter().filter_map(beat).collect())
    }

    async fn progress(&self, reports: &[(RunId, Progress)]) -> Result<(), JobsError> {
        let mut state = self.state();
        for (run, progress) in reports {
            if let Some(row) = state.held(*run) {
                row.progress.get_or_insert_default().merge(progress.clone());
            }
        }
        Ok(())
    }

    async fn rescue(&self, kinds: &[KnownKind], most: u32) -> Result<Vec<Rescue>, JobsError> {
        let mut state = self.state();
        let now = state.now();
        let lost: Vec<_> = state
            .jobs
            .values()
            .filter(|row| row.run.is_some() && row.lease_until < now)
            .filter(|row| {
                kinds.iter().any(|known| known.kind == row.job.kind && row.job.version <= known.version)
            })
            .map(|row| (row.job.id, row.job.kind.clone(), row.cancel_asked, row.rescues))
            .take(100)
            .collect();
        let mut rescued = Vec::new();
        for (job, kind, cancel_asked, rescues) in lost {
            let outcome = if cancel_asked {
                state.end(job, JobState::Cancelled, None, true);
                RescueOutcome::Cancelled
            } else if rescues >= most {
                state.end(job, JobState::Dead, Some("lost".to_owned()), true);
                RescueOutcome::Dead
            } else {
                if let Some(row) = state.jobs.get_mut(&job) {
                    if row.rescues > 0 {
                        row.due = now + rand::rng().random_range(0..1000 << row.rescues.min(6));
                    }
                    row.rescues += 1;
                    row.reason = Some("lost".to_owned());
                    (row.run, row.progress) = (None, None);
                }
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
    async fn register(&self, entry: &RegisteredEntry) -> Result<(), JobsError> {
        let mut state = self.state();
        let now = state.now().div_euclid(1000);
        let known = state.schedules.get(&entry.name);
        if known.is_some_and(|known| known.hash == entry.hash) {
            return Ok(());
        }
        let status = ScheduleStatus {
            name: entry.name.clone(),
            hash: entry.hash.clone(),
            description: entry.description.clone(),
            paused: known.is_some_and(|known| known.paused),
            last_tick: known.map_or(now, |known| known.last_tick.max(now)),
        };
        state.schedules.insert(entry.name.clone(), status);
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
        let mut state = self.state();
        if !state.ticks.insert((tick.name.clone(), tick.at)) {
            return Ok(false);
        }
        state.insert(job);
        Ok(true)
    }

    async fn skip(&self, tick: &Tick) -> Result<bool, JobsError> {
        let mut state = self.state();
        let entry = state.schedules.get_mut(&tick.name);
        let entry =
            entry.filter(|entry| entry.hash == tick.hash && !entry.paused && entry.last_tick < tick.at);
        Ok(entry.map(|entry| entry.last_tick = tick.at).is_some())
    }

    async fn set_schedule_paused(&self, name: &str, paused: bool) -> Result<bool, JobsError> {
        Ok(self.state().schedules.get_mut(name).map(|entry| entry.paused = paused).is_some())
    }

    async fn remove_schedule(&self, name: &str) -> Result<bool, JobsError> {
        Ok(self.state().schedules.remove(name).is_some())
    }
}
