use async_trait::async_trait;
use serde::Serialize;

use super::types::NewJob;
use crate::JobsError;

/// The ticks of cron entries: what a scheduler asks of a store. Times are Unix seconds by the clock of the store.
///
/// Every call is bounded and commits by itself. All are cancel-safe.
#[async_trait]
pub trait TickStore: Send + Sync + 'static {
    /// Adds an entry that is new, from now on; one with another schedule than before begins again from now on.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn register(&self, name: &str, schedule: &str) -> Result<(), JobsError>;

    /// The time of the store, in milliseconds, and all entries, also those of other deployments.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn schedules(&self) -> Result<(i64, Vec<ScheduleStatus>), JobsError>;

    /// Marks a tick as fired and inserts its job, both or neither. `false` where the tick is not later than the last one, the
    /// entry is paused, gone, or has another schedule.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`]: calling again cannot fire twice.
    async fn fire(&self, tick: &Tick, job: &NewJob) -> Result<bool, JobsError>;

    /// Passes over ticks up to this one, without a job.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn skip(&self, tick: &Tick) -> Result<bool, JobsError>;

    /// Pauses an entry, or has it go on. `false` when there is none of this name.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn set_schedule_paused(&self, name: &str, paused: bool) -> Result<bool, JobsError>;

    /// Removes an entry. `false` when there is none of this name.
    ///
    /// # Errors
    /// [`JobsError::Database`], [`JobsError::TimedOut`].
    async fn remove_schedule(&self, name: &str) -> Result<bool, JobsError>;
}

const _: fn(&dyn TickStore) = |_| ();

/// An entry with its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// The schedule, as it describes itself.
    pub schedule: String,
    /// Whether it is paused.
    pub paused: bool,
    /// The last tick that fired or was passed over, or the registration.
    pub last_tick: i64,
}

/// One tick of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// The name of the entry.
    pub name: String,
    /// Its schedule.
    pub schedule: String,
    /// The time of the tick.
    pub at: i64,
}

impl Tick {
    /// A tick of this entry.
    pub fn new(name: impl Into<String>, schedule: impl Into<String>, at: i64) -> Self {
        Self { name: name.into(), schedule: schedule.into(), at }
    }
}
