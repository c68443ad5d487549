//! Spans and metrics of the store.

use std::sync::Arc;
use std::time::Duration;

use underpin_logger::testing::CaptureSpans;
use underpin_logger::{Context, RequestId, SpanKind};
use underpin_store::{
    BucketSettings, Cache, CacheSettings, KeyValue, KeyValueExt, KeyValueLocks, Locks, MemoryKeyValue,
    MemoryRateLimiter, Quota, RateLimitLayer, Ttl, describe_metrics,
};

use crate::recorder::Metrics;
use crate::support::private;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_locks_and_loads_are_spans_without_keys_and_values() {
    let spans = CaptureSpans::install();
    let (_server, store) = private(BucketSettings::new("carts").key_ttl(true)).await;
    let store: Arc<dyn KeyValue> = Arc::new(store);
    let cache = Cache::builder(CacheSettings::default())
        .name("prices")
        .loading_with(Arc::clone(&store), |store: Arc<dyn KeyValue>, _: u32| async move {
            Ok(store.read("secret-key").await?.map(|entry| entry.revision.get()))
        })
        .unwrap();
    let request = Context::new(RequestId::generate()).entry_span("GET /carts", SpanKind::Server);
    let trace = request.ctx().trace().unwrap().trace_id().to_owned();
    let work = async {
        store.create("secret-key", "secret-value", Ttl::Bucket).await.unwrap();
        store.create("secret-key", "secret-value", Ttl::Bucket).await.unwrap_err();
        cache.get(&7).await.unwrap();
        cache.get(&7).await.unwrap();
        let locks = KeyValueLocks::new(Arc::clone(&store));
        locks.acquire("secret-lock", Duration::from_secs(10), Duration::ZERO).await.unwrap()
    };
    let _lease = request.ctx().scope(work).await;
    drop(request);
    assert_eq!(
        spans.tree(&trace),
        "GET /carts\n  put carts\n  put carts\n  load prices\n    get carts\n  acquire lock\n    put carts\n"
    );
    let all = spans.of_trace(&trace);
    let text = format!("{all:?}");
    assert!(!text.contains("secret"), "{text}");
    let conflict = all.iter().find(|span| span.attribute("error.type").is_some()).expect("the conflict");
    assert_eq!(conflict.kind, SpanKind::Client);
    assert_eq!(
        format!("{:?}", conflict.attribute("error.type").unwrap()).matches("ALREADY_EXISTS").count(),
        1
    );
}

#[test]
fn what_the_store_does_is_counted() {
    let metrics = Metrics::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || {
        describe_metrics();
        runtime.block_on(use_everything());
    });
    for (name, count) in [
        ("operations_total{bucket=carts,operation=put,outcome=ok}", 1),
        ("operations_total{bucket=carts,operation=put,outcome=conflict}", 1),
        ("operations_total{bucket=carts,operation=get,outcome=ok}", 1),
        ("cache_gets_total{cache=prices,outcome=hit}", 1),
        ("cache_gets_total{cache=prices,outcome=miss}", 2),
        ("cache_loads_total{cache=prices,outcome=ok}", 1),
        ("cache_loads_total{cache=prices,outcome=error}", 1),
        ("limit_decisions_total{limit=login,outcome=allowed}", 1),
        ("limit_decisions_total{limit=login,outcome=refused}", 1),
    ] {
        assert_eq!(metrics.counter(&format!("underpin_store_{name}")), count, "{name}");
    }
    let duration = "underpin_store_operation_duration_seconds{bucket=carts,operation=put}";
    assert_eq!(metrics.recorded(duration), 2);
    assert_eq!(metrics.recorded("underpin_store_lease_wait_seconds{outcome=acquired}"), 1);
    assert_eq!(metrics.recorded("underpin_store_lease_wait_seconds{outcome=timeout}"), 1);
    for name in ["watch_restarts_total", "leases_lost_total", "cache_interruptions_total"] {
        assert!(metrics.described().contains(&format!("underpin_store_{name}")), "{name} is not described");
    }
}

async fn use_everything() {
    let (_server, store) = private(BucketSettings::new("carts")).await;
    store.create("a", "1", Ttl::Bucket).await.unwrap();
    store.create("a", "1", Ttl::Bucket).await.unwrap_err();
    store.read("a").await.unwrap();

    let cache = Cache::builder(CacheSettings::default()).name("prices");
    let cache = cache
        .loading(|key: u32| async move {
            if key == 7 { Ok(Some(1)) } else { Err(underpin_errors::Error::unavailable("away")) }
        })
        .unwrap();
    for _ in 0..2 {
        cache.get(&7).await.unwrap();
    }
    cache.get(&8).await.unwrap_err();

    let bucket = Arc::new(MemoryKeyValue::new(BucketSettings::new("locks").key_ttl(true)).unwrap());
    let locks = KeyValueLocks::new(bucket);
    let _held = locks.acquire("a", Duration::from_secs(10), Duration::ZERO).await.unwrap();
    locks.acquire("a", Duration::from_secs(10), Duration::ZERO).await.unwrap_err();

    let quota = Quota::new(1, Duration::from_secs(60));
    let limiter = Arc::new(MemoryRateLimiter::new(16));
    let layer = RateLimitLayer::with_error(limiter, quota, |_: &u32| Some("all".to_owned())).named("login");
    let mut service = tower_layer::Layer::layer(&layer, crate::limits::Rpc);
    for _ in 0..2 {
        drop(tower_service::Service::call(&mut service, 1).await);
    }
}
