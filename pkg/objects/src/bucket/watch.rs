use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::time::sleep;
use underpin_errors::HealthCheck;
use underpin_store::{Entry, Watch, WatchEvent};

use super::metadata::Current;
use crate::{ObjectEvent, ObjectName, ObjectWatch, StoreError};

/// A watch of the metadata.
pub(super) struct BucketWatch {
    watch: Box<dyn Watch>,
    prefix: String,
    /// Objects that expire, and in the order in which they do: a server does not always tell.
    expiring: BTreeMap<ObjectName, SystemTime>,
    order: BTreeSet<(SystemTime, ObjectName)>,
    /// Whether the initial state is over.
    current: bool,
}

impl BucketWatch {
    pub(super) fn new(watch: Box<dyn Watch>, prefix: String) -> Self {
        Self { watch, prefix, expiring: BTreeMap::new(), order: BTreeSet::new(), current: false }
    }

    /// Forgets when an object expires. Returns whether it would have.
    fn forget(&mut self, name: &ObjectName) -> bool {
        let Some(expires) = self.expiring.remove(name) else { return false };
        self.order.remove(&(expires, name.clone()))
    }

    fn changed(&mut self, entry: Entry) -> Result<Option<ObjectEvent>, StoreError> {
        // The marker of an expiry, which has no metadata: the clock tells it too.
        let Some(found) = Current::read(entry)? else { return Ok(None) };
        if !found.metadata.name.starts_with(&self.prefix) {
            return Ok(None);
        }
        let info = found.info()?;
        self.forget(&info.name);
        if found.metadata.deleted {
            return Ok(self.current.then_some(ObjectEvent::Deleted(info.name)));
        }
        if let Some(expires) = info.expires {
            self.expiring.insert(info.name.clone(), expires);
            self.order.insert((expires, info.name.clone()));
        }
        Ok(Some(ObjectEvent::Stored(info)))
    }
}

#[async_trait]
impl ObjectWatch for BucketWatch {
    async fn next(&mut self) -> Result<ObjectEvent, StoreError> {
        loop {
            let due = self.order.first().cloned();
            let expiry = async {
                match &due {
                    Some((at, _)) => sleep(at.duration_since(SystemTime::now()).unwrap_or_default()).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                biased;
                event = self.watch.next() => event?,
                () = expiry => {
                    let Some((_, name)) = due else { continue };
                    self.forget(&name);
                    return Ok(ObjectEvent::Expired(name));
                }
            };
            match event {
                WatchEvent::Changed(entry) => {
                    if let Some(event) = self.changed(entry)? {
                        return Ok(event);
                    }
                }
                WatchEvent::Current => {
                    self.current = true;
                    return Ok(ObjectEvent::Current);
                }
                WatchEvent::Reset => {
                    (self.expiring, self.order, self.current) = (BTreeMap::new(), BTreeSet::new(), false);
                    return Ok(ObjectEvent::Reset);
                }
                _ => {}
            }
        }
    }

    fn health(&self) -> Arc<dyn HealthCheck> {
        self.watch.health()
    }
}
