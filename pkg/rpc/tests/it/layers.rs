//! Tower layers around handlers: ours and tower's.

use std::sync::Arc;
use std::time::Duration;

use tower::ServiceBuilder;
use underpin_errors::{Error, Kind};
use underpin_logger::Level;
use underpin_logger::testing::CaptureLogger;
use underpin_rpc::layer::{
    AuthenticateLayer, CatchPanicLayer, DeadlineLayer, LimitLayer, LogLayer, SpanLayer,
};
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::testing::MockAuthenticator;
use underpin_rpc::{Call, Caller, Host, Identity, Reply, Service, handler_fn};
use underpin_store::{MemoryRateLimiter, Quota, RateLimitLayer};

use crate::support::{Gate, echo, request};

async fn error_of(rpc: &MemoryRpc, subject: &'static str) -> Error {
    Error::from(rpc.call(request(subject, "")).await.unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn layers_of_tower_wrap_an_endpoint() {
    let (rpc, gate) = (MemoryRpc::new(), Gate::closed());
    let stack = ServiceBuilder::new().load_shed().concurrency_limit(1).timeout(Duration::from_millis(100));
    let service = Service::new("layers", "1.0.0")
        .endpoint("plain", echo())
        .endpoint("stacked", gate.handler())
        .layer(stack);
    let _running = rpc.serve(service).await.unwrap();
    let first = tokio::spawn({
        let rpc = rpc.clone();
        async move { error_of(&rpc, "layers.stacked").await }
    });
    gate.entered(1).await;
    assert_eq!(error_of(&rpc, "layers.stacked").await.kind(), Kind::ResourceExhausted);
    assert_eq!(first.await.unwrap().kind(), Kind::DeadlineExceeded);
    assert!(rpc.call(request("layers.plain", "")).await.is_ok());
}

#[tokio::test]
async fn one_limit_is_shared_by_endpoints() {
    let (rpc, gate) = (MemoryRpc::new(), Gate::closed());
    let service = Service::new("layers", "1.0.0")
        .endpoint("slow", gate.handler())
        .endpoint("echo", echo())
        .layer_all(LimitLayer::new(1));
    let _running = rpc.serve(service).await.unwrap();
    let slow = tokio::spawn({
        let rpc = rpc.clone();
        async move { rpc.call(request("layers.slow", "")).await }
    });
    gate.entered(1).await;
    let refused = error_of(&rpc, "layers.echo").await;
    assert_eq!((refused.kind(), refused.error_code()), (Kind::ResourceExhausted, "OVERLOADED"));
    gate.open(1);
    slow.await.unwrap().unwrap();
    assert!(rpc.call(request("layers.echo", "")).await.is_ok());
}

#[tokio::test]
async fn the_rate_limit_of_the_store_wraps_an_endpoint() {
    let (rpc, limiter) = (MemoryRpc::new(), Arc::new(MemoryRateLimiter::new(1_000)));
    let tenant = |call: &Call| call.headers().get("x-tenant").map(str::to_owned);
    let limit = RateLimitLayer::with_error(limiter, Quota::new(2, Duration::from_secs(3600)), tenant);
    let service = Service::new("layers", "1.0.0").endpoint("echo", echo()).layer(limit);
    let _running = rpc.serve(service).await.unwrap();
    let of = |tenant: &str| rpc.call(request("layers.echo", "").header("x-tenant", tenant));
    for _ in 0..2 {
        of("a").await.unwrap();
    }
    let refused = Error::from(of("a").await.unwrap_err());
    assert_eq!(refused.kind(), Kind::ResourceExhausted);
    assert!(refused.retry_delay().is_some_and(|delay| !delay.is_zero()), "{refused:?}");
    of("b").await.unwrap();
    assert!(rpc.call(request("layers.echo", "")).await.is_ok(), "without a key it is not counted");
}

#[tokio::test]
async fn only_authenticated_calls_reach_the_handler() {
    let mut authenticator = MockAuthenticator::new();
    authenticator.expect_authenticate().returning(|call| match call.headers().get("authorization") {
        Some("Bearer good") => Ok(Identity::new("alice").organization("acme")),
        _ => Err(Error::unauthorized("a token is required").code("TOKEN_REQUIRED")),
    });
    let rpc = MemoryRpc::new();
    let whoami = handler_fn(|call: Call| async move {
        let organization = call.context().organization_id().unwrap_or_default().to_owned();
        Ok(Reply::new(format!("{} {organization}", call.identity().map_or("", Identity::subject))))
    });
    let service = Service::new("layers", "1.0.0")
        .endpoint("whoami", whoami)
        .layer(AuthenticateLayer::new(authenticator));
    let _running = rpc.serve(service).await.unwrap();
    let refused = error_of(&rpc, "layers.whoami").await;
    assert_eq!((refused.kind(), refused.error_code()), (Kind::Unauthenticated, "TOKEN_REQUIRED"));
    let good = request("layers.whoami", "").header("authorization", "Bearer good");
    assert_eq!(rpc.call(good).await.unwrap().body, "alice acme");
}

#[tokio::test]
async fn every_request_is_a_line_of_the_log_and_a_failure_is_logged_once() {
    let log = CaptureLogger::new();
    let rpc = MemoryRpc::new().logger(Arc::new(log.clone()));
    let fail = handler_fn(|call: Call| async move {
        match &call.body()[..] {
            b"fail" => Err(Error::internal("the private cause")),
            b"panic" => panic!("the private cause"),
            _ => Ok(Reply::new("fine")),
        }
    });
    let service = Service::new("layers", "1.0.0")
        .endpoint("work", fail)
        .layer(CatchPanicLayer::new())
        .layer(SpanLayer::new("work"))
        .layer(LogLayer::new(Arc::new(log.clone())));
    let _running = rpc.serve(service).await.unwrap();
    for body in ["", "fail", "panic"] {
        drop(rpc.call(request("layers.work", body)).await);
    }
    let lines = log.to_string();
    assert_eq!(lines.matches("rpc request").count(), 3, "{lines}");
    assert_eq!(lines.matches("rpc call failed").count(), 2, "{lines}");
    assert_eq!(lines.matches("the private cause").count(), 2, "{lines}");
    let line = log.assert_logged(Level::Info, "rpc request");
    assert!(line.request_id().is_some(), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_stack_has_less_time_than_the_call() {
    let rpc = MemoryRpc::new();
    let stuck = handler_fn(|_| std::future::pending());
    let service = Service::new("layers", "1.0.0")
        .endpoint("stuck", stuck)
        .layer(DeadlineLayer::new(Duration::from_secs(2)));
    let running = rpc.serve(service).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(error_of(&rpc, "layers.stuck").await.kind(), Kind::DeadlineExceeded);
    assert_eq!(began.elapsed().as_secs(), 2);
    assert_eq!(running.stats().endpoints[0].num_errors, 1);
}
