use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryJobStore, MemoryState, Row, millis};
use crate::status::millis_of;
use crate::store::JobAdmin;
use crate::{CancelOutcome, JobFilter, JobId, JobRecord, JobState, JobStatus, JobsError, QueueStatus};

impl MemoryState {
    fn record(&self, id: JobId) -> Option<JobRecord> {
        let record = |row: &Row, status| JobRecord::new(status, row.job.payload.clone());
        let live = self.jobs.get(&id).map(|row| record(row, row.live_status()));
        let dead = || self.dead.get(&id).map(|row| record(row, row.status(JobState::Dead)));
        let ended = || self.ended.get(&id).map(|status| JobRecord::new(status.clone(), String::new()));
        live.or_else(dead).or_else(ended)
    }

    fn count(&self, row: &Row, dead: bool, counts: &mut BTreeMap<(String, String, u32), QueueStatus>) {
        let (now, job) = (self.now(), &row.job);
        let key = (job.queue.clone(), job.kind.clone(), job.version);
        let count = counts.entry(key).or_insert_with(|| QueueStatus {
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            version: job.version,
            ready: 0,
            scheduled: 0,
            running: 0,
            dead: 0,
            oldest: Duration::ZERO,
            paused: self.paused.contains(&job.queue),
        });
        match (dead, row.run) {
            (true, _) => count.dead += 1,
            (false, Some(_)) => count.running += 1,
            (false, None) if row.due > now => count.scheduled += 1,
            (false, None) => {
                count.ready += 1;
                let waits = Duration::from_millis(u64::try_from(now - row.due).unwrap_or(0));
                count.oldest = count.oldest.max(waits);
            }
        }
    }
}

#[async_trait]
impl JobAdmin for MemoryJobStore {
    async fn migrate(&self) -> Result<(), JobsError> {
        Ok(())
    }

    async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError> {
        Ok(self.state().record(id))
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError> {
        let state = self.state();
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let live = state.jobs.range(range).map(|(_, row)| row.live_status());
        let dead = state.dead.range(range).map(|(_, row)| row.status(JobState::Dead));
        let ended = state.ended.range(range).map(|(_, status)| status.clone());
        let wanted = |status: &JobStatus| {
            filter.state.is_none_or(|state| state == status.state)
                && filter.kind.as_ref().is_none_or(|kind| *kind == status.kind)
                && filter.queue.as_ref().is_none_or(|queue| *queue == status.queue)
        };
        let mut found: Vec<JobStatus> = live.chain(dead).chain(ended).filter(wanted).collect();
        found.sort_unstable_by_key(|status| status.id);
        found.truncate(most.min(1000));
        Ok(found)
    }

    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, JobsError> {
        let mut state = self.state();
        if let Some(row) = state.jobs.get_mut(&id) {
            if row.run.is_some() {
                row.cancel_asked = true;
                return Ok(CancelOutcome::Asked);
            }
            state.end(id, JobState::Cancelled, None, true);
            return Ok(CancelOutcome::Removed);
        }
        Ok(if state.record(id).is_some() { CancelOutcome::Ended } else { CancelOutcome::Unknown })
    }

    async fn replay(&self, id: JobId) -> Result<bool, JobsError> {
        let mut state = self.state();
        let now = state.now();
        let Some(mut row) = state.dead.remove(&id) else { return Ok(false) };
        (row.attempt, row.rescues, row.cancel_asked) = (0, 0, false);
        row.rank = now + row.job.rank_offset_ms();
        row.due = now;
        row.job.unique = None;
        state.jobs.insert(id, row);
        Ok(true)
    }

    async fn discard(&self, id: JobId) -> Result<bool, JobsError> {
        Ok(self.state().dead.remove(&id).is_some())
    }

    async fn set_paused(&self, queue: &str, paused: bool) -> Result<(), JobsError> {
        let mut state = self.state();
        if paused {
            state.paused.insert(queue.to_owned());
        } else {
            state.paused.remove(queue);
        }
        Ok(())
    }

    async fn queues(&self) -> Result<Vec<QueueStatus>, JobsError> {
        let state = self.state();
        let mut counts = BTreeMap::new();
        state.jobs.values().for_each(|row| state.count(row, false, &mut counts));
        state.dead.values().for_each(|row| state.count(row, true, &mut counts));
        Ok(counts.into_values().collect())
    }

    async fn sweep(&self, keep: Duration, most: u32) -> Result<u64, JobsError> {
        let mut state = self.state();
        let (now, most) = (state.now(), usize::try_from(most).unwrap_or(usize::MAX));
        let before = now - millis(keep);
        let old = state.ended.iter().filter(|(_, status)| millis_of(status.at) < before);
        let old: Vec<JobId> = old.map(|(id, _)| *id).take(most).collect();
        old.iter().for_each(|id| drop(state.ended.remove(id)));
        let held = state.unique.len();
        state.unique.retain(|_, (_, until)| until.is_none_or(|until| until >= now));
        Ok((old.len() + held - state.unique.len()) as u64)
    }
}
