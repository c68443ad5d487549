use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use underpin_errors::{Error, Kind};

use crate::call::Call;
use crate::handler::{Handler, handler_fn};
use crate::request::Reply;

/// A handler of one type of question: JSON in, JSON out. A body that does not decode is an error of kind
/// [`Kind::InvalidArgument`].
///
/// # Examples
/// ```
/// use underpin_errors::{Error, Kind};
/// use underpin_rpc::{Call, Endpoint, typed};
///
/// async fn double(n: u32, _: Call) -> Result<u32, Error> {
///     n.checked_mul(2).ok_or_else(|| Error::bad_request("too large"))
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let handler = typed(double);
/// let call = |body: &'static str| Call::new(Endpoint::new("math", "double"), body);
/// assert_eq!(handler.handle(call("21")).await.unwrap().body, "42");
/// assert_eq!(handler.handle(call("x")).await.unwrap_err().kind(), Kind::InvalidArgument);
/// # });
/// ```
pub fn typed<Q, A, F, Fut>(handle: F) -> Arc<dyn Handler>
where
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + 'static,
    F: Fn(Q, Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Error>> + Send + 'static,
{
    handler_fn(move |call: Call| {
        let called = call.json::<Q>().map(|question| handle(question, call));
        async move { encode(&called?.await?) }
    })
}

/// [`typed`] with state as the first argument: an async closure that captures is no `Fn`, one that takes its state is.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use underpin_errors::Error;
/// use underpin_rpc::{Call, Endpoint, typed_with};
///
/// struct App { factor: u32 }
///
/// async fn scale(app: Arc<App>, n: u32, _: Call) -> Result<u32, Error> {
///     Ok(n * app.factor)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let handler = typed_with(Arc::new(App { factor: 3 }), scale);
/// assert_eq!(handler.handle(Call::new(Endpoint::new("math", "scale"), "7")).await.unwrap().body, "21");
/// # });
/// ```
pub fn typed_with<S, Q, A, F, Fut>(state: S, handle: F) -> Arc<dyn Handler>
where
    S: Clone + Send + Sync + 'static,
    Q: DeserializeOwned + Send + 'static,
    A: Serialize + 'static,
    F: Fn(S, Q, Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<A, Error>> + Send + 'static,
{
    typed(move |question, call| handle(state.clone(), question, call))
}

fn encode<A: Serialize>(answer: &A) -> Result<Reply, Error> {
    let body = serde_json::to_vec(answer)
        .map_err(|error| Error::wrap(Kind::Internal, error, "encode the answer"))?;
    Ok(Reply::new(body))
}
