//! Migrations: order, undo, drift, seeds, and many processes at once.

use std::sync::Arc;

use crate::common::{LIMIT, file, memory, number, postgres};
use underpin_database::{
    Condition, Executor, Pool, connect,
    migrate::{Migration, MigrationState, Migrations, Script},
    sql,
};
use underpin_logger::NoopLogger;
use underpin_testkit::eventually;

fn orders() -> Migrations {
    Migrations::new("orders")
        .step(
            Migration::new(
                "0001_orders",
                Script::each(
                    "CREATE TABLE orders (id BIGINT GENERATED ALWAYS AS IDENTITY, note TEXT)",
                    "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)",
                ),
            )
            .down("DROP TABLE orders"),
        )
        .step(
            Migration::new("0002_lines", "CREATE TABLE line (id INTEGER); CREATE INDEX line_id ON line (id)")
                .down("DROP TABLE line"),
        )
        .seed("INSERT INTO line SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM line)")
}

async fn up_down_status_fresh_and_seeds(pool: Pool) {
    let states = async || -> Vec<bool> {
        let status = orders().status(&pool).await.unwrap();
        status.iter().map(|one| matches!(one.state, MigrationState::Applied { .. })).collect()
    };
    assert_eq!(states().await, [false, false]);
    assert_eq!(orders().up(&pool).await.unwrap(), ["0001_orders", "0002_lines"]);
    assert!(orders().up(&pool).await.unwrap().is_empty());
    assert_eq!(states().await, [true, true]);
    orders().run_seeds(&pool).await.unwrap();
    orders().run_seeds(&pool).await.unwrap();
    assert_eq!(number(&pool, "SELECT count(*) FROM line").await, 1);
    assert_eq!(orders().down(&pool, 1).await.unwrap(), ["0002_lines"]);
    assert_eq!(states().await, [true, false]);
    assert_eq!(orders().fresh(&pool).await.unwrap(), ["0001_orders", "0002_lines"]);
    assert_eq!(orders().down(&pool, 9).await.unwrap(), ["0002_lines", "0001_orders"]);
    let other =
        Migrations::new("billing").step(Migration::new("0001_orders", "CREATE TABLE bill (id INTEGER)"));
    assert_eq!(other.up(&pool).await.unwrap(), ["0001_orders"], "another set keeps its own history");
    eventually(LIMIT, "every permit is released", async || pool.stats().in_use == 0).await;
}

async fn a_failed_migration_leaves_nothing_behind(pool: Pool) {
    let broken = orders().step(Migration::new(
        "0003_broken",
        "CREATE TABLE half (id INTEGER); CREATE TABLE orders (id INTEGER)",
    ));
    let error = broken.up(&pool).await.unwrap_err();
    assert_eq!(error.to_string(), "the migration 0003_broken failed");
    assert_eq!(error.condition(), Condition::Statement);
    assert!(pool.query_one(sql("SELECT 1 FROM half", [])).await.is_err(), "no table is left");
    let mended = orders().step(Migration::new("0003_broken", "CREATE TABLE half (id INTEGER)"));
    assert_eq!(mended.up(&pool).await.unwrap(), ["0003_broken"]);
}

async fn a_history_that_does_not_fit_is_refused(pool: Pool) {
    orders().up(&pool).await.unwrap();
    let refused = async |migrations: Migrations| {
        let error = migrations.up(&pool).await.unwrap_err();
        assert_eq!(error.condition(), Condition::Migration);
        error.to_string()
    };
    let first = || {
        Migration::new(
            "0001_orders",
            Script::each(
                "CREATE TABLE orders (id BIGINT GENERATED ALWAYS AS IDENTITY, note TEXT)",
                "CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)",
            ),
        )
    };
    let changed = Migrations::new("orders")
        .step(first())
        .step(Migration::new("0002_lines", "CREATE TABLE line (id BIGINT)"));
    assert_eq!(refused(changed.clone()).await, "the migration 0002_lines was changed after it ran");
    assert!(matches!(changed.status(&pool).await.unwrap()[1].state, MigrationState::Changed { .. }));
    let gone = Migrations::new("orders").step(first());
    assert_eq!(refused(gone.clone()).await, "the migration 0002_lines ran, but is not in the set orders");
    assert!(matches!(gone.status(&pool).await.unwrap()[1].state, MigrationState::Unknown { .. }));
    let before = Migrations::new("orders")
        .step(Migration::new("0000_early", "SELECT 1"))
        .step(first())
        .step(Migration::new("0002_lines", "x"));
    assert_eq!(refused(before).await, "a migration was put before 0001_orders, which ran already");
    let twice = orders().step(Migration::new("0001_orders", "SELECT 1"));
    assert_eq!(refused(twice).await, "the migration 0001_orders is there twice");
    let for_ever = orders().step(Migration::new("0003_for_ever", "CREATE TABLE ever (id INTEGER)"));
    for_ever.up(&pool).await.unwrap();
    let error = for_ever.down(&pool, 1).await.unwrap_err();
    assert_eq!(error.to_string(), "the migration 0003_for_ever does not say how to undo it");
}

/// Starts this very test eight times over, as processes that know nothing of each other, and says how many migrations each
/// has run. `begun` is awaited once all are started.
async fn eight_processes(test: &str, url: &str, begun: impl Future<Output = ()>) -> Vec<usize> {
    let program = std::env::current_exe().unwrap();
    let processes: Vec<_> = (0..8)
        .map(|_| {
            let mut process = std::process::Command::new(&program);
            process.args(["--exact", &format!("migrations::{test}"), "--nocapture"]).env(MIGRATES, url);
            process.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    begun.await;
    let mut done = Vec::new();
    for process in processes {
        let output = tokio::task::spawn_blocking(move || process.wait_with_output()).await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let ran = text.split("migrations run: ").nth(1).expect(&text);
        done.push(ran.split_whitespace().next().unwrap().parse().unwrap());
    }
    done.sort_unstable();
    done
}

/// The variable that makes a process of the test one of the eight, and names the database.
const MIGRATES: &str = "UNDERPIN_TEST_MIGRATES";

/// What each of the eight does. Says whether this process is one of them.
async fn is_one_of_eight() -> bool {
    let Ok(url) = std::env::var(MIGRATES) else { return false };
    let mut settings = underpin_database::DatabaseSettings::new(url);
    settings.application_name = "one of eight".to_owned();
    let pool = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    println!("migrations run: {} ", orders().up(&pool).await.unwrap().len());
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn hazard_12_eight_processes_at_once_on_postgres() {
    if is_one_of_eight().await {
        return;
    }
    let postgres = postgres().await;
    let pool = &postgres.pool;
    // All eight stand before the lock before any of them gets it. Its key never changes: old and new releases of a service
    // migrate side by side.
    let gate = pool.session().await.unwrap();
    gate.query_one(sql("SELECT pg_advisory_lock($1)", [0x756e_6465_7270_696e_i64.into()])).await.unwrap();
    let begun = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'one of eight' AND query LIKE 'SELECT pg_try_advisory_lock%'";
        eventually(LIMIT, "all eight wait", async || number(pool, waiting).await == 8).await;
        gate.discard().await;
    };
    let test = "hazard_12_eight_processes_at_once_on_postgres";
    let done = eight_processes(test, postgres.database.url(), begun).await;
    assert_eq!(done, [0, 0, 0, 0, 0, 0, 0, 2], "one migrates, seven wait and find it done");
    assert_eq!(number(pool, "SELECT count(*) FROM underpin_migration").await, 2);
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually(LIMIT, "the lock is free again", async || number(pool, held).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_at_once_on_sqlite() {
    if is_one_of_eight().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("orders.db").display());
    let done = eight_processes("eight_processes_at_once_on_sqlite", &url, async {}).await;
    // The file is locked for one migration at a time.
    assert_eq!(done.iter().sum::<usize>(), 2, "each migration ran once: {done:?}");
}

#[tokio::test]
async fn sql_files_of_a_folder_are_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("0002_b.sql", "CREATE TABLE b (id INTEGER)");
    write("0001_a.sql", "CREATE TABLE a (id INTEGER)");
    write("0002_b.down.sql", "DROP TABLE b");
    write("README.md", "not a migration");
    let pool = memory().await;
    let migrations = Migrations::new("files").folder(folder.path()).unwrap();
    assert_eq!(migrations.up(&pool).await.unwrap(), ["0001_a", "0002_b"]);
    assert_eq!(migrations.down(&pool, 1).await.unwrap(), ["0002_b"]);
    write("0009_x.down.sql", "SELECT 1");
    assert!(Migrations::new("files").folder(folder.path()).is_err());
}

mod with_sea_orm {
    use sea_orm_migration::{
        MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait,
        sea_orm::{ConnectionTrait as _, DbErr},
    };

    pub struct Migrator;

    impl MigratorTrait for Migrator {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(First)]
        }
    }

    pub struct Slow;

    impl MigratorTrait for Slow {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(Sleeps)]
        }
    }

    struct Sleeps;

    impl MigrationName for Sleeps {
        fn name(&self) -> &str {
            "m0001_sleeps"
        }
    }

    #[async_trait::async_trait]
    #[allow(elided_lifetimes_in_paths, reason = "the lifetimes of the trait")]
    impl MigrationTrait for Sleeps {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager.get_connection().execute_unprepared("SELECT pg_sleep(1.5)").await.map(drop)
        }
    }

    struct First;

    impl MigrationName for First {
        fn name(&self) -> &str {
            "m0001_first"
        }
    }

    #[async_trait::async_trait]
    #[allow(elided_lifetimes_in_paths, reason = "the lifetimes of the trait")]
    impl MigrationTrait for First {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager.get_connection().execute_unprepared("CREATE TABLE first (id INTEGER)").await.map(drop)
        }

        async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager.get_connection().execute_unprepared("DROP TABLE first").await.map(drop)
        }
    }
}

async fn a_sea_orm_migrator_runs_under_the_lock(pool: Pool) {
    use underpin_database::migrate::{down_with, up_with};
    use with_sea_orm::Migrator;
    let (one, two) = tokio::join!(up_with::<Migrator>(&pool), up_with::<Migrator>(&pool));
    one.unwrap();
    two.unwrap();
    assert_eq!(number(&pool, "SELECT count(*) FROM first").await, 0);
    down_with::<Migrator>(&pool, 1).await.unwrap();
    assert!(pool.query_one(sql("SELECT 1 FROM first", [])).await.is_err());
}

#[tokio::test]
async fn a_sea_orm_migrator_may_take_its_time() {
    let postgres = crate::common::postgres_with(|settings| {
        settings.statement_timeout = std::time::Duration::from_secs(1);
    })
    .await;
    underpin_database::migrate::up_with::<with_sea_orm::Slow>(&postgres.pool).await.unwrap();
}

macro_rules! on_each_backend {
    ($($name:ident)+) => {
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                let postgres = super::postgres().await;
                super::$name(postgres.pool.clone()).await;
            })+
        }
        mod on_sqlite_file {
            $(#[tokio::test]
            async fn $name() {
                let (pool, _folder) = super::file().await;
                super::$name(pool).await;
            })+
        }
    };
}

on_each_backend! {
    up_down_status_fresh_and_seeds
    a_failed_migration_leaves_nothing_behind
    a_history_that_does_not_fit_is_refused
    a_sea_orm_migrator_runs_under_the_lock
}

#[tokio::test]
async fn line_endings_are_no_change_of_a_migration() {
    const TEXT: &str = "CREATE TABLE note (\n  id INTEGER,\n  text TEXT\n);\n";
    let set = |text: String| Migrations::new("notes").step(Migration::new("0001_note", text));
    let with_returns = TEXT.replace('\n', "\r\n");
    for (ran, next) in [(TEXT.to_owned(), with_returns.clone()), (with_returns, TEXT.to_owned())] {
        let pool = memory().await;
        set(ran).up(&pool).await.unwrap();
        assert_eq!(set(next.clone()).up(&pool).await.unwrap(), Vec::<String>::new());
        assert!(matches!(set(next).status(&pool).await.unwrap()[0].state, MigrationState::Applied { .. }));
        let changed = set(TEXT.replace("INTEGER", "BIGINT")).up(&pool).await.unwrap_err();
        assert_eq!(changed.condition(), Condition::Migration);
    }
    // What a version before noted for a text with CRLF.
    let pool = memory().await;
    let returns = TEXT.replace('\n', "\r\n");
    set(returns.clone()).up(&pool).await.unwrap();
    let hash = returns.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    pool.execute(sql("UPDATE underpin_migration SET checksum = $1", [format!("{hash:016x}").into()]))
        .await
        .unwrap();
    for text in [returns, TEXT.to_owned()] {
        assert_eq!(set(text).up(&pool).await.unwrap(), Vec::<String>::new());
    }
}

mod outside_of_a_transaction {
    use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager};
    use underpin_database::sea_orm::{ConnectionTrait as _, DbErr};

    pub(super) struct Migrator;

    impl MigratorTrait for Migrator {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![Box::new(Table), Box::new(Index)]
        }
    }

    struct Table;

    impl MigrationName for Table {
        fn name(&self) -> &'static str {
            "m0001_table"
        }
    }

    #[async_trait::async_trait]
    #[allow(elided_lifetimes_in_paths, reason = "the lifetimes of the trait")]
    impl MigrationTrait for Table {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            // The other replica comes meanwhile.
            let sql = "CREATE TABLE city (name text); SELECT pg_sleep(1)";
            manager.get_connection().execute_unprepared(sql).await.map(drop)
        }
    }

    struct Index;

    impl MigrationName for Index {
        fn name(&self) -> &'static str {
            "m0002_index"
        }
    }

    #[async_trait::async_trait]
    #[allow(elided_lifetimes_in_paths, reason = "the lifetimes of the trait")]
    impl MigrationTrait for Index {
        fn use_transaction(&self) -> Option<bool> {
            Some(false)
        }

        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            let sql = "CREATE INDEX CONCURRENTLY city_name ON city (name)";
            manager.get_connection().execute_unprepared(sql).await.map(drop)
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_do_not_wait_for_each_other_at_a_step_outside_of_a_transaction() {
    let postgres = postgres().await;
    let settings = postgres.pool.settings().clone();
    let other = connect(&settings, Arc::new(NoopLogger)).await.unwrap();
    let own = || Migrations::new("own").step(Migration::new("0001", "CREATE TABLE own (id INTEGER)"));
    let (migrations, elected) = (own(), postgres.pool.clone());
    let all = async {
        tokio::try_join!(
            underpin_database::migrate::up_with::<outside_of_a_transaction::Migrator>(&postgres.pool),
            underpin_database::migrate::up_with::<outside_of_a_transaction::Migrator>(&other),
            async { migrations.up(&other).await.map(drop) },
            async { elected.try_lead("report").await.map(drop) },
        )
    };
    tokio::time::timeout(LIMIT, all).await.expect("in time").unwrap();
    let valid = "SELECT count(*) FROM pg_index WHERE indexrelid = 'city_name'::regclass AND indisvalid";
    assert_eq!(number(&postgres.pool, valid).await, 1);
}
