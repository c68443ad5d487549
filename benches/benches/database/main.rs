//! A row by its primary key on a real PostgreSQL, through pools of 25 connections and on one held connection: ours beside
//! sqlx, sea-orm, deadpool-postgres, Go's pgx and GORM, with pgbench as the limit.
//!
//! Each table twice: with client and server on all cores, and with a core for each ([`Placement`]).
//!
//! Closed loop: 25 tasks ask one after the other. Burst: 10,000 tasks, all at once.

mod latency;
mod load;
mod peers;
mod pgbench;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait, SqlxPostgresConnector};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use tokio::runtime::Runtime;
use underpin_benches::{Comparison, GoPeer, Placement};
use underpin_database::{DatabaseSettings, Executor, Pool, connect, sql};
use underpin_logger::NoopLogger;
use underpin_testkit::PostgresServer;

use latency::Latencies;
use load::{Load, Shape};
use pgbench::Pgbench;

const POOL: u32 = 25;
const ROWS: u64 = 100_000;
const BURST: u64 = 10_000;
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
    for placement in Placement::all()? {
        let runtime = Runtime::new()?;
        let server = runtime.block_on(PostgresServer::private());
        placement.place_server(server.processes().iter().map(|process| process.pid()))?;
        // A thread for each arrangement: its runtime, its peers in Go and its pgbench inherit its cores.
        let measured = std::thread::spawn({
            let url = server.url().to_owned();
            move || {
                let placed = placement.place_client().map_err(Box::from);
                placed
                    .and_then(|()| measure(&url, placement))
                    .map_err(|error: Box<dyn Error>| error.to_string())
            }
        });
        match measured.join() {
            Ok(done) => done?,
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    }
    Ok(())
}

fn measure(url: &str, placement: Placement) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ours = runtime.block_on(ours(url))?;
    // BENCH_ONLY picks one of the three and, after a colon, contenders by parts of their names, for loops of change
    // and measure: `closed`, `burst:pgx 4 and|entity, underpin`, `held`.
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let (part, contenders) = only.split_once(':').unwrap_or((&only, ""));
    let wanted = |name: &str| part.is_empty() || part == name;
    if wanted("closed") || wanted("burst") {
        let pools = Pools::open(&runtime, url, &ours)?;
        for shape in [Shape::Closed, Shape::Burst] {
            if wanted(shape.name()) {
                pools.compare(&runtime, shape, placement, contenders);
            }
        }
    }
    if wanted("held") {
        held(&runtime, url, &ours, placement)?;
    }
    runtime.block_on(ours.close(Duration::from_secs(5)));
    Ok(())
}

/// Our pool, on a table that it fills first.
async fn ours(url: &str) -> Result<Pool, Box<dyn Error>> {
    let mut settings = DatabaseSettings::new(url);
    settings.max_open = POOL;
    settings.max_idle = POOL;
    let pool = connect(&settings, Arc::new(NoopLogger)).await?;
    let fill = format!("INSERT INTO account SELECT n, n * 7 FROM generate_series(1, {ROWS}) n");
    // Our settings limit a statement by default; so the server keeps the same limit for everybody.
    let limit = "DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET statement_timeout = 30000', current_database()); END $$";
    for text in [
        "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)",
        &fill,
        "VACUUM ANALYZE account",
        limit,
    ] {
        pool.execute_unprepared(text).await?;
    }
    Ok(pool)
}

/// What a contender does, under its name, that many times, and how long it took.
type Work<'a> = Box<dyn FnMut(&'static str, u64) -> Duration + 'a>;

/// The contenders with a pool.
struct Pools {
    ours: Pool,
    default: PgPool,
    lean: PgPool,
    deadpool: deadpool_postgres::Pool,
    go: Option<GoPeer>,
    pgbench: Pgbench,
}

impl Pools {
    fn open(runtime: &Runtime, url: &str, ours: &Pool) -> Result<Self, Box<dyn Error>> {
        let options = || PgPoolOptions::new().max_connections(POOL);
        let (default, lean) = runtime.block_on(async {
            let default = options().connect(url).await?;
            let lean = options().test_before_acquire(false).connect(url).await?;
            Ok::<_, sqlx::Error>((default, lean))
        })?;
        Ok(Self {
            ours: ours.clone(),
            default,
            lean,
            deadpool: peers::deadpool(url)?,
            go: GoPeer::build("database", &[url, &POOL.to_string()])?,
            pgbench: Pgbench::new(url)?,
        })
    }

    fn compare(&self, runtime: &Runtime, shape: Shape, placement: Placement, only: &str) {
        let latencies = Latencies::default();
        let load = Load { runtime, shape, latencies: &latencies };
        let sea_default = SqlxPostgresConnector::from_sqlx_postgres_pool(self.default.clone());
        let sea_lean = SqlxPostgresConnector::from_sqlx_postgres_pool(self.lean.clone());
        let title = placement.title(&format!("a row by primary key, pool of {POOL}, {}", shape.title()));
        let mut contenders: Vec<(&'static str, Work<'_>)> = Vec::new();
        if let Some(go) = &self.go {
            for (name, work) in [
                ("pgx 4 and its pool (Go)", "pgx"),
                ("pgx 4, a deadline for each query (Go)", "deadline"),
                ("GORM 1 over pgx 4 (Go)", "gorm"),
            ] {
                contenders.push((name, Box::new(move |name, times| load.peer(name, go, work, times))));
            }
        }
        macro_rules! contender {
            ($name:literal, $db:expr, $work:expr) => {{
                let db = $db;
                contenders.push(($name, Box::new(move |name, times| load.time(name, db, $work, times))));
            }};
        }
        contender!("sea-orm entity, underpin", &self.ours, peers::find);
        contender!("sea-orm entity, underpin's find_by_key", &self.ours, peers::find_by_key);
        contender!("row of a statement, underpin", &self.ours, peers::query);
        contender!("sea-orm entity, sea-orm's pool, default", &sea_default, peers::find);
        contender!("sea-orm entity, sea-orm's pool, no ping on acquire", &sea_lean, peers::find);
        contender!("sqlx, default", &self.default, peers::select);
        contender!("sqlx, no ping on acquire", &self.lean, peers::select);
        contender!("deadpool-postgres, fast recycling", &self.deadpool, peers::cached);
        if shape == Shape::Closed {
            let run = |name: &'static str, times| self.pgbench.run(name, times, &latencies);
            contenders.push(("pgbench -S -M prepared, the limit", Box::new(run)));
        }
        let mut comparison = Comparison::new(&title, shape.unit());
        for (name, mut work) in
            contenders.into_iter().filter(|(name, _)| only.split('|').any(|part| name.contains(part)))
        {
            comparison = comparison.timed(name, move |times| work(name, times));
        }
        comparison.print();
        latencies.print(&title);
    }
}

/// What our own code costs on top of the driver: one connection, held, one query after the other.
fn held(runtime: &Runtime, url: &str, ours: &Pool, placement: Placement) -> Result<(), Box<dyn Error>> {
    let bare = runtime.block_on(PgConnection::connect(url))?;
    let session = runtime.block_on(ours.session())?;
    let bare = tokio::sync::Mutex::new(bare);
    Comparison::new(placement.title("a row by primary key, one held connection"), "query")
        .timed("bare sqlx", |times| {
            load::one_by_one(runtime, times, async |id| {
                let mut bare = bare.lock().await;
                peers::answer(sqlx::query_as::<_, (i32, i64)>(SQL).bind(id).fetch_optional(&mut *bare).await)
            })
        })
        .timed("underpin's Session", |times| {
            load::one_by_one(runtime, times, async |id| {
                let row = Executor::query_one(&session, sql(SQL, [id.into()])).await;
                peers::answer(peers::pair(row))
            })
        })
        .timed("sea-orm entity, underpin's Session", |times| {
            load::one_by_one(runtime, times, async |id| {
                let row = account::Entity::find_by_id(id).one(&session).await;
                peers::answer(row.map(|row| row.map(|row| (row.id, row.balance))))
            })
        })
        .print();
    Ok(())
}
