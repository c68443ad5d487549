//! The pool on PostgreSQL: what a query costs, who is served when, and what happens to those who go away.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::common::{LIMIT, number, postgres, postgres_with, through_proxy};
use underpin_database::{
    CloseOutcome, Condition, Connections, DatabaseExt, DatabaseHealth, DatabaseSettings, Executor, Pool,
    TxOptions, connect, sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::{Direction, Fault, PostgresServer, Proxy, eventually};

#[tokio::test]
async fn a_query_pays_one_round_trip() {
    let (pool, proxy, _database) = through_proxy(|_| {}).await;
    pool.query_one(sql("SELECT $1::int", [0.into()])).await.unwrap();
    let before = proxy.messages();
    for n in 0..10 {
        pool.query_one(sql("SELECT $1::int", [n.into()])).await.unwrap();
    }
    assert_eq!(proxy.messages() - before, 10);
    let before = proxy.messages();
    let done: Result<(), underpin_database::DatabaseError> = pool
        .transaction(TxOptions::serializable().read_only(), |tx| async move {
            tx.query_one(sql("SELECT $1::int", [1.into()])).await.map(drop)
        })
        .await;
    done.unwrap();
    assert_eq!(proxy.messages() - before, 3, "BEGIN with all it says, the query, COMMIT with its check");
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn only_a_connection_that_was_unused_is_asked_first() {
    let (pool, proxy, _database) =
        through_proxy(|settings| settings.check_after = Duration::from_millis(50)).await;
    pool.query_one(sql("SELECT 1", [])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(80)).await;
    let before = proxy.messages();
    pool.query_one(sql("SELECT 1", [])).await.unwrap();
    assert_eq!(proxy.messages() - before, 2);
    proxy.set(Fault::Cut);
    tokio::time::sleep(Duration::from_millis(80)).await;
    proxy.set(Fault::None);
    pool.query_one(sql("SELECT 1", [])).await.expect("the dead connection was found out and replaced");
    assert_eq!((pool.stats().found_dead, pool.stats().lost), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_broken_connection_makes_the_idle_ones_suspect() {
    let (pool, proxy, _database) =
        through_proxy(|settings| settings.check_after = Duration::from_secs(3600)).await;
    let sessions = futures_util::future::join_all((0..5).map(|_| pool.session())).await;
    drop(sessions);
    assert_eq!(pool.stats().idle, 5);
    cut_all(&proxy).await;
    let first = pool.query_one(sql("SELECT 1", [])).await.unwrap_err();
    assert!(first.is_ambiguous(), "sent alone: it may have run");
    for _ in 0..10 {
        pool.query_one(sql("SELECT 1", [])).await.expect("no second error");
    }
    assert_eq!((pool.stats().lost, pool.stats().found_dead), (1, 4));
}

/// Ends every connection, and waits until each has.
async fn cut_all(proxy: &Proxy) {
    proxy.set(Fault::Cut);
    eventually(LIMIT, "every link has ended", async || proxy.open() == 0).await;
    proxy.set(Fault::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_on_a_broken_connection_begins_on_another() {
    let (pool, proxy, _database) =
        through_proxy(|settings| settings.check_after = Duration::from_secs(3600)).await;
    let sessions = futures_util::future::join_all((0..3).map(|_| pool.session())).await;
    drop(sessions);
    cut_all(&proxy).await;
    let tx = pool.begin(TxOptions::default()).await.expect("nothing was sent: it begins again");
    tx.query_one(sql("SELECT 1", [])).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!((pool.stats().lost, pool.stats().found_dead), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_to_open_a_connection_takes_what_comes_back() {
    let (pool, proxy, _database) = through_proxy(|settings| {
        settings.acquire_timeout = Duration::from_secs(60);
        settings.connect_timeout = Duration::from_secs(1);
    })
    .await;
    let only = pool.session().await.unwrap();
    proxy.set(Fault::HoldNew);
    // All find no connection unused. A few begin to open one in vain, the others wait for their turn to try.
    let callers: Vec<_> = (0..40)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.query_one(sql("SELECT $1::int", [n.into()])).await })
        })
        .collect();
    eventually(LIMIT, "they wait", async || pool.stats().waiting == 16).await;
    drop(only);
    for caller in callers {
        caller.await.unwrap().expect("the one connection serves them all");
    }
    assert_eq!((pool.stats().opened, pool.stats().open), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_3_the_numbers_hold_together_at_any_moment() {
    let postgres = postgres_with(|settings| settings.max_open = 4).await;
    let pool = &postgres.pool;
    let callers: Vec<_> = (0u64..200)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let query = pool.query_one(sql("SELECT pg_sleep(0.001)", []));
                drop(tokio::time::timeout(Duration::from_micros(n * 71 % 20_000), query).await);
            })
        })
        .collect();
    while callers.iter().any(|caller| !caller.is_finished()) {
        let stats = pool.stats();
        assert!(stats.idle <= stats.open && stats.open <= 4 && stats.in_use <= 4, "{stats:?}");
        assert!(stats.waiting <= 200, "{stats:?}");
        tokio::task::yield_now().await;
    }
    eventually(LIMIT, "all is quiet", async || pool.stats().in_use == 0).await;
    assert_eq!(pool.stats().idle, pool.stats().open);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_permit_is_lost_to_callers_that_go_away() {
    let postgres = postgres_with(|settings| settings.max_open = 3).await;
    let pool = &postgres.pool;
    let tasks: Vec<_> = (0u64..300)
        .map(|n| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let query = pool.query_one(sql("SELECT pg_sleep(0.002)", []));
                drop(tokio::time::timeout(Duration::from_micros(n * 53 % 9_000), query).await);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
    let stats = pool.stats();
    assert_eq!((stats.waiting, stats.in_use), (0, 0));
    assert!(stats.open <= 3 && stats.reset > 0, "{stats:?}");
    // All three permits are still worth a connection.
    let sessions = futures_util::future::join_all((0..3).map(|_| pool.session())).await;
    assert!(sessions.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_2_no_permit_is_lost_to_a_server_that_went_silent() {
    let (pool, proxy, _database) = through_proxy(|settings| {
        settings.max_open = 3;
        settings.acquire_timeout = Duration::from_secs(3);
        settings.connect_timeout = Duration::from_secs(2);
    })
    .await;
    let warm = futures_util::future::join_all((0..3).map(|_| pool.session())).await;
    drop(warm);
    proxy.set(Fault::Freeze(Direction::Both));
    let queries = (0..10)
        .map(|_| tokio::time::timeout(Duration::from_millis(700), pool.query_one(sql("SELECT 1", []))));
    let outcomes = futures_util::future::join_all(queries).await;
    assert!(outcomes.iter().all(|outcome| !matches!(outcome, Ok(Ok(_)))), "no caller got a reply");
    proxy.set(Fault::Cut);
    proxy.set(Fault::None);
    eventually(LIMIT, "the pool is whole again", async || pool.query_one(sql("SELECT 1", [])).await.is_ok())
        .await;
    eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
    let sessions = futures_util::future::join_all((0..3).map(|_| pool.session())).await;
    assert!(sessions.iter().all(Result::is_ok));
}

#[tokio::test]
async fn callers_are_served_in_the_order_of_asking() {
    let postgres = postgres_with(|settings| settings.max_open = 1).await;
    let held = postgres.pool.session().await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for n in 0..20 {
        let (pool, served) = (postgres.pool.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let session = pool.session().await.unwrap();
            served.lock().unwrap().push(n);
            drop(session);
        }));
        eventually(LIMIT, "it waits", async || postgres.pool.stats().waiting == n + 1).await;
    }
    drop(held);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_and_says_why() {
    let postgres = postgres_with(|settings| {
        settings.max_open = 1;
        settings.acquire_timeout = Duration::from_millis(100);
    })
    .await;
    let held = postgres.pool.session().await.unwrap();
    let asked = Instant::now();
    let refused = postgres.pool.query_one(sql("SELECT 1", [])).await.unwrap_err();
    assert!((100..30_000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    assert_eq!(refused.condition(), Condition::Saturated);
    assert_eq!(refused.to_string(), "no connection became free in time");
    let stats = postgres.pool.stats();
    assert_eq!((stats.timeouts, stats.waiting), (1, 0));
    drop(held);
    postgres.pool.query_one(sql("SELECT 1", [])).await.unwrap();
}

#[tokio::test]
async fn what_is_surplus_or_old_is_closed() {
    let postgres = postgres_with(|settings| {
        settings.max_idle = 2;
        settings.idle_timeout = Duration::from_millis(500);
        settings.max_lifetime = Duration::from_secs(8);
    })
    .await;
    let pool = &postgres.pool;
    let sessions = futures_util::future::join_all((0..8).map(|_| pool.session())).await;
    drop(sessions);
    assert_eq!(pool.stats().idle, 8, "not at once");
    eventually(LIMIT, "the surplus is closed", async || pool.stats().open == 2).await;
    let pid = "SELECT pg_backend_pid()";
    let first = number_of(pool, pid).await;
    eventually(LIMIT, "the old one is replaced", async || number_of(pool, pid).await != first).await;
    assert!(pool.stats().retired >= 7);
    let client = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'underpin'";
    eventually(LIMIT, "the server has as many", async || {
        number(pool, client).await == i64::try_from(pool.stats().open).unwrap()
    })
    .await;
}

async fn number_of(pool: &Pool, text: &str) -> i32 {
    pool.query_one(sql(text, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_9_health_tells_up_saturated_and_down_apart() {
    let (pool, proxy, _database) = through_proxy(|settings| {
        settings.max_open = 2;
        settings.connect_timeout = Duration::from_secs(2);
    })
    .await;
    let within = Duration::from_secs(2);
    assert!(pool.health(within).await.is_up());
    // Under load, but served.
    let busy: Vec<_> = (0..20)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    drop(pool.query_one(sql("SELECT pg_sleep(0.001)", [])).await);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let health = pool.health(Duration::from_secs(30)).await;
        assert!(health.is_up(), "{health:?}");
    }
    for task in busy {
        task.await.unwrap();
    }
    // Exhausted.
    let held = futures_util::future::join_all((0..2).map(|_| pool.session())).await;
    let health = pool.health(within).await;
    assert!(matches!(health, DatabaseHealth::Saturated { waited } if waited >= within), "{health:?}");
    // Silent.
    proxy.set(Fault::Freeze(Direction::Both));
    let asked = Instant::now();
    let health = pool.health(within).await;
    assert!(matches!(&health, DatabaseHealth::Down { .. }), "{health:?}");
    assert!(asked.elapsed() < Duration::from_secs(30));
    // Gone.
    proxy.set(Fault::Cut);
    assert!(matches!(pool.health(within).await, DatabaseHealth::Down { .. }));
    // Back.
    proxy.set(Fault::None);
    drop(held);
    eventually(LIMIT, "it is up again", async || pool.health(within).await.is_up()).await;
}

#[tokio::test]
async fn hazard_8_close_is_bounded_and_late_comers_are_turned_away() {
    let postgres = postgres().await;
    let held = postgres.pool.session().await.unwrap();
    let waiting = {
        let pool = postgres.pool.clone();
        tokio::spawn(async move { futures_util::future::join_all((0..40).map(|_| pool.session())).await })
    };
    eventually(LIMIT, "some wait", async || postgres.pool.stats().waiting > 0).await;
    let asked = Instant::now();
    let outcome = postgres.pool.close(Duration::from_millis(100)).await;
    assert!(asked.elapsed() < Duration::from_secs(30));
    assert!(matches!(outcome, CloseOutcome::TimedOut { still_in_use } if still_in_use >= 1));
    let outcomes = waiting.await.unwrap();
    assert!(
        outcomes
            .iter()
            .any(|outcome| outcome.as_ref().is_err_and(underpin_database::DatabaseError::is_closed))
    );
    drop((held, outcomes));
    assert_eq!(postgres.pool.close(Duration::from_secs(5)).await, CloseOutcome::Drained);
    assert_eq!(postgres.pool.stats().open, 0);
}

#[tokio::test]
async fn what_belongs_to_a_session_is_not_passed_on() {
    let postgres = postgres_with(|settings| settings.max_open = 1).await;
    let pool = &postgres.pool;
    let session = pool.session().await.unwrap();
    session.batch("SET work_mem = '77MB'").await.unwrap();
    drop(session);
    pool.batch("BEGIN").await.unwrap();
    let session = pool.session().await.unwrap();
    session.query_one(sql("SELECT pg_advisory_lock(1)", [])).await.unwrap();
    session.discard().await;
    eventually(LIMIT, "all are closed", async || pool.stats().in_use == 0).await;
    let row = pool.query_one(sql("SELECT current_setting('work_mem')", [])).await.unwrap().unwrap();
    assert_ne!(row.try_get_by_index::<String>(0).unwrap(), "77MB");
    assert_eq!(
        number(pool, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
            .await,
        0
    );
}

#[tokio::test]
async fn hazard_10_a_cached_plan_that_went_stale_recovers_by_itself() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    pool.batch("CREATE TABLE thing (id INTEGER); INSERT INTO thing VALUES (1)").await.unwrap();
    let read = async || pool.query_one(sql("SELECT * FROM thing", [])).await;
    let columns = async || read().await.unwrap().unwrap().column_names().len();
    // Each of several connections has the plan.
    let sessions = futures_util::future::join_all((0..3).map(|_| pool.session())).await;
    for session in &sessions {
        session.as_ref().unwrap().query_one(sql("SELECT * FROM thing", [])).await.unwrap();
    }
    pool.batch("ALTER TABLE thing ADD COLUMN note TEXT").await.unwrap();
    for session in &sessions {
        let row = session.as_ref().unwrap().query_one(sql("SELECT * FROM thing", [])).await.unwrap().unwrap();
        assert_eq!(row.column_names().len(), 2);
    }
    drop(sessions);
    assert_eq!(columns().await, 2);
    // Inside a transaction the server aborts it: the whole runs again, on fresh plans.
    let mut runs = 0;
    pool.batch("ALTER TABLE thing ADD COLUMN more TEXT").await.unwrap();
    let seen: Result<usize, underpin_database::DatabaseError> = pool
        .transaction(TxOptions::default(), |tx| {
            runs += 1;
            async move { Ok(tx.query_one(sql("SELECT * FROM thing", [])).await?.unwrap().column_names().len()) }
        })
        .await;
    assert_eq!(seen.unwrap(), 3);
    assert!(runs > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_served_and_counted() {
    let postgres = postgres_with(|settings| settings.acquire_timeout = Duration::from_secs(120)).await;
    let tasks: Vec<_> = (0..2_000)
        .map(|n| {
            let pool = postgres.pool.clone();
            tokio::spawn(async move { pool.query_one(sql("SELECT $1::int", [n.into()])).await.is_ok() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    let stats = postgres.pool.stats();
    assert_eq!(stats.waits.count(), 2_000);
    assert!(stats.open <= 25 && stats.timeouts == 0, "{stats:?}");
    assert!(stats.waits.quantile(0.99).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_7_a_statement_whose_caller_went_away_is_cancelled_at_the_server() {
    let postgres = postgres().await;
    let pool = &postgres.pool;
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.query_one(sql("SELECT pg_sleep(300)", [])).await })
        })
        .collect();
    let active =
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND state = 'active'";
    eventually(LIMIT, "all run", async || number(pool, active).await == 10).await;
    for caller in callers {
        caller.abort();
    }
    eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
    eventually(LIMIT, "none runs", async || number(pool, active).await == 0).await;
    let stats = pool.stats();
    assert!(stats.cancelled > 0 && stats.lost == 0, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waits_for_a_standby_is_not_cancelled() {
    let server = PostgresServer::private().await;
    let settings = DatabaseSettings::new(server.url());
    let admin = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    admin.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    admin.batch("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await.unwrap();
    admin.batch("SELECT pg_reload_conf()").await.unwrap();
    let set =
        "SELECT count(*) FROM pg_settings WHERE name = 'synchronous_standby_names' AND setting = 'nobody'";
    eventually(LIMIT, "a standby is asked for", async || number(&admin, set).await == 1).await;
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let insert = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.execute(sql("INSERT INTO t VALUES (1)", [])).await })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    eventually(LIMIT, "it waits at COMMIT", async || number(&admin, waiting).await == 1).await;
    insert.abort();
    eventually(LIMIT, "the connection is given up", async || pool.stats().open == 0).await;
    assert_eq!((number(&admin, waiting).await, pool.stats().cancelled), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lent_out_as_sqlx_carries_nothing_to_the_next_caller() {
    let postgres = postgres_with(|settings| settings.max_open = 1).await;
    let pool = &postgres.pool;
    pool.batch("CREATE TABLE t (id INTEGER)").await.unwrap();
    let mut lent = pool.sqlx().await.unwrap();
    let driver = lent.postgres().expect("it leads to PostgreSQL");
    let mut copy = driver.copy_in_raw("COPY t FROM STDIN").await.unwrap();
    copy.send(b"1\n2\n3\n".as_slice()).await.unwrap();
    assert_eq!(copy.finish().await.unwrap(), 3);
    sqlx::query("BEGIN").execute(&mut *driver).await.unwrap();
    sqlx::query("DELETE FROM t").execute(&mut *driver).await.unwrap();
    let sleeping = sqlx::query("SELECT pg_sleep(300)").execute(driver);
    tokio::time::timeout(Duration::from_millis(20), sleeping).await.expect_err("it sleeps longer");
    drop(lent);
    assert_eq!(number(pool, "SELECT count(*) FROM t").await, 3, "what was left open is undone");
    eventually(LIMIT, "nothing runs on", async || {
        let active =
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)' AND state = 'active'
            AND pid <> pg_backend_pid()";
        number(pool, active).await == 0
    })
    .await;
    assert_eq!(pool.stats().cancelled, 1);
}
