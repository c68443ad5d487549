//! The spans of statements and transactions.

use underpin_database::{Connections, DatabaseError, DatabaseExt, Executor, TxOptions, sql};
use underpin_logger::{AttributeValue, Context, FinishedSpan, RequestId, TraceParent, testing::CaptureSpans};

use crate::common::{memory, postgres};

fn request() -> Context {
    Context::new(RequestId::generate()).with_trace(TraceParent::generate())
}

fn trace_id(ctx: &Context) -> &str {
    ctx.trace().unwrap().trace_id()
}

fn named<'s>(spans: &'s [FinishedSpan], name: &str) -> &'s FinishedSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} among {spans:?}"))
}

#[tokio::test]
async fn statements_are_children_of_their_transaction_and_of_the_request() {
    let (captured, postgres, ctx) = (CaptureSpans::install(), postgres().await, request());
    let pool = &postgres.pool;
    ctx.scope(async {
        pool.execute(sql("CREATE TABLE account (name TEXT UNIQUE)", [])).await.unwrap();
        pool.transaction(TxOptions::default(), |tx| async move {
            tx.execute(sql("INSERT INTO account VALUES ('ada')", [])).await?;
            // Another connection, inside of the closure.
            pool.query_one(sql("SELECT 1", [])).await?;
            Ok::<_, DatabaseError>(())
        })
        .await
        .unwrap();
        let rows = pool.query_all(sql("SELECT name FROM account", [])).await.unwrap();
        assert_eq!(rows.len(), 1);
    })
    .await;
    assert_eq!(
        captured.tree(trace_id(&ctx)),
        "CREATE account\ntransaction\n  INSERT account\n  SELECT\nSELECT account\n"
    );
    let spans = captured.of_trace(trace_id(&ctx));
    let select = named(&spans, "SELECT account");
    assert_eq!(select.attribute("db.system.name"), Some(&"postgresql".into()));
    assert_eq!(select.attribute("db.response.returned_rows"), Some(&AttributeValue::Int(1)));
    assert_eq!(select.events.first().map(|(name, _)| *name), Some("connection acquired"));
    assert_eq!(named(&spans, "transaction").attribute("db.transaction.outcome"), Some(&"committed".into()));
    assert!(!format!("{spans:?}").contains("ada"), "no text of SQL");
}

#[tokio::test]
async fn a_failed_statement_is_a_failed_span_without_values() {
    let (captured, postgres, ctx) = (CaptureSpans::install(), postgres().await, request());
    let pool = postgres.pool.with(&ctx);
    pool.execute(sql("CREATE TABLE account (name TEXT UNIQUE)", [])).await.unwrap();
    let insert = || sql("INSERT INTO account VALUES ($1)", ["ada".into()]);
    let tx = pool.begin(TxOptions::default()).await.unwrap();
    tx.execute(insert()).await.unwrap();
    tx.execute(insert()).await.unwrap_err();
    tx.rollback().await.unwrap();
    let spans = captured.of_trace(trace_id(&ctx));
    let failed = spans.iter().find(|span| span.error.is_some()).unwrap();
    assert_eq!(failed.attribute("error.type"), Some(&"UniqueViolation".into()));
    assert_eq!(named(&spans, "transaction").attribute("db.transaction.outcome"), Some(&"rolled back".into()));
    assert!(!format!("{spans:?}").contains("ada"));
}

#[tokio::test]
async fn an_unsampled_request_leaves_no_spans() {
    let (captured, pool) = (CaptureSpans::install(), memory().await);
    let ctx = Context::background().with_trace(TraceParent::generate_unsampled());
    let work = async {
        let tx = pool.begin(TxOptions::default()).await.unwrap();
        tx.query_one(sql("SELECT 1", [])).await.unwrap();
        tx.commit().await.unwrap();
    };
    ctx.scope(work).await;
    assert_eq!(captured.tree(trace_id(&ctx)), "");
}
