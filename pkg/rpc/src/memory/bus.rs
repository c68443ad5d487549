use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use underpin_errors::Error;
use underpin_logger::{Logger, NoopLogger, RequestId};

use super::registry::{Registry, Target};
use super::running::MemoryRunning;
use crate::call::Call;
use crate::call_meters::CallMeters;
use crate::caller::Caller;
use crate::engine::{Instance, Responder, Start, WireReply};
use crate::error::RpcError;
use crate::gather::Gather;
use crate::headers::Headers;
use crate::host::{Host, Running};
use crate::prepared::PreparedRequest;
use crate::remote_error::RemoteError;
use crate::request::{Reply, Request};
use crate::retry;
use crate::service::Service;
use crate::settings::RpcSettings;

/// Services and callers in one process: the same registry, queue groups, limits, deadlines, errors and discovery as over NATS, without
/// a server. Clones share it.
///
/// Time is that of tokio, so that deadlines and retries can be tested with a paused clock.
///
/// # Examples
/// ```
/// use underpin_errors::Error;
/// use underpin_logger::Context;
/// use underpin_rpc::memory::MemoryRpc;
/// use underpin_rpc::{Call, CallerExt, Host, Method, RpcError, Service};
///
/// const GREET: Method<String, String> = Method::new("greeter", "greet");
///
/// async fn greet(name: String, _: Call) -> Result<String, Error> {
///     Ok(format!("hello {name}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (rpc, ctx) = (MemoryRpc::new(), underpin_logger::Context::background());
/// let missing = rpc.ask(&GREET, &ctx, &"world".to_owned()).await;
/// assert!(matches!(missing, Err(RpcError::NoResponders { .. })));
///
/// let running = rpc.serve(Service::new("greeter", "1.0.0").on(&GREET, greet)).await?;
/// assert_eq!(rpc.ask(&GREET, &ctx, &"world".to_owned()).await?, "hello world");
/// running.drain(std::time::Duration::from_secs(5)).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryRpc {
    registry: Arc<Registry>,
    settings: RpcSettings,
    max_payload: usize,
    log: Arc<dyn Logger>,
    meters: Arc<CallMeters>,
}

impl MemoryRpc {
    /// A bus without services. Requests and replies have at most 1 MiB, as with NATS.
    pub fn new() -> Self {
        Self {
            registry: Arc::default(),
            settings: RpcSettings::default(),
            max_payload: 1024 * 1024,
            log: Arc::new(NoopLogger),
            meters: Arc::default(),
        }
    }

    /// Sets where failed calls are logged.
    #[must_use]
    pub fn logger(mut self, log: Arc<dyn Logger>) -> Self {
        self.log = log;
        self
    }

    /// Sets the retries of idempotent calls.
    #[must_use]
    pub fn settings(mut self, settings: RpcSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the largest request and reply in bytes, headers included.
    #[must_use]
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    async fn attempt(&self, request: &PreparedRequest) -> Result<Reply, RpcError> {
        let headers = request.headers(Some(Instant::now()));
        request.check_size(&headers, self.max_payload)?;
        let mut targets = self.targets(request.subject())?;
        let answer = match (targets.pop(), targets.is_empty()) {
            (Some(only), true) => {
                let (sender, answer) = oneshot::channel();
                self.deliver(only, headers, request, ReplyTo::One(sender));
                timeout_at(request.until, answer).await.map(Result::ok)
            }
            (last, _) => {
                let (sender, mut answers) = mpsc::unbounded_channel();
                for target in targets.into_iter().chain(last) {
                    self.deliver(target, headers.clone(), request, ReplyTo::Many(sender.clone()));
                }
                drop(sender);
                timeout_at(request.until, answers.recv()).await
            }
        };
        match answer {
            Ok(Some(answer)) => read(answer),
            // A runtime that shuts down drops the handler.
            Ok(None) => Err(RpcError::Lost),
            Err(_) => Err(request.timeout()),
        }
    }

    fn targets(&self, subject: &str) -> Result<Vec<Target>, RpcError> {
        let targets = self.registry.targets(subject);
        match targets.is_empty() {
            true => Err(RpcError::NoResponders { subject: subject.to_owned() }),
            false => Ok(targets),
        }
    }

    fn deliver(&self, target: Target, headers: Headers, request: &PreparedRequest, reply_to: ReplyTo) {
        match target {
            Target::Endpoint(instance, index) => {
                // Who asks several, or waits for no reply, does not run their handlers.
                let start = match reply_to {
                    ReplyTo::One(_) => Start::Inline,
                    ReplyTo::Many(_) | ReplyTo::Nowhere => Start::Spawned,
                };
                let responder = MemoryResponder { reply_to, limit: self.max_payload };
                instance.accept(index, headers, request.body.clone(), responder, start);
            }
            Target::Discovery(instance, verb) => {
                let body = instance.document(verb);
                reply_to.send(WireReply { headers: Headers::new(), body });
            }
        }
    }
}

#[async_trait]
impl Caller for MemoryRpc {
    async fn call(&self, request: Request) -> Result<Reply, RpcError> {
        let request = PreparedRequest::new(request)?;
        let (until, idempotent) = (request.until, request.idempotent);
        let result = retry::run(&self.settings, idempotent, until, || self.attempt(&request)).await;
        request.ended(&self.meters, &result);
        result
    }

    async fn gather(
        &self,
        request: Request,
        until: Gather,
    ) -> Result<Vec<Result<Reply, RpcError>>, RpcError> {
        let request = PreparedRequest::new(request)?;
        let headers = request.headers(Some(Instant::now()));
        request.check_size(&headers, self.max_payload)?;
        let (sender, mut answers) = mpsc::unbounded_channel();
        for target in self.targets(request.subject())? {
            self.deliver(target, headers.clone(), &request, ReplyTo::Many(sender.clone()));
        }
        let mut replies = Vec::new();
        let mut wait_until = request.until;
        // The sender lives on: over a network it is not known that no more replies will come.
        while !until.is_enough(replies.len())
            && let Ok(Some(answer)) = timeout_at(wait_until, answers.recv()).await
        {
            replies.push(read(answer));
            if let Some(pause) = until.longest_pause() {
                wait_until = request.until.min(Instant::now() + pause.min(Duration::from_secs(86_400)));
            }
        }
        drop(sender);
        Ok(replies)
    }

    async fn send(&self, request: Request) -> Result<(), RpcError> {
        let request = PreparedRequest::new(request)?;
        let headers = request.headers(None);
        request.check_size(&headers, self.max_payload)?;
        for target in self.registry.targets(request.subject()) {
            self.deliver(target, headers.clone(), &request, ReplyTo::Nowhere);
        }
        Ok(())
    }
}

#[async_trait]
impl Host for MemoryRpc {
    async fn serve(&self, service: Service) -> Result<Arc<dyn Running>, RpcError> {
        let instance = Arc::new(Instance::new(service, &self.log)?);
        self.registry.add(&instance);
        Ok(Arc::new(MemoryRunning::start(instance, Arc::clone(&self.registry))))
    }
}

impl Default for MemoryRpc {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRpc")
            .field("settings", &self.settings)
            .field("max_payload", &self.max_payload)
            .finish_non_exhaustive()
    }
}

fn read(answer: WireReply) -> Result<Reply, RpcError> {
    let WireReply { headers, body } = answer;
    match RemoteError::read(&headers, &body) {
        Some(error) => Err(RpcError::Remote(error)),
        None => Ok(Reply { body, headers }),
    }
}

enum ReplyTo {
    One(oneshot::Sender<WireReply>),
    Many(mpsc::UnboundedSender<WireReply>),
    Nowhere,
}

impl ReplyTo {
    /// A caller that has given up gets nothing.
    fn send(self, reply: WireReply) {
        match self {
            Self::One(sender) => drop(sender.send(reply)),
            Self::Many(sender) => drop(sender.send(reply)),
            Self::Nowhere => {}
        }
    }
}

struct MemoryResponder {
    reply_to: ReplyTo,
    limit: usize,
}

impl Responder for MemoryResponder {
    fn limit(&self) -> usize {
        self.limit
    }

    async fn respond(self, call: Call, result: Result<Reply, Error>) {
        let id = call.context().request_id().map(RequestId::as_str);
        self.reply_to.send(WireReply::of(result, id));
    }
}
