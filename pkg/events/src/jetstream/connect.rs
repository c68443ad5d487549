use std::sync::Arc;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use underpin_errors::BoxError;
use underpin_logger::Logger;

use super::connection::{Connection, Link, observe};
use super::error::is_final;
use super::{AuthSettings, JetStreamSettings};
use crate::EventsError;
use crate::deadline;

/// The oldest server that has everything this crate asks for: consumers with several filters, stream metadata.
const OLDEST_SERVER: (u64, u64, &str) = (2, 10, "2.10.0");

/// Connects within the limit of the settings, then checks what kind of server answered.
pub(super) async fn connect(
    settings: &JetStreamSettings,
    log: Arc<dyn Logger>,
) -> Result<Connection, EventsError> {
    let until = deadline::after(settings.connect_timeout);
    let servers = addresses(settings)?;
    let (sender, link) = watch::channel(Link { up: false, closed: false, epoch: 0 });
    let sender = Arc::new(sender);
    let mut failures = 0;
    let mut last: BoxError = "no server answered".into();
    let client = loop {
        let options = options(settings, Arc::clone(&sender), Arc::clone(&log))?;
        match timeout_at(until, options.connect(servers.clone())).await {
            Ok(Ok(client)) => break client,
            Ok(Err(error)) if is_final(&error) => return Err(refused(error, settings)),
            Ok(Err(error)) => last = error.into(),
            Err(_) => return Err(EventsError::Connect { within: settings.connect_timeout, source: last }),
        }
        failures += 1;
        let delay = settings.reconnect.delay(failures);
        if Instant::now() + delay >= until {
            return Err(EventsError::Connect { within: settings.connect_timeout, source: last });
        }
        sleep(delay).await;
    };
    sender.send_modify(|link| link.up = true);
    let context = ContextBuilder::new().timeout(settings.request_timeout);
    let jetstream = match &settings.domain {
        Some(domain) => {
            ContextBuilder::new().domain(domain).timeout(settings.request_timeout).build(client.clone())
        }
        None => context.build(client.clone()),
    };
    let connection = Connection::new(client, jetstream, link, settings.request_timeout);
    check_server(&connection, settings.domain.is_some())?;
    Ok(connection)
}

fn check_server(connection: &Connection, remote_domain: bool) -> Result<(), EventsError> {
    let info = connection.server_info();
    let mut numbers = info.version.split(['.', '-']).map(|part| part.parse::<u64>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (major, minor, required) = OLDEST_SERVER;
    if found < (major, minor) {
        let feature = "a consumer with several filters";
        return Err(EventsError::ServerTooOld { feature, required, found: info.version });
    }
    // A leaf node without JetStream of its own can reach that of a domain.
    if !info.jetstream && !remote_domain {
        return Err(EventsError::JetStreamDisabled);
    }
    Ok(())
}

fn options(
    settings: &JetStreamSettings,
    link: Arc<watch::Sender<Link>>,
    log: Arc<dyn Logger>,
) -> Result<ConnectOptions, EventsError> {
    let reconnect = settings.reconnect.clone();
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .connection_timeout(settings.connect_timeout.min(settings.request_timeout))
        .request_timeout(Some(settings.request_timeout))
        .ping_interval(settings.ping_interval)
        .reconnect_delay_callback(move |attempts| {
            reconnect.delay(u32::try_from(attempts).unwrap_or(u32::MAX))
        })
        .event_callback(move |event| {
            observe(&link, &log, &event);
            std::future::ready(())
        });
    let tls = &settings.tls;
    if tls.required {
        options = options.require_tls(true);
    }
    if tls.handshake_first {
        options = options.tls_first();
    }
    if let Some(file) = &tls.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let (Some(cert), Some(key)) = (&tls.cert_file, &tls.key_file) {
        options = options.add_client_certificate(cert.clone(), key.clone());
    }
    authenticate(options, &settings.auth)
}

#[cfg_attr(
    not(feature = "nkeys"),
    expect(clippy::unnecessary_wraps, reason = "with the feature `nkeys`, reading credentials can fail")
)]
fn authenticate(options: ConnectOptions, auth: &AuthSettings) -> Result<ConnectOptions, EventsError> {
    if let (Some(user), Some(password)) = (&auth.user, &auth.password) {
        return Ok(options.user_and_password(user.clone(), password.expose().clone()));
    }
    if let Some(token) = &auth.token {
        return Ok(options.token(token.expose().clone()));
    }
    #[cfg(feature = "nkeys")]
    {
        let read = |error: std::io::Error| EventsError::Unauthorized(error.into());
        if let Some(seed) = &auth.nkey_seed {
            return Ok(options.nkey(seed.expose().clone()));
        }
        if let Some(credentials) = &auth.credentials {
            return options.credentials(credentials.expose()).map_err(read);
        }
        if let Some(file) = &auth.credentials_file {
            let text = std::fs::read_to_string(file).map_err(read)?;
            return options.credentials(&text).map_err(read);
        }
    }
    Ok(options)
}

/// The text of a URL is a secret: an error about it says which one, not what it is.
fn addresses(settings: &JetStreamSettings) -> Result<Vec<ServerAddr>, EventsError> {
    let parse = |(index, url): (usize, &underpin_config::Secret<String>)| {
        url.expose().parse().map_err(|_| {
            EventsError::option(format!("servers.{index}"), "must be a URL such as `nats://host:4222`")
        })
    };
    settings.servers.iter().enumerate().map(parse).collect()
}

fn refused(error: ConnectError, settings: &JetStreamSettings) -> EventsError {
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            EventsError::Unauthorized(error.into())
        }
        _ => EventsError::Connect { within: settings.connect_timeout, source: error.into() },
    }
}
