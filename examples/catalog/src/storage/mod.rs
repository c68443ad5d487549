//! Where products are kept: one trait, two implementations.

mod migrations;
mod orm;
mod sql;
mod tables;

use async_trait::async_trait;
use time::OffsetDateTime;
use underpin_database::{DatabaseError, Transaction};
use underpin_logger::Context;
use uuid::Uuid;

use crate::{AuditEntry, Change, Product};

pub use migrations::migrations;
pub use orm::OrmStorage;
pub use sql::SqlStorage;

/// Products and their audit trail.
///
/// Reads go to the pool of the implementation, writes into the transaction of the caller, so that a change, its audit entry and its event
/// commit together. Calls are independent and nothing is repeated; a conflict of two transactions makes the caller run its own again.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The product with this id.
    ///
    /// # Errors
    /// What the database says, as for every method.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn get(&self, ctx: &Context, id: Uuid) -> Result<Option<Product>, DatabaseError>;

    /// At most `limit` products that are older than `after`, the newest first.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn list(
        &self,
        ctx: &Context,
        limit: u32,
        after: Option<Uuid>,
    ) -> Result<Vec<Product>, DatabaseError>;

    /// At most `limit` entries of a product below the version `before`, the newest first. They stay when the product is deleted.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    async fn history(
        &self,
        ctx: &Context,
        id: Uuid,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, DatabaseError>;

    /// Adds a product.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// The transaction can only be rolled back, as for every write.
    async fn insert(&self, tx: &Transaction, product: &Product) -> Result<(), DatabaseError>;

    /// Makes the next version of a product, unless the change is of another version than there is.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// The transaction can only be rolled back.
    async fn update(
        &self,
        tx: &Transaction,
        id: Uuid,
        change: &Change,
        at: OffsetDateTime,
    ) -> Result<Updated, DatabaseError>;

    /// Removes a product and returns its last version.
    ///
    /// # Errors
    /// What the database says.
    ///
    /// # Cancel safety
    /// The transaction can only be rolled back.
    async fn delete(&self, tx: &Transaction, id: Uuid) -> Result<Option<Product>, DatabaseError>;

    /// Adds an entry to the audit trail.
    ///
    /// # Errors
    /// What the database says: a unique violation where the version has an entry.
    ///
    /// # Cancel safety
    /// The transaction can only be rolled back.
    async fn record(&self, tx: &Transaction, entry: &AuditEntry) -> Result<(), DatabaseError>;
}

const _: fn(&dyn Storage) = |_| ();

/// What came of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// The new version.
    Done(Product),
    /// There is no such product.
    Missing,
    /// The product has another version than the change.
    Stale {
        /// The version that it has.
        version: i64,
    },
}
