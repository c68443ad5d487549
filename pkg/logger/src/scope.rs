//! The current context of a task or a thread, for records of libraries that take no [`Context`].

use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use pin_project_lite::pin_project;

use crate::Context;

thread_local! {
    /// Swapped in while a scoped future is polled, so that it follows its task from thread to thread.
    static CURRENT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

impl Context {
    /// Runs a future with this context as [`Context::current`]. The future is dropped inside of the scope, too.
    ///
    /// # Cancel safety
    ///
    /// As cancel-safe as the future given.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Scoped { future: Some(future), ctx: self.clone() }
    }

    /// Runs a closure with this context as [`Context::current`].
    ///
    /// While a thread ends, in the destructor of a thread-local value, the closure may run without a current context.
    pub fn scope_sync<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = Entered::new(self);
        work()
    }

    /// The context of the innermost [`Context::scope`] around the caller; [`Context::background`] outside of every
    /// scope. Spawned tasks do not inherit it.
    pub fn current() -> Self {
        Self::try_current().unwrap_or_else(Self::background)
    }

    /// The context of the innermost [`Context::scope`] around the caller, if there is one.
    pub fn try_current() -> Option<Self> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }
}

/// Makes another context the current one of this thread and returns what was current before.
///
/// While the thread ends, in the destructor of a thread-local value, nothing changes.
#[cfg(feature = "bridges")]
pub(crate) fn replace_current(ctx: Option<Context>) -> Option<Context> {
    CURRENT.try_with(|current| current.replace(ctx)).ok().flatten()
}

/// Makes a context the current one until it is dropped, also by a panic.
pub(crate) struct Entered {
    /// What was current before. `None` where the thread-local is gone because the thread ends: a panic there would abort the
    /// process.
    outer: Option<Option<Context>>,
}

impl Entered {
    pub(crate) fn new(ctx: &Context) -> Self {
        let inner = ctx.clone();
        Self { outer: CURRENT.try_with(|current| current.replace(Some(inner))).ok() }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take() {
            // Dropped after the borrow.
            let _inner = CURRENT.try_with(|current| current.replace(outer));
        }
    }
}

pin_project! {
    /// A future with the context that is current while it is polled and dropped.
    struct Scoped<F> {
        #[pin]
        future: Option<F>,
        ctx: Context,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _entered = Entered::new(this.ctx);
                this.future.set(None);
            }
        }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    /// # Panics
    ///
    /// When it is polled after it has returned `Ready`, as futures of `async` blocks do.
    #[expect(clippy::panic, reason = "the contract of Future::poll is broken")]
    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _entered = Entered::new(this.ctx);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a scoped future was polled after it completed");
        };
        let polled = future.poll(task);
        if polled.is_ready() {
            // What the future still holds ends inside of the scope.
            this.future.set(None);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::RequestId;

    fn ctx(id: &str) -> Context {
        Context::new(RequestId::parse(id).unwrap())
    }

    fn current() -> Option<String> {
        Context::current().request_id().map(ToString::to_string)
    }

    #[tokio::test]
    async fn the_scope_is_seen_inside_and_only_inside() {
        let ctx = ctx("outer");
        assert!(Context::try_current().is_none());
        let (inside, spawned) = ctx
            .scope(async {
                tokio::task::yield_now().await;
                let spawned = tokio::spawn(async { Context::try_current() }).await.unwrap();
                (Context::current(), spawned)
            })
            .await;
        assert_eq!(inside.request_id(), ctx.request_id());
        assert!(spawned.is_none());
        assert!(Context::current().request_id().is_none());
        assert_eq!(ctx.scope_sync(Context::current).request_id(), ctx.request_id());
    }

    #[test]
    fn scopes_nest_and_end_by_a_panic_too() {
        ctx("outer").scope_sync(|| {
            let panicked =
                catch_unwind(AssertUnwindSafe(|| ctx("inner").scope_sync(|| panic!("{:?}", current()))));
            let said = panicked.unwrap_err().downcast::<String>().unwrap();
            assert_eq!((said.as_str(), current().as_deref()), ("Some(\"inner\")", Some("outer")));
        });
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn a_scoped_future_is_dropped_inside_of_its_scope() {
        struct OnDrop(std::sync::mpsc::Sender<Option<String>>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.send(current()).unwrap();
            }
        }
        let (sender, seen) = std::sync::mpsc::channel();
        let held = OnDrop(sender.clone());
        drop(ctx("never-polled").scope(async move { drop(held) }));
        let held = OnDrop(sender.clone());
        let mut pending = Box::pin(ctx("cancelled").scope(async move {
            std::future::pending::<()>().await;
            drop(held);
        }));
        std::future::poll_fn(|task| Poll::Ready(pending.as_mut().poll(task).is_pending())).await;
        drop(pending);
        let held = OnDrop(sender);
        ctx("completed").scope(async move { drop(held) }).await;
        let ids: Vec<_> = seen.iter().flatten().collect();
        assert_eq!(ids, ["never-polled", "cancelled", "completed"]);
    }
}
