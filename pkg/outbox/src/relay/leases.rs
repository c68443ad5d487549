use std::time::Duration;

use tokio::time::Instant;

use super::pace::Bell;
use super::worker::Worker;
use crate::OutboxError;
use crate::lane::LANES;

/// The pause between heartbeats of a relay that lacks lanes.
const HURRY: Duration = Duration::from_millis(500);
/// Kept events that are deleted in one statement.
const SWEEP: u32 = 5_000;
/// How long a heartbeat may take for that.
const SWEEP_FOR: Duration = Duration::from_millis(500);

/// What a worker may touch, and for how long.
impl Worker {
    /// Nothing is published that could reach the broker after somebody else took the lane.
    pub(super) fn lease_outlasts_a_publish(&self) -> bool {
        self.lease_until.is_some_and(|until| Instant::now() + self.settings.publish_timeout < until)
    }

    /// Renews the leases and writes the floors down.
    pub(super) async fn renew(&mut self) -> Result<(), OutboxError> {
        // The lease ends for us no later than for the table: the clock starts before the statement does.
        let asked = Instant::now();
        let (kept, mark) = self.store.renew(&self.lanes.reached(), self.settings.lease).await?;
        self.lanes.renewed(&kept, mark);
        self.lease_until = Some(asked + self.settings.lease);
        Ok(())
    }

    pub(super) async fn heartbeat(&mut self) -> Result<(), OutboxError> {
        let (asked, ttl) = (Instant::now(), self.settings.lease);
        let live = self.store.heartbeat(ttl).await?;
        self.renew().await?;
        // The other workers of this relay are counted before they have said that they live: what one takes too much stands
        // still for a moment when it is given back.
        let live = live.max(self.settings.workers as usize);
        let share = usize::from(LANES.unsigned_abs()).div_ceil(live);
        let surplus = self.lanes.above(share);
        if !surplus.is_empty() {
            self.store.release(&surplus).await?;
            self.tell.ring_for_lanes();
            let rest: Vec<i16> =
                self.lanes.names().into_iter().filter(|lane| !surplus.contains(lane)).collect();
            self.lanes.keep_only(&rest);
        }
        if self.lanes.len() < share {
            let gained = self.store.acquire(share - self.lanes.len(), ttl).await?;
            if !gained.is_empty() {
                self.bell = Bell::On;
            }
            self.lanes.gain(&gained);
        }
        // A relay that lacks lanes asks more often: they come free when another one gives them up or dies.
        let lacks = self.lanes.len() < usize::from(LANES.unsigned_abs()) / live;
        let pause = self.settings.heartbeat();
        let pause = if lacks { pause.min(HURRY) } else { pause };
        self.next_heartbeat = asked + pause;
        self.blocked.grow_stale();
        self.seat.lanes(self.lanes.len());
        if self.seat.is_first() {
            self.keep_house().await?;
        }
        Ok(())
    }

    /// Looks how far the outbox is behind, and deletes kept events that are old enough, as many as fit into a moment.
    async fn keep_house(&self) -> Result<(), OutboxError> {
        self.seat.lag(self.store.lag().await?);
        let Some(keep) = self.settings.keep_sent else { return Ok(()) };
        let until = Instant::now() + SWEEP_FOR;
        while self.store.sweep_sent(keep, SWEEP).await? == u64::from(SWEEP) && Instant::now() < until {}
        Ok(())
    }
}
