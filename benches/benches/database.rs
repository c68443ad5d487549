//! A row by its primary key through pools of 25 connections, beside sqlx and sea-orm, on a real PostgreSQL.
//!
//! Closed loop: 25 tasks ask one after the other. Burst: as many tasks as queries, all at once.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, EntityTrait, SqlxPostgresConnector};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_database::{DatabaseSettings, connect};
use underpin_logger::NoopLogger;
use underpin_testkit::PostgresDatabase;

const POOL: u32 = 25;
const ROWS: u64 = 100_000;
const SQL: &str = "SELECT id, balance FROM account WHERE id = $1";

mod account {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "account")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        pub(crate) balance: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let database = runtime.block_on(PostgresDatabase::fresh());
    let url = database.url().to_owned();

    let mut settings = DatabaseSettings::new(&url);
    settings.max_open = POOL;
    settings.max_idle = POOL;
    let ours = runtime.block_on(connect(&settings, Arc::new(NoopLogger)))?;
    runtime.block_on(async {
        ours.execute_unprepared("CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)").await?;
        let fill = format!("INSERT INTO account SELECT n, n * 7 FROM generate_series(1, {ROWS}) n");
        ours.execute_unprepared(&fill).await?;
        ours.execute_unprepared("ANALYZE account").await
    })?;

    let options = || PgPoolOptions::new().max_connections(POOL);
    let (default, lean) = runtime.block_on(async {
        let default = options().connect(&url).await?;
        let lean = options().test_before_acquire(false).connect(&url).await?;
        Ok::<_, sqlx::Error>((default, lean))
    })?;
    let sea_default = SqlxPostgresConnector::from_sqlx_postgres_pool(default.clone());
    let sea_lean = SqlxPostgresConnector::from_sqlx_postgres_pool(lean.clone());

    for (title, tasks) in
        [("closed loop of 25 tasks", Some(u64::from(POOL))), ("a burst of 10,000 tasks", None)]
    {
        let load = |times| Load { runtime: &runtime, tasks, times };
        Comparison::new(format!("a row by primary key, pool of 25, {title}"), "query")
            .timed("sea-orm entity, sea-orm's pool, default", |times| load(times).time(&sea_default, find))
            .timed("sea-orm entity, sea-orm's pool, no ping on acquire", |times| {
                load(times).time(&sea_lean, find)
            })
            .timed("plain sqlx, default", |times| load(times).time(&default, select))
            .timed("plain sqlx, no ping on acquire", |times| load(times).time(&lean, select))
            .timed("sea-orm entity, underpin", |times| load(times).time(&ours, find))
            .print();
    }
    runtime.block_on(ours.close(Duration::from_secs(5)));
    Ok(())
}

async fn find(db: impl ConnectionTrait, id: i32) -> i64 {
    answer(account::Entity::find_by_id(id).one(&db).await.map(|row| row.map(|row| row.balance)))
}

async fn select(pool: PgPool, id: i32) -> i64 {
    answer(
        sqlx::query_as::<_, (i32, i64)>(SQL)
            .bind(id)
            .fetch_optional(&pool)
            .await
            .map(|row| row.map(|row| row.1)),
    )
}

#[allow(clippy::panic, reason = "a benchmark whose query fails measures nothing")]
fn answer<E: std::fmt::Debug>(found: Result<Option<i64>, E>) -> i64 {
    match found {
        Ok(Some(balance)) => balance,
        other => panic!("the row must be there: {other:?}"),
    }
}

struct Load<'a> {
    runtime: &'a Runtime,
    tasks: Option<u64>,
    times: u64,
}

impl Load<'_> {
    /// Runs the queries and says how long they took, all together.
    fn time<D, F>(self, db: &D, work: impl Fn(D, i32) -> F + Copy + Send + 'static) -> Duration
    where
        D: Clone + Send + 'static,
        F: Future<Output = i64> + Send,
    {
        let tasks = self.tasks.unwrap_or(10_000.min(self.times)).min(self.times).max(1);
        let each = self.times / tasks;
        let rest = self.times % tasks;
        self.runtime.block_on(async move {
            let start = Instant::now();
            let mut running = tokio::task::JoinSet::new();
            for task in 0..tasks {
                let db = db.clone();
                let count = each + u64::from(task < rest);
                running.spawn(async move {
                    for turn in 0..count {
                        let id = key(task, turn);
                        assert_eq!(work(db.clone(), id).await, i64::from(id) * 7, "the row's own balance");
                    }
                });
            }
            while let Some(ended) = running.join_next().await {
                if let Err(panicked) = ended {
                    std::panic::resume_unwind(panicked.into_panic());
                }
            }
            start.elapsed()
        })
    }
}

/// Spreads the queries over the table (the multiplier of `SplitMix64`).
fn key(task: u64, turn: u64) -> i32 {
    let mixed = (task << 32 | turn).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    i32::try_from(mixed % ROWS + 1).unwrap_or(1)
}
