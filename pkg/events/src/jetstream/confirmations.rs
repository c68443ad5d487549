//! Confirms what handlers have done, in groups.
//!
//! A server takes the acknowledgements that arrive over one connection for one consumer in their order, and answers those
//! that ask for it. So of everything that is done by now all but the last is acknowledged plainly, the last by a request,
//! and its answer confirms them all. While it is awaited the next group gathers. Where a group is not answered, or was
//! delivered over an earlier connection or to an earlier binding of the consumer, each is confirmed by itself.

use std::pin::pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::api::JetStreamApi;
use super::in_flight::InFlight;
use super::message::{ConnectionEpoch, Handled};
use crate::deadline;

/// The largest group.
const MAX_GROUP: usize = 1024;
const ACK: Bytes = Bytes::from_static(b"+ACK");

/// Confirms until `finish`, and then what is left.
pub(super) async fn confirm(
    api: &JetStreamApi,
    in_flight: &InFlight,
    mut handled: UnboundedReceiver<Handled>,
    finish: &CancellationToken,
) {
    let mut one_by_one = FuturesUnordered::new();
    let (mut group, mut closed) = (Vec::new(), false);
    loop {
        tokio::select! {
            biased;
            // With plain acknowledgements there is nothing to confirm, and the channel is closed.
            count = handled.recv_many(&mut group, MAX_GROUP), if !closed => closed = count == 0,
            Some(()) = one_by_one.next() => continue,
            () = finish.cancelled(), if one_by_one.is_empty() => return,
        }
        let epoch = ConnectionEpoch { link: api.connection.link().epoch, binding: in_flight.binding() };
        let current = |handled: &Handled| handled.message.epoch == epoch;
        let (fresh, stale): (Vec<_>, Vec<_>) = group.drain(..).partition(current);
        one_by_one.extend(stale.into_iter().map(Handled::confirm));
        let confirmed = {
            let mut asked = pin!(confirm_together(api, &fresh));
            loop {
                tokio::select! {
                    confirmed = &mut asked => break confirmed,
                    Some(()) = one_by_one.next() => {}
                }
            }
        };
        if confirmed {
            fresh.into_iter().for_each(Handled::confirmed);
        } else {
            one_by_one.extend(fresh.into_iter().map(Handled::confirm));
        }
    }
}

impl Handled {
    fn confirmed(mut self) {
        self.message.confirming = false;
    }

    async fn confirm(self) {
        self.message.acknowledge(self.permit).await;
    }
}

/// Whether the server has the acknowledgements of all of them, which are of one connection and one binding.
async fn confirm_together(api: &JetStreamApi, group: &[Handled]) -> bool {
    let Some((Handled { message: last, .. }, others)) = group.split_last() else { return true };
    // Without one, each is confirmed by itself.
    let Some(reply) = last.current_reply() else { return false };
    let until = deadline::after(api.connection.request_timeout());
    let all = async {
        for Handled { message, .. } in others {
            if let Some(reply) = message.current_reply() {
                api.connection.publish(reply, None, None, ACK).await.ok()?;
            }
        }
        api.connection.request(reply.clone(), None, ACK, until).await.ok()
    };
    tokio::select! {
        biased;
        answered = timeout_at(until, all) => matches!(answered, Ok(Some(_))),
        () = api.connection.lost(last.epoch.link) => false,
        () = last.source.in_flight.rebound(last.epoch.binding) => false,
        () = last.source.in_flight.reply_changes(last.info, &reply) => false,
    }
}
