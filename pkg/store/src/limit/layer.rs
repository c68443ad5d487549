use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;
use underpin_errors::{Error, Kind};

use super::limiter::{OnLimiterFailure, Quota, RateLimiter};
use super::refuse::{LimitReport, Refuse, RefuseHttp, RefuseWithError};
use crate::{StoreError, meters};

/// A layer that asks a [`RateLimiter`] before each request, for HTTP and for rpc.
///
/// The key comes from the request: the subject of its token, or [`client_network`](crate::client_network). A request without a key
/// passes uncounted. A limiter that fails lets requests pass, unless [`on_failure`](Self::on_failure) says otherwise.
///
/// # Examples
/// ```
/// use std::convert::Infallible;
/// use std::sync::Arc;
/// use std::time::Duration;
/// use http::{Request, Response};
/// use tower_layer::Layer;
/// use tower_service::Service;
/// use underpin_store::{MemoryRateLimiter, Quota, RateLimitLayer, client_network};
///
/// #[derive(Clone)]
/// struct Hello;
/// impl Service<Request<String>> for Hello {
///     type Response = Response<String>;
///     type Error = Infallible;
///     type Future = std::future::Ready<Result<Response<String>, Infallible>>;
///     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
///         std::task::Poll::Ready(Ok(()))
///     }
///     fn call(&mut self, _: Request<String>) -> Self::Future {
///         std::future::ready(Ok(Response::new("hello".to_owned())))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let quota = Quota::new(1, Duration::from_secs(60));
/// let key = |request: &Request<String>| client_network(request.headers(), "10.0.0.1".parse().ok(), 0);
/// let mut service = RateLimitLayer::http(Arc::new(MemoryRateLimiter::new(1_000)), quota, key).layer(Hello);
/// let passed = service.call(Request::new(String::new())).await.unwrap();
/// assert_eq!((passed.status().as_u16(), &passed.headers()["ratelimit-policy"]), (200, &"\"default\";q=1;w=60".parse().unwrap()));
/// let refused = service.call(Request::new(String::new())).await.unwrap();
/// assert_eq!(refused.status(), 429);
/// assert!(refused.headers().contains_key("retry-after"));
/// # }
/// ```
pub struct RateLimitLayer<K, R> {
    limiter: Arc<dyn RateLimiter>,
    name: &'static str,
    quota: Quota,
    key: K,
    on_failure: OnLimiterFailure,
    refuse: PhantomData<fn() -> R>,
}

impl<K> RateLimitLayer<K, RefuseHttp> {
    /// For HTTP: refuses with status 429.
    pub fn http<B>(limiter: Arc<dyn RateLimiter>, quota: Quota, key: K) -> Self
    where
        K: Fn(&http::Request<B>) -> Option<String>,
    {
        Self::new(limiter, quota, key)
    }
}

impl<K> RateLimitLayer<K, RefuseWithError> {
    /// For services whose error is made from an [`Error`], such as those of rpc.
    pub fn with_error<Q>(limiter: Arc<dyn RateLimiter>, quota: Quota, key: K) -> Self
    where
        K: Fn(&Q) -> Option<String>,
    {
        Self::new(limiter, quota, key)
    }
}

impl<K, R> RateLimitLayer<K, R> {
    fn new(limiter: Arc<dyn RateLimiter>, quota: Quota, key: K) -> Self {
        let on_failure = OnLimiterFailure::default();
        Self { limiter, name: "default", quota, key, on_failure, refuse: PhantomData }
    }

    /// Sets the name of the limit in headers and metrics, of letters, digits and `-`; `default` otherwise.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Sets what a request gets when the limiter does not answer.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnLimiterFailure) -> Self {
        self.on_failure = on_failure;
        self
    }
}

impl<K: Clone, R> Clone for RateLimitLayer<K, R> {
    fn clone(&self) -> Self {
        let limiter = Arc::clone(&self.limiter);
        Self {
            limiter,
            name: self.name,
            quota: self.quota,
            key: self.key.clone(),
            on_failure: self.on_failure,
            refuse: PhantomData,
        }
    }
}

impl<K, R> fmt::Debug for RateLimitLayer<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").field("quota", &self.quota).finish_non_exhaustive()
    }
}

impl<S, K: Clone, R> Layer<S> for RateLimitLayer<K, R> {
    type Service = RateLimit<S, K, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit { inner, layer: self.clone() }
    }
}

/// The service of a [`RateLimitLayer`].
#[derive(Debug)]
pub struct RateLimit<S, K, R> {
    inner: S,
    layer: RateLimitLayer<K, R>,
}

impl<S: Clone, K: Clone, R> Clone for RateLimit<S, K, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), layer: self.layer.clone() }
    }
}

/// A limiter that is away is away for a while; whether a take was counted does not matter to the caller.
fn failed(error: StoreError) -> Error {
    if error.is_retryable() {
        return Error::wrap(Kind::Unavailable, error, "ask the rate limiter")
            .retry_after(Duration::from_secs(1));
    }
    error.into()
}

impl<S, Q, K, R> Service<Q> for RateLimit<S, K, R>
where
    S: Service<Q> + Clone + Send + 'static,
    S::Future: Send,
    Q: Send + 'static,
    K: Fn(&Q) -> Option<String>,
    R: Refuse<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        // The one that is ready is the one to call; its clone stays.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let Some(key) = (self.layer.key)(&request) else { return Box::pin(inner.call(request)) };
        let (limiter, name, quota) = (Arc::clone(&self.layer.limiter), self.layer.name, self.layer.quota);
        let on_failure = self.layer.on_failure;
        Box::pin(async move {
            let taken = limiter.take(&key, 1, &quota).await;
            meters::limited(name, &taken);
            let decision = match taken {
                Ok(decision) => decision,
                Err(_) if on_failure == OnLimiterFailure::Pass => return inner.call(request).await,
                Err(error) => return R::refuse(failed(error), None),
            };
            let report = LimitReport { name, quota: &quota, decision: &decision };
            if let Some(delay) = decision.retry_after {
                let error = Error::too_many_requests("too many requests").retry_after(delay);
                return R::refuse(error, Some(report));
            }
            let mut response = inner.call(request).await?;
            R::annotate(&mut response, report);
            Ok(response)
        })
    }
}
