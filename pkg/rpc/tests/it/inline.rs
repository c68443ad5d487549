//! Calls that begin in the task that received them: what they may not change.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use underpin_errors::{Error, Kind};
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::{Call, Caller, Host, Reply, RpcError, Running, Service, handler_fn_with};

use crate::support::{connect, eventually, request, within};

/// Enough quick calls in a row for an endpoint to run them inline.
const WARM: usize = 100;

type State = (MemoryRpc, Arc<Semaphore>);

/// An endpoint whose requests say what it does.
async fn started() -> (MemoryRpc, Arc<Semaphore>, Arc<dyn Running>) {
    let (rpc, gate) = (MemoryRpc::new(), Arc::new(Semaphore::new(0)));
    let work = handler_fn_with((rpc.clone(), Arc::clone(&gate)), async |(rpc, gate): State, call: Call| {
        match &call.body()[..] {
            b"wait" => gate.acquire().await.unwrap().forget(),
            b"panic" => panic!("in the task of the caller"),
            b"" => {}
            hops => {
                let rest = bytes::Bytes::copy_from_slice(&hops[1..]);
                rpc.call(request("inline.work", rest)).await?;
            }
        }
        Ok(Reply::new("done"))
    });
    let running = rpc.serve(Service::new("inline", "1.0.0").endpoint("work", work)).await.unwrap();
    for _ in 0..WARM {
        rpc.call(request("inline.work", "")).await.unwrap();
    }
    (rpc, gate, running)
}

#[tokio::test]
async fn a_panic_is_contained() {
    let (rpc, _, running) = started().await;
    for _ in 0..3 {
        let error = Error::from(rpc.call(request("inline.work", "panic")).await.unwrap_err());
        assert_eq!(error.kind(), Kind::Internal);
    }
    rpc.call(request("inline.work", "")).await.unwrap();
    assert_eq!(running.stats().endpoints[0].num_errors, 3);
}

#[tokio::test]
async fn a_handler_outlives_the_caller_that_drops_its_call() {
    let (rpc, gate, running) = started().await;
    let dropped = tokio::time::timeout(Duration::from_millis(5), rpc.call(request("inline.work", "wait")));
    assert!(dropped.await.is_err());
    let in_flight = || running.stats().endpoints[0].data.clone().unwrap()["in_flight"].clone();
    assert_eq!(in_flight(), 1);
    gate.add_permits(1);
    eventually("it ends", || async { in_flight() == 0 }).await;
    assert_eq!(running.stats().endpoints[0].num_errors, 0);
}

#[tokio::test]
async fn calls_that_nest_deeply_do_not_exhaust_the_stack() {
    let (rpc, _, running) = started().await;
    let before = running.stats().endpoints[0].num_requests;
    let deep = request("inline.work", "x".repeat(60));
    assert_eq!(within("it returns", rpc.call(deep)).await.unwrap().body, "done");
    assert_eq!(running.stats().endpoints[0].num_requests, before + 61);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_ends_at_the_deadline_of_its_call() {
    let (rpc, _, running) = started().await;
    let began = tokio::time::Instant::now();
    let limited = request("inline.work", "wait").within(Duration::from_secs(7));
    let error = rpc.call(limited).await.unwrap_err();
    assert!(error.is_ambiguous() && began.elapsed().as_secs() == 7, "{error:?}");
    let late = request("inline.work", "").within(Duration::ZERO);
    let error = rpc.call(late).await.unwrap_err();
    assert!(matches!(error, RpcError::Timeout { .. } | RpcError::Remote(_)), "{error:?}");
    assert_eq!(running.drain(Duration::from_secs(1)).await.cancelled, 0);
}

// Two handlers block, the others drive the connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn handlers_that_block_their_threads_run_on_all_of_them() {
    let server = underpin_testkit::NatsServer::private().await;
    let (rpc, caller) = (connect(server.url()).await, connect(server.url()).await);
    let rendezvous = Arc::new(std::sync::Barrier::new(2));
    let work = handler_fn_with(rendezvous, async |rendezvous: Arc<std::sync::Barrier>, call: Call| {
        match &call.body()[..] {
            b"compute" => {
                let until = std::time::Instant::now() + Duration::from_millis(2);
                while std::time::Instant::now() < until {
                    std::hint::spin_loop();
                }
            }
            b"meet" => drop(rendezvous.wait()),
            _ => {}
        }
        Ok(Reply::new(""))
    });
    let _running = rpc.serve(Service::new("inline", "1.0.0").endpoint("work", work)).await.unwrap();
    for _ in 0..WARM {
        caller.call(request("inline.work", "")).await.unwrap();
    }
    // One call that computes, and the endpoint is back to a task for each.
    caller.call(request("inline.work", "compute")).await.unwrap();
    let meet = || caller.call(request("inline.work", "meet"));
    let (one, other) = within("both run at once", async { tokio::join!(meet(), meet()) }).await;
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
}
