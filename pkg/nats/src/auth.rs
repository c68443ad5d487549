use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use underpin_config::{Checks, Secret, Validate};

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
    /// Sets the user name.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets the password.
    #[must_use]
    pub fn password(mut self, password: impl Into<Secret<String>>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets the file with the password.
    #[must_use]
    pub fn password_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.password_file = Some(file.into());
        self
    }

    /// Sets the token.
    #[must_use]
    pub fn token(mut self, token: impl Into<Secret<String>>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sets the file with the token.
    #[must_use]
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.token_file = Some(file.into());
        self
    }

    /// Sets the seed of an `NKey`.
    #[must_use]
    pub fn nkey_seed(mut self, seed: impl Into<Secret<String>>) -> Self {
        self.nkey_seed = Some(seed.into());
        self
    }

    /// Sets the text of a credentials file.
    #[must_use]
    pub fn credentials(mut self, text: impl Into<Secret<String>>) -> Self {
        self.credentials = Some(text.into());
        self
    }

    /// Sets the path of a credentials file.
    #[must_use]
    pub fn credentials_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.credentials_file = Some(file.into());
        self
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
