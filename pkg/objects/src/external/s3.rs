use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::signer::{Method, Signer};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;
use underpin_config::{ByteSize, Checks, Secret, Validate, duration};

use super::http::HyperConnector;
use super::objects::{External, ExternalObjects};
use super::signature::SignedRequest;
use super::{failure, path};
use crate::{ObjectName, Presign, PresignUpload, PresignedRequest, StoreError};

/// How often a request is repeated that failed for a passing reason.
const RETRIES: usize = 3;
const SIGN: &str = "sign a URL";
/// What S3 takes.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A bucket of S3, or of a service with its interface.
///
/// # Examples
/// ```no_run
/// use underpin_objects::{ExternalObjects, S3Settings};
///
/// let settings = S3Settings::new("uploads").region("eu-central-1").keys("AKIA..", "secret");
/// let files = ExternalObjects::s3(&settings)?;
/// assert!(underpin_objects::Objects::presign(&files).is_some());
/// # Ok::<_, underpin_objects::StoreError>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct S3Settings {
    /// The bucket. It must exist.
    pub bucket: String,
    /// The region.
    pub region: String,
    /// The URL of the service; that of AWS for the region when absent.
    pub endpoint: Option<String>,
    /// Whether the endpoint may be without TLS.
    pub allow_http: bool,
    /// Whether the bucket is a part of the host's name instead of the path.
    pub virtual_hosts: bool,
    /// The id of the access key. Without keys the environment of the process or the machine supplies them.
    pub access_key_id: Option<String>,
    /// The secret of the access key.
    pub secret_access_key: Option<Secret<String>>,
    /// How much is sent at once, from 5 MiB to 1 GiB. Larger objects go in parts and cannot expect anything.
    pub part_size: ByteSize,
    /// How many parts an upload has in flight, from 1 to 64. It holds at most one more in memory.
    pub window: usize,
    /// How long the answer to one request may take to begin, from 1s to 1h. A part must be sent within it.
    #[serde(with = "duration")]
    #[cfg_attr(feature = "schema", schemars(with = "underpin_config::schema::DurationText"))]
    pub request_timeout: Duration,
}

impl S3Settings {
    /// Default settings for a bucket of this name.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), ..Self::default() }
    }

    underpin_config::setters! {
        /// Sets the region.
        region: impl Into<String> => region.into();
        /// Sets the URL of the service.
        endpoint: impl Into<String> => Some(endpoint.into());
        /// Sets whether the endpoint may be without TLS.
        allow_http: bool => allow_http;
        /// Sets whether the bucket is a part of the host's name.
        virtual_hosts: bool => virtual_hosts;
        /// Sets how much is sent at once.
        part_size: ByteSize => part_size;
        /// Sets how many parts are in flight.
        window: usize => window;
        /// Sets how long an answer may take.
        request_timeout: Duration => request_timeout;
    }

    /// Sets the access key.
    #[must_use]
    pub fn keys(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        (self.access_key_id, self.secret_access_key) = (Some(id.into()), Some(Secret::new(secret.into())));
        self
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
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            bucket: "objects".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            allow_http: false,
            virtual_hosts: false,
            access_key_id: None,
            secret_access_key: None,
            part_size: ByteSize::mib(8),
            window: 4,
            request_timeout: Duration::from_secs(60),
        }
    }
}

impl Validate for S3Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(!self.bucket.is_empty(), "bucket", "must not be empty");
        let both = self.access_key_id.is_some() == self.secret_access_key.is_some();
        checks.ensure(both, "secret_access_key", "must be set together with `access_key_id`");
        let parts = ByteSize::mib(5)..=ByteSize::mib(1024);
        checks.ensure(parts.contains(&self.part_size), "part_size", "must be from 5 MiB to 1 GiB");
        checks.ensure((1..=64).contains(&self.window), "window", "must be from 1 to 64");
        let timeouts = Duration::from_secs(1)..=Duration::from_secs(3600);
        checks.ensure(timeouts.contains(&self.request_timeout), "request_timeout", "must be from 1s to 1h");
    }
}

impl ExternalObjects {
    /// The objects of a bucket of S3. Sends no request.
    ///
    /// # Errors
    /// [`StoreError::InvalidOption`].
    pub fn s3(settings: &S3Settings) -> Result<Self, StoreError> {
        settings.check()?;
        let keys = settings.access_key_id.as_ref().zip(settings.secret_access_key.as_ref());
        let mut builder = match keys {
            Some((id, secret)) => {
                AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret.expose())
            }
            None => AmazonS3Builder::from_env(),
        };
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let connector = HyperConnector::new(settings.request_timeout).map_err(StoreError::Unavailable)?;
        let retry_timeout = settings.request_timeout;
        let retries = RetryConfig { max_retries: RETRIES, retry_timeout, ..RetryConfig::default() };
        let store = builder
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_allow_http(settings.allow_http)
            .with_virtual_hosted_style_request(settings.virtual_hosts)
            .with_retry(retries)
            .with_http_connector(connector)
            .build();
        let store = Arc::new(store.map_err(|error| failure::of("open a bucket", error))?);
        Ok(Self::new(External {
            bucket: settings.bucket.clone(),
            store: Arc::<AmazonS3>::clone(&store),
            presign: Some(Arc::new(S3Presign { store, region: settings.region.clone() })),
            attributes: true,
            part_size: settings.part_size.as_usize(),
            window: settings.window,
            tasks: TaskTracker::new(),
            folder: None,
        }))
    }
}

struct S3Presign {
    store: Arc<AmazonS3>,
    region: String,
}

fn check(lasts: Duration) -> Result<(), StoreError> {
    if (Duration::from_secs(1)..=LONGEST).contains(&lasts) {
        return Ok(());
    }
    Err(StoreError::option("lasts", "must be from 1s to 7 days"))
}

#[async_trait]
impl Presign for S3Presign {
    async fn presign_get(&self, name: &ObjectName, lasts: Duration) -> Result<PresignedRequest, StoreError> {
        check(lasts)?;
        let signed = self.store.signed_url(Method::GET, &path::of(name)?, lasts).await;
        let url = signed.map_err(|error| failure::of(SIGN, error))?;
        Ok(PresignedRequest::new("GET", url, Vec::new()))
    }

    async fn presign_put(
        &self,
        name: &ObjectName,
        upload: PresignUpload,
        lasts: Duration,
    ) -> Result<PresignedRequest, StoreError> {
        check(lasts)?;
        let PresignUpload { length, digest, content_type } = upload;
        if content_type.as_deref().is_some_and(|text| HeaderValue::from_str(text).is_err()) {
            return Err(StoreError::option("content_type", "must be a header"));
        }
        let mut headers = vec![
            ("content-length".to_owned(), length.to_string()),
            ("x-amz-checksum-sha256".to_owned(), STANDARD.encode(digest.as_bytes())),
        ];
        headers.extend(content_type.map(|content_type| ("content-type".to_owned(), content_type)));

        // Its own signature is replaced.
        let url = self.store.signed_url(Method::PUT, &path::of(name)?, lasts).await;
        let mut url = url.map_err(|error| failure::of(SIGN, error))?;
        let credential = self.store.credentials().get_credential().await;
        let credential = credential.map_err(|error| failure::of(SIGN, error))?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}{port}", url.host_str().unwrap_or_default());
        let mut signed: BTreeMap<_, _> = headers.iter().map(|(key, value)| (&**key, &**value)).collect();
        signed.insert("host", &host);
        let request = SignedRequest {
            method: "PUT",
            path: url.path(),
            headers: signed,
            region: &self.region,
            at: OffsetDateTime::now_utc(),
            lasts,
        };
        let query = request.query(&credential);
        url.set_query(Some(&query));
        Ok(PresignedRequest::new("PUT", url, headers))
    }
}

impl fmt::Debug for S3Presign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Presign").finish_non_exhaustive()
    }
}
