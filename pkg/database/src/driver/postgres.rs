use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::settings::{DatabaseSettings, Endpoint, PoolingMode, PostgresUrl, TlsMode};

/// What sqlx needs to open a connection. Holds the password, and its `Debug` would show it: it is never printed.
pub(super) fn options(url: &PostgresUrl, settings: &DatabaseSettings) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(url.port)
        .application_name(url.application_name.as_deref().unwrap_or(&settings.application_name))
        .ssl_mode(ssl_mode(settings.tls.mode.or(url.tls).unwrap_or(TlsMode::Prefer)));
    options = match &url.endpoint {
        Endpoint::Host(host) => options.host(host),
        Endpoint::Socket(folder) => options.socket(folder),
    };
    if let Some(user) = &url.user {
        options = options.username(user);
    }
    if let Some(password) = &url.password {
        options = options.password(password.expose());
    }
    if let Some(database) = &url.database {
        options = options.database(database);
    }
    if let Some(file) = &settings.tls.root_certificate {
        options = options.ssl_root_cert(file);
    }
    if let (Some(certificate), Some(key)) = (&settings.tls.client_certificate, &settings.tls.client_key) {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options = match settings.pooling_mode {
        PoolingMode::Direct => with_limits(options, settings),
        // pgbouncer refuses start-up parameters that it does not know (08P01).
        PoolingMode::TransactionPooler => options.extra_float_digits(None).statement_cache_capacity(0),
    };
    // Statements are logged by this crate, binds redacted.
    options.disable_statement_logging()
}

/// The limits that the server keeps for us, also when we are no longer there.
fn with_limits(options: PgConnectOptions, settings: &DatabaseSettings) -> PgConnectOptions {
    [
        ("statement_timeout", settings.statement_timeout),
        ("idle_in_transaction_session_timeout", settings.idle_in_transaction_timeout),
    ]
    .into_iter()
    .filter(|(_, limit)| !limit.is_zero())
    .fold(options, |options, (name, limit)| options.options([(name, limit.as_millis().max(1))]))
}

fn ssl_mode(mode: TlsMode) -> PgSslMode {
    match mode {
        TlsMode::Disable => PgSslMode::Disable,
        TlsMode::Prefer => PgSslMode::Prefer,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
    }
}
