//! The projection: how many orders were placed, and what they are worth together.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ConnectionTrait, EntityTrait, IntoActiveModel};
use serde::Serialize;
use underpin_database::DatabaseError;

use super::tables::stats::{Column, Entity, Model, ONLY_ROW};
use crate::event::OrderPlaced;

/// The body of `GET /stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Stats {
    pub(crate) orders_placed: i64,
    pub(crate) revenue_cents: i64,
}

/// Adds one event, in one statement, so that concurrent consumers do not lose each other's additions.
pub(crate) async fn add(db: &impl ConnectionTrait, event: &OrderPlaced) -> Result<(), DatabaseError> {
    let first = Model { id: ONLY_ROW, orders_placed: 1, revenue_cents: event.total_cents };
    let sum = |column: Column, more: i64| (column, Expr::col((Entity, column)).add(more));
    let add = OnConflict::column(Column::Id)
        .values([sum(Column::OrdersPlaced, 1), sum(Column::RevenueCents, event.total_cents)])
        .to_owned();
    Entity::insert(first.into_active_model()).on_conflict(add).exec_without_returning(db).await?;
    Ok(())
}

/// The projection as it stands; all zero before the first event.
pub(crate) async fn read(db: &impl ConnectionTrait) -> Result<Stats, DatabaseError> {
    let row = Entity::find_by_id(ONLY_ROW).one(db).await?;
    Ok(row.map_or_else(Stats::default, |row| Stats {
        orders_placed: row.orders_placed,
        revenue_cents: row.revenue_cents,
    }))
}
