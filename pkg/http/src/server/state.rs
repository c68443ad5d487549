use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use underpin_logger::{Logger, NoopLogger};

use crate::{HttpSettings, ServingStatus};

/// The command that every connection follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Serve,
    /// There is no room: who has no request makes some. The number tells one time from another.
    ShedIdle(u32),
    /// Finish what is in progress.
    Drain,
    /// End now.
    Abort,
}

/// What the accept loop and all connections share.
pub(super) struct ServerState {
    pub(super) name: String,
    pub(super) settings: HttpSettings,
    pub(super) routes: Router,
    pub(super) builder: auto::Builder<TokioExecutor>,
    pub(super) command: watch::Sender<Command>,
    /// Ends event streams, which have no end otherwise.
    pub(super) end_events: CancellationToken,
    /// Ends gRPC streams.
    pub(super) end_calls: CancellationToken,
    /// Every connection holds a token of it, also after an upgrade.
    pub(super) connections: TaskTracker,
    #[cfg(feature = "tls")]
    pub(super) tls: OnceLock<super::tls::Tls>,
    /// The requests of each connection. Those of some that are gone are still listed.
    requests: Mutex<Vec<Weak<AtomicUsize>>>,
    is_draining: AtomicBool,
    attached: OnceLock<(Arc<dyn Logger>, Arc<dyn ServingStatus>)>,
    epoch: Instant,
}

impl ServerState {
    pub(super) fn new(settings: &HttpSettings, routes: Router) -> Self {
        Self {
            name: "http".to_owned(),
            settings: settings.clone(),
            // Every route is made now instead of with each request.
            routes: routes.with_state(()),
            builder: builder(settings),
            command: watch::Sender::new(Command::Serve),
            end_events: CancellationToken::new(),
            end_calls: CancellationToken::new(),
            connections: TaskTracker::new(),
            #[cfg(feature = "tls")]
            tls: OnceLock::new(),
            requests: Mutex::default(),
            is_draining: AtomicBool::new(false),
            attached: OnceLock::new(),
            epoch: Instant::now(),
        }
    }

    pub(super) fn attach(&self, log: Arc<dyn Logger>, status: Arc<dyn ServingStatus>) {
        // The first counts.
        let _again = self.attached.set((log, status));
    }

    pub(super) fn log(&self) -> Arc<dyn Logger> {
        self.attached
            .get()
            .map_or_else(|| Arc::new(NoopLogger) as Arc<dyn Logger>, |(log, _)| Arc::clone(log))
    }

    /// Returns once the service drains; never, for a server without one.
    pub(super) async fn draining(&self) {
        match self.attached.get() {
            Some((_, status)) => status.draining().await,
            None => std::future::pending().await,
        }
    }

    /// From now on answers say that the connection ends.
    pub(super) fn start_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// The number of requests of a new connection. Threads would contend for a common one.
    pub(super) fn request_counter(&self) -> Arc<AtomicUsize> {
        let counter = Arc::new(AtomicUsize::new(0));
        let mut all = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == all.capacity() {
            all.retain(|counter| counter.strong_count() > 0);
            // As much room as is used, so that the next search for what is gone is as far away.
            let used = all.len();
            all.reserve(used.max(16));
        }
        all.push(Arc::downgrade(&counter));
        counter
    }

    /// Requests whose answer is not complete.
    pub(super) fn requests(&self) -> usize {
        let all = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).map(|counter| counter.load(Ordering::Relaxed)).sum()
    }

    /// Time since the server was made, in milliseconds.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// No more connections and no more requests than there are.
    pub(super) fn shut_down(&self) {
        self.start_draining();
        self.end_events.cancel();
        self.connections.close();
        self.command.send_if_modified(|now| {
            let is_news = matches!(now, Command::Serve | Command::ShedIdle(_));
            if is_news {
                *now = Command::Drain;
            }
            is_news
        });
    }

    pub(super) fn abort(&self) {
        self.shut_down();
        self.end_calls.cancel();
        self.command.send_replace(Command::Abort);
    }

    /// Asks connections without a request to close.
    pub(super) fn shed_idle(&self) {
        self.command.send_if_modified(|now| {
            *now = match *now {
                Command::Serve => Command::ShedIdle(0),
                Command::ShedIdle(times) => Command::ShedIdle(times.wrapping_add(1)),
                Command::Drain | Command::Abort => return false,
            };
            true
        });
    }
}

/// The header timeout is ours: hyper's is also its idle timeout.
fn builder(settings: &HttpSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None::<Duration>)
        .max_buf_size(settings.max_header.as_usize());
    let http2 = &settings.http2;
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(http2.max_streams)
        .max_pending_accept_reset_streams(http2.max_reset_streams)
        .max_header_list_size(u32::try_from(settings.max_header.bytes()).unwrap_or(u32::MAX))
        .keep_alive_interval(http2.ping_interval)
        .keep_alive_timeout(http2.ping_timeout);
    builder
}
