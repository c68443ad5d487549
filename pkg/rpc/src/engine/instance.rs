use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use underpin_errors::{Error, Health};
use underpin_logger::Logger;

use super::inline;
use super::runner::EndpointRunner;
use super::stop::StopSignal;
use crate::call::Call;
use crate::deadline;
use crate::error::RpcError;
use crate::headers::Headers;
use crate::host::DrainOutcome;
use crate::micro::{EndpointInfo, ServiceInfo, ServicePing, ServiceStats, Verb};
use crate::propagate;
use crate::request::Reply;
use crate::service::{EndpointSpec, Service};
use crate::spans;

/// How long replies to calls that were cut may take.
const CUT_GRACE: Duration = Duration::from_secs(2);

/// Where the reply of one request goes.
pub(crate) trait Responder: Send + 'static {
    /// How large a reply may be in bytes, headers included.
    fn limit(&self) -> usize;

    /// Sends the reply.
    fn respond(self, call: Call, result: Result<Reply, Error>) -> impl Future<Output = ()> + Send;
}

/// Where a call may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// In the task that received it, if its endpoint has earned that.
    Inline,
    /// In a task for it.
    Spawned,
}

/// An instance of a service, without its transport.
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) name: String,
    version: String,
    description: String,
    metadata: BTreeMap<String, String>,
    started: String,
    endpoints: Vec<EndpointRunner>,
    tasks: TaskTracker,
    pub(crate) signal: StopSignal,
    ends: EndCounters,
    refusals_seen: AtomicU64,
}

/// How the calls ended that a handler took.
#[derive(Debug, Default)]
struct EndCounters {
    ended: AtomicU64,
    cut: AtomicU64,
}

impl Instance {
    pub(crate) fn new(service: Service, log: &Arc<dyn Logger>) -> Result<Self, RpcError> {
        service.check()?;
        let Service { name, version, description, metadata, endpoints, .. } = service;
        let endpoints = endpoints.into_iter();
        Ok(Self {
            id: format!("{:032x}", rand::random::<u128>()),
            endpoints: endpoints.map(|spec| EndpointRunner::new(&name, spec, Arc::clone(log))).collect(),
            name,
            version,
            description,
            metadata,
            started: started(OffsetDateTime::now_utc()),
            tasks: TaskTracker::new(),
            signal: StopSignal::default(),
            ends: EndCounters::default(),
            refusals_seen: AtomicU64::new(0),
        })
    }

    pub(crate) fn specs(&self) -> impl Iterator<Item = &EndpointSpec> {
        self.endpoints.iter().map(|runner| &runner.spec)
    }

    #[cfg(feature = "nats")]
    pub(crate) fn unanswered(&self, index: usize) {
        if let Some(runner) = self.endpoints.get(index) {
            runner.meters.unanswered();
        }
    }

    /// Takes a request for the endpoint of this index, and answers it. Never waits.
    pub(crate) fn accept(
        self: &Arc<Self>,
        index: usize,
        headers: Headers,
        body: Bytes,
        responder: impl Responder,
        start: Start,
    ) {
        let Some(runner) = self.endpoints.get(index) else { return };
        let spec = &runner.spec;
        let mut span = runner.span(&self.name, propagate::context(&headers));
        let (endpoint, ctx, now) = (spec.endpoint.clone(), span.ctx().clone(), Instant::now());
        let call = Call::received(endpoint, body, headers, ctx, now, spec.timeout);
        let (instance, token) = (Arc::clone(self), self.tasks.token());
        let is_inline = start == Start::Inline && runner.inline.is_earned();
        // A task may begin late.
        let arrived = is_inline.then_some(now);
        let work = async move {
            // Until the reply is sent.
            let _token = token;
            let Some(runner) = instance.endpoints.get(index) else { return };
            let result = match runner.admit() {
                Some(admission) => {
                    let limit = responder.limit();
                    let handled = runner.run(&call, admission, arrived, &instance.signal, limit).await;
                    let counter = if handled.cut { &instance.ends.cut } else { &instance.ends.ended };
                    counter.fetch_add(1, Ordering::Relaxed);
                    handled.result
                }
                None => Err(runner.refuse(&call)),
            };
            spans::end(&mut span, result.as_ref().err());
            drop(span);
            responder.respond(call, result).await;
        };
        if is_inline {
            inline::run(work);
        } else {
            tokio::spawn(work);
        }
    }

    /// Waits until every call that was accepted is answered. No more are accepted.
    pub(crate) async fn settled(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Stops the instance, waits for its end, and cuts what takes longer.
    pub(crate) async fn drain(&self, within: Duration) -> DrainOutcome {
        let before = self.counts();
        self.signal.stop();
        if timeout_at(deadline::after(within), self.signal.ended()).await.is_err() {
            self.signal.cut();
            // What is cut answers at once.
            drop(timeout_at(deadline::after(CUT_GRACE), self.signal.ended()).await);
        }
        let now = self.counts();
        DrainOutcome::new(now.answered - before.answered, now.cancelled - before.cancelled)
    }

    /// How many calls have ended, and how many were cut.
    fn counts(&self) -> DrainOutcome {
        DrainOutcome::new(self.ends.ended.load(Ordering::Relaxed), self.ends.cut.load(Ordering::Relaxed))
    }

    /// The answer to a request of discovery.
    pub(crate) fn document(&self, verb: Verb) -> Bytes {
        match verb {
            Verb::Ping => json(&self.ping()),
            Verb::Info => json(&self.info()),
            Verb::Stats => json(&self.stats()),
        }
    }

    fn ping(&self) -> ServicePing {
        ServicePing {
            ty: "io.nats.micro.v1.ping_response".to_owned(),
            name: self.name.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            metadata: self.metadata.clone(),
        }
    }

    pub(crate) fn info(&self) -> ServiceInfo {
        let endpoint = |spec: &EndpointSpec| EndpointInfo {
            name: spec.name.clone(),
            subject: spec.subject().to_owned(),
            queue_group: spec.group.name().unwrap_or_default().to_owned(),
            metadata: spec.metadata.clone(),
        };
        ServiceInfo {
            ty: "io.nats.micro.v1.info_response".to_owned(),
            name: self.name.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            metadata: self.metadata.clone(),
            endpoints: self.specs().map(endpoint).collect(),
        }
    }

    pub(crate) fn stats(&self) -> ServiceStats {
        ServiceStats {
            ty: "io.nats.micro.v1.stats_response".to_owned(),
            name: self.name.clone(),
            id: self.id.clone(),
            version: self.version.clone(),
            metadata: self.metadata.clone(),
            started: self.started.clone(),
            endpoints: self.endpoints.iter().map(EndpointRunner::document).collect(),
        }
    }

    /// Up, or degraded when calls were refused since the last check.
    pub(crate) fn health(&self) -> Health {
        let refusals: u64 = self.endpoints.iter().map(|runner| runner.counters.refusals()).sum();
        let before = self.refusals_seen.swap(refusals, Ordering::Relaxed);
        let health = match (self.signal.is_stopping(), refusals.saturating_sub(before)) {
            (true, _) => Health::down("the instance is stopping"),
            (false, 0) => Health::up(),
            (false, new) => Health::degraded(format!("refused {new} calls since the last check: overloaded")),
        };
        health.detail("instance", self.id.clone()).detail("refused", refusals)
    }
}

/// RFC 3339 in UTC with milliseconds, always three digits: clients of other languages parse that form alone.
fn started(at: OffsetDateTime) -> String {
    let text = at.format(&Rfc3339).unwrap_or_default();
    let seconds = text.get(..19).unwrap_or_default();
    format!("{seconds}.{:03}Z", at.millisecond())
}

fn json(document: &impl Serialize) -> Bytes {
    serde_json::to_vec(document).unwrap_or_default().into()
}
