use std::future::Future;
use std::time::Duration;

use underpin_logger::Context;

use crate::request::Request;

/// A request with time enough, so that its deadline never decides.
pub fn request(subject: &'static str, body: &'static str) -> Request {
    Request::new(subject, body, &Context::background()).within(Duration::from_secs(60))
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
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
