//! With order per key, what the server gave out and nobody holds comes before anything newer.
//!
//! A delivery that was lost with its connection, or with a process that is gone, is unconfirmed for the server until `ack_wait` is
//! over, and delivered again only then. What is newer would pass it in the meantime. So after each binding nothing is asked for
//! while the server counts more events as unconfirmed than are at work here. Its positions are not told, only their number; a
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

/// Waits until nothing can be passed, or until the connection is lost or the subscription stops. Only order per key has to: with
/// strict order the server itself gives out one event at a time.
pub(super) async fn wait(puller: &Puller, epoch: u64, found: &Info, binding: Binding) {
    if puller.options.order != Order::PerKey {
        return;
    }
    // Others pull: what is unconfirmed is theirs, and this process has handled nothing yet that could be passed.
    if binding == Binding::First && found.num_waiting > 0 {
        return;
    }
    if found.num_waiting == 0 && unseen(puller, found) == 0 {
        return;
    }
    puller.pulse.waiting();
    let (unconfirmed, wait) = (unseen(puller, found), puller.options.ack_wait);
    info!(
        puller.source.bus.log,
        &Context::background(),
        "waiting for what was delivered and is unconfirmed",
        subscription = &*puller.source.subscription,
        unconfirmed,
        wait
    );
    tokio::select! {
        () = until_nothing_is_unseen(puller, found) => {}
        () = puller.source.bus.connection.lost(epoch) => {}
        () = puller.stop.cancelled() => {}
    }
}

async fn until_nothing_is_unseen(puller: &Puller, found: &Info) {
    let begun = Instant::now();
    let again = puller.options.ack_wait.saturating_add(MARGIN);
    let (mut last_delivery, mut delivered) = (Duration::ZERO, found.delivered.consumer_sequence);
    let (mut unseen_now, mut requests) = (unseen(puller, found), found.num_waiting);
    loop {
        // A server that has not noticed the end of a connection yet delivers to the requests that came over it, while they last.
        let open = if requests > 0 { EXPIRES } else { Duration::ZERO };
        let held = if unseen_now > 0 { last_delivery.saturating_add(again) } else { Duration::ZERO };
        // Where other processes pull there is always something on its way: then this is the end.
        if begun.elapsed() >= open.max(held).min(EXPIRES.saturating_add(again)) {
            return;
        }
        sleep(LOOK_EVERY).await;
        match puller.source.bus.consumer_info(&puller.source.subscription).await {
            Ok(Some(info)) => {
                (unseen_now, requests) = (unseen(puller, &info), info.num_waiting);
                if info.delivered.consumer_sequence != delivered {
                    (last_delivery, delivered) = (begun.elapsed(), info.delivered.consumer_sequence);
                }
            }
            // The consumer is gone, and with it what it had given out.
            Ok(None) => return,
            // Nobody knows: the time decides.
            Err(_) => {}
        }
    }
}

/// How many events the server waits for that are not at work here. What is at work was counted after the server was asked, and
/// nothing arrives meanwhile, so the server knows of all of it.
fn unseen(puller: &Puller, info: &Info) -> usize {
    info.num_ack_pending.saturating_sub(puller.source.at_work())
}
