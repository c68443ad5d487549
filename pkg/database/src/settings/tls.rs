use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Validate};

/// Encryption of the connection to PostgreSQL, by rustls with ring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsSettings {
    /// How much the client demands of the server; without it the `sslmode` of the URL counts, and without that
    /// [`TlsMode::Prefer`].
    pub mode: Option<TlsMode>,
    /// PEM file with the authorities to trust; the system's own without it.
    pub root_certificate: Option<PathBuf>,
    /// PEM file with the certificate this client shows.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the key of `client_certificate`.
    pub client_key: Option<PathBuf>,
}

impl TlsSettings {
    /// Sets how much the client demands of the server.
    #[must_use]
    pub fn mode(self, mode: TlsMode) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Sets the PEM file with the authorities to trust.
    #[must_use]
    pub fn root_certificate(self, file: impl Into<PathBuf>) -> Self {
        Self { root_certificate: Some(file.into()), ..self }
    }

    /// Sets the PEM file with the certificate of this client.
    #[must_use]
    pub fn client_certificate(self, file: impl Into<PathBuf>) -> Self {
        Self { client_certificate: Some(file.into()), ..self }
    }

    /// Sets the PEM file with the key of `client_certificate`.
    #[must_use]
    pub fn client_key(self, file: impl Into<PathBuf>) -> Self {
        Self { client_key: Some(file.into()), ..self }
    }
}

/// What libpq calls `sslmode`. `allow` is left out: it is `disable` with a second try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TlsMode {
    /// Never encrypt.
    Disable,
    /// Encrypt where the server offers it; no protection against an attacker who can change packets.
    Prefer,
    /// Encrypt or fail; the certificate is not looked at.
    Require,
    /// The certificate must come from a trusted authority.
    VerifyCa,
    /// And it must name the host that was connected to.
    VerifyFull,
}

impl TlsMode {
    /// The mode that a URL names with `sslmode=...`.
    pub(crate) fn from_sslmode(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

impl Validate for TlsSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(
            self.client_certificate.is_some() == self.client_key.is_some(),
            "client_key",
            "goes together with `client_certificate`",
        );
    }
}
