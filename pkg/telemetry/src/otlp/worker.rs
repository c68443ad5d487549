use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::time::Instant;
use underpin_logger::{Context, Logger, warn};

use super::{
    plan::SignalKind,
    queue::Queue,
    sender::{Batches, Verdict},
    sinks::BATCH,
};
use crate::recorder::{dropped, exported};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(15);

/// Exports one signal until its queue is closed and empty.
pub(super) struct Worker<B: Batches> {
    pub(super) kind: SignalKind,
    pub(super) queue: Arc<Queue<B::Item>>,
    pub(super) batches: B,
    pub(super) interval: Duration,
    pub(super) give_up_after: Duration,
    pub(super) log: Arc<dyn Logger>,
    /// Whether the last batch was lost: said once until one is taken again.
    pub(super) is_failing: bool,
}

impl<B: Batches> Worker<B> {
    pub(super) async fn run(mut self) {
        while let Some(items) = self.queue.next(BATCH, self.interval).await {
            self.deliver(items).await;
        }
    }

    /// Sends a batch, in halves if it is too large, and again while the collector is busy or away.
    async fn deliver(&mut self, items: Vec<B::Item>) {
        let (mut left, mut piece) = (items.as_slice(), items.len());
        let (mut pause, mut give_up_at) = (FIRST_PAUSE, Instant::now() + self.give_up_after);
        while !left.is_empty() {
            let (batch, rest) = left.split_at(piece.min(left.len()));
            // An encoder that panics over one batch must not end the export of all others.
            match contained(self.batches.send(batch)).await.unwrap_or(Verdict::Refused) {
                Verdict::Taken => {
                    exported(self.kind.name()).increment(batch.len() as u64);
                    self.queue.handled(batch.len());
                    self.is_failing = false;
                    left = rest;
                    (pause, give_up_at) = (FIRST_PAUSE, Instant::now() + self.give_up_after);
                }
                Verdict::TooLarge if batch.len() > 1 => piece = batch.len() / 2,
                Verdict::Busy(after) if Instant::now() < give_up_at => {
                    tokio::time::sleep(after.map_or(pause, |after| after.min(LAST_PAUSE)).max(FIRST_PAUSE))
                        .await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                Verdict::TooLarge => left = self.lose(batch.len(), rest, "too_large"),
                Verdict::Busy(_) => left = self.lose(batch.len(), rest, "unreachable"),
                Verdict::Refused => left = self.lose(batch.len(), rest, "refused"),
            }
        }
    }

    /// Counts what was lost, and goes on with the rest.
    fn lose<'i>(&mut self, count: usize, rest: &'i [B::Item], reason: &'static str) -> &'i [B::Item] {
        dropped(self.kind.name(), reason).increment(count as u64);
        self.queue.handled(count);
        if !self.is_failing {
            self.is_failing = true;
            let signal = self.kind.name();
            let cause = self.batches.failure().unwrap_or_default();
            warn!(self.log, &Context::background(), "telemetry is not exported", signal, reason, cause);
        }
        rest
    }
}

/// The output of a future, or `None` where it panics.
async fn contained<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|task| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
        Ok(poll) => poll.map(Some),
        Err(_panic) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use underpin_logger::testing::CaptureLogger;

    use super::*;

    /// Answers from a list, and Taken behind its end; keeps the size of each batch.
    struct Scripted(Arc<Mutex<(Vec<Verdict>, Vec<usize>)>>);

    impl Batches for Scripted {
        type Item = u8;

        async fn send(&self, items: &[u8]) -> Verdict {
            let mut state = self.0.lock().unwrap();
            state.1.push(items.len());
            if state.0.is_empty() { Verdict::Taken } else { state.0.remove(0) }
        }

        fn failure(&self) -> Option<String> {
            None
        }
    }

    async fn sizes(items: usize, verdicts: Vec<Verdict>) -> (Vec<usize>, CaptureLogger) {
        let (state, log) = (Arc::new(Mutex::new((verdicts, Vec::new()))), CaptureLogger::new());
        let queue = Arc::new(Queue::new(100_000));
        (0..items).for_each(|_| assert!(queue.offer(0, 1, 1)));
        queue.close();
        let worker = Worker {
            kind: SignalKind::Traces,
            queue,
            batches: Scripted(Arc::clone(&state)),
            interval: Duration::from_secs(1),
            give_up_after: Duration::from_secs(60),
            log: Arc::new(log.clone()),
            is_failing: false,
        };
        worker.run().await;
        let sizes = std::mem::take(&mut state.lock().unwrap().1);
        (sizes, log)
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_too_large_is_halved() {
        let (sizes, log) = sizes(8, vec![Verdict::TooLarge, Verdict::TooLarge]).await;
        assert_eq!(sizes, [8, 4, 2, 2, 2, 2]);
        log.assert_not_logged(underpin_logger::Level::Warn);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_collector_is_asked_again_until_the_time_is_over() {
        let (sizes, log) = sizes(3, vec![Verdict::Busy(None); 4]).await;
        assert_eq!((sizes, log.entries().len()), (vec![3; 5], 0));
        let (sizes, log) = sizes_of_away().await;
        assert!(sizes < 20, "{sizes}");
        log.assert_logged(underpin_logger::Level::Warn, "telemetry is not exported");
    }

    async fn sizes_of_away() -> (usize, CaptureLogger) {
        let (sizes, log) = sizes(1, vec![Verdict::Busy(None); 1000]).await;
        (sizes.len(), log)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_lost_alone_and_said_once() {
        let (sizes, log) = sizes(BATCH * 3, vec![Verdict::Refused, Verdict::Refused]).await;
        assert_eq!((sizes, log.entries().len()), (vec![BATCH; 3], 1));
    }
}
