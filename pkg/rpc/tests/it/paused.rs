//! The memory twin with a paused clock: deadlines and retries without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use underpin_errors::Error;
use underpin_logger::Context;
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::{
    Call, Caller, CallerExt, Host, Method, Reply, RpcError, RpcSettings, Service, handler_fn, handler_fn_with,
};

use crate::support::request;

const SLOW: Method<u64, u64> = Method::new("paused", "slow").within(Duration::from_secs(3600));

#[tokio::test(start_paused = true)]
async fn deadlines_are_exact() {
    let rpc = MemoryRpc::new();
    let nap = async |seconds: u64, _: Call| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok::<_, Error>(seconds)
    };
    let _running =
        rpc.serve(Service::new("paused", "1.0.0").on(&SLOW, nap).timeout(Duration::MAX)).await.unwrap();
    let began = Instant::now();
    assert_eq!(rpc.ask(&SLOW, &Context::background(), &3599).await.unwrap(), 3599);
    assert_eq!(began.elapsed().as_secs(), 3599);
    let error = rpc.ask(&SLOW, &Context::background(), &3601).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert_eq!(began.elapsed().as_secs(), 3599 + 3600);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_calls_ends_with_its_first_deadline() {
    let rpc = MemoryRpc::new();
    let relay = handler_fn_with(rpc.clone(), async |rpc: MemoryRpc, call: Call| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let hops = call.headers().get("x-hops").unwrap_or_default().len();
        // A day for each hop, which the first deadline shortens.
        let next = request("paused.relay", "").within(Duration::from_secs(86_400));
        Ok(rpc.call(next.header("x-hops", "x".repeat(hops + 1))).await?)
    });
    let running = rpc.serve(Service::new("paused", "1.0.0").endpoint("relay", relay)).await.unwrap();
    let began = Instant::now();
    let error = rpc.call(request("paused.relay", "").within(Duration::from_secs(10))).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(running.stats().endpoints[0].num_requests, 10);
    running.drain(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn retries_wait_longer_each_time_and_end_with_the_deadline() {
    let settings = RpcSettings::default().retries(20).retry_delay_max(Duration::from_secs(2));
    let (rpc, began) = (MemoryRpc::new().settings(settings), Instant::now());
    let calls = Arc::new(AtomicUsize::new(0));
    let down = handler_fn_with(Arc::clone(&calls), async |calls: Arc<AtomicUsize>, _: Call| {
        calls.fetch_add(1, Ordering::SeqCst);
        Err(Error::unavailable("starting"))
    });
    let _running = rpc.serve(Service::new("paused", "1.0.0").endpoint("down", down)).await.unwrap();
    let wanted = request("paused.down", "").idempotent().within(Duration::from_secs(10));
    let error = rpc.call(wanted).await.unwrap_err();
    assert!(error.as_remote().is_some(), "{error:?}");
    assert!(began.elapsed() <= Duration::from_secs(10));
    let calls = calls.load(Ordering::SeqCst);
    assert!((8..=20).contains(&calls), "{calls} attempts in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_waits_for_a_service_that_starts() {
    let rpc = MemoryRpc::new();
    let late = tokio::spawn({
        let rpc = rpc.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let echo = handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
            rpc.serve(Service::new("paused", "1.0.0").endpoint("echo", echo)).await.unwrap()
        }
    });
    let missing = rpc.call(request("paused.echo", "")).await;
    assert!(matches!(missing, Err(RpcError::NoResponders { .. })), "{missing:?}");
    assert_eq!(rpc.call(request("paused.echo", "x").idempotent()).await.unwrap().body, "x");
    drop(late.await.unwrap());
}
