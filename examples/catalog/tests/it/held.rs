//! A storage that counts reads, and holds one between its query and its answer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use catalog::{AuditEntry, Change, OrmStorage, Product, Storage, Updated};
use time::OffsetDateTime;
use tokio::sync::Notify;
use underpin_database::{DatabaseError, Pool, Transaction};
use underpin_logger::Context;
use uuid::Uuid;

pub(crate) struct HeldStorage {
    storage: OrmStorage,
    holds_next: AtomicBool,
    has_read: Notify,
    go_on: Notify,
    reads: AtomicUsize,
}

impl HeldStorage {
    pub(crate) fn new(database: &Pool) -> Self {
        Self {
            storage: OrmStorage::new(database),
            holds_next: AtomicBool::new(false),
            has_read: Notify::new(),
            go_on: Notify::new(),
            reads: AtomicUsize::new(0),
        }
    }

    /// The next read waits for `release` once it has its row.
    pub(crate) fn hold(&self) {
        self.holds_next.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn has_read(&self) {
        self.has_read.notified().await;
    }

    pub(crate) fn release(&self) {
        self.go_on.notify_one();
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    async fn gate(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.holds_next.swap(false, Ordering::SeqCst) {
            self.has_read.notify_one();
            self.go_on.notified().await;
        }
    }
}

#[async_trait]
impl Storage for HeldStorage {
    async fn get(&self, ctx: &Context, id: Uuid) -> Result<Option<Product>, DatabaseError> {
        let found = self.storage.get(ctx, id).await;
        self.gate().await;
        found
    }

    async fn list(
        &self,
        ctx: &Context,
        limit: u32,
        after: Option<Uuid>,
    ) -> Result<Vec<Product>, DatabaseError> {
        let found = self.storage.list(ctx, limit, after).await;
        self.gate().await;
        found
    }

    async fn history(
        &self,
        ctx: &Context,
        id: Uuid,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, DatabaseError> {
        self.storage.history(ctx, id, before, limit).await
    }

    async fn insert(&self, tx: &Transaction, product: &Product) -> Result<(), DatabaseError> {
        self.storage.insert(tx, product).await
    }

    async fn update(
        &self,
        tx: &Transaction,
        id: Uuid,
        change: &Change,
        at: OffsetDateTime,
    ) -> Result<Updated, DatabaseError> {
        self.storage.update(tx, id, change, at).await
    }

    async fn delete(&self, tx: &Transaction, id: Uuid) -> Result<Option<Product>, DatabaseError> {
        self.storage.delete(tx, id).await
    }

    async fn record(&self, tx: &Transaction, entry: &AuditEntry) -> Result<(), DatabaseError> {
        self.storage.record(tx, entry).await
    }
}
