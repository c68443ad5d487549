//! Behind pgbouncer in transaction mode, where every transaction may meet another server session.
//!
//! `cargo test -p underpin-database --features pgbouncer-tests --test pooler`; it needs `pgbouncer` on the PATH
//! (`apt-get install pgbouncer`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::{
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{number, until};
use underpin_database::{
    Condition, DatabaseError, DatabaseExt, DatabaseSettings, Executor, Pool, RetrySettings, Route, TxOptions,
    connect,
    migrate::{Migration, Migrations},
    sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::PostgresDatabase;

struct Pooler {
    child: Child,
    url: String,
    database: PostgresDatabase,
    _folder: tempfile::TempDir,
}

impl Pooler {
    async fn start() -> Self {
        let database = PostgresDatabase::fresh().await;
        let (credentials, rest) =
            database.url().split_once("//").unwrap().1.split_once('@').expect("a password");
        let (user, password) = credentials.split_once(':').unwrap();
        let (address, name) = rest.split_once('/').unwrap();
        let (host, server_port) = address.split_once(':').unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut open = std::fs::metadata(folder.path()).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o755);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let config = folder.path().join("pgbouncer.ini");
        // A port that is free now may be taken when pgbouncer asks for it: it ends then, and the next port is tried.
        for _ in 0..10 {
            let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let text = format!(
                "[databases]\n{name} = host={host} port={server_port} user={user} password={password}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
                 pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 100\nuser = nobody\n"
            );
            std::fs::write(&config, text).unwrap();
            let child = Command::new("pgbouncer")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("pgbouncer is on the PATH: apt-get install pgbouncer");
            let child = Mutex::new(child);
            let has_ended = || child.lock().unwrap().try_wait().unwrap().is_some();
            until("pgbouncer listens, or has ended", async || {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() || has_ended()
            })
            .await;
            if !has_ended() {
                let url = format!("postgres://app@127.0.0.1:{port}/{name}");
                return Self { child: child.into_inner().unwrap(), url, database, _folder: folder };
            }
        }
        panic!("pgbouncer does not start with {}", config.display());
    }

    fn settings(&self, route: Route) -> DatabaseSettings {
        let mut settings = DatabaseSettings::new(&self.url);
        settings.route = route;
        // Two thousand callers share four sessions of the server: the last one waits for as long as all of them take
        // together, which on a busy machine is a minute.
        settings.acquire_timeout = Duration::from_secs(600);
        settings
    }

    async fn pool(&self) -> Pool {
        connect(&self.settings(Route::TransactionPooler), Arc::new(NoopLogger)).await.unwrap()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop((self.child.kill(), self.child.wait()));
        assert!(!self.database.url().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_11_two_thousand_of_two_thousand_statements_pass() {
    let pooler = Pooler::start().await;
    let pool = pooler.pool().await;
    pool.batch(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, balance BIGINT); INSERT INTO account VALUES (1, 0)",
    )
    .await
    .unwrap();
    let tasks: Vec<_> = (0..2_000)
        .map(|n: i32| {
            let pool = pool.clone();
            tokio::spawn(async move {
                if n % 4 > 0 {
                    let row = pool.query_one(sql("SELECT $1::int + $2::int", [n.into(), 1.into()])).await?;
                    assert_eq!(row.unwrap().try_get_by_index::<i32>(0)?, n + 1);
                    return Ok(());
                }
                pool.transaction(TxOptions::default(), |tx| async move {
                    tx.execute(sql("UPDATE account SET balance = balance + $1 WHERE id = 1", [1.into()]))
                        .await?;
                    Ok::<_, DatabaseError>(())
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(number(&pool, "SELECT balance FROM account").await, 500);
}

#[tokio::test]
async fn the_direct_route_is_refused_and_the_error_says_so() {
    let pooler = Pooler::start().await;
    pooler.pool().await;
    let mut direct = pooler.settings(Route::Direct);
    // pgbouncer has one code for everything it does not like, what passes included: it would be tried again.
    direct.connect_retry = RetrySettings::times(0);
    direct.connect_timeout = Duration::from_secs(1);
    let refused = connect(&direct, Arc::new(NoopLogger)).await.unwrap_err();
    assert_eq!(refused.sql_code().as_deref(), Some("08P01"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_take_turns_and_what_needs_a_session_is_refused() {
    let pooler = Pooler::start().await;
    let migrations =
        || Migrations::new("pooled").step(Migration::new("0001", "CREATE TABLE once (id INTEGER)"));
    let runs = (0..6).map(|_| async {
        let pool = pooler.pool().await;
        migrations().up(&pool).await.unwrap().len()
    });
    let done: usize = futures_util::future::join_all(runs).await.into_iter().sum();
    assert_eq!(done, 1);
    let pool = pooler.pool().await;
    assert_eq!(pool.listen(&["x"]).await.unwrap_err().condition(), Condition::Unsupported);
    assert_eq!(pool.try_lead("x").await.unwrap_err().condition(), Condition::Unsupported);
    assert!(pool.health(Duration::from_secs(2)).await.is_up());
}
