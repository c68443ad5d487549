use std::convert::Infallible;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use metrics::gauge;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use underpin_errors::{Health, HealthCheck, HealthStatus, Report};
use underpin_logger::{Context, info, warn};

use super::Inner;
use super::confirmations::{self, Done};
use super::consumer::{Bound, Known};
use super::health::Pulse;
use super::in_flight::InFlight;
use super::message::{JetStreamMessage, Source};
use super::pull::{Ended, Puller};
use super::unseen::{self, Binding};
use crate::pipeline::{self, Control, Dispatcher, Limits, Processor};
use crate::{
    AckMode, DrainOutcome, EventHandler, EventsError, Lag, Order, SubscribeOptions, Subscription, deadline,
};

/// How often consumer and lag are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// A subscription to a durable consumer. Its tasks end with it.
pub(super) struct JetStreamSubscription {
    bus: Arc<Inner>,
    name: Arc<str>,
    control: Control,
    pulse: Pulse,
    limits: Arc<Limits>,
}

impl JetStreamSubscription {
    pub(super) async fn start(
        bus: Arc<Inner>,
        options: SubscribeOptions,
        handler: Arc<dyn EventHandler>,
    ) -> Result<Self, EventsError> {
        let bound = bus.bind(&options, None).await?;
        let name: Arc<str> = options.name.as_str().into();
        let processor = Processor::new(options.clone(), handler, Arc::clone(&bus.log));
        let (control, pulse) = (processor.control.clone(), Pulse::new(options.max_unacknowledged()));
        let limits = Arc::clone(&processor.limits);
        let (to_confirm, done) = confirmations::channel();
        let source = Arc::new(Source {
            bus: Arc::clone(&bus),
            subscription: Arc::clone(&name),
            ordered: options.order != Order::None,
            ack_wait: options.ack_wait,
            accept: options.accepted(),
            in_flight: InFlight::default(),
            answered: AtomicUsize::new(0),
            control: control.clone(),
            to_confirm: (options.acks == AckMode::Confirmed).then_some(to_confirm),
        });
        let puller = Puller { source, options, pulse: pulse.clone(), stop: control.stop.clone() };
        tokio::spawn(supervise(puller, processor, bound, done));
        Ok(Self { bus, name, control, pulse, limits })
    }
}

/// Runs the subscription to its end: pulls, keeps what is held alive, and at a stop waits for the workers.
async fn supervise(puller: Puller, processor: Arc<Processor>, first: Bound, done: UnboundedReceiver<Done>) {
    // Also when the runtime drops this task.
    let _closed = processor.control.closed.clone().drop_guard();
    let (dispatcher, workers) = pipeline::start(&processor);
    let finish = CancellationToken::new();
    let work = async {
        Box::pin(recover_for_ever(&puller, &dispatcher, first)).await;
        drop(dispatcher);
        workers.finish().await;
        finish.cancel();
    };
    let confirm = confirmations::confirm(&puller.source.bus, &puller.source.in_flight, done, &finish);
    // The handlers that a kill cancels end by themselves; confirmations do not.
    let confirm = async {
        tokio::select! {
            () = confirm => {}
            () = processor.control.kill.cancelled() => {}
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(work, confirm) } => {}
        () = puller.source.in_flight.keep_alive(&puller.source.bus, puller.options.ack_wait) => {}
    }
}

/// Pulls, and whatever ends that, finds out what is missing, puts it back and pulls again. Ends at a stop.
async fn recover_for_ever(puller: &Puller, dispatcher: &Dispatcher<JetStreamMessage>, first: Bound) {
    let ctx = Context::background();
    let known = Mutex::new(first.known);
    let work = async {
        let (mut bound, mut failures) = (Some(first.info), 0_u32);
        loop {
            let Ok(epoch) = puller.source.bus.connection.connected(deadline::after(Duration::MAX)).await
            else {
                return;
            };
            let (info, binding) = match bound.take() {
                Some(info) => (info, Binding::First),
                None => {
                    let before = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    match puller.source.bus.bind(&puller.options, Some(&before)).await {
                        Ok(bound) => {
                            *known.lock().unwrap_or_else(PoisonError::into_inner) = bound.known;
                            (bound.info, Binding::Again)
                        }
                        Err(failure) => {
                            failures = failures.saturating_add(1);
                            puller.pulse.recovering(Report(&failure).to_string());
                            if failures.is_power_of_two() {
                                // The same again every few seconds: told ever more rarely.
                                warn!(
                                    puller.source.bus.log,
                                    &ctx,
                                    &failure,
                                    "subscription is not in place",
                                    subscription = &*puller.source.subscription,
                                    failures
                                );
                            }
                            sleep(puller.source.bus.settings.reconnect.delay(failures)).await;
                            continue;
                        }
                    }
                }
            };
            unseen::wait(puller, epoch, &info, binding).await;
            if puller.stop.is_cancelled() {
                return;
            }
            if puller.source.bus.connection.link().epoch != epoch {
                continue;
            }
            puller.pulse.recovered();
            let started = Instant::now();
            let ended = tokio::select! {
                ended = puller.run(dispatcher, epoch) => ended,
                never = watch(puller, &known) => match never {},
            };
            if matches!(ended, Ended::Stopped) {
                return;
            }
            puller.pulse.recovering(Report(&ended).to_string());
            warn!(
                puller.source.bus.log,
                &ctx,
                &ended,
                "subscription recovers",
                subscription = &*puller.source.subscription
            );
            failures = if started.elapsed() > WATCH_EVERY { 1 } else { failures.saturating_add(1) };
            sleep(puller.source.bus.settings.reconnect.delay(failures)).await;
        }
    };
    // `run` ends by itself at a stop, and gives back what was on its way; all else is simply dropped.
    let unattended = async {
        puller.stop.cancelled().await;
        sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        () = work => {}
        () = unattended => {}
    }
    info!(
        puller.source.bus.log,
        &ctx,
        "subscription takes no further events",
        subscription = &*puller.source.subscription
    );
}

/// Remembers how far the consumer is, and reports it.
async fn watch(puller: &Puller, known: &Mutex<Known>) -> Infallible {
    let gauge = |name: &'static str| gauge!(name, "subscription" => puller.source.subscription.to_string());
    let (waiting, in_flight) = (gauge("underpin_events_waiting"), gauge("underpin_events_in_flight"));
    loop {
        sleep(WATCH_EVERY).await;
        // A failure is found by the fetch loop as well, which tells it.
        if let Ok(Some(info)) = puller.source.bus.consumer_info(&puller.source.subscription).await {
            puller.pulse.unacknowledged(info.num_ack_pending);
            waiting.set(as_f64(info.num_pending));
            in_flight.set(as_f64(u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX)));
            known.lock().unwrap_or_else(PoisonError::into_inner).confirmed(info.ack_floor.stream_sequence);
        }
    }
}

/// Exact up to 2^53, which is more events than a stream holds.
#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[async_trait]
impl Subscription for JetStreamSubscription {
    async fn lag(&self) -> Result<Lag, EventsError> {
        let info = self.bus.consumer_info(&self.name).await?;
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
        let link = self.bus.connection.link();
        if link.closed {
            return Health::down("connection is closed");
        }
        if !link.up {
            return Health::down("not connected");
        }
        let own = self.pulse.health();
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
