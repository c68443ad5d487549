use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryJobStore, millis};
use crate::status::millis_of;
use crate::store::JobAdmin;
use crate::{CancelOutcome, JobFilter, JobId, JobRecord, JobState, JobStatus, JobsError, QueueStatus};

#[async_trait]
impl JobAdmin for MemoryJobStore {
    async fn migrate(&self) -> Result<(), JobsError> {
        Ok(())
    }

    async fn inspect(&self, id: JobId) -> Result<Option<JobRecord>, JobsError> {
        let state = self.state();
        let live = state.jobs.get(&id).map(|row| JobRecord::new(row.status.clone(), row.payload.clone()));
        Ok(live.or_else(|| Some(JobRecord::new(state.ended.get(&id)?.clone(), String::new()))))
    }

    async fn list(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        most: usize,
    ) -> Result<Vec<JobStatus>, JobsError> {
        let state = self.state();
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let live = state.jobs.range(range).map(|(_, row)| &row.status);
        let wanted = |status: &&JobStatus| {
            filter.state.is_none_or(|state| state == status.state)
                && filter.kind.as_ref().is_none_or(|kind| *kind == status.kind)
                && filter.queue.as_ref().is_none_or(|queue| *queue == status.queue)
        };
        let ended = state.ended.range(range).map(|(_, status)| status);
        let mut found: Vec<JobStatus> = live.chain(ended).filter(wanted).cloned().collect();
        found.sort_unstable_by_key(|status| status.id);
        found.truncate(most.min(1000));
        Ok(found)
    }

    async fn cancel(&self, id: JobId) -> Result<CancelOutcome, JobsError> {
        let mut state = self.state();
        let Some(row) = state.jobs.get_mut(&id) else {
            let has_ended = state.ended.contains_key(&id);
            return Ok(if has_ended { CancelOutcome::Ended } else { CancelOutcome::Unknown });
        };
        Ok(match row.status.state {
            JobState::Running => {
                row.status.cancel_asked = true;
                CancelOutcome::Asked
            }
            JobState::Waiting => {
                state.end(id, JobState::Cancelled, None, true);
                CancelOutcome::Removed
            }
            _ => CancelOutcome::Ended,
        })
    }

    async fn replay(&self, id: JobId) -> Result<bool, JobsError> {
        let mut state = self.state();
        let now = state.now();
        let dead = state.jobs.get_mut(&id).filter(|row| row.status.state == JobState::Dead);
        let Some(row) = dead else { return Ok(false) };
        row.wait(Some(now));
        (row.status.attempt, row.rescues) = (0, 0);
        Ok(true)
    }

    async fn discard(&self, id: JobId) -> Result<bool, JobsError> {
        let mut state = self.state();
        let is_dead = state.jobs.get(&id).is_some_and(|row| row.status.state == JobState::Dead);
        Ok(is_dead && state.jobs.remove(&id).is_some())
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
        let (now, mut counts) = (state.now(), BTreeMap::new());
        for row in state.jobs.values() {
            let status = &row.status;
            let key = (&status.queue, &status.kind, status.version);
            let count = counts.entry(key).or_insert_with(|| QueueStatus {
                queue: status.queue.clone(),
                kind: status.kind.clone(),
                version: status.version,
                paused: state.paused.contains(&status.queue),
                ..QueueStatus::default()
            });
            match status.state {
                JobState::Running => count.running += 1,
                JobState::Waiting if row.due() > now => count.scheduled += 1,
                JobState::Waiting => {
                    count.ready += 1;
                    let waits = Duration::from_millis(u64::try_from(now - row.due()).unwrap_or(0));
                    count.oldest = count.oldest.max(waits);
                }
                _ => count.dead += 1,
            }
        }
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
