use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, duration};

/// TLS of the HTTP server: a block of the settings.
///
/// # Examples
/// ```
/// use underpin_http::TlsSettings;
///
/// let tls = TlsSettings::new("/etc/tls/tls.crt", "/etc/tls/tls.key");
/// assert!(tls.client_ca.is_none());
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsSettings {
    /// The certificate and its chain, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
    /// The authorities whose certificates clients must show, as PEM. Default: clients need none.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// How long the handshake may take. Default: 10 s.
    #[serde(default = "ten_seconds", with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub handshake_timeout: Duration,
    /// How often the files are read to see whether they have changed. New connections get the new ones. Default: 10 s.
    #[serde(default = "ten_seconds", with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub check_every: Duration,
}

impl TlsSettings {
    /// With these files.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            handshake_timeout: ten_seconds(),
            check_every: ten_seconds(),
        }
    }

    underpin_config::setters! {
        /// See [`client_ca`](Self::client_ca).
        client_ca: impl Into<PathBuf> => Some(client_ca.into());
        /// See [`handshake_timeout`](Self::handshake_timeout).
        handshake_timeout: Duration => handshake_timeout;
        /// See [`check_every`](Self::check_every).
        check_every: Duration => check_every;
    }
}

impl Validate for TlsSettings {
    fn validate(&self, checks: &mut Checks) {
        let spans = Duration::from_millis(10)..=Duration::from_secs(24 * 60 * 60);
        for (name, span) in [("handshake_timeout", self.handshake_timeout), ("check_every", self.check_every)]
        {
            checks.ensure(spans.contains(&span), name, "must be 10 ms to a day");
        }
    }
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
