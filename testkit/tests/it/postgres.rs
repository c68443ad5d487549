//! What a test holds of PostgreSQL does what it says.

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::{Connection, PgConnection};
use underpin_testkit::{PostgresDatabase, PostgresServer};

async fn number(url: &str, query: &'static str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

async fn run(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn each_database_is_fresh_and_disappears_with_its_value() {
    let (one, two) = (PostgresDatabase::fresh().await, PostgresDatabase::fresh().await);
    assert_ne!(one.url(), two.url());
    run(one.url(), "CREATE TABLE only_here (id int)").await;
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!((number(one.url(), tables).await, number(two.url(), tables).await), (1, 0));

    let gone = one.url().to_owned();
    // An open connection does not keep the database.
    let mut held = PgConnection::connect(&gone).await.unwrap();
    drop(one);
    assert!(held.ping().await.is_err());
    let error = PgConnection::connect(&gone).await.unwrap_err();
    assert_eq!(error.as_database_error().and_then(DatabaseError::code).as_deref(), Some("3D000"));
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let database = PostgresDatabase::fresh().await;
    let wrong = database.url().replacen("postgres:", "postgres:not-", 2).replacen(
        "postgres:not-//",
        "postgres://",
        1,
    );
    assert!(PgConnection::connect(&wrong).await.is_err());
}

#[tokio::test]
async fn a_killed_server_comes_back_on_its_port_with_what_was_committed() {
    let server = PostgresServer::private().await;
    run(server.url(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id").await;
    let mut held = PgConnection::connect(server.url()).await.unwrap();
    server.kill().await;
    assert!(!server.is_running());
    assert!(held.ping().await.is_err());
    assert!(PgConnection::connect(server.url()).await.is_err());
    server.start().await;
    assert_eq!(number(server.url(), "SELECT count(*) FROM kept").await, 1000);
    server.restart().await;
    assert_eq!(number(server.url(), "SELECT count(*) FROM kept").await, 1000);
}

#[tokio::test]
async fn a_paused_server_keeps_its_connections_and_does_not_answer() {
    let server = PostgresServer::private().await;
    let mut held = PgConnection::connect(server.url()).await.unwrap();
    server.pause().await;
    let silent = tokio::time::timeout(Duration::from_millis(200), held.ping()).await;
    assert!(silent.is_err(), "it answered");
    server.resume().await;
    let mut other = PgConnection::connect(server.url()).await.unwrap();
    other.ping().await.unwrap();
}

#[tokio::test]
async fn settings_reach_the_server_and_a_bad_one_shows_its_log() {
    let server = PostgresServer::private_with(&[("log_statement", "all")]).await;
    run(server.url(), "SELECT 'seen in the log'").await;
    assert!(server.log().contains("seen in the log"));
    let error = PostgresServer::try_private(&[("no_such_setting", "1")]).await.unwrap_err();
    assert!(error.explain().to_string().contains("unrecognized configuration parameter"), "{error:?}");
}
