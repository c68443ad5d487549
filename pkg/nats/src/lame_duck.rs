//! A server in lame duck mode takes no new clients, and closes those that it has one by one before it ends.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{sleep, timeout};
use underpin_logger::{Context, info};

use crate::environment::Environment;
use crate::session::Session;

/// The clients of a server leave it spread over this time.
const SPREAD: Duration = Duration::from_secs(1);
/// How long requests that wait for their answers hold up the move.
const QUIET_WITHIN: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Moves to another server when the present one announces its end. Without another server it stays until the connection is
/// closed. Never ends.
pub(crate) async fn watch(env: &Environment, session: &Session) {
    loop {
        env.link.lame_duck(true).await;
        let delay = SPREAD.mul_f64(rand::rng().random_range(0.0..1.0));
        sleep(delay).await;
        if env.link.state().lame_duck && has_others(env, session).await {
            info!(env.log, &Context::background(), "moving to another NATS server");
            // New messages wait from here on; those that were sent get their answers.
            env.link.set_moving(true);
            let quiet = async {
                while session.requests.len() > 0 {
                    sleep(LOOK_EVERY).await;
                }
            };
            drop(timeout(QUIET_WITHIN, quiet).await);
            let asked = timeout(env.settings.request_timeout, session.client.force_reconnect()).await;
            if !matches!(asked, Ok(Ok(()))) {
                env.link.set_moving(false);
            }
        }
        env.link.lame_duck(false).await;
    }
}

async fn has_others(env: &Environment, session: &Session) -> bool {
    let known = timeout(env.settings.request_timeout, session.client.server_pool()).await;
    matches!(known, Ok(Ok(servers)) if servers.len() > 1)
}
