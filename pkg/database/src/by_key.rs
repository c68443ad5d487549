use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, PrimaryKeyTrait, QueryTrait, Statement,
    sea_query::{FromValueTuple, IntoValueTuple},
};

/// The row of an entity by its primary key, with SQL that is built once and not for each query.
///
/// `find_by_id(key).one(&pool)` builds the same statement each time, which takes the client as long as the driver takes
/// to send it and to read the row; for one row by its key that is a tenth of the whole. Everything else about the query is
/// that of sea-orm: columns, casts and decoding. It runs on whatever sea-orm runs on, its mock included.
///
/// # Examples
/// ```
/// use underpin_database::FindByKey;
/// use underpin_database::sea_orm::entity::prelude::*;
///
/// mod account {
///     use underpin_database::sea_orm::{self, entity::prelude::*};
///
///     #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
///     #[sea_orm(table_name = "account")]
///     pub struct Model {
///         #[sea_orm(primary_key)]
///         pub id: i32,
///         pub balance: i64,
///     }
///
///     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
///     pub enum Relation {}
///
///     impl ActiveModelBehavior for ActiveModel {}
/// }
/// # use std::sync::Arc;
/// # use underpin_database::{DatabaseError, DatabaseSettings, connect};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), DatabaseError> {
/// # let pool = connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(underpin_logger::NoopLogger)).await?;
/// # pool.batch("CREATE TABLE account (id INTEGER PRIMARY KEY, balance BIGINT); INSERT INTO account VALUES (1, 100)").await?;
///
/// let found = account::Entity::find_by_key(&pool, 1).await?;
/// assert_eq!(found, Some(account::Model { id: 1, balance: 100 }));
/// assert_eq!(account::Entity::find_by_key(&pool, 2).await?, None);
/// # Ok(()) }
/// ```
pub trait FindByKey: EntityTrait {
    /// The row with this key, if there is one. A composite key is a tuple in the order of its columns.
    ///
    /// # Errors
    /// What the query ends with, or the decoding of its row.
    ///
    /// # Cancel safety
    /// Cancel safe: the query changes nothing.
    fn find_by_key<C: ConnectionTrait>(
        db: &C,
        key: impl Into<<Self::PrimaryKey as PrimaryKeyTrait>::ValueType>,
    ) -> impl Future<Output = Result<Option<Self::Model>, DbErr>> + Send {
        let statement = statement::<Self>(db.get_database_backend(), key.into());
        async move {
            let row = db.query_one_raw(statement).await?;
            row.map(|row| Self::Model::from_query_result(&row, "")).transpose()
        }
    }
}

impl<E: EntityTrait> FindByKey for E {}

/// The SQL of an entity, for each kind of database.
type Known = HashMap<TypeId, Vec<(DbBackend, Arc<str>)>>;

/// What was built so far.
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

fn statement<E: EntityTrait>(
    backend: DbBackend,
    key: <E::PrimaryKey as PrimaryKeyTrait>::ValueType,
) -> Statement {
    let (entity, key) = (TypeId::of::<E>(), key.into_value_tuple());
    if let Some(sql) = known(entity, backend) {
        return Statement::from_sql_and_values(backend, &*sql, key);
    }
    let typed: <E::PrimaryKey as PrimaryKeyTrait>::ValueType = FromValueTuple::from_value_tuple(key.clone());
    let statement = E::find_by_id(typed).build(backend);
    // An entity may convert its key when the query is built; a reused statement would skip that for the next key.
    if statement.values.as_ref().is_some_and(|values| values.0.iter().cloned().eq(key)) {
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(entity).or_default().push((backend, statement.sql.as_str().into()));
    }
    statement
}

fn known(entity: TypeId, backend: DbBackend) -> Option<Arc<str>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.get(&entity)?.iter().find(|(of, _)| *of == backend).map(|(_, sql)| Arc::clone(sql))
}
