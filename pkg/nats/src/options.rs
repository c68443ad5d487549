use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{AuthError, ConnectOptions, Event};
use tokio::sync::oneshot;
use underpin_errors::Report;

use crate::environment::Environment;
use crate::observer::observe;

/// Resolves when the client's tasks have ended.
pub(crate) type ClientEnded = oneshot::Receiver<()>;

/// The options of one attempt to connect. The flag tells that it has succeeded.
pub(crate) fn options(env: &Arc<Environment>) -> (ConnectOptions, ClientEnded, Arc<AtomicBool>) {
    let settings = &env.settings;
    // The client keeps the callback for as long as its task runs, whatever ends it, a panic included. With the callback the
    // sender is dropped.
    let (alive, ended) = oneshot::channel::<()>();
    let established = Arc::new(AtomicBool::new(false));
    let (observed, reconnect, first) =
        (Arc::clone(env), settings.reconnect.clone(), Arc::clone(&established));
    // The link is up once the session of a new client is in place, not when the client connects for the first time.
    let connecting = AtomicBool::new(true);
    let mut options = base(env)
        .name(&settings.name)
        .connection_timeout(settings.connect_timeout.min(settings.request_timeout))
        .request_timeout(Some(settings.request_timeout))
        .ping_interval(settings.ping_interval)
        .reconnect_delay_callback(move |attempts| match first.load(Ordering::Relaxed) {
            true => reconnect.delay(u32::try_from(attempts).unwrap_or(u32::MAX)),
            false => Duration::ZERO,
        })
        .event_callback(move |event| {
            let _ = &alive;
            if event != Event::Connected || !connecting.swap(false, Ordering::Relaxed) {
                observe(&observed, &event);
            }
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
    (options, ended, established)
}

fn base(env: &Environment) -> ConnectOptions {
    let Some(provider) = env.credentials.clone() else { return ConnectOptions::new() };
    ConnectOptions::with_auth_callback(move |nonce| {
        let provider = Arc::clone(&provider);
        // As a task, since the client wants a future that is `Sync`.
        let asked = tokio::spawn(async move { provider.credentials().await });
        async move {
            let credentials = asked.await.map_err(AuthError::new)?;
            credentials.map_err(|error| AuthError::new(Report(&*error)))?.auth(&nonce)
        }
    })
}
