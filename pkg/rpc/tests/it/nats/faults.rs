//! Servers that die and freeze, links that are cut.

use std::time::Duration;

use tokio::time::Instant;
use underpin_errors::{HealthCheck, HealthStatus};
use underpin_nats::async_nats::Subscriber;
use underpin_rpc::{Caller, Host, RpcError, Service};
use underpin_testkit::{Fault, NatsServer, Proxy};

use crate::support::{Gate, connect, echo, eventually, publish_raw, request, within};

#[tokio::test]
async fn a_killed_server_ends_its_calls_with_lost_and_the_services_come_back() {
    let server = NatsServer::private().await;
    let (rpc, caller, gate) = (connect(server.url()).await, connect(server.url()).await, Gate::closed());
    let service =
        || Service::new("faults", "1.0.0").endpoint("slow", gate.handler()).endpoint("echo", echo());
    let running = [rpc.serve(service()).await.unwrap(), rpc.serve(service()).await.unwrap()];
    let (pending, asked) = (tokio::spawn(call(&caller, "faults.slow")), Instant::now());
    gate.entered(1).await;
    server.kill().await;
    let error = within("the call ends", pending).await.unwrap().unwrap_err();
    assert!(matches!(error, RpcError::Lost) && error.is_ambiguous(), "{error:?}");
    assert!(asked.elapsed() < Duration::from_secs(20), "with the link, not at its deadline of 60 s");
    eventually("the loss shows", || async { running[0].check().await.status == HealthStatus::Down }).await;

    server.restart().await;
    let short = || request("faults.echo", "").within(Duration::from_secs(1));
    eventually("the services are back", || async { caller.call(short()).await.is_ok() }).await;
    eventually("both are", || async {
        let stats = running.iter().map(|one| one.stats().endpoints[1].num_requests);
        let called = caller.call(short()).await.is_ok();
        called && stats.min() > Some(0)
    })
    .await;
    // In their group, and once: each call reaches one of the two.
    let count = || running.iter().map(|one| one.stats().endpoints[1].num_requests).sum::<u64>();
    let before = count();
    for _ in 0..20 {
        caller.call(request("faults.echo", "")).await.unwrap();
    }
    assert_eq!(count(), before + 20);
}

#[tokio::test]
async fn a_frozen_server_ends_calls_by_their_deadline() {
    let server = NatsServer::private().await;
    let (rpc, caller) = (connect(server.url()).await, connect(server.url()).await);
    let _running = rpc.serve(Service::new("faults", "1.0.0").endpoint("echo", echo())).await.unwrap();
    caller.call(request("faults.echo", "")).await.unwrap();
    server.pause().await;
    let asked = request("faults.echo", "").within(Duration::from_millis(400));
    let error = within("the call ends", caller.call(asked)).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    server.resume().await;
    let short = || request("faults.echo", "").within(Duration::from_secs(1));
    eventually("it goes on", || async { caller.call(short()).await.is_ok() }).await;
}

#[tokio::test]
async fn a_caller_whose_link_is_cut_learns_it_at_once_and_repeats_what_is_idempotent() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let (rpc, caller, gate) = (connect(server.url()).await, connect(proxy.url()).await, Gate::closed());
    let service = Service::new("faults", "1.0.0").endpoint("slow", gate.handler());
    let _running = rpc.serve(service).await.unwrap();
    let once = tokio::spawn(call(&caller, "faults.slow"));
    let repeated = tokio::spawn({
        let caller = caller.clone();
        async move { caller.call(request("faults.slow", "again").idempotent()).await }
    });
    gate.entered(2).await;
    // The calls run, and their replies cannot arrive once the link is cut.
    let cut = Instant::now();
    proxy.cut();
    let error = within("the call ends", once).await.unwrap().unwrap_err();
    assert!(matches!(error, RpcError::Lost), "{error:?}");
    assert!(cut.elapsed() < Duration::from_secs(20), "{:?}", cut.elapsed());
    gate.entered(3).await;
    gate.open(10);
    assert_eq!(within("the repeated call ends", repeated).await.unwrap().unwrap().body, "again");
}

#[tokio::test]
async fn a_reply_waits_for_the_link_of_its_service() {
    let server = NatsServer::private().await;
    let proxy = Proxy::to(server.url()).await;
    let (rpc, caller, gate) = (connect(proxy.url()).await, connect(server.url()).await, Gate::closed());
    let service = Service::new("faults", "1.0.0").endpoint("slow", gate.handler());
    let _running = rpc.serve(service).await.unwrap();
    let pending = tokio::spawn(call(&caller, "faults.slow"));
    gate.entered(1).await;
    proxy.set(Fault::Cut);
    eventually("the service lost its link", || async { !rpc.connection().link().up }).await;
    gate.open(1);
    tokio::task::yield_now().await;
    proxy.set(Fault::None);
    assert_eq!(within("the reply comes", pending).await.unwrap().unwrap().body, "x");
}

#[tokio::test]
async fn calls_made_while_the_server_is_away_do_not_run_later() {
    let server = NatsServer::private().await;
    let (rpc, caller, gate) = (connect(server.url()).await, connect(server.url()).await, Gate::closed());
    gate.open(1000);
    let service = Service::new("faults", "1.0.0").endpoint("count", gate.handler());
    let _running = rpc.serve(service).await.unwrap();
    server.kill().await;
    eventually("the loss is known", || async { !caller.connection().link().up }).await;
    for _ in 0..20 {
        let short = request("faults.count", "x").within(Duration::from_millis(20));
        let error = caller.call(short.clone()).await.unwrap_err();
        assert!(matches!(error, RpcError::Disconnected) && !error.is_ambiguous(), "{error:?}");
        assert!(matches!(caller.send(short).await, Err(RpcError::Disconnected)));
    }
    server.restart().await;
    let mut made = 0;
    eventually("the service is back", || {
        made += 1;
        let call = caller.call(request("faults.count", "x").within(Duration::from_secs(1)));
        async { call.await.is_ok() }
    })
    .await;
    assert!(gate.calls() <= made, "{} calls ran, {made} were made since", gate.calls());
}

#[tokio::test]
async fn calls_without_an_answer_leave_nothing() {
    let server = NatsServer::private().await;
    let caller = connect(server.url()).await;
    let _deaf: Subscriber = caller.connection().client().subscribe("faults.deaf").await.unwrap();
    caller.connection().client().flush().await.unwrap();
    for _ in 0..20 {
        let short = || request("faults.deaf", "").within(Duration::from_millis(50));
        let batch = (0..500).map(|n| {
            let (caller, given_up) = (&caller, n % 2 == 0);
            async move {
                let call = caller.call(short());
                // Half of them are dropped by their callers before the deadline.
                match given_up {
                    true => drop(tokio::time::timeout(Duration::from_millis(20), call).await),
                    false => drop(call.await),
                }
            }
        });
        futures_util::future::join_all(batch).await;
    }
    assert_eq!(caller.connection().check().await.details["pending_requests"], 0);
}

#[tokio::test]
async fn endpoints_outlive_a_client_that_had_to_be_rebuilt() {
    let server = NatsServer::private().await;
    let (rpc, caller) = (connect(server.url()).await, connect(server.url()).await);
    let running = rpc.serve(Service::new("faults", "1.0.0").endpoint("echo", echo())).await.unwrap();
    for rebuilds in 1..=2 {
        // A bare carriage return in a header ends the task of async-nats.
        publish_raw(&server, "faults.echo", b"NATS/1.0\r\nA: b\rc\r\n\r\n").await;
        eventually("rebuilt", || async { rpc.connection().link().rebuilds >= rebuilds }).await;
        // The server may route to the dead connection until it has noticed its end.
        for subject in ["faults.echo", "$SRV.PING.faults"] {
            let short = || request(subject, "").within(Duration::from_secs(1));
            eventually("served again", || async { caller.call(short()).await.is_ok() }).await;
        }
    }
    eventually("healthy", || async { running.check().await.status == HealthStatus::Up }).await;
}

/// A call that is not repeated.
fn call(
    caller: &underpin_rpc::nats::NatsRpc,
    subject: &'static str,
) -> impl Future<Output = Result<underpin_rpc::Reply, RpcError>> + Send + 'static {
    let caller = caller.clone();
    async move { caller.call(request(subject, "x")).await }
}
