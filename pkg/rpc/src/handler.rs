use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::Error;

use crate::call::Call;
use crate::request::Reply;

/// Handles the calls of an endpoint.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use async_trait::async_trait;
/// use underpin_errors::Error;
/// use underpin_rpc::{Call, Endpoint, Handler, Reply};
///
/// struct Echo;
///
/// #[async_trait]
/// impl Handler for Echo {
///     async fn handle(&self, call: Call) -> Result<Reply, Error> {
///         Ok(Reply::new(call.body().clone()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let echo: Arc<dyn Handler> = Arc::new(Echo);
/// assert_eq!(echo.handle(Call::new(Endpoint::new("a", "echo"), "hi")).await.unwrap().body, "hi");
/// # }
/// ```
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers one call.
    ///
    /// Ordering: none, calls run concurrently up to the endpoint's limit. Idempotency: a caller may repeat a call of a method
    /// that is declared idempotent, and only of such. A panic is an internal error of this call alone.
    ///
    /// # Errors
    /// What the caller gets: kind, code, violations, and the text of a 4xx. Other text stays in this process and is logged.
    ///
    /// # Cancel safety
    /// The future is dropped at its next await when the deadline of the call passes, and when a drain runs out of time: leave
    /// nothing half done across an await, or put it into a transaction.
    async fn handle(&self, call: Call) -> Result<Reply, Error>;
}

const _: fn(&dyn Handler) = |_| ();

/// A handler out of an async function.
///
/// # Examples
/// ```
/// use underpin_rpc::{Call, Endpoint, Reply, handler_fn};
///
/// let echo = handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(echo.handle(Call::new(Endpoint::new("a", "echo"), "hi")).await.unwrap().body, "hi");
/// # });
/// ```
pub fn handler_fn<F, Fut>(handle: F) -> Arc<dyn Handler>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    Arc::new(Closure(handle))
}

/// [`handler_fn`] with state as the first argument: an async closure that captures is no `Fn`, one that takes its state is.
pub fn handler_fn_with<S, F, Fut>(state: S, handle: F) -> Arc<dyn Handler>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    handler_fn(move |call| handle(state.clone(), call))
}

struct Closure<F>(F);

#[async_trait]
impl<F, Fut> Handler for Closure<F>
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    async fn handle(&self, call: Call) -> Result<Reply, Error> {
        (self.0)(call).await
    }
}
