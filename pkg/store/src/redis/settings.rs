use std::path::PathBuf;
use std::time::Duration;

use redis::{Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates};
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use underpin_config::{Checks, Secret, Validate, duration, setters};

use crate::StoreError;

/// Where a Redis or Valkey server is and how to connect to it. It must be a primary of version 6.2 or newer, without cluster mode.
///
/// # Examples
/// ```
/// use underpin_store::RedisSettings;
///
/// let settings = RedisSettings::new("rediss://cache.internal:6379/0").username("orders").password("love");
/// assert!(settings.check().is_ok());
/// assert!(!format!("{settings:?}").contains("love"));
/// assert!(RedisSettings::new("http://cache.internal").check().is_err());
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisSettings {
    /// The server, as `redis://host:port/database`, or `rediss://` for TLS. Secret, since a URL may carry a password.
    pub url: Secret<String>,
    /// The user of the server's access control list; `default` when absent.
    pub username: Option<String>,
    /// The password of the user.
    pub password: Option<Secret<String>>,
    /// A file of root certificates (PEM) to trust instead of those of the machine. For `rediss://`.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate (PEM), with `key_file`. For `rediss://`.
    pub cert_file: Option<PathBuf>,
    /// The client's private key (PEM).
    pub key_file: Option<PathBuf>,
    /// What every key on the server begins with: letters, digits, `-` and `_`.
    pub prefix: String,
    /// How long an attempt to connect may take. At most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub connect_timeout: Duration,
    /// How long the server may take to answer. At most a day.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub request_timeout: Duration,
}

impl RedisSettings {
    /// Default settings for one server.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Secret::new(url.into()), ..Self::default() }
    }

    setters! {
        /// Sets the user.
        username: impl Into<String> => Some(username.into());
        /// Sets the password.
        password: impl Into<String> => Some(Secret::new(password.into()));
        /// Sets a file of root certificates (PEM).
        ca_file: impl Into<PathBuf> => Some(ca_file.into());
        /// Sets the client's certificate (PEM).
        cert_file: impl Into<PathBuf> => Some(cert_file.into());
        /// Sets the client's private key (PEM).
        key_file: impl Into<PathBuf> => Some(key_file.into());
        /// Sets what every key on the server begins with.
        prefix: impl Into<String> => prefix.into();
        /// Sets how long an attempt to connect may take.
        connect_timeout: Duration => connect_timeout;
        /// Sets how long the server may take to answer.
        request_timeout: Duration => request_timeout;
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`] names the first that is out of range.
    pub fn check(&self) -> Result<(), StoreError> {
        match Checks::of(self).failures().first() {
            Some(failure) => Err(StoreError::option(failure.key(), failure.message())),
            None => Ok(()),
        }
    }

    /// The client, which reads the files of certificates.
    pub(super) fn client(&self) -> Result<Client, StoreError> {
        let info = self.connection_info().ok_or_else(|| StoreError::option("url", NOT_A_URL))?;
        let mut redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        if let Some(username) = &self.username {
            redis = redis.set_username(username);
        }
        if let Some(password) = &self.password {
            redis = redis.set_password(password.expose());
        }
        let read = |file: &PathBuf, option: &str| {
            std::fs::read(file).map_err(|_| StoreError::option(option, "is a file that cannot be read"))
        };
        let optional =
            |file: &Option<PathBuf>, option| file.as_ref().map(|file| read(file, option)).transpose();
        let root_cert = optional(&self.ca_file, "ca_file")?;
        let pair = (optional(&self.cert_file, "cert_file")?, optional(&self.key_file, "key_file")?);
        let client_tls = match pair {
            (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig { client_cert, client_key }),
            _ => None,
        };
        // The client takes the cryptography of the process. An error means that another task installed it first.
        if CryptoProvider::get_default().is_none() {
            let _installed = ring::default_provider().install_default();
        }
        let client = match (&root_cert, &client_tls) {
            (None, None) => Client::open(info.set_redis_settings(redis)),
            _ => Client::build_with_tls(
                info.set_redis_settings(redis),
                TlsCertificates { client_tls, root_cert },
            ),
        };
        client.map_err(|_| StoreError::option("url", "does not fit the certificates, or they are not PEM"))
    }

    fn connection_info(&self) -> Option<ConnectionInfo> {
        self.url.expose().as_str().into_connection_info().ok()
    }
}

const NOT_A_URL: &str = "must be a URL such as `redis://host:6379/0`";
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379".into(),
            username: None,
            password: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            prefix: "underpin".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
        }
    }
}

impl Validate for RedisSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.connection_info().is_some(), "url", NOT_A_URL);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let prefix = (1..=64).contains(&self.prefix.len()) && self.prefix.bytes().all(plain);
        checks.ensure(prefix, "prefix", "must be 1 to 64 letters, digits, `-` and `_`");
        for (key, limit) in
            [("connect_timeout", self.connect_timeout), ("request_timeout", self.request_timeout)]
        {
            checks.ensure(!limit.is_zero(), key, "must be longer than zero");
            checks.ensure(limit <= A_DAY, key, "must be at most a day");
        }
        let pair = self.cert_file.is_some() == self.key_file.is_some();
        checks.ensure(pair, "key_file", "must be set together with `cert_file`");
        let files = self.ca_file.is_some() || self.cert_file.is_some();
        let tls = self.url.expose().starts_with("rediss:");
        checks.ensure(tls || !files, "url", "must begin with `rediss://` where certificates are set");
    }
}
