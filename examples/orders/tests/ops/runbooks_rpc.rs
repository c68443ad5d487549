//! The remedies of the runbooks of calls, tried over a NATS server.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use underpin_errors::Error;
use underpin_logger::{Context, NoopLogger};
use underpin_nats::{Connection, NatsSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{
    Call, Caller as _, CallerExt as _, Host as _, Method, RpcError, RpcSettings, Running, Service,
};
use underpin_store::{MemoryRateLimiter, Quota, RateLimitLayer};
use underpin_testkit::{NatsServer, eventually};

use crate::support::LIMIT;

const DOUBLE: Method<u32, u32> = Method::new("math", "double").within(LIMIT);
const REPEATED: Method<u32, u32> = DOUBLE.idempotent();

/// A caller and host with a connection of its own.
async fn connect(server: &NatsServer) -> NatsRpc {
    let connection = Connection::connect(&NatsSettings::new(server.url()), Arc::new(NoopLogger)).await;
    // Far more retries than it takes to start an instance.
    let settings = RpcSettings::default().retries(20);
    NatsRpc::new(connection.unwrap(), settings, Arc::new(NoopLogger)).unwrap()
}

/// An instance that takes one call at a time. A call holds a permit of the gate while it runs, and tells that it does.
async fn instance(rpc: &NatsRpc, gate: &Arc<Gate>) -> Arc<dyn Running> {
    rpc.serve(math(gate).limit(1).queue(0)).await.unwrap()
}

fn math(gate: &Arc<Gate>) -> Service {
    Service::new("math", "1.0.0").on_with(&DOUBLE, Arc::clone(gate), async |gate: Arc<Gate>, n, _: Call| {
        gate.entered.add_permits(1);
        let _passes = gate.open.acquire().await.map_err(|_| Error::unavailable("closed"))?;
        Ok::<_, Error>(n * 2)
    })
}

/// Lets handlers pass.
struct Gate {
    entered: Semaphore,
    open: Semaphore,
}

impl Gate {
    fn closed() -> Arc<Self> {
        Arc::new(Self { entered: Semaphore::new(0), open: Semaphore::new(0) })
    }

    fn opened() -> Arc<Self> {
        Arc::new(Self { entered: Semaphore::new(0), open: Semaphore::new(Semaphore::MAX_PERMITS) })
    }

    /// Waits until a call has entered.
    async fn entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }
}

fn code(failed: RpcError) -> String {
    Error::from(failed).error_code().to_owned()
}

/// `RpcCallsFailing`: "No instance: start the service", and "declare it idempotent, so that callers retry".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_started_instance_ends_no_responders_and_idempotent_callers_wait_for_it() {
    let server = NatsServer::private().await;
    let (caller, host, ctx) = (connect(&server).await, connect(&server).await, Context::background());
    assert_eq!(code(caller.ask(&DOUBLE, &ctx, &21).await.unwrap_err()), "NO_RESPONDERS");
    // It is repeated while nothing answers, and ends well with the first instance.
    let repeated = tokio::spawn({
        let (caller, ctx) = (caller.clone(), ctx.clone());
        async move { caller.ask(&REPEATED, &ctx, &21).await }
    });
    let gate = Gate::opened();
    let _running = instance(&host, &gate).await;
    assert_eq!(repeated.await.unwrap().unwrap(), 42);
    assert_eq!(caller.ask(&DOUBLE, &ctx, &21).await.unwrap(), 42);
}

/// `RpcOverloaded`: "Add instances: they share the queue group at once".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_takes_the_calls_that_a_busy_one_refuses() {
    let server = NatsServer::private().await;
    let (caller, host, ctx) = (connect(&server).await, connect(&server).await, Context::background());
    let (busy, free) = (Gate::closed(), Gate::opened());
    let _busy = instance(&host, &busy).await;
    let held = tokio::spawn({
        let (caller, ctx) = (caller.clone(), ctx.clone());
        async move { caller.ask(&DOUBLE, &ctx, &1).await }
    });
    busy.entered().await;
    assert_eq!(code(caller.ask(&DOUBLE, &ctx, &21).await.unwrap_err()), "OVERLOADED");
    let _free = instance(&host, &free).await;
    // The server chooses an instance at random.
    eventually(LIMIT, "the new instance answers", || async {
        caller.ask(&DOUBLE, &ctx, &21).await.is_ok_and(|doubled| doubled == 42)
    })
    .await;
    busy.open.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap(), 2);
}

/// `RpcOverloaded`: "A single caller: limit its rate".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_per_caller_leaves_the_others_alone() {
    let server = NatsServer::private().await;
    let (caller, host) = (connect(&server).await, connect(&server).await);
    let limiter = Arc::new(MemoryRateLimiter::new(1_000));
    let tenant = |call: &Call| call.headers().get("x-tenant").map(str::to_owned);
    let limit = RateLimitLayer::with_error(limiter, Quota::new(2, Duration::from_secs(3600)), tenant);
    let _running = host.serve(math(&Gate::opened()).layer(limit)).await.unwrap();
    let of = async |tenant: &str| {
        let request = DOUBLE.request(&Context::background(), &21)?.header("x-tenant", tenant);
        DOUBLE.answer(&caller.call(request).await?)
    };
    for _ in 0..2 {
        of("greedy").await.unwrap();
    }
    let refused = Error::from(of("greedy").await.unwrap_err());
    assert!(refused.retry_delay().is_some(), "{refused:?}");
    assert_ne!(refused.error_code(), "OVERLOADED", "the runbook tells them apart by the code");
    assert_eq!(of("modest").await.unwrap(), 42);
}

/// `RpcErrorRateHigh`: "instances stop before their calls end; give the drain more time".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_drain_answers_the_calls_that_a_short_one_cuts() {
    let server = NatsServer::private().await;
    let (caller, host, ctx) = (connect(&server).await, connect(&server).await, Context::background());
    for (within, wanted) in [(Duration::ZERO, Err("SHUT_DOWN".to_owned())), (LIMIT, Ok(42))] {
        let gate = Gate::closed();
        let running = instance(&host, &gate).await;
        let held = tokio::spawn({
            let (caller, ctx) = (caller.clone(), ctx.clone());
            async move { caller.ask(&DOUBLE, &ctx, &21).await }
        });
        gate.entered().await;
        let drained = tokio::spawn(async move { running.drain(within).await });
        if within.is_zero() {
            assert_eq!(drained.await.unwrap().cancelled, 1);
        } else {
            gate.open.add_permits(1);
            assert_eq!(drained.await.unwrap().cancelled, 0);
        }
        assert_eq!(held.await.unwrap().map_err(code), wanted);
    }
}
