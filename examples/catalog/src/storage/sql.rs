use async_trait::async_trait;
use sea_orm::ActiveEnum as _;
use sqlx::types::Json;
use time::OffsetDateTime;
use underpin_database::{DatabaseError, DatabaseExt as _, Pool, Transaction, TxOptions};
use underpin_logger::Context;
use uuid::Uuid;

use super::{Storage, Updated};
use crate::{Action, AuditEntry, Change, Product};

/// The statements of `queries/*.sql`, which sqlx checks against the tables of PostgreSQL when this is compiled.
///
/// A read runs in a transaction, since that is where the pool takes queries of sqlx: two round trips more than [`OrmStorage`] has. An update
/// is one statement, where that has two.
///
/// [`OrmStorage`]: super::OrmStorage
#[derive(Debug, Clone)]
pub struct SqlStorage {
    database: Pool,
}

impl SqlStorage {
    /// On this PostgreSQL.
    pub fn new(database: &Pool) -> Self {
        Self { database: database.clone() }
    }
}

#[async_trait]
impl Storage for SqlStorage {
    async fn get(&self, ctx: &Context, id: Uuid) -> Result<Option<Product>, DatabaseError> {
        let read = |tx: Transaction| async move {
            let query = sqlx::query_file_as!(Product, "queries/get.sql", id);
            Ok::<_, DatabaseError>(query.fetch_optional(tx.sqlx()).await?)
        };
        self.database.with(ctx).transaction(TxOptions::default().read_only(), read).await
    }

    async fn list(
        &self,
        ctx: &Context,
        limit: u32,
        after: Option<Uuid>,
    ) -> Result<Vec<Product>, DatabaseError> {
        let read = |tx: Transaction| async move {
            let query = sqlx::query_file_as!(Product, "queries/list.sql", after, i64::from(limit));
            Ok::<_, DatabaseError>(query.fetch_all(tx.sqlx()).await?)
        };
        self.database.with(ctx).transaction(TxOptions::default().read_only(), read).await
    }

    async fn history(
        &self,
        ctx: &Context,
        id: Uuid,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, DatabaseError> {
        let read = |tx: Transaction| async move {
            let query = sqlx::query_file!("queries/history.sql", id, before, i64::from(limit));
            let rows = query.fetch_all(tx.sqlx()).await?.into_iter().map(|row| {
                let (action, product) = (Action::try_from_value(&row.action)?, row.product.0);
                Ok(AuditEntry { action, product, request_id: row.request_id, at: row.at })
            });
            rows.collect::<Result<Vec<_>, DatabaseError>>()
        };
        self.database.with(ctx).transaction(TxOptions::default().read_only(), read).await
    }

    async fn insert(&self, tx: &Transaction, product: &Product) -> Result<(), DatabaseError> {
        let insert = sqlx::query_file!(
            "queries/insert.sql",
            product.id,
            product.name,
            product.description,
            product.price_cents,
            product.version,
            product.created_at as OffsetDateTime,
            product.updated_at as OffsetDateTime,
        );
        insert.execute(tx.sqlx()).await?;
        Ok(())
    }

    async fn update(
        &self,
        tx: &Transaction,
        id: Uuid,
        change: &Change,
        at: OffsetDateTime,
    ) -> Result<Updated, DatabaseError> {
        let update = sqlx::query_file_as!(
            Product,
            "queries/update.sql",
            id,
            change.version,
            change.name,
            change.description,
            change.price_cents,
            at as OffsetDateTime,
        );
        if let Some(product) = update.fetch_optional(tx.sqlx()).await? {
            return Ok(Updated::Done(product));
        }
        let version = sqlx::query_file_scalar!("queries/version.sql", id);
        let version = version.fetch_optional(tx.sqlx()).await?;
        Ok(version.map_or(Updated::Missing, |version| Updated::Stale { version }))
    }

    async fn delete(&self, tx: &Transaction, id: Uuid) -> Result<Option<Product>, DatabaseError> {
        let delete = sqlx::query_file_as!(Product, "queries/delete.sql", id);
        Ok(delete.fetch_optional(tx.sqlx()).await?)
    }

    async fn record(&self, tx: &Transaction, entry: &AuditEntry) -> Result<(), DatabaseError> {
        let AuditEntry { action, product, request_id, at } = entry;
        let record = sqlx::query_file!(
            "queries/record.sql",
            product.id,
            product.version,
            action.to_value(),
            Json(product) as Json<&Product>,
            request_id,
            *at as OffsetDateTime,
        );
        record.execute(tx.sqlx()).await?;
        Ok(())
    }
}
