use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::partitions::Partitions;
use super::settings::RelaySettings;
use super::store::Store;
use crate::OutboxError;
use crate::partition::PARTITIONS;

/// The longest pause between heartbeats of a worker that lacks partitions.
const HURRY: Duration = Duration::from_millis(500);

/// The leases of one worker: which partitions it may publish from, and until when.
#[derive(Debug)]
pub(super) struct Leases {
    pub(super) partitions: Partitions,
    ttl: Duration,
    publish_timeout: Duration,
    workers: usize,
    until: Option<Instant>,
    next_heartbeat: Instant,
}

impl Leases {
    pub(super) fn new(settings: &RelaySettings) -> Self {
        Self {
            partitions: Partitions::default(),
            ttl: settings.lease,
            publish_timeout: settings.publish_timeout,
            workers: settings.workers as usize,
            until: None,
            next_heartbeat: Instant::now(),
        }
    }

    /// Whether a publish that begins now ends before the leases do: none may reach the broker after another worker has
    /// taken the partition.
    pub(super) fn outlast_a_publish(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() + self.publish_timeout < until)
    }

    pub(super) fn next_heartbeat(&self) -> Instant {
        self.next_heartbeat
    }

    pub(super) fn is_heartbeat_due(&self) -> bool {
        Instant::now() >= self.next_heartbeat
    }

    /// There are free partitions: makes the heartbeat due.
    pub(super) fn hurry(&mut self) {
        self.next_heartbeat = Instant::now();
    }

    /// Renews the leases and writes the low-water marks.
    pub(super) async fn renew(&mut self, store: &Store) -> Result<(), OutboxError> {
        // The lease ends for us no later than for the table: the clock starts before the statement does.
        let asked = Instant::now();
        let (kept, marker) = store.renew(&self.partitions.reached(), self.ttl).await?;
        self.partitions.renewed(&kept, marker);
        self.until = Some(asked + self.ttl);
        Ok(())
    }

    /// Registers the worker as live, renews its leases, and brings it to a fair share of the partitions, without releasing
    /// those in use. Calls `on_released` when others can have some now; returns whether some were acquired.
    pub(super) async fn heartbeat(
        &mut self,
        store: &Store,
        in_use: &HashSet<i16>,
        on_released: impl FnOnce(),
    ) -> Result<bool, OutboxError> {
        let asked = Instant::now();
        let live = store.heartbeat(self.ttl).await?;
        self.renew(store).await?;
        // The other workers of this relay count before they have registered: a surplus delays events when it is released.
        let live = live.max(self.workers);
        let all = usize::from(PARTITIONS.unsigned_abs());
        let share = all.div_ceil(live);
        let idle = self.partitions.numbers().into_iter().rev().filter(|one| !in_use.contains(one));
        let surplus: Vec<i16> = idle.take(self.partitions.len().saturating_sub(share)).collect();
        if !surplus.is_empty() {
            store.release(&surplus).await?;
            self.partitions.remove(&surplus);
            on_released();
        }
        let lacking = share.saturating_sub(self.partitions.len());
        let acquired = if lacking == 0 { Vec::new() } else { store.acquire(lacking, self.ttl).await? };
        self.partitions.gain(&acquired);
        // A worker that lacks partitions asks more often: they become free when another one releases them or dies.
        let pause = if self.partitions.len() < all / live { HURRY.min(self.ttl / 4) } else { self.ttl / 4 };
        self.next_heartbeat = asked + pause;
        Ok(!acquired.is_empty())
    }
}
