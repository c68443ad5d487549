use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use underpin_logger::Context;

use crate::error::RpcError;
use crate::gather::Gather;
use crate::method::Method;
use crate::micro::{ServiceInfo, ServiceStats, Verb};
use crate::request::{Reply, Request};

/// Calls services: [`NatsRpc`](crate::nats::NatsRpc) or [`MemoryRpc`](crate::memory::MemoryRpc). [`CallerExt`] has the typed calls.
///
/// Inside a handler, every call ends no later than the call that is being handled.
#[async_trait]
pub trait Caller: Send + Sync + 'static {
    /// Sends a request and waits for its reply.
    ///
    /// Ordering: none between calls. Retries: an idempotent request is sent again when no instance listened, when the connection was
    /// lost, and when the service answered [`Kind::Unavailable`](underpin_errors::Kind::Unavailable); any other is sent once.
    ///
    /// # Errors
    /// [`RpcError::NoResponders`] when no instance listens: at once, for an idempotent request after its retries;
    /// [`RpcError::Remote`] for the error of the service,
    /// [`RpcError::Timeout`] at the deadline, [`RpcError::Lost`] when the connection ends first; and what [`RpcError`] lists.
    ///
    /// # Cancel safety
    /// The request may be handled. Nothing of the call is left in this process.
    async fn call(&self, request: Request) -> Result<Reply, RpcError>;

    /// Sends a request to all that listen and collects the replies: of every instance without a queue group, and of one member of each
    /// group. Nothing is retried.
    ///
    /// # Errors
    /// Like [`call`](Self::call). No reply by the deadline is an empty list, not an error.
    ///
    /// # Cancel safety
    /// The request may be handled. Nothing of the call is left in this process.
    async fn gather(&self, request: Request, until: Gather)
    -> Result<Vec<Result<Reply, RpcError>>, RpcError>;

    /// Sends a request and waits for no reply: **at most once**, to one member of each queue group. It is lost when no instance
    /// listens, when the instance dies, and with the connection. What must not be lost is an event or a job.
    ///
    /// # Errors
    /// Like [`call`](Self::call), before anything is sent. `Ok` means that the request was handed to the connection.
    ///
    /// # Cancel safety
    /// The request may be sent.
    async fn send(&self, request: Request) -> Result<(), RpcError>;
}

const _: fn(&dyn Caller) = |_| ();

/// Typed calls and discovery over any [`Caller`].
///
/// # Examples
/// ```
/// use underpin_errors::Error;
/// use underpin_logger::Context;
/// use underpin_rpc::memory::MemoryRpc;
/// use underpin_rpc::{Call, CallerExt, Host, Method, Service};
///
/// const DOUBLE: Method<u32, u32> = Method::new("math", "double");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rpc = MemoryRpc::new();
/// let service = Service::new("math", "1.0.0").on(&DOUBLE, |n, _: Call| async move { Ok::<_, Error>(n * 2) });
/// let _running = rpc.serve(service).await?;
///
/// let answer = rpc.ask(&DOUBLE, &Context::background(), &21).await?;
/// assert_eq!(answer, 42);
/// # Ok(()) }
/// ```
pub trait CallerExt: Caller {
    /// Calls a method.
    ///
    /// # Errors
    /// Like [`Caller::call`]; [`RpcError::Encode`] and [`RpcError::Decode`] for bodies that do not fit.
    ///
    /// # Cancel safety
    /// Like [`Caller::call`].
    fn ask<Q, A>(
        &self,
        method: &Method<Q, A>,
        ctx: &Context,
        question: &Q,
    ) -> impl Future<Output = Result<A, RpcError>> + Send
    where
        Q: Serialize,
        A: DeserializeOwned,
    {
        let (request, method) = (method.request(ctx, question), *method);
        async move { method.answer(&self.call(request?).await?) }
    }

    /// Sends to a method without waiting for an answer: at most once, see [`Caller::send`].
    ///
    /// # Errors
    /// Like [`Caller::send`].
    ///
    /// # Cancel safety
    /// Like [`Caller::send`].
    fn tell<Q, A>(
        &self,
        method: &Method<Q, A>,
        ctx: &Context,
        question: &Q,
    ) -> impl Future<Output = Result<(), RpcError>> + Send
    where
        Q: Serialize,
    {
        let request = method.request(ctx, question);
        async move { self.send(request?).await }
    }

    /// The running instances of a service, or of all services: all that answer within the time.
    ///
    /// # Errors
    /// Like [`Caller::gather`]; no instance is an empty list.
    ///
    /// # Cancel safety
    /// Cancel safe.
    fn services(
        &self,
        name: Option<&str>,
        within: Duration,
    ) -> impl Future<Output = Result<Vec<ServiceInfo>, RpcError>> + Send {
        discover(self, Verb::Info.subject(name, None), within)
    }

    /// The statistics of the running instances of a service, or of all services.
    ///
    /// # Errors
    /// Like [`services`](Self::services).
    ///
    /// # Cancel safety
    /// Cancel safe.
    fn service_stats(
        &self,
        name: Option<&str>,
        within: Duration,
    ) -> impl Future<Output = Result<Vec<ServiceStats>, RpcError>> + Send {
        discover(self, Verb::Stats.subject(name, None), within)
    }
}

impl<C: Caller + ?Sized> CallerExt for C {}

async fn discover<C, T>(caller: &C, subject: String, within: Duration) -> Result<Vec<T>, RpcError>
where
    C: Caller + ?Sized,
    T: DeserializeOwned + Send,
{
    let request = Request::new(subject, "", &Context::background()).within(within);
    match caller.gather(request, Gather::until_deadline()).await {
        // A document of another kind on these subjects is none of ours.
        Ok(replies) => Ok(replies
            .into_iter()
            .flatten()
            .filter_map(|reply| serde_json::from_slice(&reply.body).ok())
            .collect()),
        Err(RpcError::NoResponders { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
