use sea_orm_migration::MigratorTrait;

use super::lock::Turn;
use crate::{DatabaseError, Pool};

/// Runs what a sea-orm migrator has not run yet, under the same lock as our own migrations.
///
/// sea-orm-migration takes no lock by itself, and wants sea-orm's own connection: it gets one for the time of the call.
///
/// # Errors
/// What the database or the migrator says; [`Condition::Unsupported`](crate::Condition::Unsupported) for a SQLite database
/// in memory, which has no second connection.
///
/// # Cancel safety
/// As the migrations given: sea-orm-migration runs each in a transaction on PostgreSQL only.
pub async fn up_with<M: MigratorTrait>(pool: &Pool) -> Result<(), DatabaseError> {
    let connection = pool.sea_orm(1)?;
    let turn = Turn::wait(pool).await?;
    let result = M::up(&connection, None).await;
    turn.end().await;
    Ok(result?)
}

/// Undoes the last `steps` migrations of a sea-orm migrator.
///
/// # Errors
/// As [`up_with`].
///
/// # Cancel safety
/// As [`up_with`].
pub async fn down_with<M: MigratorTrait>(pool: &Pool, steps: u32) -> Result<(), DatabaseError> {
    let connection = pool.sea_orm(1)?;
    let turn = Turn::wait(pool).await?;
    let result = M::down(&connection, Some(steps)).await;
    turn.end().await;
    Ok(result?)
}
