use std::sync::{Arc, Mutex, PoisonError};

use async_nats::ServerAddr;
use tokio::sync::broadcast;
use underpin_logger::Logger;

use crate::denial::Denial;
use crate::link::Link;
use crate::settings_credentials::SettingsCredentials;
use crate::{CredentialsProvider, NatsError, NatsSettings};

/// Denials that a slow reader may be behind with.
const KEPT_DENIALS: usize = 256;

/// What all sessions of a connection share.
pub(crate) struct Environment {
    pub(crate) settings: NatsSettings,
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) credentials: Option<Arc<dyn CredentialsProvider>>,
    pub(crate) log: Arc<dyn Logger>,
    pub(crate) link: Link,
    pub(crate) denials: broadcast::Sender<Denial>,
    failure: Mutex<Option<String>>,
}

impl Environment {
    pub(crate) fn new(
        settings: &NatsSettings,
        provider: Option<Arc<dyn CredentialsProvider>>,
        log: Arc<dyn Logger>,
    ) -> Result<Self, NatsError> {
        settings.check()?;
        let servers = settings.addresses()?;
        let credentials = provider.or_else(|| {
            SettingsCredentials::new(&settings.auth, &servers)
                .map(|credentials| Arc::new(credentials) as Arc<dyn CredentialsProvider>)
        });
        Ok(Self {
            settings: settings.clone(),
            servers,
            credentials,
            log,
            link: Link::new(),
            denials: broadcast::Sender::new(KEPT_DENIALS),
            failure: Mutex::new(None),
        })
    }

    /// Notes why the last attempt to connect failed.
    pub(crate) fn set_failure(&self, failure: Option<String>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Why the last attempt to connect failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
