use futures_util::{TryStreamExt as _, future::BoxFuture, stream::BoxStream};
use sqlx::{Describe, Either, Executor as _, SqlStr};

use super::query::Parts;
use crate::driver::{Checked as _, Connection};

/// A database of sqlx that this crate connects to: `sqlx::Postgres` or `sqlx::Sqlite`. Sealed.
pub trait SqlxBackend: Calls {}

/// What a query says step by step: a count of changes, or a row.
pub(super) type Step<D> = Either<<D as sqlx::Database>::QueryResult, <D as sqlx::Database>::Row>;

/// The calls of the driver, for one kind of connection each.
pub trait Calls: sqlx::Database {
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "only this module can name the trait")]
    fn fetch_many(connection: &mut Connection, query: Parts<Self>)
    -> BoxStream<'_, sqlx::Result<Step<Self>>>;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "only this module can name the trait")]
    fn fetch_optional(
        connection: &mut Connection,
        query: Parts<Self>,
    ) -> BoxFuture<'_, sqlx::Result<Option<Self::Row>>>;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "only this module can name the trait")]
    fn prepare(
        connection: &mut Connection,
        sql: SqlStr,
        parameters: Vec<Self::TypeInfo>,
    ) -> BoxFuture<'_, sqlx::Result<Self::Statement>>;

    #[doc(hidden)]
    #[allow(private_interfaces, reason = "only this module can name the trait")]
    fn describe(connection: &mut Connection, sql: SqlStr) -> BoxFuture<'_, sqlx::Result<Describe<Self>>>;
}

macro_rules! backend {
    ($feature:literal, $database:ty, $connection:pat => $conn:ident) => {
        #[cfg(feature = $feature)]
        impl SqlxBackend for $database {}

        #[cfg(feature = $feature)]
        #[allow(private_interfaces, reason = "only this module can name the trait")]
        #[allow(unreachable_patterns, reason = "one backend alone has one kind of connection")]
        impl Calls for $database {
            fn fetch_many(
                connection: &mut Connection,
                query: Parts<Self>,
            ) -> BoxStream<'_, sqlx::Result<Step<Self>>> {
                match connection {
                    $connection => Box::pin($conn.fetch_many(query).and_then(|step| async {
                        match step {
                            Either::Right(row) => row.checked().map(Either::Right),
                            changes @ Either::Left(_) => Ok(changes),
                        }
                    })),
                    _ => Box::pin(futures_util::stream::iter([Err(another_database())])),
                }
            }

            fn fetch_optional(
                connection: &mut Connection,
                query: Parts<Self>,
            ) -> BoxFuture<'_, sqlx::Result<Option<Self::Row>>> {
                Box::pin(async move {
                    match connection {
                        $connection => {
                            $conn.fetch_optional(query).await?.map(|row| row.checked()).transpose()
                        }
                        _ => Err(another_database()),
                    }
                })
            }

            fn prepare(
                connection: &mut Connection,
                sql: SqlStr,
                parameters: Vec<Self::TypeInfo>,
            ) -> BoxFuture<'_, sqlx::Result<Self::Statement>> {
                Box::pin(async move {
                    match connection {
                        $connection => $conn.prepare_with(sql, &parameters).await,
                        _ => Err(another_database()),
                    }
                })
            }

            fn describe(
                connection: &mut Connection,
                sql: SqlStr,
            ) -> BoxFuture<'_, sqlx::Result<Describe<Self>>> {
                match connection {
                    $connection => $conn.describe(sql),
                    _ => Box::pin(async { Err(another_database()) }),
                }
            }
        }
    };
}

backend!("postgres", sqlx::Postgres, Connection::Postgres { conn, .. } => conn);
backend!("sqlite", sqlx::Sqlite, Connection::Sqlite(conn) => conn);

fn another_database() -> sqlx::Error {
    sqlx::Error::Configuration("the query is for another database than that of the transaction".into())
}
