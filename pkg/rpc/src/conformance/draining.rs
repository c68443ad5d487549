//! The end of an instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use underpin_errors::{Error, HealthStatus, Kind};

use super::{Harness, Rpc, eventually, request, within};
use crate::call::Call;
use crate::error::RpcError;
use crate::handler::{Handler, handler_fn, handler_fn_with};
use crate::host::Running;
use crate::request::Reply;
use crate::service::Service;

type Gate = Arc<(Semaphore, AtomicU32)>;

/// A handler that counts its calls and waits for permits.
fn gated(gate: &Gate) -> Arc<dyn Handler> {
    handler_fn_with(Arc::clone(gate), async |gate: Gate, _: Call| {
        gate.1.fetch_add(1, Ordering::SeqCst);
        gate.0.acquire().await.unwrap().forget();
        Ok(Reply::new("done"))
    })
}

/// An instance with this many calls that run.
async fn busy(
    harness: &impl Harness,
    calls: u32,
) -> (Gate, Arc<dyn Running>, JoinSet<Result<Reply, RpcError>>) {
    let (rpc, gate) = (harness.rpc().await, Gate::new((Semaphore::new(0), AtomicU32::new(0))));
    let running = rpc.serve(Service::new("draining", "1.0.0").endpoint("work", gated(&gate))).await.unwrap();
    let mut pending = JoinSet::new();
    for _ in 0..calls {
        let rpc: Arc<dyn Rpc> = Arc::clone(&rpc);
        pending.spawn(async move { rpc.call(request("draining.work", "")).await });
    }
    eventually(harness.patience(), "the calls run", || async { gate.1.load(Ordering::SeqCst) == calls })
        .await;
    (gate, running, pending)
}

pub async fn a_drain_answers_what_runs(harness: &impl Harness) {
    let (gate, running, mut pending) = busy(harness, 3).await;
    let drain = tokio::spawn({
        let running = Arc::clone(&running);
        async move { running.drain(Duration::from_secs(60)).await }
    });
    let rpc = harness.rpc().await;
    eventually(harness.patience(), "no more are taken", || async {
        let short = request("draining.work", "").within(Duration::from_millis(200));
        matches!(rpc.call(short).await, Err(RpcError::NoResponders { .. }))
    })
    .await;
    assert_eq!(running.check().await.status, HealthStatus::Down);
    assert!(!drain.is_finished(), "it waits for what runs");
    gate.0.add_permits(1000);
    while let Some(done) = within(harness.patience(), "the calls end", pending.join_next()).await {
        assert_eq!(done.unwrap().unwrap().body, "done");
    }
    let outcome = within(harness.patience(), "the drain ends", drain).await.unwrap();
    assert!(outcome.answered >= 3 && outcome.cancelled == 0, "{outcome:?}");
    within(harness.patience(), "closed", running.closed()).await;
    assert_eq!(running.drain(Duration::ZERO).await.cancelled, 0, "a second drain is no harm");
}

pub async fn a_drain_cuts_what_exceeds_its_limit_and_answers_for_it(harness: &impl Harness) {
    let (_gate, running, mut pending) = busy(harness, 2).await;
    let outcome = running.drain(Duration::from_millis(100)).await;
    assert_eq!((outcome.answered, outcome.cancelled), (0, 2));
    while let Some(done) = within(harness.patience(), "the calls end", pending.join_next()).await {
        let error = done.unwrap().unwrap_err();
        assert!(error.is_ambiguous(), "the handler had begun");
        let error = Error::from(error);
        assert_eq!((error.kind(), error.error_code()), (Kind::Unavailable, "SHUT_DOWN"));
    }
}

pub async fn a_drain_under_load_loses_nothing(harness: &impl Harness) {
    let echo = || handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
    let service = || Service::new("draining", "1.0.0").endpoint("echo", echo()).queue(5000);
    let first = harness.rpc().await.serve(service()).await.unwrap();
    let _second = harness.rpc().await.serve(service()).await.unwrap();
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        let (rpc, stop, calls) = (harness.rpc().await, Arc::clone(&stop), Arc::clone(&calls));
        callers.spawn(async move {
            let mut failures = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                // Not idempotent: nothing is repeated in secret.
                let batch =
                    (0..8).map(|_| rpc.call(request("draining.echo", "x").within(Duration::from_secs(10))));
                failures
                    .extend(futures_util::future::join_all(batch).await.into_iter().filter_map(Result::err));
                calls.fetch_add(8, Ordering::SeqCst);
            }
            failures
        });
    }
    let first_got = || first.stats().endpoints[0].num_requests;
    eventually(harness.patience(), "it is busy", || async { first_got() > 200 }).await;
    let outcome = first.drain(Duration::from_secs(30)).await;
    assert_eq!(outcome.cancelled, 0);
    let so_far = calls.load(Ordering::SeqCst);
    eventually(harness.patience(), "the other goes on", || async {
        calls.load(Ordering::SeqCst) > so_far + 200
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    while let Some(failures) = callers.join_next().await {
        let failures = failures.unwrap();
        assert!(failures.is_empty(), "{} calls failed: {:?}", failures.len(), failures.first());
    }
}

pub async fn dropping_the_last_handle_ends_the_instance(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let echo = handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
    let running = rpc.serve(Service::new("draining", "1.0.0").endpoint("echo", echo)).await.unwrap();
    assert!(rpc.call(request("draining.echo", "")).await.is_ok());
    drop(running);
    eventually(harness.patience(), "it is gone", || async {
        matches!(rpc.call(request("draining.echo", "")).await, Err(RpcError::NoResponders { .. }))
    })
    .await;
    let found = || async {
        let pings = rpc.call(request("$SRV.PING.draining", "").within(Duration::from_millis(500))).await;
        matches!(pings, Err(RpcError::NoResponders { .. }))
    };
    eventually(harness.patience(), "discovery is gone too", found).await;
}
