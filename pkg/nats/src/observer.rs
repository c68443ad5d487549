use async_nats::{ClientError, Event};
use underpin_logger::{Context, error, info, warn};

use crate::denial::Denial;
use crate::environment::Environment;
use crate::meters;

/// Follows the events of the client.
pub(crate) fn observe(env: &Environment, event: &Event) {
    let (log, ctx) = (&env.log, Context::background());
    match event {
        Event::Connected => {
            env.set_failure(None);
            env.link.set_up();
            info!(log, &ctx, "connected to NATS");
        }
        Event::Disconnected => {
            env.link.set_lost();
            meters::link_lost();
            warn!(log, &ctx, "lost the connection to NATS");
        }
        Event::LameDuckMode => {
            env.link.set_lame_duck();
            warn!(log, &ctx, "NATS server announced its shutdown (lame duck mode)");
        }
        Event::Closed => {
            env.link.set_closed();
            info!(log, &ctx, "closed the connection to NATS");
        }
        Event::SlowConsumer(subscription) => {
            meters::slow_consumer();
            warn!(log, &ctx, "NATS client dropped messages of a slow consumer", subscription = *subscription);
        }
        Event::ServerError(failure) => {
            if let Some(denial) = Denial::parse(failure) {
                meters::denied();
                // An error means that no request waits.
                drop(env.denials.send(denial));
            }
            error!(log, &ctx, failure, "NATS server refused something");
        }
        Event::ClientError(ClientError::Other(failure)) => {
            // The same at each attempt to reconnect: reported once and kept for the health check.
            if env.failure().as_ref() != Some(failure) {
                warn!(log, &ctx, "could not reconnect to NATS, which is tried again", reason = failure);
                env.set_failure(Some(failure.clone()));
            }
        }
        Event::ClientError(_) | Event::Draining => {
            let event = event.to_string();
            info!(log, &ctx, "NATS client changed its state", event);
        }
    }
}
