//! Tests in several processes at the same time: each has a database and a NATS server to itself, on one PostgreSQL.

use async_nats::jetstream::{self, stream};
use sqlx::{Connection, PgConnection};
use underpin_testkit::{NatsServer, PostgresDatabase};

use crate::fake_cargo::Sandbox;

/// A test for four processes to run, see below.
#[tokio::test]
async fn each_test_has_a_database_and_a_server_to_itself() {
    for _ in 0..4 {
        use_both().await;
    }
}

async fn use_both() {
    let (database, nats) = tokio::join!(PostgresDatabase::fresh(), NatsServer::start());

    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    // Fails if another test had the same database.
    sqlx::raw_sql("CREATE TABLE mine (id int); INSERT INTO mine VALUES (1)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();

    let jetstream = jetstream::new(async_nats::connect(nats.url()).await.unwrap());
    let (name, subject) = (nats.unique("MINE"), nats.unique("mine"));
    let settings =
        stream::Config { name: name.clone(), subjects: vec![subject.clone()], ..Default::default() };
    jetstream.create_stream(settings).await.unwrap();
    let acknowledged = jetstream.publish(subject, "tea".into()).await.unwrap().await.unwrap();
    assert_eq!(acknowledged.sequence, 1);
    jetstream.delete_stream(name).await.unwrap();
}

#[test]
fn four_test_processes_of_one_cargo_share_one_postgres() {
    let sandbox = Sandbox::new();
    let record = sandbox.path().join("servers-used");
    let run = format!(
        r#"export UNDERPIN_TESTKIT_RECORD={}
        for process in 1 2 3 4; do
            "$0" --exact isolation::each_test_has_a_database_and_a_server_to_itself >"$1.$process" 2>&1 &&
                echo passed >>"$1" &
        done; wait; echo ready"#,
        record.display()
    );
    let (own, output) = (std::env::current_exe().unwrap(), sandbox.path().join("output"));
    let mut cargo = sandbox.cargo(&["sh", "-c", &run, own.to_str().unwrap(), output.to_str().unwrap()]);
    cargo.until_ready();
    let passed = std::fs::read_to_string(&output).unwrap_or_default();
    assert_eq!(
        passed.lines().count(),
        4,
        "{}",
        std::fs::read_to_string(output.with_extension("1")).unwrap_or_default()
    );
    let record = std::fs::read_to_string(record).unwrap();
    let servers = record.lines().filter(|line| line.contains("one server for the run")).count();
    assert_eq!(servers, 1, "{record}");
}
