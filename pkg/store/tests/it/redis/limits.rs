//! The limiter in Redis passes the suite of limiters.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_logger::NoopLogger;
use underpin_store::conformance::RateLimiterHarness;
use underpin_store::{Quota, RateLimiter, RedisConnection, RedisRateLimiter, RedisSettings};
use underpin_testkit::ValkeyServer;

use super::connect;

struct Redis(ValkeyServer);

#[async_trait]
impl RateLimiterHarness for Redis {
    async fn start() -> Self {
        Self(ValkeyServer::private().await)
    }

    async fn limiter(&self) -> Arc<dyn RateLimiter> {
        Arc::new(RedisRateLimiter::new(connect(self.0.url()).await))
    }
}

underpin_store::rate_limiter_tests!(Redis);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_end_with_their_windows_and_each_has_a_hash_tag() {
    let server = ValkeyServer::private().await;
    let connection = connect(server.url()).await;
    let limiter = RedisRateLimiter::new(connection.clone());
    let quota = Quota::new(5, Duration::from_millis(200));
    assert!(limiter.take("ada", 1, &quota).await.unwrap().is_allowed());
    let mut client = connection.client().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
    assert!(keys.iter().all(|key| key == "underpin:limit:{=616461}"), "{keys:?}");
    underpin_testkit::eventually(crate::support::LIMIT, "nothing is left", async || {
        let mut client = connection.client().await.unwrap();
        redis::cmd("DBSIZE").query_async::<u64>(&mut client).await.unwrap() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_window_begins_another_count() {
    let server = ValkeyServer::private().await;
    let limiter = RedisRateLimiter::new(connect(server.url()).await);
    let hour = Quota::new(1, Duration::from_secs(3600));
    assert!(limiter.take("ada", 1, &hour).await.unwrap().is_allowed());
    assert!(!limiter.take("ada", 1, &hour).await.unwrap().is_allowed());
    let day = Quota::new(1, Duration::from_secs(24 * 3600));
    assert!(limiter.take("ada", 1, &day).await.unwrap().is_allowed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limiter_without_a_server_fails_and_works_again_after() {
    let server = ValkeyServer::private().await;
    let limiter = RedisRateLimiter::new(connect(server.url()).await);
    let quota = Quota::new(1_000, Duration::from_secs(60));
    server.kill().await;
    let failed = limiter.take("ada", 1, &quota).await.unwrap_err();
    assert!(failed.is_retryable(), "{failed:?}");
    server.restart().await;
    underpin_testkit::eventually(crate::support::LIMIT, "it counts again", async || {
        limiter.take("ada", 1, &quota).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lazy_connection_needs_its_server_with_the_first_call() {
    let server = ValkeyServer::private().await;
    server.kill().await;
    let connection =
        RedisConnection::connect_lazy(&RedisSettings::new(server.url()), Arc::new(NoopLogger)).unwrap();
    let (limiter, quota) =
        (RedisRateLimiter::new(connection), Quota::new(1_000_000, Duration::from_secs(60)));
    assert!(limiter.take("ada", 1, &quota).await.unwrap_err().is_retryable());
    server.restart().await;
    underpin_testkit::eventually(crate::support::LIMIT, "it connects", async || {
        limiter.take("ada", 1, &quota).await.is_ok()
    })
    .await;
    let invalid = RedisConnection::connect_lazy(&RedisSettings::new("http://x"), Arc::new(NoopLogger));
    assert!(invalid.is_err());
}
