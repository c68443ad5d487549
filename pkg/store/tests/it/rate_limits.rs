//! The limiters of this process and of a bucket pass the suite of limiters; that of Redis is among its tests.

mod memory {
    use std::sync::Arc;

    use async_trait::async_trait;
    use underpin_store::conformance::RateLimiterHarness;
    use underpin_store::{MemoryRateLimiter, RateLimiter};

    struct Memory(Arc<MemoryRateLimiter>);

    #[async_trait]
    impl RateLimiterHarness for Memory {
        async fn start() -> Self {
            Self(Arc::new(MemoryRateLimiter::new(1_000)))
        }

        async fn limiter(&self) -> Arc<dyn RateLimiter> {
            Arc::clone(&self.0) as Arc<dyn RateLimiter>
        }
    }

    underpin_store::rate_limiter_tests!(Memory);
}

mod key_value {
    use std::sync::Arc;

    use async_trait::async_trait;
    use underpin_store::conformance::RateLimiterHarness;
    use underpin_store::{BucketSettings, KeyValue, KeyValueRateLimiter, MemoryKeyValue, RateLimiter};

    struct Bucket(Arc<dyn KeyValue>);

    #[async_trait]
    impl RateLimiterHarness for Bucket {
        async fn start() -> Self {
            let settings = BucketSettings::new("limits").key_ttl(true);
            Self(Arc::new(MemoryKeyValue::new(settings).expect("valid settings")))
        }

        async fn limiter(&self) -> Arc<dyn RateLimiter> {
            Arc::new(KeyValueRateLimiter::new(Arc::clone(&self.0)))
        }
    }

    underpin_store::rate_limiter_tests!(Bucket);
}
