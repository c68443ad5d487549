use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus as HealthState;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use underpin_errors::{HealthChecks, HealthStatus};

use crate::ServingStatus;

/// How long the result of the checks serves, and how often a watch looks.
const FRESH: Duration = Duration::from_secs(1);

/// `grpc.health.v1` from the state of the service and its checks.
pub(super) struct Bridge(Arc<Source>);

struct Source {
    status: Arc<dyn ServingStatus>,
    checks: HealthChecks,
    services: Vec<&'static str>,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Bridge {
    pub(super) fn new(
        status: Arc<dyn ServingStatus>,
        checks: HealthChecks,
        services: Vec<&'static str>,
    ) -> Self {
        Self(Arc::new(Source { status, checks, services, last: Mutex::new(None) }))
    }
}

impl Source {
    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }

    async fn state(&self) -> HealthState {
        // Asked again after the checks, which take their time.
        match self.status.is_ready() && self.is_up().await && self.status.is_ready() {
            true => HealthState::Serving,
            false => HealthState::NotServing,
        }
    }

    /// The checks, at most once a second, however many ask.
    async fn is_up(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((when, is_up)) = *last
            && when.elapsed() < FRESH
        {
            return is_up;
        }
        let is_up = self.checks.run().await.status != HealthStatus::Down;
        *last = Some((Instant::now(), is_up));
        is_up
    }
}

const fn response(status: HealthState) -> HealthCheckResponse {
    HealthCheckResponse { status: status as i32 }
}

#[tonic::async_trait]
impl Health for Bridge {
    type WatchStream = Watch;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.0.knows(&request.get_ref().service) {
            return Err(Status::not_found("no such service"));
        }
        Ok(Response::new(response(self.0.state().await)))
    }

    /// Sends the status and each change of it. Ends when the service drains, since a watch would hold the stop.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Watch>, Status> {
        let (send, receive) = mpsc::channel(1);
        let (source, is_known) = (Arc::clone(&self.0), self.0.knows(&request.get_ref().service));
        // Ends with the stream: every send fails then, and so does the wait for it.
        tokio::spawn(async move {
            let mut sent = None;
            loop {
                let now = if is_known { source.state().await } else { HealthState::ServiceUnknown };
                if sent != Some(now) && send.send(Ok(response(now))).await.is_err() {
                    return;
                }
                sent = Some(now);
                if source.status.is_draining() {
                    return;
                }
                tokio::select! {
                    () = sleep(FRESH) => {}
                    () = source.status.draining() => {}
                    () = send.closed() => return,
                }
            }
        });
        Ok(Response::new(Watch(receive)))
    }
}

/// The statuses of a watch.
pub(super) struct Watch(mpsc::Receiver<Result<HealthCheckResponse, Status>>);

impl Stream for Watch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
