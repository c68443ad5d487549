use std::future::Future;
use std::time::Duration;

use futures_util::stream::{self, Stream};

use crate::ServingStatus;

/// The values of something that is asked for again and again: the first one at once, and then each that differs from the one before.
///
/// For server-sent events about rows that another process may change. The stream ends when `look` returns none, and when the service drains, so
/// that it holds up no stop: the client connects again, to another process.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
/// use futures_util::StreamExt;
/// use underpin_http::{Drain, changes};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let looks = AtomicU32::new(0);
/// // 0, 0, 1, 1, 2, and the end.
/// let look = async |_| Some(looks.fetch_add(1, Ordering::Relaxed) / 2).filter(|value| *value < 3);
/// let seen: Vec<u32> = changes(Drain::default(), Duration::from_millis(1), 0, look).collect().await;
/// assert_eq!(seen, [0, 1, 2]);
/// # }
/// ```
///
/// # Cancel safety
/// Dropping the stream ends it.
pub fn changes<T, F, Fut>(
    status: impl ServingStatus,
    every: Duration,
    first: T,
    look: F,
) -> impl Stream<Item = T> + Send
where
    T: Clone + PartialEq + Send + Sync,
    F: Fn(T) -> Fut + Send + Sync,
    Fut: Future<Output = Option<T>> + Send,
{
    let start = (status, look, Next::First(first));
    stream::unfold(start, move |(status, look, next)| async move {
        let last = match next {
            Next::First(first) => {
                let state = (status, look, Next::After(first.clone()));
                return Some((first, state));
            }
            Next::After(last) => last,
        };
        loop {
            tokio::select! {
                () = status.draining() => return None,
                () = tokio::time::sleep(every) => {}
            }
            let value = look(last.clone()).await?;
            if value != last {
                return Some((value.clone(), (status, look, Next::After(value))));
            }
        }
    })
}

enum Next<T> {
    First(T),
    After(T),
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;
    use crate::Drain;

    #[tokio::test(start_paused = true)]
    async fn the_stream_ends_when_the_service_drains() {
        let drain = Drain::default();
        let values = changes(drain.clone(), Duration::from_secs(1), 7, async |last| Some(last));
        let mut values = std::pin::pin!(values);
        assert_eq!(values.next().await, Some(7));
        drain.start();
        assert_eq!(values.next().await, None);
    }
}
