use std::task::Poll;

use futures_util::{
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc::{self, Sender};

/// A stream of what a future sends. The future runs while the stream is polled, and no further than the item that is asked
/// for, as long as it reserves the place of an item before it makes it.
pub(super) fn sent_by<'a, T: Send + 'a>(
    work: impl FnOnce(Sender<T>) -> BoxFuture<'a, sqlx::Result<()>>,
) -> BoxStream<'a, sqlx::Result<T>> {
    let (sender, mut items) = mpsc::channel(1);
    let mut work = Some(work(sender));
    let mut failed = None;
    Box::pin(stream::poll_fn(move |cx| {
        if let Some(running) = &mut work
            && let Poll::Ready(ended) = running.as_mut().poll(cx)
        {
            failed = ended.err();
            work = None;
        }
        match items.poll_recv(cx) {
            // The sender is gone, and what it sent has been read.
            Poll::Ready(None) => Poll::Ready(failed.take().map(Err)),
            Poll::Ready(Some(item)) => Poll::Ready(Some(Ok(item))),
            Poll::Pending => Poll::Pending,
        }
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn an_item_is_made_when_it_is_asked_for_and_an_error_comes_last() {
        let made = AtomicU32::new(0);
        let mut items = sent_by(|sender| {
            let made = &made;
            Box::pin(async move {
                for number in 1..=2 {
                    let Ok(permit) = sender.reserve().await else { return Ok(()) };
                    tokio::task::yield_now().await;
                    made.fetch_add(1, Ordering::Relaxed);
                    permit.send(number);
                }
                Err(sqlx::Error::RowNotFound)
            })
        });
        for number in 1..=2 {
            assert!(matches!(items.next().await, Some(Ok(item)) if item == number));
            assert_eq!(made.load(Ordering::Relaxed), number, "it made no item ahead");
        }
        assert!(matches!(items.next().await, Some(Err(sqlx::Error::RowNotFound))));
        assert!(items.next().await.is_none() && items.next().await.is_none());
    }
}
