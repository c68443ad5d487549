//! The entries of a bucket, their order and their expiry.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;
use underpin_config::ByteSize;
use underpin_journal::Journal;

use super::record::Record;
use super::stored_write::StoredWrite;
use crate::{
    BucketSettings, BucketStatus, Entry, Expect, Key, KeyPattern, Operation, Revision, StoreError, Ttl,
};

/// What nats-server takes by default.
const MAX_VALUE_SIZE: usize = 1024 * 1024;

pub(super) struct Bucket {
    settings: BucketSettings,
    last: u64,
    /// The writes of each key, oldest first; never empty.
    keys: HashMap<Key, VecDeque<StoredWrite>>,
    /// The key of each stored write.
    order: BTreeMap<u64, Key>,
    expiries: BTreeSet<(Instant, u64)>,
    bytes: u64,
    pub(super) journal: Option<Journal>,
}

impl Bucket {
    pub(super) fn new(settings: BucketSettings) -> Self {
        Self {
            settings,
            last: 0,
            keys: HashMap::new(),
            order: BTreeMap::new(),
            expiries: BTreeSet::new(),
            bytes: 0,
            journal: None,
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Entry> {
        let stored = self.keys.get(key)?.back()?;
        stored.is_live(Instant::now).then(|| stored.entry(key))
    }

    pub(super) fn put(
        &mut self,
        key: &Key,
        value: Bytes,
        expect: Expect,
        ttl: Ttl,
    ) -> Result<Revision, StoreError> {
        let limit = self.settings.max_value_size.map_or(MAX_VALUE_SIZE, ByteSize::as_usize);
        if value.len() > limit {
            return Err(StoreError::TooLarge { size: value.len(), limit: Some(limit) });
        }
        let after = self.settings.whole_seconds(ttl)?.map(Duration::from_secs);
        let now = Instant::now();
        self.expire(now);
        self.check(key, expect)?;
        let kept = [after, self.settings.ttl].into_iter().flatten().min();
        self.write(key, value, Operation::Put, kept.map(|kept| now + kept))
    }

    pub(super) fn remove(
        &mut self,
        key: &Key,
        operation: Operation,
        expect: Expect,
    ) -> Result<(), StoreError> {
        if expect == Expect::Absent {
            return Err(StoreError::option("expect", "must not be `Absent` for a removal"));
        }
        let now = Instant::now();
        self.expire(now);
        self.check(key, expect)?;
        let kept = if self.settings.key_ttl { Some(self.settings.marker_ttl) } else { self.settings.ttl };
        self.write(key, Bytes::new(), operation, kept.map(|kept| now + kept)).map(drop)
    }

    fn check(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        let last = self.keys.get(key).and_then(VecDeque::back);
        let current = last.map(|stored| Revision::new(stored.revision));
        match expect {
            Expect::Absent if last.is_some_and(|stored| stored.operation == Operation::Put) => {
                Err(StoreError::Exists { revision: current })
            }
            // Zero is the revision of a key without a write.
            Expect::Revision(expected) if current.unwrap_or_default() != expected => {
                Err(StoreError::Conflict { current })
            }
            _ => Ok(()),
        }
    }

    fn write(
        &mut self,
        key: &Key,
        value: Bytes,
        operation: Operation,
        expires: Option<Instant>,
    ) -> Result<Revision, StoreError> {
        let size = size_of(key, &value);
        let limit = self.settings.max_bytes.map(ByteSize::bytes);
        if operation == Operation::Put && limit.is_some_and(|limit| self.bytes + size > limit) {
            return Err(StoreError::Full);
        }
        let revision = self.last + 1;
        let stored = StoredWrite { revision, value, written: SystemTime::now(), operation, expires };
        self.note(|| Record::write(key, &stored))?;
        self.last = revision;
        self.apply(key, stored);
        self.compact();
        Ok(Revision::new(revision))
    }

    /// Adds a write, and drops those that it replaces.
    pub(super) fn apply(&mut self, key: &Key, stored: StoredWrite) {
        if stored.operation == Operation::Purge {
            self.forget(key);
        }
        self.order.insert(stored.revision, key.clone());
        self.bytes += size_of(key, &stored.value);
        if let Some(expires) = stored.expires {
            self.expiries.insert((expires, stored.revision));
        }
        self.keys.entry(key.clone()).or_default().push_back(stored);
        let history = usize::try_from(self.settings.history).unwrap_or(usize::MAX);
        while self.keys.get(key).is_some_and(|writes| writes.len() > history) {
            self.drop_oldest(key);
        }
    }

    /// No later write has a number up to this one.
    pub(super) fn raise(&mut self, revision: u64) {
        self.last = self.last.max(revision);
    }

    /// Every stored write, in the order of the writes.
    pub(super) fn writes(&self) -> impl Iterator<Item = (&Key, &StoredWrite)> {
        self.order.iter().filter_map(|(revision, key)| {
            let stored = self.keys.get(key)?.iter().find(|stored| stored.revision == *revision)?;
            Some((key, stored))
        })
    }

    fn drop_oldest(&mut self, key: &Key) {
        let oldest = self.keys.get_mut(key).and_then(VecDeque::pop_front);
        if let Some(oldest) = oldest {
            self.dropped(key, &oldest);
        }
    }

    pub(super) fn forget(&mut self, key: &Key) {
        for stored in self.keys.remove(key).into_iter().flatten() {
            self.dropped(key, &stored);
        }
    }

    fn dropped(&mut self, key: &Key, stored: &StoredWrite) {
        self.order.remove(&stored.revision);
        self.bytes -= size_of(key, &stored.value);
        if let Some(expires) = stored.expires {
            self.expiries.remove(&(expires, stored.revision));
        }
    }

    /// Removes what has expired, and writes a marker for a value where the bucket has markers.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((_, revision)) = self.expiries.first().copied().filter(|(expires, _)| *expires <= now)
        {
            let Some(key) = self.order.get(&revision).cloned() else { return };
            let Some(operation) = self.take(&key, revision) else { return };
            if operation == Operation::Put && self.settings.key_ttl {
                let until = Some(now + self.settings.marker_ttl);
                // Only values can find the bucket full. Without a marker in the journal, the next start writes it again.
                drop(self.write(&key, Bytes::new(), Operation::Expired, until));
            }
        }
    }

    /// Removes one write of a key.
    fn take(&mut self, key: &Key, revision: u64) -> Option<Operation> {
        let writes = self.keys.get_mut(key)?;
        let at = writes.iter().position(|stored| stored.revision == revision)?;
        let stored = writes.remove(at)?;
        if writes.is_empty() {
            self.keys.remove(key);
        }
        self.dropped(key, &stored);
        Some(stored.operation)
    }

    pub(super) fn history(&mut self, key: &Key) -> Vec<Entry> {
        self.expire(Instant::now());
        self.keys.get(key).into_iter().flatten().map(|stored| stored.entry(key)).collect()
    }

    pub(super) fn live(&mut self, pattern: &KeyPattern) -> Vec<Key> {
        self.expire(Instant::now());
        let live = |writes: &VecDeque<StoredWrite>| {
            writes.back().is_some_and(|stored| stored.operation == Operation::Put)
        };
        let matching = self.keys.iter().filter(|(key, writes)| live(writes) && pattern.matches(key));
        matching.map(|(key, _)| key.clone()).collect()
    }

    /// Forgets a key, if this is still its last write.
    pub(super) fn forget_last(&mut self, key: &Key, revision: Revision) -> Result<(), StoreError> {
        let last = self.keys.get(key).and_then(VecDeque::back);
        if last.is_none_or(|last| last.revision != revision.get()) {
            return Ok(());
        }
        self.note(|| Record::forget(key))?;
        self.forget(key);
        Ok(())
    }

    /// Forgets removals that are the last write of their key and older than this.
    pub(super) fn forget_removals(&mut self, older_than: Duration) -> Result<u64, StoreError> {
        let now = SystemTime::now();
        let old = |stored: &StoredWrite| {
            stored.operation != Operation::Put
                && now.duration_since(stored.written).is_ok_and(|age| age >= older_than)
        };
        let found = self.keys.iter().filter(|(_, writes)| writes.back().is_some_and(old));
        let keys: Vec<Key> = found.map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.note(|| Record::forget(key))?;
            self.forget(key);
        }
        Ok(u64::try_from(keys.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn status(&mut self) -> BucketStatus {
        self.expire(Instant::now());
        BucketStatus {
            bucket: self.settings.name.clone(),
            entries: u64::try_from(self.order.len()).unwrap_or(u64::MAX),
            bytes: self.bytes,
            history: self.settings.history,
            ttl: self.settings.ttl,
            key_ttl: self.settings.key_ttl,
            replicas: 1,
            last: Revision::new(self.last),
        }
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.first().map(|(expires, _)| *expires)
    }

    /// The first write after `after` that `wanted` takes, given the write and whether it is the last of its key.
    pub(super) fn find_after(&self, after: u64, wanted: impl Fn(&Entry, bool) -> bool) -> Option<Entry> {
        self.order.range(after + 1..).find_map(|(revision, key)| {
            let writes = self.keys.get(key)?;
            let stored = writes.iter().find(|stored| stored.revision == *revision)?;
            let is_last = writes.back().is_some_and(|last| last.revision == *revision);
            Some(stored.entry(key)).filter(|entry| wanted(entry, is_last))
        })
    }
}

fn size_of(key: &Key, value: &Bytes) -> u64 {
    u64::try_from(key.as_str().len() + value.len()).unwrap_or(u64::MAX)
}
