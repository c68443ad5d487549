use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate, setters};

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

    setters! {
        /// Sets a file of root certificates (PEM).
        ca_file: impl Into<PathBuf> => Some(ca_file.into());
        /// Sets the client's certificate (PEM).
        cert_file: impl Into<PathBuf> => Some(cert_file.into());
        /// Sets the client's private key (PEM).
        key_file: impl Into<PathBuf> => Some(key_file.into());
    }
}

impl Validate for TlsSettings {
    fn validate(&self, checks: &mut Checks) {
        let pair = self.cert_file.is_some() == self.key_file.is_some();
        checks.ensure(pair, "key_file", "must be set together with `cert_file`");
    }
}
