//! Calls that run where they arrive: a handler that waits for nothing is done before a task for it could have begun.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Decides whether the next call of an endpoint begins in the task that received it.
///
/// A handler earns it by yielding quickly, and loses it as soon as it computes for longer than [`QUICK`]: calls that compute
/// run on all threads, and no call waits behind them.
#[derive(Debug, Default)]
pub(super) struct InlinePolicy(AtomicU32);

/// How long a handler may compute before it first yields.
const QUICK: Duration = Duration::from_micros(100);
/// How many quick calls in a row earn it.
const STREAK: u32 = 16;
/// How deep calls in memory may nest on one stack.
const MAX_DEPTH: u8 = 4;

impl InlinePolicy {
    /// Notes how long a handler took until it first yielded or ended.
    pub(super) fn note(&self, took: Duration) {
        let streak = self.0.load(Ordering::Relaxed);
        if took > QUICK {
            self.0.store(0, Ordering::Relaxed);
        } else if streak < STREAK {
            self.0.store(streak + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_earned(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= STREAK && DEPTH.get() < MAX_DEPTH
    }
}

thread_local! {
    static DEPTH: Cell<u8> = const { Cell::new(0) };
}

/// Waits until the call runs in a task of its own, if it does not yet.
pub(super) async fn in_task() {
    // `run` spawns what is pending, so nothing has to wake it.
    poll_fn(|_| if DEPTH.get() > 0 { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Runs a call until it first waits; the rest in a task.
pub(super) fn run<F: Future<Output = ()> + Send + 'static>(call: F) {
    let mut call: Pin<Box<F>> = Box::pin(call);
    let polled = {
        let _deeper = Deeper::enter();
        // The task polls again at once, so that nothing that this poll would wake is missed.
        let mut task = Context::from_waker(Waker::noop());
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut task)))
    };
    // A panic outside of the handler, such as that of a logger, ends this call alone, as it would end its task.
    if matches!(polled, Ok(Poll::Pending)) {
        tokio::spawn(call);
    }
}

struct Deeper;

impl Deeper {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get().saturating_add(1));
        Self
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn quick_handlers_earn_it_and_a_slow_one_loses_it() {
        let policy = InlinePolicy::default();
        for _ in 0..STREAK {
            assert!(!policy.is_earned());
            policy.note(QUICK);
        }
        assert!(policy.is_earned());
        let nested: Vec<_> = (0..MAX_DEPTH).map(|_| Deeper::enter()).collect();
        assert!(!policy.is_earned(), "the stack is bounded");
        drop(nested);
        policy.note(QUICK * 2);
        assert!(!policy.is_earned());
    }

    #[tokio::test]
    async fn what_waits_goes_on_in_a_task() {
        let (release, released) = oneshot::channel();
        let (sender, mut done) = oneshot::channel();
        run(async move {
            released.await.unwrap();
            sender.send("done").unwrap();
        });
        assert!(done.try_recv().is_err());
        release.send(()).unwrap();
        assert_eq!(done.await.unwrap(), "done");
        run(async { panic!("of a logger") });
        assert_eq!(DEPTH.get(), 0);
    }
}
