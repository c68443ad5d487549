//! Runs a subscription to its end: binds the consumer, pulls, and starts again after every failure.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use underpin_errors::Report;
use underpin_logger::{Context, info, warn};

use super::confirmations;
use super::consumer::{BoundConsumer, Position};
use super::message::{Handled, JetStreamMessage};
use super::meters;
use super::pull::{PullEnd, Puller};
use super::quarantine::Quarantine;
use super::redelivery_wait::{self, Binding, lost_deliveries};
use crate::pipeline::{self, Dispatcher, Processor};
use crate::{EventsError, deadline};

/// How often the position and the lag of the consumer are read.
const WATCH_EVERY: Duration = Duration::from_secs(5);

/// Pulls, keeps what is held alive, confirms, and at a stop waits for the workers.
pub(super) async fn supervise(
    puller: Puller,
    processor: Arc<Processor>,
    first: BoundConsumer,
    handled: UnboundedReceiver<Handled>,
) {
    // Also when the runtime drops this task.
    let _closed = processor.control.closed.clone().drop_guard();
    let (dispatcher, workers) = pipeline::start(&processor);
    let finish = CancellationToken::new();
    let api = &puller.source.backend.api;
    let work = async {
        Box::pin(pull_until_stopped(&puller, &dispatcher, first)).await;
        drop(dispatcher);
        workers.finish().await;
        finish.cancel();
    };
    // A kill ends the handlers by itself, and not the confirmations.
    let confirm = async {
        tokio::select! {
            () = confirmations::confirm(api, &puller.source.in_flight, handled, &finish) => {}
            () = processor.control.kill.cancelled() => {}
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(work, confirm) } => {}
        () = puller.source.in_flight.keep_alive(api, puller.options.ack_wait) => {}
    }
}

/// Pulls, and after each failure binds the consumer again. Ends at a stop.
async fn pull_until_stopped(
    puller: &Puller,
    dispatcher: &Dispatcher<JetStreamMessage>,
    first: BoundConsumer,
) {
    let mut recovery = Recovery {
        puller,
        position: Mutex::new(first.position),
        quarantine: Quarantine::default(),
        failures: 0,
    };
    // A pull ends by itself at a stop, and takes what still arrives; everything else is dropped.
    let unattended = async {
        puller.stop.cancelled().await;
        sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        () = recovery.run(dispatcher, first.info) => {}
        () = unattended => {}
    }
    info!(
        puller.source.backend.api.log,
        &Context::background(),
        "subscription takes no further events",
        subscription = &*puller.source.subscription
    );
}

/// The loop of bind, wait and pull.
struct Recovery<'a> {
    puller: &'a Puller,
    position: Mutex<Position>,
    quarantine: Quarantine,
    failures: u32,
}

impl Recovery<'_> {
    async fn run(&mut self, dispatcher: &Dispatcher<JetStreamMessage>, first: Info) {
        let (puller, connection) = (self.puller, &self.puller.source.backend.api.connection);
        let mut bound = Some(first);
        loop {
            let Ok(link) = connection.connected(deadline::after(Duration::MAX)).await else { return };
            let (info, binding) = match bound.take() {
                Some(info) => (info, Binding::First),
                None => match self.bind().await {
                    Ok(info) => (info, Binding::Again),
                    Err(failure) => {
                        self.failed(&failure).await;
                        continue;
                    }
                },
            };
            if let Err(failure) = self.quarantine(&info, binding).await {
                self.failed(&failure).await;
                continue;
            }
            redelivery_wait::wait(puller, link, &info, binding).await;
            if puller.stop.is_cancelled() {
                return;
            }
            if connection.link().epoch != link {
                continue;
            }
            puller.liveness.recovered();
            let started = Instant::now();
            let ended = tokio::select! {
                ended = puller.run(dispatcher, link) => ended,
                never = self.watch() => match never {},
            };
            if matches!(ended, PullEnd::Stopped) {
                return;
            }
            puller.liveness.recovering(Report(&ended).to_string());
            let (log, ctx) = (&puller.source.backend.api.log, Context::background());
            warn!(log, &ctx, &ended, "subscription recovers", subscription = &*puller.source.subscription);
            self.failures = if started.elapsed() > WATCH_EVERY { 1 } else { self.failures.saturating_add(1) };
            self.back_off().await;
        }
    }

    async fn bind(&self) -> Result<Info, EventsError> {
        let before = self.position.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let consumers = &self.puller.source.backend.consumers;
        let bound = consumers.bind(&self.puller.options, Some(&before)).await?;
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = bound.position;
        Ok(bound.info)
    }

    /// Looks for messages that ended the connection, where deliveries are unaccounted for.
    async fn quarantine(&self, info: &Info, binding: Binding) -> Result<(), EventsError> {
        let others_pull = binding == Binding::First && info.num_waiting > 0;
        if others_pull || lost_deliveries(self.puller, info) == 0 {
            return Ok(());
        }
        match self.quarantine.run(self.puller, info).await {
            // A service that may not read the stream cannot look, and works all the same.
            Err(failure @ (EventsError::Unauthorized(_) | EventsError::NoStream { .. })) => {
                let (log, ctx) = (&self.puller.source.backend.api.log, Context::background());
                let subscription = &*self.puller.source.subscription;
                warn!(log, &ctx, &failure, "could not look for unreadable messages", subscription);
                Ok(())
            }
            looked => looked,
        }
    }

    /// Reports a failure, the same one ever more rarely, and waits.
    async fn failed(&mut self, failure: &EventsError) {
        self.failures = self.failures.saturating_add(1);
        self.puller.liveness.recovering(Report(failure).to_string());
        if self.failures.is_power_of_two() {
            warn!(
                self.puller.source.backend.api.log,
                &Context::background(),
                failure,
                "subscription is not in place",
                subscription = &*self.puller.source.subscription,
                failures = self.failures
            );
        }
        self.back_off().await;
    }

    async fn back_off(&self) {
        sleep(self.puller.source.backend.settings.reconnect.delay(self.failures)).await;
    }

    /// Remembers the position of the consumer, and reports its lag.
    async fn watch(&self) -> Infallible {
        let name = &self.puller.source.subscription;
        loop {
            sleep(WATCH_EVERY).await;
            // A failure is noticed by the pull as well, which reports it.
            if let Ok(Some(info)) = self.puller.source.backend.consumers.info(name).await {
                self.puller.liveness.unacknowledged(info.num_ack_pending);
                let unconfirmed = u64::try_from(info.num_ack_pending).unwrap_or(u64::MAX);
                meters::lag(name, info.num_pending, unconfirmed);
                let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
                position.confirmed(info.ack_floor.stream_sequence);
            }
        }
    }
}
