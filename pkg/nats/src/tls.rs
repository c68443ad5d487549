use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate};

/// How the connection is encrypted. A URL with `tls:` requires TLS by itself; the machine's root certificates are trusted.
///
/// The files are read again at each attempt to connect, so that renewed certificates need no restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Refuse a connection without TLS.
    pub required: bool,
    /// Begin with the TLS handshake instead of the server's greeting.
    pub handshake_first: bool,
    /// A file of root certificates (PEM) to trust besides those of the machine.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM), with [`TlsSettings::key_file`].
    pub cert_file: Option<PathBuf>,
    /// The client's private key (PEM).
    pub key_file: Option<PathBuf>,
}

impl TlsSettings {
    /// Refuses a connection without TLS.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Begins with the TLS handshake instead of the server's greeting.
    #[must_use]
    pub fn handshake_first(mut self) -> Self {
        self.handshake_first = true;
        self
    }

    /// Sets a file of root certificates (PEM).
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// Sets the client's certificate (PEM).
    #[must_use]
    pub fn cert_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.cert_file = Some(file.into());
        self
    }

    /// Sets the client's private key (PEM).
    #[must_use]
    pub fn key_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.key_file = Some(file.into());
        self
    }
}

impl Validate for TlsSettings {
    fn validate(&self, checks: &mut Checks) {
        let pair = self.cert_file.is_some() == self.key_file.is_some();
        checks.ensure(pair, "key_file", "must be set together with `cert_file`");
    }
}
