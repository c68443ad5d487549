//! Queries on the table of orders. They run on whatever they are given: the pool, a session, or a transaction.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    TryInsertResult,
};
use underpin_database::DatabaseError;
use uuid::Uuid;

use super::Cursor;
use super::tables::orders::{Column, Entity, Model};
use crate::order::Order;

/// Inserts an order, unless one with this idempotency key is there: then that one comes back and no row is written.
///
/// When two requests race with one key, the database decides: the second insert waits for the first transaction, and then
/// either finds the key taken or, if the first was rolled back, goes ahead.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    order: Order,
    idempotency_key: Option<&str>,
) -> Result<Inserted, DatabaseError> {
    let row = Model::new(order.clone(), idempotency_key.map(str::to_owned)).into_active_model();
    let insert = Entity::insert(row).on_conflict_do_nothing_on([Column::IdempotencyKey]);
    if let TryInsertResult::Inserted(1) = insert.exec_without_returning(db).await? {
        return Ok(Inserted::New(order));
    }
    let existing = Entity::find().filter(Column::IdempotencyKey.eq(idempotency_key)).one(db).await?;
    let missing = || DbErr::RecordNotFound("the order that holds the idempotency key".to_owned());
    Ok(Inserted::Before(existing.ok_or_else(missing)?.into()))
}

/// The outcome of an insert.
pub(crate) enum Inserted {
    /// The order is new.
    New(Order),
    /// This order was placed under the same key before.
    Before(Order),
}

/// The order with this id.
pub(crate) async fn get(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Order>, DatabaseError> {
    Ok(Entity::find_by_id(id).one(db).await?.map(Order::from))
}

/// Which orders to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) customer: Option<String>,
    pub(crate) limit: u64,
    pub(crate) cursor: Option<Cursor>,
}

/// Orders, newest first, and where the next page begins, if there is one.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    page: &Page,
) -> Result<(Vec<Order>, Option<Cursor>), DatabaseError> {
    // One row more than asked for tells whether there is a next page.
    let mut query = Entity::find().order_by_desc(Column::Id).limit(page.limit + 1);
    if let Some(customer) = &page.customer {
        query = query.filter(Column::Customer.eq(customer));
    }
    if let Some(cursor) = page.cursor {
        query = query.filter(Column::Id.lt(cursor.id()));
    }
    let mut orders: Vec<Order> = query.all(db).await?.into_iter().map(Order::from).collect();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = orders.len() > limit;
    orders.truncate(limit);
    let next = orders.last().filter(|_| more).map(|last| Cursor::after(last.id));
    Ok((orders, next))
}
