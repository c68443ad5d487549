//! With order per key, what was delivered and is held by no process comes before anything newer.
//!
//! A delivery that was lost with its connection, or with a process that ended, is unconfirmed for the server until `ack_wait` is
//! over, and is delivered again only then. What is newer would pass it in the meantime. So after each binding nothing is fetched
//! while the server counts more unconfirmed events than are at work here. The server tells their number and not their positions; a
//! negative acknowledgement sent on suspicion would take events from other processes that work on them.

use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use tokio::time::{Instant, sleep};
use underpin_logger::{Context, info};

use super::pull::{EXPIRES, Puller};
use crate::Order;

/// How often the server is asked whether the wait is over.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How much later than `ack_wait` a server may be with delivering again.
const MARGIN: Duration = Duration::from_millis(500);

/// Which binding of the consumer it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Binding {
    First,
    Again,
}

/// Waits until no event can be passed, or until the connection is lost or the subscription stops. Only order per key has to: with
/// strict order the server itself gives out one event at a time.
pub(super) async fn wait(puller: &Puller, epoch: u64, found: &Info, binding: Binding) {
    if puller.options.order != Order::PerKey {
        return;
    }
    // Others pull: what is unconfirmed is theirs, and this process has handled nothing yet that could be passed.
    if binding == Binding::First && found.num_waiting > 0 {
        return;
    }
    if found.num_waiting == 0 && lost_deliveries(puller, found) == 0 {
        return;
    }
    puller.liveness.waiting();
    let (unconfirmed, wait) = (lost_deliveries(puller, found), puller.options.ack_wait);
    info!(
        puller.source.backend.api.log,
        &Context::background(),
        "waiting for unconfirmed deliveries",
        subscription = &*puller.source.subscription,
        unconfirmed,
        wait
    );
    tokio::select! {
        () = until_none_is_lost(puller, found) => {}
        () = puller.source.backend.api.connection.lost(epoch) => {}
        () = puller.stop.cancelled() => {}
    }
}

async fn until_none_is_lost(puller: &Puller, found: &Info) {
    let begun = Instant::now();
    let again = puller.options.ack_wait.saturating_add(MARGIN);
    let (mut last_delivery, mut delivered) = (Duration::ZERO, found.delivered.consumer_sequence);
    let (mut lost_now, mut requests) = (lost_deliveries(puller, found), found.num_waiting);
    loop {
        // A server that has not noticed the end of a connection yet delivers to the requests that came over it, while they last.
        let open = if requests > 0 { EXPIRES } else { Duration::ZERO };
        let held = if lost_now > 0 { last_delivery.saturating_add(again) } else { Duration::ZERO };
        // Where other processes pull some delivery is always unconfirmed: then the time decides.
        if begun.elapsed() >= open.max(held).min(EXPIRES.saturating_add(again)) {
            return;
        }
        sleep(LOOK_EVERY).await;
        match puller.source.backend.consumers.info(&puller.source.subscription).await {
            Ok(Some(info)) => {
                (lost_now, requests) = (lost_deliveries(puller, &info), info.num_waiting);
                if info.delivered.consumer_sequence != delivered {
                    (last_delivery, delivered) = (begun.elapsed(), info.delivered.consumer_sequence);
                }
            }
            // The consumer is gone, and with it what it had given out.
            Ok(None) => return,
            // Unknown: the time decides.
            Err(_) => {}
        }
    }
}

/// How many events the server waits for that are not at work here. What is at work was counted after the server was asked, and
/// nothing arrives meanwhile, so the server knows of all of it.
pub(super) fn lost_deliveries(puller: &Puller, info: &Info) -> usize {
    info.num_ack_pending.saturating_sub(puller.source.at_work())
}
