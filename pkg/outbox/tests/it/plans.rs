//! What the outbox's statements read when the statistics of its tables are those of an empty table, which is what they are
//! most of the time: the rows they name, and not the backlog. Counted by the server, in rows.

use std::sync::Arc;

use underpin_database::{Connections, DatabaseSettings, Executor, Pool, TxOptions, connect, sql};
use underpin_logger::NoopLogger;
use underpin_outbox::Outbox;
use underpin_testkit::PostgresDatabase;

const BACKLOG: i64 = 20_000;
const NAMED: i64 = 100;

const WAITING: &str = "INSERT INTO underpin_outbox (lane, key, envelope) \
    SELECT n % 32, n, '{}' FROM generate_series(1, $1::bigint) n";
const HELD: &str = "INSERT INTO underpin_outbox_held (lane, key, id, envelope, created_at, due_at) \
    SELECT n % 32, n % 1000, n, '{}', now(), CASE WHEN n <= 1000 THEN now() END FROM generate_series(1, $1::bigint) n";

/// A backlog in both tables, whose statistics were taken while they were empty.
async fn backlog() -> (Pool, PostgresDatabase) {
    let database = PostgresDatabase::fresh().await;
    let pool = connect(&DatabaseSettings::new(database.url()), Arc::new(NoopLogger)).await.unwrap();
    Outbox::default().migrate(&pool).await.unwrap();
    for (table, fill) in [("underpin_outbox", WAITING), ("underpin_outbox_held", HELD)] {
        pool.batch(&format!("ALTER TABLE {table} SET (autovacuum_enabled = off)")).await.unwrap();
        pool.execute(sql(fill, [BACKLOG.into()])).await.unwrap();
        pool.batch(&format!("DELETE FROM {table}; ANALYZE {table}")).await.unwrap();
        pool.execute(sql(fill, [BACKLOG.into()])).await.unwrap();
        let statistics =
            sql("SELECT reltuples::bigint, relpages FROM pg_class WHERE relname = $1", [table.into()]);
        let row = pool.query_one(statistics).await.unwrap().unwrap();
        let (rows, pages): (i64, i32) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        assert!(
            rows == 0 && pages > 0,
            "the planner believes in an empty table: {rows} rows on {pages} pages"
        );
    }
    (pool, database)
}

/// How many rows of the table a statement reads, and how many rows it changes in all tables; nothing of it stays.
async fn reads(pool: &Pool, table: &str, statement: &str) -> (i64, i64) {
    let count = "SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FILTER (WHERE relname = $1)::bigint, \
        sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint \
        FROM pg_stat_xact_user_tables WHERE relname LIKE 'underpin_outbox%'";
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    let counted = async || {
        let row = tx.query_one(sql(count, [table.into()])).await.unwrap().unwrap();
        (row.try_get_by_index::<i64>(0).unwrap(), row.try_get_by_index::<i64>(1).unwrap())
    };
    // The session's earlier transactions may still be among them.
    let before = counted().await;
    tx.query_all(sql(statement, [])).await.unwrap();
    let after = counted().await;
    tx.rollback().await.unwrap();
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_events_costs_its_own_rows_however_long_the_backlog() {
    let (pool, _database) = backlog().await;
    let named = sql("SELECT lane, id FROM underpin_outbox ORDER BY id LIMIT $1", [NAMED.into()]);
    let (mut lanes, mut ids, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for row in pool.query_all(named).await.unwrap() {
        let (lane, id): (i16, i64) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
        lanes.push(lane.to_string());
        ids.push(id.to_string());
        failures.push(format!(
            r#"{{"lane":{lane},"id":{id},"attempts":1,"reason":"x","delay_ms":5,"quarantine":false}}"#
        ));
    }
    let list = format!("'{{{}}}', '{{{}}}'", lanes.join(","), ids.join(","));
    for (function, arguments, changes) in
        [("remove", &list, NAMED), ("keep", &list, 2 * NAMED), ("hold", &json(&failures), 2 * NAMED)]
    {
        let call = format!("SELECT underpin_outbox_{function}({arguments})");
        let (read, changed) = reads(&pool, "underpin_outbox", &call).await;
        assert_eq!(changed, changes, "{function}");
        assert!(read <= 2 * NAMED, "{function} read {read} rows for {NAMED}");
    }
    for (call, most) in [
        ("fetch('{1,2}', '{0,0}', 10, 1000000)", 20),
        ("is_clear(1::smallint, 0, 40000)", 1),
        ("lag(10)", 32 * 10),
    ] {
        let (read, _) =
            reads(&pool, "underpin_outbox", &format!("SELECT * FROM underpin_outbox_{call}")).await;
        assert!(read <= most, "{call} read {read} rows");
    }
}

/// Records as an argument.
fn json(records: &[String]) -> String {
    format!("'[{}]'::jsonb", records.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn held_events_cost_their_own_rows_however_many_are_held() {
    let (pool, _database) = backlog().await;
    let (mut failures, mut events, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=NAMED {
        let (lane, key) = (n % 32, n % 1000);
        failures.push(format!(
            r#"{{"lane":{lane},"key":"{key}","id":{n},"attempts":2,"reason":"x","delay_ms":5,"quarantine":false}}"#
        ));
        events.push(format!(r#"{{"lane":{lane},"key":"{key}","id":{n}}}"#));
        // Keys whose head has no time yet.
        keys.push(format!(r#"{{"lane":{},"key":"{}"}}"#, (n + 1000) % 32, n % 1000));
    }
    // Each key has twenty rows, in different partitions: few rows belong to one key of one partition.
    for (call, changes) in [
        (format!("fail_again({})", json(&failures)), NAMED),
        (format!("remove_held({})", json(&events)), NAMED),
        (format!("keep_held({})", json(&events)), 2 * NAMED),
        (format!("promote({}, false)", json(&keys)), NAMED),
    ] {
        let (read, changed) =
            reads(&pool, "underpin_outbox_held", &format!("SELECT underpin_outbox_{call}")).await;
        assert_eq!(changed, changes, "{call}");
        assert!(read <= 3 * NAMED, "{read} rows were read for {NAMED}: {call}");
    }
    let (read, _) = reads(
        &pool,
        "underpin_outbox_held",
        "SELECT * FROM underpin_outbox_held_rows(5::smallint, '5', 100)",
    )
    .await;
    assert!((1..=20).contains(&read), "{read} rows were read for one key");
    let lanes = "SELECT * FROM underpin_outbox_heads('{1,2,3,4}', false)";
    let (read, _) = reads(&pool, "underpin_outbox_held", lanes).await;
    assert!((1..=200).contains(&read), "{read} rows were read for the heads of four partitions");
}
