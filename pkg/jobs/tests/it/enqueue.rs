//! Enqueues in transactions of the caller.

use std::time::Duration;

use underpin_database::{Connections, DatabaseExt, Executor, TxOptions, sql};
use underpin_jobs::{Enqueue, Enqueued, JobState, Jobs, JobsError, JobsSettings, Unique};
use underpin_logger::{Context, RequestId};

use crate::support::{TestDatabase, count, enqueue, state, work};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_there_if_and_only_if_its_transaction_commits() {
    for database in [TestDatabase::postgres().await, TestDatabase::sqlite().await] {
        let jobs = database.jobs().await;
        let tx = database.pool.begin(TxOptions::default()).await.unwrap();
        let lost = jobs.enqueue(&tx, &work(1)).await.unwrap().id();
        tx.rollback().await.unwrap();
        assert_eq!(state(&jobs, lost).await, None);
        let ids = enqueue(&jobs, &database.pool, 0..2500).await;
        assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job").await, 2500);
        let record = jobs.inspect(ids[2499]).await.unwrap().unwrap();
        assert_eq!((record.status.state, record.payload.as_str()), (JobState::Waiting, r#"{"number":2499}"#));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_sea_orm_and_names_that_are_wrong() {
    let database = TestDatabase::postgres().await;
    let jobs = database.jobs().await;
    let other = underpin_database::sea_orm::Database::connect(database.postgres.as_ref().unwrap().url())
        .await
        .unwrap();
    let tx = underpin_database::sea_orm::TransactionTrait::begin(&other).await.unwrap();
    let how =
        Enqueue::default().unique(Unique::until_finished("k")).priority(0).after(Duration::from_secs(60));
    let id = jobs.enqueue_with(&tx, &work(1), how).await.unwrap().id();
    tx.commit().await.unwrap();
    other.close().await.unwrap();
    assert_eq!(state(&jobs, id).await, Some(JobState::Waiting));

    let tx = database.pool.begin(TxOptions::default()).await.unwrap();
    let wrong = Enqueue::default().unique(Unique::until_finished("k\0"));
    assert!(matches!(jobs.enqueue_with(&tx, &work(1), wrong).await, Err(JobsError::Name { .. })));
    let small =
        Jobs::new(&database.pool, JobsSettings::default().max_payload(underpin_config::ByteSize::new(5)));
    assert!(matches!(small.unwrap().enqueue(&tx, &work(1)).await, Err(JobsError::TooLarge { limit: 5, .. })));
    assert!(matches!(Jobs::in_memory().enqueue(&tx, &work(1)).await, Err(JobsError::OtherDatabase)));
    // None of them harmed the transaction.
    tx.execute(sql("SELECT 1", [])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_transactions_with_a_key_one_enqueues() {
    let database = TestDatabase::postgres().await;
    let jobs = database.jobs().await;
    let attempts = (0..50).map(|number| {
        let (jobs, pool) = (jobs.clone(), database.pool.clone());
        tokio::spawn(async move {
            let tx = pool.begin(TxOptions::default()).await.unwrap();
            let how = Enqueue::default().unique(Unique::until_finished("k"));
            let enqueued = jobs.enqueue_with(&tx, &work(number), how).await.unwrap();
            if number % 2 == 0 {
                tx.rollback().await.unwrap();
                return None;
            }
            tx.commit().await.unwrap();
            Some(enqueued)
        })
    });
    let mut committed = Vec::new();
    for attempt in futures_util::future::join_all(attempts).await {
        committed.extend(attempt.unwrap());
    }
    let new: Vec<&Enqueued> = committed.iter().filter(|enqueued| enqueued.is_new()).collect();
    assert_eq!((committed.len(), new.len()), (25, 1));
    assert!(
        committed.iter().all(|enqueued| enqueued.id() == new[0].id()),
        "the others got the job that holds the key"
    );
    assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_id_and_trace_go_through_the_queue() {
    let database = TestDatabase::sqlite().await;
    let jobs = &database.jobs().await;
    let context = Context::new(RequestId::parse("req-42").unwrap()).child_span();
    let scoped = context.scope(
        database
            .pool
            .transaction(TxOptions::default(), |tx| async move { jobs.enqueue(&tx, &work(1)).await }),
    );
    scoped.await.unwrap();
    let text = "SELECT headers FROM underpin_job";
    let headers: String =
        database.pool.query_one(sql(text, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert!(headers.contains("req-42") && headers.contains(context.trace().unwrap().trace_id()), "{headers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_migrates_at_once_and_under_load() {
    let database = TestDatabase::postgres().await;
    let first = database.jobs().await;
    let load = tokio::spawn({
        let (jobs, pool) = (first.clone(), database.pool.clone());
        async move {
            for round in 0..20 {
                enqueue(&jobs, &pool, round * 10..round * 10 + 10).await;
            }
        }
    });
    let migrations = (0..5).map(|_| first.migrate());
    for migrated in futures_util::future::join_all(migrations).await {
        migrated.unwrap();
    }
    load.await.unwrap();
    assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_jobs_schema").await, 3);
    assert_eq!(count(&database.pool, "SELECT count(*) FROM underpin_job").await, 200);
}
