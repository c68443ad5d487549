//! Mocks of the public traits. For behaviour rather than interaction use [`MemoryBus`](crate::memory::MemoryBus).
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use underpin_events::testing::MockEventPublisher;
//! use underpin_events::{Event, EventPublisher, PublishReceipt};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut mock = MockEventPublisher::new();
//! mock.expect_publish().once().returning(|event| {
//!     assert_eq!(event.ty(), "order.placed");
//!     Ok(PublishReceipt::new(1, false))
//! });
//! let publisher: Arc<dyn EventPublisher> = Arc::new(mock);
//! publisher.publish(Event::builder("order.placed", "/orders").build()?).await?;
//! # Ok(()) }
//! ```
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "mockall writes these items; their traits are documented"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mockall::mock;
use underpin_errors::{Health, HealthCheck};

use crate::{
    Claim, ClaimToken, DeadLetter, DeadLetterQueue, Delivery, DrainOutcome, Event, EventHandler,
    EventPublisher, EventSubscriber, EventsError, IdempotencyStore, Lag, Outcome, PublishReceipt,
    SubscribeOptions, Subscription,
};

mock! {
    #[derive(Debug)]
    pub EventPublisher {}

    #[async_trait]
    impl EventPublisher for EventPublisher {
        async fn publish(&self, event: Event) -> Result<PublishReceipt, EventsError>;
        async fn publish_batch(&self, events: Vec<Event>) -> Vec<Result<PublishReceipt, EventsError>>;
        async fn flush(&self, within: Duration) -> Result<(), EventsError>;
    }
}

mock! {
    #[derive(Debug)]
    pub EventSubscriber {}

    #[async_trait]
    impl EventSubscriber for EventSubscriber {
        async fn subscribe(
            &self,
            options: SubscribeOptions,
            handler: Arc<dyn EventHandler>,
        ) -> Result<Arc<dyn Subscription>, EventsError>;
    }
}

mock! {
    #[derive(Debug)]
    pub EventHandler {}

    #[async_trait]
    impl EventHandler for EventHandler {
        async fn handle(&self, delivery: Delivery) -> Outcome;
    }
}

mock! {
    #[derive(Debug)]
    pub Subscription {}

    #[async_trait]
    impl HealthCheck for Subscription {
        fn name(&self) -> &str;
        async fn check(&self) -> Health;
    }

    #[async_trait]
    impl Subscription for Subscription {
        async fn lag(&self) -> Result<Lag, EventsError>;
        async fn drain(&self, within: Duration) -> DrainOutcome;
        async fn closed(&self);
    }
}

mock! {
    #[derive(Debug)]
    pub DeadLetterQueue {}

    #[async_trait]
    impl DeadLetterQueue for DeadLetterQueue {
        async fn list(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventsError>;
        async fn inspect(&self, id: u64) -> Result<DeadLetter, EventsError>;
        async fn replay(&self, id: u64) -> Result<PublishReceipt, EventsError>;
        async fn discard(&self, id: u64) -> Result<(), EventsError>;
    }
}

mock! {
    #[derive(Debug)]
    pub IdempotencyStore {}

    #[async_trait]
    impl IdempotencyStore for IdempotencyStore {
        async fn claim(&self, key: &str, lease: Duration) -> Result<Claim, EventsError>;
        async fn complete(&self, key: &str) -> Result<(), EventsError>;
        async fn release(&self, key: &str, token: ClaimToken) -> Result<(), EventsError>;
    }
}
