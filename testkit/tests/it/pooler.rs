//! pgbouncer in front of a fresh database.

use sqlx::{Connection, PgConnection};
use underpin_testkit::{Pooler, PostgresServer};

/// What sqlx sends when it connects and pgbouncer does not know.
const STARTUP: (&str, &str) = ("ignore_startup_parameters", "extra_float_digits");

async fn backend(connection: &mut PgConnection) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()").persistent(false).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn transactions_of_two_clients_share_one_server_session() {
    let pooler = Pooler::start_with(&[("default_pool_size", "1"), STARTUP]).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = PgConnection::connect(pooler.url()).await.unwrap();
        clients.push(backend(&mut client).await);
    }
    assert_eq!(clients[0], clients[1]);
    let name = pooler.database().unwrap().name();
    assert!(pooler.log().contains(name), "{}", pooler.log());
}

#[tokio::test]
async fn it_stands_before_a_server_that_the_test_kills() {
    let server = PostgresServer::private().await;
    // Otherwise it lets a query wait two minutes for a server.
    let settings = [STARTUP, ("query_wait_timeout", "1")];
    let pooler = Pooler::try_before(server.url(), &settings).await.unwrap();
    let mut client = PgConnection::connect(pooler.url()).await.unwrap();
    backend(&mut client).await;
    server.kill().await;
    sqlx::query("SELECT 1").persistent(false).execute(&mut client).await.unwrap_err();
}

#[tokio::test]
async fn a_setting_that_it_refuses_fails_with_its_log() {
    let refused = Pooler::try_before("postgres://h/app", &[("pool_mode", "sometimes")]).await.unwrap_err();
    let text = refused.explain().to_string();
    assert!(text.contains("pgbouncer did not start") && text.contains("pool_mode"), "{text}");
}
