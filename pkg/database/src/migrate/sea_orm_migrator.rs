use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;

use super::lock::MigrationLock;
use crate::{Backend, DatabaseError, Pool, PoolingMode};

/// Runs what a sea-orm migrator has not run yet; on PostgreSQL under the same lock as our own migrations.
///
/// sea-orm-migration takes no lock by itself, and wants sea-orm's own connection: it gets one for the time of the call, without
/// a limit on its statements. On SQLite and behind a transaction pooler a lock cannot be held beside that connection: there
/// nothing keeps two processes from migrating at the same time (on SQLite, those within one process are serialized), and behind a pooler
/// the limits of the server hold.
///
/// # Errors
/// What the database or the migrator says; [`Condition::Unsupported`](crate::Condition::Unsupported) for a SQLite database
/// in memory, which has no second connection.
///
/// # Cancel safety
/// As the migrations given: sea-orm-migration runs each in a transaction on PostgreSQL only.
pub async fn up_with<M: MigratorTrait>(pool: &Pool) -> Result<(), DatabaseError> {
    let connection = pool.sea_orm(1)?;
    let lock = MigrationLock::acquire(pool).await?;
    let result = match without_timeout(pool, &connection).await {
        Ok(()) => M::up(&connection, None).await,
        Err(error) => Err(error),
    };
    lock.release().await;
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
    let lock = MigrationLock::acquire(pool).await?;
    let result = match without_timeout(pool, &connection).await {
        Ok(()) => M::down(&connection, Some(steps)).await,
        Err(error) => Err(error),
    };
    lock.release().await;
    Ok(result?)
}

/// An index on a large table may take its time. There is one connection, which keeps the setting.
async fn without_timeout(pool: &Pool, connection: &DatabaseConnection) -> Result<(), DbErr> {
    if pool.backend() == Backend::Postgres && pool.settings().pooling_mode == PoolingMode::Direct {
        connection.execute_unprepared("SET statement_timeout = 0").await?;
    }
    Ok(())
}
