//! A primary and its standby.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::{Connection, PgConnection};
use underpin_testkit::{PostgresServer, eventually};

#[tokio::test]
async fn a_standby_follows_its_primary_refuses_writes_and_outlives_it() {
    let (primary, standby) = PostgresServer::with_standby().await;
    let mut writer = PgConnection::connect(primary.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
        .execute(&mut writer)
        .await
        .unwrap();

    let follows = async || {
        let mut reader = PgConnection::connect(standby.url()).await.unwrap();
        let count: Result<i64, _> =
            sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut reader).await;
        count.is_ok_and(|count| count == 1000)
    };
    eventually(Duration::from_secs(30), "the standby has the rows", follows).await;

    let mut reader = PgConnection::connect(standby.url()).await.unwrap();
    let refused = sqlx::raw_sql("DELETE FROM kept").execute(&mut reader).await.unwrap_err();
    assert_eq!(refused.as_database_error().and_then(DatabaseError::code).as_deref(), Some("25006"));

    primary.kill().await;
    reader.ping().await.unwrap();
}
