use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate};

/// How the client proves who it is. At most one way; none for an open server or credentials in the URL.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthSettings {
    /// A user name, with [`AuthSettings::password`].
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<Secret<String>>,
    /// A token.
    pub token: Option<Secret<String>>,
    /// The seed of an `NKey` (`SU...`). Needs the feature `nkeys`.
    pub nkey_seed: Option<Secret<String>>,
    /// The text of a credentials file (JWT and seed). Needs the feature `nkeys`.
    pub credentials: Option<Secret<String>>,
    /// The path of a credentials file. Needs the feature `nkeys`.
    pub credentials_file: Option<PathBuf>,
}

impl Validate for AuthSettings {
    fn validate(&self, checks: &mut Checks) {
        let ways = [
            self.user.is_some(),
            self.token.is_some(),
            self.nkey_seed.is_some(),
            self.credentials.is_some(),
            self.credentials_file.is_some(),
        ];
        checks.ensure(
            ways.iter().filter(|way| **way).count() <= 1,
            "",
            "must name at most one way to authenticate",
        );
        checks.ensure(
            self.user.is_some() == self.password.is_some(),
            "password",
            "must be set together with `user`",
        );
        let keys = ways.iter().skip(2).any(|way| *way);
        checks.ensure(!keys || cfg!(feature = "nkeys"), "", "needs the feature `nkeys` of underpin-events");
    }
}

/// How the connection is encrypted. A URL with `tls:` requires TLS by itself; the machine's root certificates are trusted.
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

impl Validate for TlsSettings {
    fn validate(&self, checks: &mut Checks) {
        let pair = self.cert_file.is_some() == self.key_file.is_some();
        checks.ensure(pair, "key_file", "must be set together with `cert_file`");
    }
}
