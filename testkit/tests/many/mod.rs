//! What each of the 32 tests does: it gets a database and a server of its own, and finds nobody else's things there.

use async_nats::jetstream::{self, stream};
use sqlx::{Connection, PgConnection};
use underpin_testkit::{NatsServer, PostgresDatabase};

pub(crate) async fn have_it_to_yourself() {
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

/// Eight of them.
macro_rules! eight_tests {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            crate::many::have_it_to_yourself().await;
        })*
    };
}
pub(crate) use eight_tests;
