//! The same query, as each contender writes it.

use std::error::Error;
use std::str::FromStr as _;

use deadpool_postgres::{ManagerConfig, RecyclingMethod, tokio_postgres};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryResult};
use sqlx::postgres::PgPool;
use underpin_database::{DatabaseError, Executor, FindByKey as _, Pool, sql};

use crate::{POOL, SQL, account};

/// A pool that asks nothing of a connection that comes back.
pub(crate) fn deadpool(url: &str) -> Result<deadpool_postgres::Pool, Box<dyn Error>> {
    let config = tokio_postgres::Config::from_str(url)?;
    let manager = deadpool_postgres::Manager::from_config(
        config,
        tokio_postgres::NoTls,
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    Ok(deadpool_postgres::Pool::builder(manager).max_size(POOL as usize).build()?)
}

/// An entity.
pub(crate) async fn find(db: impl ConnectionTrait, id: i32) -> i64 {
    let row = account::Entity::find_by_id(id).one(&db).await;
    answer(row.map(|row| row.map(|row| (row.id, row.balance))))
}

/// An entity, with SQL that is built once: what the peers with a text of their own have.
pub(crate) async fn find_by_key(db: Pool, id: i32) -> i64 {
    let row = account::Entity::find_by_key(&db, id).await;
    answer(row.map(|row| row.map(|row| (row.id, row.balance))))
}

/// A row of a statement, through our pool.
pub(crate) async fn query(db: Pool, id: i32) -> i64 {
    answer(pair(Executor::query_one(&db, sql(SQL, [id.into()])).await))
}

/// The two columns of the row.
pub(crate) fn pair(found: Result<Option<QueryResult>, DatabaseError>) -> Result<Option<(i32, i64)>, DbErr> {
    found?.map(|row| row.try_get_many_by_index()).transpose()
}

/// A row of a statement, through sqlx's pool.
pub(crate) async fn select(pool: PgPool, id: i32) -> i64 {
    answer(sqlx::query_as::<_, (i32, i64)>(SQL).bind(id).fetch_optional(&pool).await)
}

/// A row of a statement, through deadpool-postgres.
pub(crate) async fn cached(pool: deadpool_postgres::Pool, id: i32) -> i64 {
    let found = async {
        let client = pool.get().await?;
        let statement = client.prepare_cached(SQL).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    };
    answer::<deadpool_postgres::PoolError>(found.await)
}

#[allow(clippy::panic, reason = "a benchmark whose query fails measures nothing")]
pub(crate) fn answer<E: std::fmt::Debug>(found: Result<Option<(i32, i64)>, E>) -> i64 {
    match found {
        Ok(Some((_, balance))) => balance,
        other => panic!("the row must be there: {other:?}"),
    }
}
