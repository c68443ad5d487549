use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    ModelTrait, QueryFilter, QueryOrder, QuerySelect,
};
use time::OffsetDateTime;
use underpin_database::{DatabaseError, Pool, Transaction};
use underpin_logger::Context;
use uuid::Uuid;

use super::tables::{audit, product};
use super::{Storage, Updated};
use crate::{AuditEntry, Change, Product};

/// Entities of sea-orm, on PostgreSQL and on SQLite.
///
/// A read is one statement on the pool. An update reads the row, which it locks where the database can, and writes it back.
#[derive(Debug, Clone)]
pub struct OrmStorage {
    database: Pool,
}

impl OrmStorage {
    /// On this database.
    pub fn new(database: &Pool) -> Self {
        Self { database: database.clone() }
    }
}

#[async_trait]
impl Storage for OrmStorage {
    async fn get(&self, ctx: &Context, id: Uuid) -> Result<Option<Product>, DatabaseError> {
        let row = product::Entity::find_by_id(id).one(&self.database.with(ctx)).await?;
        Ok(row.map(Product::from))
    }

    async fn list(
        &self,
        ctx: &Context,
        limit: u32,
        after: Option<Uuid>,
    ) -> Result<Vec<Product>, DatabaseError> {
        let mut query = product::Entity::find().order_by_desc(product::Column::Id).limit(u64::from(limit));
        if let Some(after) = after {
            query = query.filter(product::Column::Id.lt(after));
        }
        let rows = query.all(&self.database.with(ctx)).await?;
        Ok(rows.into_iter().map(Product::from).collect())
    }

    async fn history(
        &self,
        ctx: &Context,
        id: Uuid,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, DatabaseError> {
        let rows = audit::Entity::find()
            .filter(audit::Column::ProductId.eq(id))
            .filter(audit::Column::Version.lt(before))
            .order_by_desc(audit::Column::Version)
            .limit(u64::from(limit))
            .all(&self.database.with(ctx))
            .await?;
        Ok(rows.into_iter().map(AuditEntry::from).collect())
    }

    async fn insert(&self, tx: &Transaction, product: &Product) -> Result<(), DatabaseError> {
        let row = product::Model::from(product.clone()).into_active_model();
        product::Entity::insert(row).exec_without_returning(tx).await?;
        Ok(())
    }

    async fn update(
        &self,
        tx: &Transaction,
        id: Uuid,
        change: &Change,
        at: OffsetDateTime,
    ) -> Result<Updated, DatabaseError> {
        let Some(row) = locked(tx, id).await? else { return Ok(Updated::Missing) };
        let version = row.version;
        if change.version.is_some_and(|expected| expected != version) {
            return Ok(Updated::Stale { version });
        }
        let mut row = row.into_active_model();
        row.name = Set(change.name.clone());
        row.description = Set(change.description.clone());
        row.price_cents = Set(change.price_cents);
        row.version = Set(version + 1);
        row.updated_at = Set(at);
        Ok(Updated::Done(row.update(tx).await?.into()))
    }

    async fn delete(&self, tx: &Transaction, id: Uuid) -> Result<Option<Product>, DatabaseError> {
        let Some(row) = locked(tx, id).await? else { return Ok(None) };
        row.clone().delete(tx).await?;
        Ok(Some(row.into()))
    }

    async fn record(&self, tx: &Transaction, entry: &AuditEntry) -> Result<(), DatabaseError> {
        let row = audit::Model::from(entry.clone()).into_active_model();
        audit::Entity::insert(row).exec_without_returning(tx).await?;
        Ok(())
    }
}

/// A row that no other transaction changes until this one ends: on SQLite there is one writer at a time anyway.
async fn locked(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<product::Model>, DatabaseError> {
    Ok(product::Entity::find_by_id(id).lock_exclusive().one(tx).await?)
}
