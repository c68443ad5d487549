//! The in-memory limiter and the layer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;
use underpin_errors::{Error, Kind};
use underpin_store::testing::MockRateLimiter;
use underpin_store::{MemoryRateLimiter, OnLimiterFailure, Quota, RateLimitLayer, RateLimiter, StoreError};

const WINDOW: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_window_slides_with_time() {
    let (limiter, quota) = (MemoryRateLimiter::new(100), Quota::new(10, WINDOW));
    let mut taken = 0;
    // A minute of one try each 100 ms.
    for _ in 0..600 {
        taken += usize::from(limiter.take("a", 1, &quota).await.unwrap().is_allowed());
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!((55..=75).contains(&taken), "{taken} in six windows of ten");
    let refused = loop {
        let decision = limiter.take("a", 1, &quota).await.unwrap();
        if let Some(after) = decision.retry_after {
            break after;
        }
    };
    tokio::time::advance(refused + Duration::from_millis(1)).await;
    assert!(limiter.take("a", 1, &quota).await.unwrap().is_allowed(), "who waits is not refused");
}

#[tokio::test]
async fn the_keys_are_bounded() {
    let (limiter, quota) = (MemoryRateLimiter::new(160), Quota::new(1, WINDOW));
    for number in 0..10_000 {
        assert!(limiter.take(&format!("k{number}"), 1, &quota).await.unwrap().is_allowed());
    }
    let text = format!("{limiter:?}");
    assert!(text.matches("Counted").count() <= 160);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_get_the_limit_and_no_more() {
    let (limiter, quota) =
        (Arc::new(MemoryRateLimiter::new(100)), Quota::new(100, Duration::from_secs(3600)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let limiter = Arc::clone(&limiter);
        tasks.spawn(async move {
            let mut taken = 0;
            for _ in 0..100 {
                taken += usize::from(limiter.take("a", 1, &quota).await.unwrap().is_allowed());
            }
            taken
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 100);
}

/// Counts its calls.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Service<Request<String>> for Counting {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Response::new("hello".to_owned())))
    }
}

fn by_user(request: &Request<String>) -> Option<String> {
    Some(request.headers().get("user")?.to_str().ok()?.to_owned())
}

fn of(user: &str) -> Request<String> {
    Request::builder().header("user", user).body(String::new()).unwrap()
}

#[tokio::test]
async fn the_layer_refuses_over_http_and_tells_what_is_left() {
    let (inner, quota) = (Counting::default(), Quota::new(2, Duration::from_secs(60)));
    let layer = RateLimitLayer::http(Arc::new(MemoryRateLimiter::new(100)), quota, by_user);
    let mut service = layer.layer(inner.clone());
    for left in [1, 0] {
        let passed = service.call(of("ada")).await.unwrap();
        assert_eq!(passed.status(), 200);
        let told = passed.headers()["ratelimit"].to_str().unwrap();
        assert!(told.starts_with(&format!("\"default\";r={left};t=")), "{told}");
    }
    let refused = service.call(of("ada")).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let after: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=121).contains(&after));
    assert!(refused.body().contains("\"status\":429"), "{}", refused.body());
    let error = refused.extensions().get::<Arc<Error>>().expect("the error, for layers outside");
    assert_eq!(error.kind(), Kind::ResourceExhausted);
    assert_eq!(service.call(of("eve")).await.unwrap().status(), 200);
    let anonymous = service.call(Request::new(String::new())).await.unwrap();
    assert!(anonymous.status() == 200 && !anonymous.headers().contains_key("ratelimit"));
    assert_eq!(inner.0.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn each_of_two_layers_tells_what_is_left() {
    let limiter = Arc::new(MemoryRateLimiter::new(100)) as Arc<dyn RateLimiter>;
    let all = |_: &Request<String>| Some("all".to_owned());
    let (minute, inner) = (Duration::from_secs(60), Counting::default());
    let global = RateLimitLayer::http(Arc::clone(&limiter), Quota::new(1, minute), all).named("global");
    let each = RateLimitLayer::http(limiter, Quota::new(5, minute), by_user).named("each");
    let mut service = each.layer(global.layer(inner));
    for (status, left) in
        [(200, ["\"global\";r=0", "\"each\";r=4"]), (429, ["\"global\";r=0", "\"each\";r=3"])]
    {
        let response = service.call(of("ada")).await.unwrap();
        assert_eq!(response.status(), status);
        let told = response.headers().get_all("ratelimit").iter().map(|line| line.to_str().unwrap());
        assert!(told.zip(left).all(|(line, left)| line.starts_with(left)), "{:?}", response.headers());
        assert_eq!(response.headers().get_all("ratelimit-policy").iter().count(), 2);
    }
}

#[tokio::test]
async fn a_limiter_that_fails_passes_or_refuses_as_set() {
    let failing = || {
        let mut limiter = MockRateLimiter::new();
        // As when the server is killed while it counts.
        limiter.expect_take().returning(|_, _, _| Err(StoreError::Unconfirmed("not connected".into())));
        Arc::new(limiter) as Arc<dyn RateLimiter>
    };
    let mut open = RateLimitLayer::http(failing(), Quota::default(), by_user).layer(Counting::default());
    assert_eq!(open.call(of("ada")).await.unwrap().status(), 200);
    let closed =
        RateLimitLayer::http(failing(), Quota::default(), by_user).on_failure(OnLimiterFailure::Refuse);
    let refused = closed.layer(Counting::default()).call(of("ada")).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].as_bytes()), (503, &b"1"[..]));
    assert!(!refused.body().contains("not connected"), "internal text is not told");
}

/// An rpc service, whose error is ours.
#[derive(Clone)]
pub(crate) struct Rpc;

impl Service<u32> for Rpc {
    type Response = u32;
    type Error = Error;
    type Future = std::future::Ready<Result<u32, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        std::future::ready(Ok(request + 1))
    }
}

#[tokio::test]
async fn the_layer_fails_a_call_of_rpc() {
    let (limiter, quota) = (Arc::new(MemoryRateLimiter::new(100)), Quota::new(1, WINDOW));
    let mut service = RateLimitLayer::with_error(limiter, quota, |_: &u32| Some("all".to_owned())).layer(Rpc);
    assert_eq!(service.call(1).await.unwrap(), 2);
    let refused = service.call(1).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::ResourceExhausted);
    assert!(refused.retry_delay().is_some());
}
