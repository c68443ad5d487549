//! Deadlines from caller to handler and on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use underpin_errors::{Error, Kind};

use super::{Harness, Rpc, eventually, request, within};
use crate::call::Call;
use crate::handler::{handler_fn, handler_fn_with};
use crate::request::Reply;
use crate::service::Service;

pub async fn a_deadline_shrinks_from_hop_to_hop(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let inner =
        handler_fn(|call: Call| async move { Ok(Reply::new(call.remaining().as_millis().to_string())) });
    let outer = handler_fn_with(Arc::clone(&rpc), async |rpc: Arc<dyn Rpc>, call: Call| {
        let before = call.remaining().as_millis();
        tokio::time::sleep(Duration::from_millis(50)).await;
        // A minute for the inner call, which the outer deadline shortens.
        let inner = rpc.call(request("deadlines.inner", "")).await?;
        Ok(Reply::new(inner.body).header("x-before", before.to_string()))
    });
    let service = Service::new("deadlines", "1.0.0").endpoint("inner", inner).endpoint("outer", outer);
    let _running = rpc.serve(service).await.unwrap();
    let outer = request("deadlines.outer", "").within(Duration::from_secs(30));
    let reply = harness.rpc().await.call(outer).await.unwrap();
    let before: u64 = reply.headers.get("x-before").unwrap().parse().unwrap();
    let inner: u64 = std::str::from_utf8(&reply.body).unwrap().parse().unwrap();
    assert!(before <= 30_000 && inner + 45 <= before, "{before} ms, then {inner} ms");
}

pub async fn a_call_that_comes_too_late_is_not_run(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let state = Arc::new((Semaphore::new(0), AtomicU32::new(0)));
    let handler = handler_fn_with(Arc::clone(&state), async |state: Arc<(Semaphore, AtomicU32)>, _: Call| {
        state.1.fetch_add(1, Ordering::SeqCst);
        state.0.acquire().await.unwrap().forget();
        Ok(Reply::new("done"))
    });
    let running =
        rpc.serve(Service::new("deadlines", "1.0.0").endpoint("slow", handler).limit(1)).await.unwrap();
    let first = tokio::spawn({
        let rpc = Arc::clone(&rpc);
        async move { rpc.call(request("deadlines.slow", "")).await }
    });
    eventually(harness.patience(), "the first runs", || async { state.1.load(Ordering::SeqCst) == 1 }).await;
    let late = request("deadlines.slow", "").within(Duration::from_millis(200));
    let error = within(harness.patience(), "the late call ends", rpc.call(late)).await.unwrap_err();
    assert_eq!(Error::from(error).kind(), Kind::DeadlineExceeded);
    eventually(harness.patience(), "it is counted", || async {
        running.stats().endpoints[0].data.clone().unwrap()["expired"] == 1
    })
    .await;
    state.0.add_permits(2);
    first.await.unwrap().unwrap();
    rpc.call(request("deadlines.slow", "")).await.unwrap();
    assert_eq!(state.1.load(Ordering::SeqCst), 2, "the late call was not run");
}

pub async fn a_handler_is_dropped_at_the_deadline(harness: &impl Harness) {
    struct Told(mpsc::UnboundedSender<&'static str>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send("dropped");
        }
    }
    let rpc = harness.rpc().await;
    let (sender, mut told) = mpsc::unbounded_channel();
    let handler = handler_fn_with(sender, async |sender: mpsc::UnboundedSender<_>, call: Call| {
        let cancelled = sender.clone();
        // Work that outlives the future learns of it too.
        tokio::spawn(async move {
            call.cancelled().await;
            let _ = cancelled.send("cancelled");
        });
        let _told = Told(sender);
        std::future::pending().await
    });
    let _running = rpc.serve(Service::new("deadlines", "1.0.0").endpoint("stuck", handler)).await.unwrap();
    let limited = request("deadlines.stuck", "").within(Duration::from_millis(200));
    assert!(rpc.call(limited).await.is_err());
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.extend(within(harness.patience(), "the handler is dropped", told.recv()).await);
    }
    seen.sort_unstable();
    assert_eq!(seen, ["cancelled", "dropped"]);
}
