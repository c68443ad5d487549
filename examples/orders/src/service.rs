//! The service as a whole: starts its parts in order, runs, and ends them in the reverse order.

use std::fmt;
use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use underpin_database::{CloseOutcome, Pool};
use underpin_errors::{Error, HealthCheck, HealthChecks, Kind, ResultExt as _};
use underpin_events::{DrainOutcome, Subscription};
use underpin_logger::{Context, Logger, info};
use underpin_outbox::{Inbox, InboxSweeper, Outbox, Relay, RelayDrain, RelaySettings};

use crate::app::App;
use crate::bus::Bus;
use crate::consumer::Consumer;
use crate::settings::Settings;
use crate::{http, store};

/// A service that listens and whose parts run. It answers once [`run`](Self::run) is awaited.
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    parts: Parts,
    shutdown_within: Duration,
}

/// The parts to stop, in the order of their start.
struct Parts {
    database: Pool,
    bus: Bus,
    sweeper: InboxSweeper,
    consumer: Arc<dyn Subscription>,
    outbox: Outbox,
    relay: Arc<Relay>,
    log: Arc<dyn Logger>,
}

/// How many events have not had their effect yet. None where a count could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unfinished {
    in_outbox: Option<u64>,
    on_bus: Option<u64>,
}

impl Service {
    /// Takes the port, connects, creates missing tables, and starts the consumer and the relay.
    ///
    /// # Errors
    /// A part cannot start; the error names the setting. The others are stopped.
    ///
    /// # Cancel safety
    /// Cancel safe: what was started ends with the future.
    pub async fn start(settings: &Settings, log: Arc<dyn Logger>) -> Result<Self, Error> {
        let address = settings.http.address();
        let listener = TcpListener::bind(address).await.wrap_err_with(Kind::Unavailable, || {
            format!("listen on {address} (set ORDERS_HTTP__PORT or ORDERS_HTTP__HOST)")
        })?;
        let address = listener.local_addr().wrap_err(Kind::Internal, "read the own address")?;

        let (outbox, inbox) = (Outbox::default(), Inbox::default());
        let database = store::open(&settings.database, &outbox, &inbox, &log).await?;
        let bus = Bus::open(settings, &log).await?;
        let sweeper = inbox.start_sweeper(Arc::new(database.clone()), Arc::clone(&log));
        let handler = Arc::new(Consumer { database: database.clone(), inbox, log: Arc::clone(&log) });
        let consumer = bus.subscriber.subscribe(Consumer::options(), handler).await;
        let consumer = consumer.context("subscribe the consumer")?;
        let publisher = Arc::clone(&bus.publisher);
        let relay = Relay::start(&outbox, &database, publisher, RelaySettings::default(), Arc::clone(&log));
        let relay = Arc::new(relay.context("start the relay")?);

        // Only the database is required: while the bus is down, orders are accepted and events wait in the outbox.
        let checks = HealthChecks::new()
            .with(Arc::new(database.clone()))
            .with_optional(Arc::clone(&bus.health))
            .with_optional(Arc::new(http::Named("consumer", Arc::clone(&consumer))))
            .with_optional(Arc::clone(&relay) as Arc<dyn HealthCheck>);
        let app = App { database: database.clone(), outbox: outbox.clone(), checks, log: Arc::clone(&log) };
        let routes = http::router(Arc::new(app), &settings.http);
        let parts = Parts { database, bus, sweeper, consumer, outbox, relay, log };
        Ok(Self { listener, address, routes, parts, shutdown_within: settings.shutdown_within })
    }

    /// Where it listens: the port is known even if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every route, to be called without a socket.
    pub fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Serves requests until `stop` is done, then shuts down in order: no new connections, requests in flight finish, the
    /// consumer and the relay drain, connections are closed. That takes at most `shutdown_within`; requests and handlers that
    /// run longer are cancelled.
    ///
    /// # Cancel safety
    /// Dropped, it ends without a drain. The outbox and the bus keep the events of acknowledged orders, except for a bus in
    /// memory without a journal.
    pub async fn run(self, stop: impl Future<Output = &'static str>) {
        let ctx = Context::background();
        let log = Arc::clone(&self.parts.log);
        let (end, ended) = oneshot::channel::<()>();
        let server = axum::serve(self.listener, self.routes).with_graceful_shutdown(async {
            drop(ended.await);
        });
        let mut server = pin!(server.into_future());
        info!(log, &ctx, "listening", address = %self.address, events = self.parts.bus.name());

        let reason = tokio::select! {
            reason = stop => reason,
            _ = &mut server => "the listener ended",
        };
        info!(log, &ctx, "stopping", reason, limit = self.shutdown_within);
        let begin = Instant::now();
        drop(end);
        // Requests get half of the time, so that a caller who never finishes does not cost the drain its share.
        if timeout_at(begin + self.shutdown_within / 2, server).await.is_err() {
            info!(log, &ctx, "requests were cut off");
        }
        self.parts.end(begin + self.shutdown_within).await;
        info!(log, &ctx, "stopped", took = begin.elapsed());
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Parts {
    /// Stops each part: consumers, then the relay, which publishes what they wrote, then the connections.
    async fn end(self, deadline: Instant) {
        let ctx = Context::background();
        let left = || deadline.saturating_duration_since(Instant::now());
        if self.bus.is_embedded() {
            // No other process delivers these events, so this one tries to finish them. Half of the time, for the drains.
            self.finish_events(Instant::now() + left() / 2).await;
        }
        let mut drained = self.consumer.drain(left()).await == DrainOutcome::Drained;
        drained &= self.relay.drain(left()).await == RelayDrain::Drained;
        let Unfinished { in_outbox, on_bus } = self.unfinished().await;
        self.sweeper.close().await;
        self.bus.close(left(), &self.log).await;
        drained &= self.database.close(left()).await == CloseOutcome::Drained;
        info!(self.log, &ctx, "drained", drained, events_in_outbox = in_outbox, events_on_bus = on_bus);
    }

    /// Waits until every event had its effect, or the time is over.
    async fn finish_events(&self, deadline: Instant) {
        const DONE: Unfinished = Unfinished { in_outbox: Some(0), on_bus: Some(0) };
        while self.unfinished().await != DONE && Instant::now() < deadline {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The outbox is read first: its events move on to the bus.
    async fn unfinished(&self) -> Unfinished {
        let outbox = timeout(Duration::from_secs(1), self.outbox.lag(&self.database)).await;
        let bus = self.consumer.lag().await;
        Unfinished {
            in_outbox: outbox.ok().and_then(Result::ok).map(|lag| lag.waiting),
            on_bus: bus.ok().map(|lag| lag.waiting + lag.in_flight),
        }
    }
}
