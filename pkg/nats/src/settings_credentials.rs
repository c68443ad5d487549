use std::path::Path;

use async_nats::ServerAddr;
use async_trait::async_trait;
use underpin_config::Secret;
use underpin_errors::BoxError;

use crate::{AuthSettings, Credentials, CredentialsProvider};

/// The credentials of the settings; files are read at each call.
pub(crate) struct SettingsCredentials(AuthSettings);

impl SettingsCredentials {
    /// None when neither the settings nor a URL name any.
    pub(crate) fn new(auth: &AuthSettings, servers: &[ServerAddr]) -> Option<Self> {
        let AuthSettings { user, token, token_file, nkey_seed, credentials, credentials_file, .. } = auth;
        let named = [user.is_some(), token.is_some(), token_file.is_some(), nkey_seed.is_some()];
        if named.contains(&true) || credentials.is_some() || credentials_file.is_some() {
            return Some(Self(auth.clone()));
        }
        // async-nats ignores what a URL says of the user. As in other clients, a name without a password is a token.
        let server = servers.iter().find(|server| server.has_user_pass())?;
        let user = server.username()?.to_owned();
        Some(Self(match server.password() {
            Some(password) => AuthSettings::default().user(user).password(password.to_owned()),
            None => AuthSettings::default().token(user),
        }))
    }
}

#[async_trait]
impl CredentialsProvider for SettingsCredentials {
    async fn credentials(&self) -> Result<Credentials, BoxError> {
        let auth = &self.0;
        if let Some(user) = &auth.user {
            let password =
                read_or(auth.password.as_ref(), auth.password_file.as_deref()).await?.unwrap_or_default();
            return Ok(Credentials::Password { user: user.clone(), password });
        }
        if let Some(token) = read_or(auth.token.as_ref(), auth.token_file.as_deref()).await? {
            return Ok(Credentials::Token(token));
        }
        if let Some(seed) = &auth.nkey_seed {
            return Ok(Credentials::NkeySeed(seed.clone()));
        }
        let file = read_or(auth.credentials.as_ref(), auth.credentials_file.as_deref()).await?;
        Ok(file.map_or(Credentials::None, Credentials::File))
    }
}

async fn read_or(
    given: Option<&Secret<String>>,
    file: Option<&Path>,
) -> Result<Option<Secret<String>>, BoxError> {
    match (given, file) {
        (Some(given), _) => Ok(Some(given.clone())),
        (None, Some(file)) => read(file).await.map(Some),
        (None, None) => Ok(None),
    }
}

/// The text of a file without the line end that editors add.
async fn read(file: &Path) -> Result<Secret<String>, BoxError> {
    let file = file.to_owned();
    let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await??;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}
