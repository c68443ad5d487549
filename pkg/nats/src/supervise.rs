//! Rebuilds the client when its task has ended.
//!
//! The client of async-nats runs in one task. A panic in its parser ends that task, and every later call fails with a closed
//! channel. The supervisor notices the end at once and connects again with a new client.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_nats::connection::State;
use tokio::time::{sleep, timeout};
use underpin_logger::{Context, error, info, warn};

use crate::connect::attempt;
use crate::environment::Environment;
use crate::options::ClientEnded;
use crate::session::Session;
use crate::{lame_duck, meters};

/// How often the state of the client is compared with the link.
const COMPARE_EVERY: Duration = Duration::from_millis(500);

/// Keeps a client in place until the connection is closed.
pub(crate) async fn supervise(env: Arc<Environment>, current: Arc<ArcSwap<Session>>, mut ended: ClientEnded) {
    loop {
        let session = current.load_full();
        tokio::select! {
            biased;
            _ = &mut ended => {}
            () = env.link.closed() => return,
            () = lame_duck::watch(&env, &session) => {}
            never = compare(&env, &session) => match never {},
        }
        if env.link.state().closed {
            return;
        }
        env.link.set_lost();
        meters::rebuilt();
        let failure = std::io::Error::other("the task of the client ended, by a panic or with its runtime");
        error!(env.log, &Context::background(), &failure, "NATS client ended unexpectedly and is rebuilt");
        let next = tokio::select! {
            () = env.link.closed() => return,
            next = rebuild(&env, session.number + 1) => next,
        };
        drop(session);
        let session;
        (session, ended) = next;
        current.store(Arc::new(session));
        env.set_failure(None);
        env.link.set_rebuilt();
        info!(env.log, &Context::background(), "NATS client is rebuilt");
    }
}

async fn rebuild(env: &Arc<Environment>, number: u64) -> (Session, ClientEnded) {
    let mut failures = 0_u32;
    loop {
        let failure = match timeout(env.settings.connect_timeout, attempt(env, number)).await {
            Ok(Ok(session)) => return session,
            Ok(Err(failure)) => failure,
            Err(late) => late.into(),
        };
        failures = failures.saturating_add(1);
        if failures.is_power_of_two() {
            warn!(env.log, &Context::background(), &*failure, "could not rebuild the NATS client", failures);
        }
        env.set_failure(Some(failure.to_string()));
        sleep(env.settings.reconnect.delay(failures)).await;
    }
}

/// Corrects the link where it missed events: the client drops events when more than 128 wait for their reader.
async fn compare(env: &Environment, session: &Session) -> Infallible {
    let mut before = None;
    loop {
        sleep(COMPARE_EVERY).await;
        let (link, connected) = (env.link.state(), session.client.connection_state() == State::Connected);
        let differs = (link.up != connected && !link.lame_duck).then_some((link, connected));
        // Twice the same: the events of a change may just be under way.
        if differs.is_some() && before == differs {
            if connected { env.link.set_up() } else { env.link.set_lost() }
        }
        before = differs;
    }
}
