//! Limits and overload.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use underpin_errors::{Error, Kind};

use super::{Harness, eventually, request, within};
use crate::call::Call;
use crate::handler::handler_fn_with;
use crate::request::Reply;
use crate::service::Service;

pub async fn no_more_than_the_limit_run_at_once(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let gauge = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let handler =
        handler_fn_with(Arc::clone(&gauge), async |gauge: Arc<(AtomicUsize, AtomicUsize)>, _: Call| {
            let running = gauge.0.fetch_add(1, Ordering::SeqCst) + 1;
            gauge.1.fetch_max(running, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(2)).await;
            gauge.0.fetch_sub(1, Ordering::SeqCst);
            Ok(Reply::new(""))
        });
    let service = Service::new("limits", "1.0.0").endpoint("work", handler).limit(8).queue(1000);
    let _running = rpc.serve(service).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..200 {
        let rpc = Arc::clone(&rpc);
        calls.spawn(async move { rpc.call(request("limits.work", "")).await });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    let most = gauge.1.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most} at once");
}

pub async fn calls_beyond_the_queue_are_refused_at_once(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let gate = Arc::new(Semaphore::new(0));
    let handler = handler_fn_with(Arc::clone(&gate), async |gate: Arc<Semaphore>, _: Call| {
        gate.acquire().await.unwrap().forget();
        Ok(Reply::new("done"))
    });
    let service = Service::new("limits", "1.0.0").endpoint("slow", handler).limit(2).queue(3);
    let running = rpc.serve(service).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..5 {
        let rpc = Arc::clone(&rpc);
        calls.spawn(async move { rpc.call(request("limits.slow", "")).await });
    }
    eventually(harness.patience(), "two run and three wait", || async {
        let data = running.stats().endpoints[0].data.clone().unwrap();
        data["in_flight"] == 2 && data["waiting"] == 3
    })
    .await;
    let refused = within(harness.patience(), "a refusal", rpc.call(request("limits.slow", ""))).await;
    let error = Error::from(refused.unwrap_err());
    assert_eq!((error.kind(), error.error_code()), (Kind::ResourceExhausted, "OVERLOADED"));
    gate.add_permits(5);
    while let Some(done) = within(harness.patience(), "the others", calls.join_next()).await {
        assert_eq!(done.unwrap().unwrap().body, "done");
    }
}
