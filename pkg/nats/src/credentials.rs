use async_nats::{Auth, AuthError};
use async_trait::async_trait;
use underpin_config::Secret;
use underpin_errors::BoxError;

/// What the client presents to a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// Nothing: the server is open.
    None,
    /// A user name and a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret<String>,
    },
    /// A token.
    Token(Secret<String>),
    /// The seed of an `NKey`. Needs the feature `nkeys`.
    NkeySeed(Secret<String>),
    /// The text of a credentials file: JWT and seed. Needs the feature `nkeys`.
    File(Secret<String>),
}

/// Supplies the credentials at each attempt to connect, from a vault for example.
///
/// # Examples
/// ```
/// use underpin_nats::{Credentials, CredentialsProvider};
///
/// struct Vault;
///
/// #[async_trait::async_trait]
/// impl CredentialsProvider for Vault {
///     async fn credentials(&self) -> Result<Credentials, underpin_errors::BoxError> {
///         Ok(Credentials::Token("t0k3n".to_owned().into()))
///     }
/// }
/// # let _: std::sync::Arc<dyn CredentialsProvider> = std::sync::Arc::new(Vault);
/// ```
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials that are valid now. Called at each attempt to connect or to reconnect, bounded by the timeout of
    /// the attempt.
    ///
    /// # Errors
    /// Why there are none: the attempt fails with it. The first connect ends, a reconnect is tried again.
    ///
    /// # Cancel safety
    /// Must be safe to drop.
    async fn credentials(&self) -> Result<Credentials, BoxError>;
}

const _: fn(&dyn CredentialsProvider) = |_| ();

impl Credentials {
    /// The fields of CONNECT, for the nonce of the server.
    pub(crate) fn auth(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        match self {
            Self::None => {}
            Self::Password { user, password } => {
                (auth.username, auth.password) = (Some(user.clone()), Some(password.expose().clone()));
            }
            Self::Token(token) => auth.token = Some(token.expose().clone()),
            Self::NkeySeed(seed) => sign_with_seed(&mut auth, seed.expose(), nonce)?,
            Self::File(text) => sign_with_file(&mut auth, text.expose(), nonce)?,
        }
        Ok(auth)
    }
}

#[cfg(feature = "nkeys")]
fn sign_with_seed(auth: &mut Auth, seed: &str, nonce: &[u8]) -> Result<(), AuthError> {
    // The error of the library may show the seed.
    let pair =
        nkeys::KeyPair::from_seed(seed.trim()).map_err(|_| AuthError::new("not the seed of an NKey"))?;
    auth.signature = Some(pair.sign(nonce).map_err(|_| AuthError::new("the NKey cannot sign"))?);
    auth.nkey = Some(pair.public_key());
    Ok(())
}

#[cfg(feature = "nkeys")]
fn sign_with_file(auth: &mut Auth, text: &str, nonce: &[u8]) -> Result<(), AuthError> {
    let mut blocks = decorated(text);
    let (Some(jwt), Some(seed)) = (blocks.next(), blocks.next()) else {
        return Err(AuthError::new("not a credentials file: it needs a JWT and a seed"));
    };
    sign_with_seed(auth, seed, nonce)?;
    // The server takes the key from the JWT.
    (auth.nkey, auth.jwt) = (None, Some(jwt.to_owned()));
    Ok(())
}

/// The lines that follow a line of dashes with a title, such as `-----BEGIN NATS USER JWT-----`.
#[cfg(feature = "nkeys")]
fn decorated(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pairs = lines.clone().zip(lines.skip(1));
    pairs.filter(|(title, _)| title.starts_with("---") && title.contains("BEGIN")).map(|(_, line)| line)
}

#[cfg(not(feature = "nkeys"))]
fn sign_with_seed(_: &mut Auth, _: &str, _: &[u8]) -> Result<(), AuthError> {
    Err(AuthError::new("an NKey needs the feature `nkeys`"))
}

#[cfg(not(feature = "nkeys"))]
fn sign_with_file(_: &mut Auth, _: &str, _: &[u8]) -> Result<(), AuthError> {
    Err(AuthError::new("a credentials file needs the feature `nkeys`"))
}

#[cfg(all(test, feature = "nkeys"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_is_refused_without_its_text() {
        for text in
            ["", "SUAMNOTASEED", "-----BEGIN NATS USER JWT-----\nSUAMNOTASEED\n------END NATS USER JWT------"]
        {
            let error = Credentials::File(text.to_owned().into()).auth(b"nonce").err().unwrap();
            assert!(!format!("{error} {error:?}").contains("SUAM"));
        }
    }
}
