use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use async_trait::async_trait;
use underpin_errors::{Health, HealthCheck, HealthStatus};

use super::backend::Backend;
use super::in_flight::InFlight;
use super::liveness::Liveness;
use super::message::{Source, ToConfirm};
use super::pull::Puller;
use super::supervisor::supervise;
use crate::pipeline::{Control, Limits, Processor};
use crate::{AckMode, DrainOutcome, EventHandler, EventsError, Lag, Order, SubscribeOptions, Subscription};

/// A subscription to a durable consumer. Its tasks end with it.
pub(super) struct JetStreamSubscription {
    backend: Arc<Backend>,
    name: Arc<str>,
    control: Control,
    liveness: Liveness,
    limits: Arc<Limits>,
}

impl JetStreamSubscription {
    pub(super) async fn start(
        backend: Arc<Backend>,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Self, EventsError> {
        let bound = backend.consumers.bind(&options, None).await?;
        let name: Arc<str> = options.name.as_str().into();
        let processor = Processor::new(options.clone(), handler, Arc::clone(&backend.api.log));
        let (control, limits) = (processor.control.clone(), Arc::clone(&processor.limits));
        let liveness = Liveness::new(options.max_unacknowledged());
        let (to_confirm, handled) = ToConfirm::channel();
        let source = Arc::new(Source {
            backend: Arc::clone(&backend),
            subscription: Arc::clone(&name),
            ordered: options.order != Order::None,
            ack_wait: options.ack_wait,
            accept: options.accepted(),
            in_flight: InFlight::default(),
            answered: AtomicUsize::new(0),
            control: control.clone(),
            to_confirm: (options.acks == AckMode::Confirmed).then_some(to_confirm),
        });
        let puller = Puller { source, options, liveness: liveness.clone(), stop: control.stop.clone() };
        tokio::spawn(supervise(puller, processor, bound, handled));
        Ok(Self { backend, name, control, liveness, limits })
    }
}

#[async_trait]
impl Subscription for JetStreamSubscription {
    async fn lag(&self) -> Result<Lag, EventsError> {
        let info = self.backend.consumers.info(&self.name).await?;
        let info = info.ok_or_else(|| EventsError::NotFound { what: format!("consumer {}", self.name) })?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Ok(Lag::new(info.num_pending, count(info.num_ack_pending), count(info.num_redelivered)))
    }

    async fn drain(&self, within: Duration) -> DrainOutcome {
        self.control.drain(within).await
    }

    async fn closed(&self) {
        self.control.closed.cancelled().await;
    }
}

#[async_trait]
impl HealthCheck for JetStreamSubscription {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Health {
        if self.control.closed.is_cancelled() {
            return Health::down("closed");
        }
        let link = self.backend.api.connection.link();
        if link.closed {
            return Health::down("connection is closed");
        }
        if !link.up {
            return Health::down("not connected");
        }
        let own = self.liveness.health();
        if own.status != HealthStatus::Up {
            return own;
        }
        let mut health = self.limits.health();
        health.details.extend(own.details);
        health
    }
}

impl Drop for JetStreamSubscription {
    fn drop(&mut self) {
        self.control.abort();
    }
}
