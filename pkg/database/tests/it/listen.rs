//! LISTEN/NOTIFY: signals arrive, a lost connection comes back with a resync, a closed pool ends the wait.

use std::{sync::Arc, time::Duration};

use crate::common::{memory, postgres, postgres_with};
use underpin_database::{Condition, DatabaseSettings, Executor, Listener, Signal, connect, sql};
use underpin_logger::{Level, testing::CaptureLogger};
use underpin_testkit::PostgresServer;

async fn next(listener: &mut Listener) -> Signal {
    tokio::time::timeout(Duration::from_secs(60), listener.next()).await.expect("a signal in time").unwrap()
}

fn notified(channel: &str, payload: &str) -> Signal {
    // The enum is open, its variants are not.
    Signal::Notified { channel: channel.to_owned(), payload: payload.to_owned() }
}

#[tokio::test]
async fn a_resync_comes_first_and_then_what_is_sent() {
    let postgres = postgres().await;
    let mut listener = postgres.pool.listen(&["outbox", "Other Name"]).await.unwrap();
    assert_eq!(next(&mut listener).await, Signal::Resync);
    postgres
        .pool
        .batch("SELECT pg_notify('outbox', 'one'); SELECT pg_notify('Other Name', '')")
        .await
        .unwrap();
    assert_eq!(next(&mut listener).await, notified("outbox", "one"));
    assert_eq!(next(&mut listener).await, notified("Other Name", ""));
    let tx = underpin_database::Connections::begin(&postgres.pool, underpin_database::TxOptions::default())
        .await
        .unwrap();
    tx.execute(sql("SELECT pg_notify('outbox', $1)", ["two".into()])).await.unwrap();
    tokio::time::timeout(Duration::from_millis(50), listener.next()).await.expect_err("not before COMMIT");
    tx.commit().await.unwrap();
    assert_eq!(next(&mut listener).await, notified("outbox", "two"));
    assert_eq!(postgres.pool.stats().in_use, 0, "the listener has its own connection");
}

#[tokio::test]
async fn a_terminated_connection_comes_back_with_a_resync() {
    let postgres = postgres().await;
    let mut listener = postgres.pool.listen(&["outbox"]).await.unwrap();
    assert_eq!(next(&mut listener).await, Signal::Resync);
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    assert_eq!(postgres.pool.query_all(sql(end, [])).await.unwrap().len(), 1);
    assert_eq!(next(&mut listener).await, Signal::Resync);
    postgres.pool.batch("NOTIFY outbox, 'after'").await.unwrap();
    assert_eq!(next(&mut listener).await, notified("outbox", "after"));
    postgres.log.assert_logged(Level::Warn, "listener lost its connection");
    postgres.log.assert_logged(Level::Info, "listener is back");
}

#[tokio::test]
async fn a_server_that_was_killed_is_found_again() {
    let server = PostgresServer::private().await;
    let pool = connect(&DatabaseSettings::new(server.url()), Arc::new(CaptureLogger::new())).await.unwrap();
    let mut listener = pool.listen(&["outbox"]).await.unwrap();
    assert_eq!(next(&mut listener).await, Signal::Resync);
    server.kill().await;
    let waiting = tokio::spawn(async move {
        let signal = next(&mut listener).await;
        (listener, signal)
    });
    server.restart().await;
    let (mut listener, signal) = waiting.await.unwrap();
    assert_eq!(signal, Signal::Resync);
    pool.batch("NOTIFY outbox").await.unwrap();
    assert_eq!(next(&mut listener).await, notified("outbox", ""));
}

#[tokio::test]
async fn a_silent_connection_is_noticed() {
    let server = PostgresServer::private().await;
    let mut settings = DatabaseSettings::new(server.url());
    settings.check_after = Duration::from_millis(10);
    settings.connect_timeout = Duration::from_secs(1);
    let log = CaptureLogger::new();
    let pool = connect(&settings, Arc::new(log.clone())).await.unwrap();
    let mut listener = pool.listen(&["outbox"]).await.unwrap();
    assert_eq!(next(&mut listener).await, Signal::Resync);
    server.pause().await;
    let lost = || log.entries().iter().any(|entry| entry.msg == "listener lost its connection");
    for _ in 0..600 {
        tokio::time::timeout(Duration::from_millis(100), listener.next())
            .await
            .expect_err("nothing can come");
        if lost() {
            break;
        }
    }
    assert!(lost(), "the silence was noticed");
    server.resume().await;
    assert_eq!(next(&mut listener).await, Signal::Resync);
}

#[tokio::test]
async fn a_quiet_connection_is_kept() {
    let postgres = postgres_with(|settings| settings.check_after = Duration::from_millis(2)).await;
    let mut listener = postgres.pool.listen(&["outbox"]).await.unwrap();
    assert_eq!(next(&mut listener).await, Signal::Resync);
    tokio::time::timeout(Duration::from_millis(200), listener.next()).await.expect_err("nothing was sent");
    postgres.pool.batch("NOTIFY outbox").await.unwrap();
    assert_eq!(next(&mut listener).await, notified("outbox", ""));
    postgres.log.assert_not_logged(Level::Warn);
}

#[tokio::test]
async fn closing_the_pool_ends_the_wait() {
    let postgres = postgres().await;
    let mut listener = postgres.pool.listen(&["outbox"]).await.unwrap();
    assert_eq!(next(&mut listener).await, Signal::Resync);
    let (signal, _) = tokio::join!(listener.next(), postgres.pool.close(Duration::from_secs(5)));
    assert_eq!(signal.unwrap_err().condition(), Condition::Closed);
    assert!(listener.next().await.unwrap_err().is_closed());
}

#[tokio::test]
async fn sqlite_says_that_it_cannot() {
    assert_eq!(memory().await.listen(&["outbox"]).await.unwrap_err().condition(), Condition::Unsupported);
}

#[tokio::test]
async fn names_that_the_server_would_cut_off_are_refused() {
    let postgres = postgres().await;
    for name in ["", "x\0y", &"n".repeat(64), &"é".repeat(32)] {
        let refused = postgres.pool.listen(&["plain", name]).await.unwrap_err();
        assert_eq!(refused.condition(), Condition::Statement, "{name:?}");
        assert!(!refused.is_retryable());
    }
    let longest = "n".repeat(63);
    let mut listener = postgres.pool.listen(&[&longest]).await.unwrap();
    assert_eq!(listener.next().await.unwrap(), Signal::Resync);
    postgres.pool.execute(sql("SELECT pg_notify($1, 'hello')", [longest.as_str().into()])).await.unwrap();
    let notified = Signal::Notified { channel: longest, payload: "hello".to_owned() };
    assert_eq!(listener.next().await.unwrap(), notified);
}
