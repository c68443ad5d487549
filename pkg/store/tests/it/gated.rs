use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch::Sender;
use underpin_errors::{Health, HealthCheck};
use underpin_store::{
    BucketStatus, Entry, Expect, Key, KeyList, KeyPattern, KeyValue, Read, Revision, StoreError, Ttl, Watch,
    WatchOptions,
};

/// What the network between a client and its store does.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Network {
    Works,
    /// Calls wait, and go on afterwards.
    Frozen,
    /// Calls arrive, and their answers do not.
    LosesAnswers,
}

/// A store behind a network.
pub(crate) struct Gated {
    store: Arc<dyn KeyValue>,
    network: Sender<Network>,
}

impl Gated {
    pub(crate) fn new(store: Arc<dyn KeyValue>) -> Arc<Self> {
        Arc::new(Self { store, network: Sender::new(Network::Works) })
    }

    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    async fn gate(&self) {
        let mut network = self.network.subscribe();
        network.wait_for(|network| *network != Network::Frozen).await.expect("the sender is here");
    }

    /// Lets an answer pass.
    async fn answered<T>(&self, answer: Result<T, StoreError>, lost: StoreError) -> Result<T, StoreError> {
        self.gate().await;
        if *self.network.borrow() == Network::LosesAnswers { Err(lost) } else { answer }
    }
}

#[async_trait]
impl HealthCheck for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    async fn check(&self) -> Health {
        self.store.check().await
    }
}

#[async_trait]
impl KeyValue for Gated {
    async fn get(&self, key: &Key, read: Read) -> Result<Option<Entry>, StoreError> {
        self.gate().await;
        let answer = self.store.get(key, read).await;
        self.answered(answer, StoreError::Unavailable("lost".into())).await
    }

    async fn put(&self, key: &Key, value: Bytes, expect: Expect, ttl: Ttl) -> Result<Revision, StoreError> {
        self.gate().await;
        let answer = self.store.put(key, value, expect, ttl).await;
        self.answered(answer, StoreError::Unconfirmed("lost".into())).await
    }

    async fn delete(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.gate().await;
        let answer = self.store.delete(key, expect).await;
        self.answered(answer, StoreError::Unconfirmed("lost".into())).await
    }

    async fn purge(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        self.store.purge(key, expect).await
    }

    async fn history(&self, key: &Key) -> Result<Vec<Entry>, StoreError> {
        self.store.history(key).await
    }

    async fn keys(&self, pattern: &KeyPattern) -> Result<Box<dyn KeyList>, StoreError> {
        self.store.keys(pattern).await
    }

    async fn watch(&self, options: WatchOptions) -> Result<Box<dyn Watch>, StoreError> {
        self.store.watch(options).await
    }

    async fn forget_removals(&self, older_than: std::time::Duration) -> Result<u64, StoreError> {
        self.store.forget_removals(older_than).await
    }

    async fn status(&self) -> Result<BucketStatus, StoreError> {
        self.store.status().await
    }
}
