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
use tokio::time::{Instant, timeout_at};
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

/// What has to be ended, in the order in which it was started.
struct Parts {
    database: Pool,
    bus: Bus,
    sweeper: InboxSweeper,
    consumer: Arc<dyn Subscription>,
    relay: Arc<Relay>,
    log: Arc<dyn Logger>,
}

impl Service {
    /// Takes the port, connects, creates missing tables, and starts the consumer and the relay.
    ///
    /// # Errors
    /// What is in the way, with the setting to change. Nothing stays behind.
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
        let bus = Bus::open(&settings.events, &log).await?;
        let sweeper = inbox.start_sweeper(Arc::new(database.clone()), Arc::clone(&log));
        let handler = Arc::new(Consumer { database: database.clone(), inbox, log: Arc::clone(&log) });
        let consumer = bus.subscriber.subscribe(Consumer::options(), handler).await;
        let consumer = consumer.context("subscribe the consumer")?;
        let publisher = Arc::clone(&bus.publisher);
        let relay = Relay::start(&outbox, &database, publisher, RelaySettings::default(), Arc::clone(&log));
        let relay = Arc::new(relay.context("start the relay")?);

        // Only without the database can no order be taken. While the bus is away events wait in the outbox, and a replica
        // that nobody sends requests to would help no one.
        let checks = HealthChecks::new()
            .with(Arc::new(database.clone()))
            .with_optional(Arc::clone(&bus.health))
            .with_optional(Arc::new(http::Named("consumer", Arc::clone(&consumer))))
            .with_optional(Arc::clone(&relay) as Arc<dyn HealthCheck>);
        let app = App { database: database.clone(), outbox, checks, log: Arc::clone(&log) };
        let routes = http::router(Arc::new(app), &settings.http);
        let parts = Parts { database, bus, sweeper, consumer, relay, log };
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

    /// Answers requests until `stop` is done, and ends in order: nothing new is accepted, requests in flight are finished,
    /// relay and consumer finish what they hold, connections are closed. That takes at most `shutdown_within`; what is
    /// left then is cut off and logged.
    ///
    /// # Cancel safety
    /// Dropped, it ends without order. Nothing that was acknowledged is lost: the outbox keeps it.
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
    /// Ends each part, the producer of work before its consumer.
    async fn end(self, deadline: Instant) {
        let ctx = Context::background();
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut whole = self.relay.drain(left()).await == RelayDrain::Drained;
        whole &= self.bus.catch_up(&*self.consumer, left()).await;
        whole &= self.consumer.drain(left()).await == DrainOutcome::Drained;
        self.sweeper.close().await;
        self.bus.close(left(), &self.log).await;
        whole &= self.database.close(left()).await == CloseOutcome::Drained;
        if !whole {
            info!(self.log, &ctx, "work was cut off and will be done after the next start");
        }
    }
}
