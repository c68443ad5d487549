use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate, setters};

/// How the client proves who it is. At most one way; none for an open server or credentials in the URL.
///
/// Files are read again at each attempt to connect, so that rotated credentials need no restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthSettings {
    /// A user name, with [`AuthSettings::password`] or [`AuthSettings::password_file`].
    pub user: Option<String>,
    /// The password of the user.
    pub password: Option<Secret<String>>,
    /// The path of a file with the password of the user.
    pub password_file: Option<PathBuf>,
    /// A token.
    pub token: Option<Secret<String>>,
    /// The path of a file with a token.
    pub token_file: Option<PathBuf>,
    /// The seed of an `NKey` (`SU...`). Needs the feature `nkeys`.
    pub nkey_seed: Option<Secret<String>>,
    /// The text of a credentials file (JWT and seed). Needs the feature `nkeys`.
    pub credentials: Option<Secret<String>>,
    /// The path of a credentials file. Needs the feature `nkeys`.
    pub credentials_file: Option<PathBuf>,
}

impl AuthSettings {
    setters! {
        /// Sets the user name.
        user: impl Into<String> => Some(user.into());
        /// Sets the password.
        password: impl Into<Secret<String>> => Some(password.into());
        /// Sets the file with the password.
        password_file: impl Into<PathBuf> => Some(password_file.into());
        /// Sets the token.
        token: impl Into<Secret<String>> => Some(token.into());
        /// Sets the file with the token.
        token_file: impl Into<PathBuf> => Some(token_file.into());
        /// Sets the seed of an `NKey`.
        nkey_seed: impl Into<Secret<String>> => Some(nkey_seed.into());
        /// Sets the text of a credentials file.
        credentials: impl Into<Secret<String>> => Some(credentials.into());
        /// Sets the path of a credentials file.
        credentials_file: impl Into<PathBuf> => Some(credentials_file.into());
    }
}

impl Validate for AuthSettings {
    fn validate(&self, checks: &mut Checks) {
        let keys = [self.nkey_seed.is_some(), self.credentials.is_some(), self.credentials_file.is_some()];
        let others = [self.user.is_some(), self.token.is_some(), self.token_file.is_some()];
        let ways = keys.iter().chain(&others).filter(|way| **way).count();
        checks.ensure(ways <= 1, "", "must name at most one way to authenticate");
        let both = self.password.is_some() && self.password_file.is_some();
        checks.ensure(!both, "password_file", "must not be set together with `password`");
        let password = self.password.is_some() || self.password_file.is_some();
        checks.ensure(self.user.is_some() == password, "password", "must be set together with `user`");
        let needs_nkeys = keys.contains(&true);
        checks.ensure(!needs_nkeys || cfg!(feature = "nkeys"), "", "needs the feature `nkeys`");
    }
}
