//! The spans of enqueues and attempts.

use std::time::Duration;

use underpin_database::{DatabaseExt, TxOptions};
use underpin_jobs::cron::CronEntry;
use underpin_jobs::store::NewJob;
use underpin_jobs::{Enqueue, JobOutcome, JobRun, Jobs, Workers, WorkersDrain, typed_job, typed_job_with};
use underpin_logger::testing::CaptureSpans;
use underpin_logger::{AttributeValue, Context, RequestId, Span, SpanKind};

use crate::support::{Calls, LIMIT, TestDatabase, Work, quick, until, work};

fn entry() -> (Span, String) {
    let entry = Context::new(RequestId::generate()).entry_span("test", SpanKind::Internal);
    let trace = entry.ctx().trace().unwrap().trace_id().to_owned();
    (entry, trace)
}

#[tokio::test]
async fn an_enqueue_is_a_span_and_its_attempts_follow_it() {
    let (spans, jobs) = (CaptureSpans::install(), Jobs::in_memory());
    let handler = typed_job(async |_: Work, run: JobRun| match run.attempt() {
        1 => Ok(JobOutcome::Retry { after: Some(Duration::ZERO), reason: "not yet".to_owned() }),
        _ => Ok(JobOutcome::Done),
    });
    let runner = Workers::builder(&jobs).on(handler).inline().unwrap();
    let (entry, trace) = entry();
    let id = entry.ctx().scope(jobs.enqueue_committed(&work(1), Enqueue::default())).await.unwrap().id();
    let mut attempts = Vec::new();
    while attempts.len() < 2 {
        attempts.extend(runner.run_due().await.unwrap());
    }
    drop(entry);
    assert_eq!(spans.tree(&trace), "test\n  create work\n    run work\n");
    let create = spans.of_trace(&trace).into_iter().find(|span| span.name == "create work").unwrap();
    assert_eq!(create.kind, SpanKind::Producer);
    for (key, value) in [
        ("messaging.operation.type", "create".to_owned()),
        ("messaging.destination.name", "main".to_owned()),
        ("messaging.message.id", id.to_string()),
    ] {
        assert_eq!(create.attribute(key), Some(&AttributeValue::from(value)), "{key}");
    }
    // A later attempt would stretch the trace of the request.
    let second = spans.linked_to(&trace);
    assert_eq!((second.len(), &*second[0].name), (1, "run work"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_jobs_share_the_span_of_their_enqueue() {
    let (spans, database, calls) = (CaptureSpans::install(), TestDatabase::sqlite().await, Calls::default());
    let jobs = &database.jobs().await;
    let (entry, trace) = entry();
    let three: &Vec<Work> = &(0..3).map(work).collect();
    let enqueue = database
        .pool
        .transaction(TxOptions::default(), |tx| async move { jobs.enqueue_many(&tx, three).await });
    entry.ctx().scope(enqueue).await.unwrap();
    let runner = Workers::builder(jobs).on(calls.route()).inline().unwrap();
    assert_eq!(runner.run_due().await.unwrap().len(), 3);
    drop(entry);
    let all = spans.of_trace(&trace);
    let creates: Vec<_> = all.iter().filter(|span| span.name == "create work").collect();
    assert_eq!(creates.len(), 1);
    assert_eq!(creates[0].attribute("messaging.batch.message_count"), Some(&AttributeValue::Int(3)));
    let runs = all.iter().filter(|span| span.name == "run work");
    let parents: Vec<_> = runs.map(|span| span.parent.unwrap().span_id().to_owned()).collect();
    assert_eq!(parents, vec![creates[0].context.span_id().to_owned(); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enqueue_that_fails_marks_its_span() {
    let (spans, database) = (CaptureSpans::install(), TestDatabase::sqlite().await);
    // Without tables.
    let jobs = crate::support::jobs(&database.pool);
    let (entry, trace) = entry();
    let failed = entry.ctx().scope(jobs.enqueue_committed(&work(1), Enqueue::default())).await;
    assert!(failed.is_err());
    drop(entry);
    let create = spans.of_trace(&trace).into_iter().find(|span| span.name == "create work").unwrap();
    assert!(create.error.is_some());
}

#[tokio::test]
async fn an_attempt_long_after_its_enqueue_starts_a_trace_with_a_link() {
    let (spans, jobs) = (CaptureSpans::install(), Jobs::in_memory());
    let (entry, trace) = entry();
    let mut scheduled = NewJob::new("work", "main", r#"{"number":1}"#);
    // An id of 2023, as of a job that was enqueued then, for now.
    scheduled.id = "018bcfe5-687b-7000-8000-000000000000".parse().unwrap();
    scheduled.headers = format!(r#"{{"traceparent":"{}"}}"#, entry.ctx().traceparent().unwrap());
    jobs.store().insert(&[scheduled]).await.unwrap();
    let runner = Workers::builder(&jobs).on(Calls::default().route()).inline().unwrap();
    assert_eq!(runner.run_due().await.unwrap().len(), 1);
    drop(entry);
    assert_eq!(spans.tree(&trace), "test\n");
    let linked = spans.linked_to(&trace);
    assert_eq!((linked.len(), &*linked[0].name), (1, "run work"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_is_the_root_of_a_trace_that_its_job_continues() {
    let (spans, database) = (CaptureSpans::install(), TestDatabase::sqlite().await);
    let jobs = database.jobs().await;
    let (sender, mut ticks) = tokio::sync::mpsc::unbounded_channel();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let handler = async |sender: tokio::sync::mpsc::UnboundedSender<Context>, _: Work, run: JobRun| {
            sender.send(run.context().clone()).ok();
            Ok(JobOutcome::Done)
        };
        let builder = Workers::builder(&jobs).settings(quick()).on(typed_job_with(sender.clone(), handler));
        replicas.push(builder.cron(CronEntry::new("spanned", "* * * * * *", &work(1))).start().unwrap());
    }
    let context = ticks.recv().await.unwrap();
    let trace = context.trace().unwrap().trace_id();
    until("the spans of the tick and its job end", || async {
        spans.tree(trace) == "tick spanned\n  run work\n"
    })
    .await;
    let tick = spans.of_trace(trace).into_iter().find(|span| span.parent.is_none()).unwrap();
    assert_eq!(tick.kind, SpanKind::Internal);
    assert!(matches!(tick.attribute("cron.lateness_ms"), Some(AttributeValue::Int(late)) if *late >= 0));
    assert!(tick.attribute("messaging.message.id").is_some());
    assert!(context.request_id().is_some());
    for replica in replicas {
        assert_eq!(replica.drain(LIMIT).await, WorkersDrain::Drained);
    }
}
