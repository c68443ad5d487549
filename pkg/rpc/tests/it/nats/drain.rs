//! A drain of a service that is far from its server: many requests are on the wire when it begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use underpin_rpc::{Caller, Host, RpcError, Service};
use underpin_testkit::{Fault, NatsServer, Proxy};

use crate::support::{LIMIT, connect, echo, eventually, request, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_on_the_wire_is_answered() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let far = connect(proxy.url()).await;
    let running =
        far.serve(Service::new("drain", "1.0.0").endpoint("echo", echo()).queue(100_000)).await.unwrap();
    proxy.set(Fault::Latency(Duration::from_millis(30)));

    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let caller = connect(server.url()).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (caller, stop, sent) = (caller.clone(), Arc::clone(&stop), Arc::clone(&sent));
        callers.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                sent.fetch_add(1, Ordering::SeqCst);
                match caller.call(request("drain.echo", "x").within(Duration::from_secs(20))).await {
                    Ok(_) => {}
                    // There is no other instance: from here on nothing is routed.
                    Err(RpcError::NoResponders { .. }) => return None,
                    Err(error) => return Some(error),
                }
            }
            None
        });
    }
    eventually("it is busy", || async { running.stats().endpoints[0].num_requests > 200 }).await;
    let outcome = running.drain(LIMIT).await;
    assert_eq!(outcome.cancelled, 0);
    assert!(outcome.answered > 0, "requests were on the wire: {outcome:?}");
    stop.store(true, Ordering::SeqCst);
    while let Some(lost) = within("the callers end", callers.join_next()).await {
        assert!(lost.as_ref().unwrap().is_none(), "a routed request got no answer: {lost:?}");
    }
}
