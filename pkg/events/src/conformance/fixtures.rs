use std::future::Future;
use std::time::Duration;

use crate::{Backoff, Event, SubscribeOptions};

/// Options with short waits, so that the suite is quick.
pub fn options(name: &str) -> SubscribeOptions {
    SubscribeOptions::new(name)
        .backoff(Backoff::new(Duration::from_millis(20), Duration::from_millis(100)))
        .handler_timeout(Duration::from_secs(5))
}

/// An event of this type and subject, with its subject as data.
pub fn event(ty: &str, subject: &str) -> Event {
    Event::builder(ty, "/conformance").subject(subject).json(subject).build().expect("a valid event")
}

/// Waits for something that should happen, with a limit.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within {limit:?}"),
    }
}

/// Asks again and again until the answer is yes, with a limit.
pub async fn eventually<F: Future<Output = bool>>(limit: Duration, what: &str, mut ask: impl FnMut() -> F) {
    within(limit, what, async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
