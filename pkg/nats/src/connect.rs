use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::{ConnectError, ConnectErrorKind};
use tokio::time::{Instant, sleep, timeout_at};
use underpin_errors::BoxError;

use crate::environment::Environment;
use crate::options::{ClientEnded, options};
use crate::session::Session;
use crate::{NatsError, deadline};

/// Tries until there is a connection, until the connect timeout is over, or until it is certain that another attempt fails too.
pub(crate) async fn connect(env: &Arc<Environment>) -> Result<(Session, ClientEnded), NatsError> {
    let within = env.settings.connect_timeout;
    let until = deadline::after(within);
    let mut failures = 0;
    let mut last: BoxError = "no server answered".into();
    loop {
        match timeout_at(until, attempt(env, 0)).await {
            Ok(Ok(session)) => return Ok(session),
            Ok(Err(failure)) => match failure.downcast::<ConnectError>() {
                Ok(error) if is_final(&error) => return Err(refused(*error, env)),
                Ok(error) => last = error,
                Err(other) => last = other,
            },
            Err(_) => return Err(NatsError::Connect { within, source: last }),
        }
        failures += 1;
        let delay = env.settings.reconnect.delay(failures);
        if Instant::now() + delay >= until {
            return Err(NatsError::Connect { within, source: last });
        }
        sleep(delay).await;
    }
}

/// Tries each server once.
pub(crate) async fn attempt(env: &Arc<Environment>, number: u64) -> Result<(Session, ClientEnded), BoxError> {
    let (options, ended, established) = options(env);
    let client = options.connect(env.servers.clone()).await?;
    established.store(true, Ordering::Relaxed);
    let session = Session::new(number, client, env).await?;
    Ok((session, ended))
}

fn is_final(error: &ConnectError) -> bool {
    matches!(
        error.kind(),
        ConnectErrorKind::ServerParse
            | ConnectErrorKind::Authentication
            | ConnectErrorKind::AuthorizationViolation
            | ConnectErrorKind::Tls
    )
}

fn refused(error: ConnectError, env: &Environment) -> NatsError {
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            NatsError::Unauthorized(error.into())
        }
        _ => NatsError::Connect { within: env.settings.connect_timeout, source: error.into() },
    }
}
