use std::future::{Future, IntoFuture as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use underpin_database::{CloseOutcome, Pool};
use underpin_errors::{Error, HealthCheck, HealthChecks, Kind, ResultExt as _};
use underpin_events::{DrainOutcome, Subscription};
use underpin_logger::{Context, Logger, info};
use underpin_outbox::{Inbox, InboxSweeper, Outbox, Relay, RelayDrain, RelaySettings};

use crate::bus::Bus;
use crate::counter::Counter;
use crate::http::{self, App};
use crate::settings::Settings;
use crate::store;

/// Runs the service until Ctrl-C or SIGTERM.
///
/// # Errors
/// A part cannot start; the error names the setting.
pub async fn serve(settings: &Settings, log: Arc<dyn Logger>) -> Result<(), Error> {
    let listen = |kind| signal(kind).wrap_err(Kind::Internal, "listen for signals");
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let service = Service::start(settings, log).await?;
    let stop = async {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    };
    service.run(stop).await;
    Ok(())
}

/// A service that listens and whose parts run. It answers once [`run`](Self::run) is awaited.
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    shutdown_within: Duration,
    // The parts to stop.
    database: Pool,
    bus: Bus,
    sweeper: InboxSweeper,
    events: Events,
    log: Arc<dyn Logger>,
}

/// The path of an event: the outbox, the relay that publishes it, the consumer.
struct Events {
    outbox: Outbox,
    relay: Arc<Relay>,
    counter: Arc<dyn Subscription>,
}

impl Service {
    /// Takes the port, connects, creates the tables, and starts the relay and the consumer.
    ///
    /// # Errors
    /// A part cannot start. The others are stopped.
    pub async fn start(settings: &Settings, log: Arc<dyn Logger>) -> Result<Self, Error> {
        let address = SocketAddr::new(settings.http.host, settings.http.port);
        let listener = TcpListener::bind(address).await;
        let listener = listener.wrap_err(Kind::Unavailable, "listen (see http.host and http.port)")?;
        let address = listener.local_addr().wrap_err(Kind::Internal, "read the own address")?;

        let (outbox, inbox) = (Outbox::default(), Inbox::default());
        let database = store::open(&settings.database, &outbox, &inbox, &log).await?;
        let bus = Bus::open(settings, &log).await?;
        let shared = Arc::new(database.clone());
        let sweeper = inbox.start_sweeper(shared.clone(), Arc::clone(&log));
        let handler = Arc::new(Counter { database: shared, inbox, log: Arc::clone(&log) });
        let counter = bus.subscriber().subscribe(Counter::options(), handler).await;
        let counter = counter.context("subscribe the counter")?;
        let relay =
            Relay::start(&outbox, &database, bus.publisher(), RelaySettings::default(), Arc::clone(&log));
        let relay = Arc::new(relay.context("start the relay")?);

        // Without the database no note can be taken. While the bus is away events wait in the outbox.
        let checks = HealthChecks::new()
            .with(Arc::new(database.clone()))
            .with_optional(bus.health())
            .with_optional(Arc::clone(&relay) as Arc<dyn HealthCheck>);
        let app = App { database: database.clone(), outbox: outbox.clone(), checks, log: Arc::clone(&log) };
        let routes = http::router(Arc::new(app), &settings.http);
        let shutdown_within = settings.shutdown_within;
        let events = Events { outbox, counter, relay };
        Ok(Self { listener, address, routes, shutdown_within, database, bus, sweeper, events, log })
    }

    /// Where it listens: the port is known even if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every route, to be called without a socket.
    pub fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Answers requests until `stop` is done, then ends in order, within `shutdown_within`.
    pub async fn run(self, stop: impl Future<Output = &'static str>) {
        let ctx = Context::background();
        let (end, ended) = oneshot::channel::<()>();
        let server = axum::serve(self.listener, self.routes).with_graceful_shutdown(async {
            drop(ended.await);
        });
        let mut server = pin!(server.into_future());
        info!(self.log, &ctx, "listening", address = %self.address);
        let reason = tokio::select! {
            reason = stop => reason,
            _ = &mut server => "the listener ended",
        };
        info!(self.log, &ctx, "stopping", reason);
        let begin = Instant::now();
        drop(end);
        // Requests get half of the time, so that a caller who never finishes does not cost the drain its share.
        let mut whole = timeout_at(begin + self.shutdown_within / 2, server).await.is_ok();
        let left = || (begin + self.shutdown_within).saturating_duration_since(Instant::now());
        // No other process delivers the events of the bus in memory, so this one tries to finish them.
        let until = Instant::now() + left() / 2;
        while self.bus.is_embedded()
            && self.events.unfinished(&self.database).await != Some((0, 0))
            && Instant::now() < until
        {
            sleep(Duration::from_millis(10)).await;
        }
        // Consumers, then the relay, which publishes what they wrote, then the connections.
        whole &= self.events.counter.drain(left()).await == DrainOutcome::Drained;
        whole &= self.events.relay.drain(left()).await == RelayDrain::Drained;
        // The next start finishes these. Without a journal those on the bus are lost.
        let (in_outbox, on_bus) = self.events.unfinished(&self.database).await.unzip();
        self.sweeper.close().await;
        self.bus.close(left(), &self.log).await;
        whole &= self.database.close(left()).await == CloseOutcome::Drained;
        info!(
            self.log,
            &ctx,
            "stopped",
            took = begin.elapsed(),
            whole,
            events_in_outbox = in_outbox,
            events_on_bus = on_bus
        );
    }
}

impl Events {
    /// How many events wait in the outbox and on the bus; none if that could not be read. The outbox is read first, because its
    /// events move on to the bus.
    async fn unfinished(&self, database: &Pool) -> Option<(u64, u64)> {
        let outbox = timeout(Duration::from_secs(1), self.outbox.lag(database)).await.ok()?.ok()?;
        let bus = self.counter.lag().await.ok()?;
        Some((outbox.waiting, bus.waiting + bus.in_flight))
    }
}
