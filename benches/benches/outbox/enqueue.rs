//! What enqueuing costs inside of a transaction.

use futures_util::future::join_all;
use tokio::runtime::Runtime;
use underpin_benches::Comparison;
use underpin_database::{DatabaseError, DatabaseExt, Executor, Transaction, TxOptions, sql};
use underpin_events::Event;
use underpin_outbox::{OutboxError, OutboxRow};

use super::Done;
use super::stage::{Stage, event};

/// What a transaction does besides the insert that it is there for.
#[derive(Clone, Copy)]
enum Also {
    Nothing,
    PlainInsert,
    Enqueue,
}

/// A transaction of one insert, beside the same with a second plain insert or with an event; while relays are awake, which
/// is the rule under load, and while one sleeps and has to be woken by NOTIFY.
pub(crate) fn measure(runtime: &Runtime) -> Done {
    let stage = runtime.block_on(Stage::set())?;
    let create = "CREATE TABLE plain (id bigserial PRIMARY KEY, key text, envelope text, at timestamptz DEFAULT now())";
    runtime.block_on(stage.pool.execute(sql(create, [])))?;
    let event = event("42", 1)?;
    let row = stage.outbox.row(&event)?;
    for (relay, bell) in [("the relay is awake", false), ("the relay sleeps", true)] {
        runtime
            .block_on(stage.pool.execute(sql("UPDATE underpin_outbox_lanes SET bell = $1", [bell.into()])))?;
        for clients in [1, 16] {
            let run = |also| {
                let (stage, event, row) = (&stage, &event, &row);
                move || {
                    let transactions = (0..clients).map(|_| transaction(stage, event, row, also));
                    for done in runtime.block_on(join_all(transactions)) {
                        done.unwrap_or_else(|error| unreachable!("the transaction must commit: {error}"));
                    }
                }
            };
            Comparison::new(
                format!("a transaction that also tells of itself, {clients} at once, {relay}"),
                "round of transactions",
            )
            .contender("and inserts a second plain row", run(Also::PlainInsert))
            .contender("and enqueues an event", run(Also::Enqueue))
            .contender("and does nothing else", run(Also::Nothing))
            .print();
        }
    }
    Ok(())
}

async fn transaction(stage: &Stage, event: &Event, row: &OutboxRow, also: Also) -> Result<(), OutboxError> {
    let work = |tx| async move {
        insert(&tx, row).await?;
        match also {
            Also::Nothing => Ok(()),
            Also::PlainInsert => Ok(insert(&tx, row).await?),
            Also::Enqueue => stage.outbox.enqueue(&tx, event).await,
        }
    };
    stage.pool.transaction(TxOptions::default(), work).await
}

async fn insert(tx: &Transaction, row: &OutboxRow) -> Result<(), DatabaseError> {
    let text = "INSERT INTO plain (key, envelope) VALUES ($1, $2)";
    tx.execute(sql(text, [row.key.as_str().into(), row.envelope.as_str().into()])).await?;
    Ok(())
}
