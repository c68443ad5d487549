use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::kv::{Config, CreateErrorKind, Operation, Store, UpdateErrorKind};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::store::{Claim, ClaimToken, IdempotencyStore};
use crate::jetstream::JetStream;
use crate::{EventsError, deadline};

const DONE: &[u8] = b"done";

/// An idempotency store in a JetStream key-value bucket, shared by every process of a service.
///
/// Each key is an entry that says `done`, or until when it is claimed. Claims compare and set, so of many at once one is
/// granted. The clocks of the processes decide when a lease is over: keep leases much longer than the clocks differ.
#[derive(Debug)]
pub struct JetStreamIdempotencyStore {
    bus: JetStream,
    bucket: String,
    /// The bucket over a client that may have been replaced since.
    opened: Mutex<(u64, Store)>,
}

impl JetStreamIdempotencyStore {
    /// Opens the bucket, and creates it if it is missing: in files, as many replicas as the stream of events, each entry
    /// kept for `retention`.
    ///
    /// Idempotency: opening again changes nothing.
    ///
    /// # Errors
    /// [`EventsError::InvalidOption`] for a retention below 100 ms or over 100 years, and what the server says.
    ///
    /// # Cancel safety
    /// The bucket may have been created.
    pub async fn open(bus: &JetStream, bucket: &str, retention: Duration) -> Result<Self, EventsError> {
        if !(Duration::from_millis(100)..=Duration::from_secs(100 * 366 * 24 * 60 * 60)).contains(&retention)
        {
            return Err(EventsError::option("retention", "must be from 100ms to 100 years"));
        }
        let backend = bus.backend();
        let (session, jetstream) = (backend.api.connection.session(), backend.api.context());
        let found = backend.api.call("open bucket", jetstream.get_key_value(bucket)).await?;
        let store = match found {
            Ok(store) => store,
            Err(_) => {
                let config = Config {
                    bucket: bucket.to_owned(),
                    description: "what underpin-events has handled".to_owned(),
                    max_age: retention,
                    history: 1,
                    num_replicas: backend.settings.stream.replicas,
                    ..Config::default()
                };
                let create = jetstream.create_key_value(config);
                let created = backend.api.call("create bucket", create).await?;
                created.map_err(|error| EventsError::backend("create bucket", error))?
            }
        };
        let opened = Mutex::new((session, store));
        Ok(Self { bus: bus.clone(), bucket: bucket.to_owned(), opened })
    }

    /// The bucket over the current client.
    async fn store(&self) -> Result<Store, EventsError> {
        let backend = self.bus.backend();
        let session = backend.api.connection.session();
        {
            let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            if opened.0 == session {
                return Ok(opened.1.clone());
            }
        }
        let jetstream = backend.api.context();
        let found = backend.api.call("open bucket", jetstream.get_key_value(&self.bucket)).await?;
        let store = found.map_err(|error| EventsError::backend("open bucket", error))?;
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = (session, store.clone());
        Ok(store)
    }

    /// The entry of a key: its revision and value, unless there is none.
    async fn entry(&self, name: &str) -> Result<Option<(u64, Bytes)>, EventsError> {
        let store = self.store().await?;
        let found = self.bus.backend().api.call("read claim", store.entry(name)).await?;
        let found = found.map_err(|error| EventsError::backend("read claim", error))?;
        Ok(found.filter(|entry| entry.operation == Operation::Put).map(|entry| (entry.revision, entry.value)))
    }

    /// Writes an entry unless it has changed; returns its new revision if it was written.
    async fn swap(
        &self,
        name: &str,
        value: Bytes,
        revision: Option<u64>,
    ) -> Result<Option<u64>, EventsError> {
        let (api, store) = (&self.bus.backend().api, self.store().await?);
        match revision {
            None => match api.call("write claim", store.create(name, value)).await? {
                Ok(revision) => Ok(Some(revision)),
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(None),
                Err(error) => Err(EventsError::backend("write claim", error)),
            },
            Some(revision) => match api.call("write claim", store.update(name, value, revision)).await? {
                Ok(revision) => Ok(Some(revision)),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
                Err(error) => Err(EventsError::backend("write claim", error)),
            },
        }
    }
}

#[async_trait]
impl IdempotencyStore for JetStreamIdempotencyStore {
    async fn claim(&self, key: &str, lease: Duration) -> Result<Claim, EventsError> {
        let name = name_of(key);
        let now = now();
        let revision = match self.entry(&name).await? {
            None => None,
            Some((_, value)) if value == DONE => return Ok(Claim::Done),
            Some((revision, value)) if claimed_until(&value) <= now => Some(revision),
            Some(_) => return Ok(Claim::Held),
        };
        let until = now.saturating_add(deadline::at_most(lease)).as_millis().to_string();
        let written = self.swap(&name, until.into(), revision).await?;
        // The revision is the token: no other claim of the key has it.
        Ok(written.map_or(Claim::Held, |revision| Claim::Granted(ClaimToken::new(revision))))
    }

    async fn complete(&self, key: &str) -> Result<(), EventsError> {
        let name = name_of(key);
        let store = self.store().await?;
        let written = store.put(name, Bytes::from_static(DONE));
        let written = self.bus.backend().api.call("complete claim", written).await?;
        written.map(drop).map_err(|error| EventsError::backend("complete claim", error))
    }

    async fn release(&self, key: &str, token: ClaimToken) -> Result<(), EventsError> {
        // A lease that is over: the next claim takes it. What was written since, a claim or that it is done, stays.
        self.swap(&name_of(key), Bytes::from_static(b"0"), Some(token.get())).await.map(drop)
    }
}

/// The longest key that is stored as it is. Keys are part of a subject, and a server ends the connection, for all that share
/// it, when a protocol line is longer than 4096 bytes.
const MAX_PLAIN: usize = 1024;

/// The name of a key in the bucket. Keys hold any characters, names only a few.
fn name_of(key: &str) -> String {
    // Empty names are not allowed.
    if (1..=MAX_PLAIN).contains(&key.len()) {
        return URL_SAFE_NO_PAD.encode(key);
    }
    // No name above has a slash.
    format!("sha256/{}", URL_SAFE_NO_PAD.encode(digest(&SHA256, key.as_bytes())))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970; what cannot be read was not written by us and is no claim.
fn claimed_until(value: &[u8]) -> Duration {
    let millis = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_short_name_of_its_own() {
        let long = "x".repeat(MAX_PLAIN + 1);
        assert_eq!(name_of("a/7:/orders:\0\u{20ac}"), URL_SAFE_NO_PAD.encode("a/7:/orders:\0\u{20ac}"));
        let names = [name_of(&long), name_of(""), name_of(&"x".repeat(MAX_PLAIN))];
        for name in &names {
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
            assert!(name.len() < 1500 && name.bytes().all(valid), "{name}");
        }
        assert!(names[0] != names[1] && names[0].starts_with("sha256/") && !names[2].contains('/'));
    }
}
