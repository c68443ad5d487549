#![allow(
    clippy::future_not_send,
    reason = "driven by block_on on the main thread, so that nothing of an adopter's closure needs to be Send"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use underpin_errors::{Error, HealthReport};
use underpin_logger::{Logger, NoopLogger};

use crate::engine::drive;
use crate::signals::ManualSignals;
use crate::{Ended, Gate, LifecycleSettings, Metadata, Opening, ServiceState, Signal, Start};

/// Runs a whole service in the process of a test: the same start and stop as [`run`](crate::run), without settings from outside, without an
/// admin listener, and with signals by hand.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use underpin_service::testing::TestService;
/// use underpin_service::{Ended, ServiceState, Stopped, part_fn};
///
/// # #[tokio::main] async fn main() {
/// let ended = TestService::new(())
///     .run(
///         async |start| {
///             start.part(part_fn("sweeper", |_| async { Stopped::cut("3 rows") })).await?;
///             Ok(())
///         },
///         async |service| assert_eq!(service.state(), ServiceState::Ready),
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { cut } if cut == ["sweeper: 3 rows"]));
/// # }
/// ```
#[derive(Debug)]
pub struct TestService<S> {
    settings: S,
    lifecycle: LifecycleSettings,
    log: Option<TestLog>,
}

/// A logger without `Debug`.
struct TestLog(Arc<dyn Logger>);

impl std::fmt::Debug for TestLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestLog")
    }
}

impl<S> TestService<S> {
    /// A service with these settings, of any type.
    pub fn new(settings: S) -> Self {
        Self { settings, lifecycle: LifecycleSettings::default(), log: None }
    }

    /// Limits and grace.
    #[must_use]
    pub fn lifecycle(mut self, lifecycle: LifecycleSettings) -> Self {
        self.lifecycle = lifecycle;
        self
    }

    /// Where it logs: a `CaptureLogger`, for example. Without it, records are discarded.
    #[must_use]
    pub fn log(mut self, log: Arc<dyn Logger>) -> Self {
        self.log = Some(TestLog(log));
        self
    }

    /// Builds the service, runs `body` once it is ready, and stops it as SIGINT does, unless the body has sent a signal and waits for its effect.
    #[must_use = "if the start fails, the body never runs, and only the result says so"]
    pub async fn run(
        self,
        build: impl AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
        body: impl AsyncFnOnce(&Running<'_, S>),
    ) -> Ended {
        let log = self.log.map_or_else(|| Arc::new(NoopLogger) as Arc<dyn Logger>, |log| log.0);
        let metadata = Metadata::new("test", "0");
        let mut start = Start::new(Arc::new(self.settings), Opening::new(log, metadata), Gate::new());
        let (send, mut signals) = ManualSignals::new();
        let whole = async |start: &Start<S>| {
            body(&Running { start, signals: send }).await;
            false
        };
        Box::pin(drive(&mut start, &self.lifecycle, build, &mut signals, whole)).await
    }
}

/// A service that is ready, for the body of a test.
#[derive(Debug)]
pub struct Running<'a, S> {
    start: &'a Start<S>,
    signals: UnboundedSender<Signal>,
}

impl<S> Running<'_, S> {
    /// The first address of the traffic component of this name, such as `"http"`.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.start.address(name)
    }

    /// The state of the service.
    pub fn state(&self) -> ServiceState {
        self.start.gate.state()
    }

    /// The gate, to be kept for later.
    pub fn gate(&self) -> Gate {
        self.start.gate.clone()
    }

    /// What readiness answers now.
    pub async fn health(&self) -> HealthReport {
        self.start.checks.run().await
    }

    /// Sends a signal. The body is dropped at its next await.
    pub fn signal(&self, signal: Signal) {
        // The service listens for as long as the body runs.
        let _ended = self.signals.send(signal);
    }

    /// Gives new settings to the subscribers of [`Start::on_reload`], as SIGHUP does with settings that have changed.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use underpin_service::Ended;
    /// use underpin_service::testing::TestService;
    ///
    /// # #[tokio::main] async fn main() {
    /// let limit = Arc::new(AtomicU32::new(10));
    /// let follows = Arc::clone(&limit);
    /// let ended = TestService::new(10_u32)
    ///     .run(
    ///         async move |start| {
    ///             start.on_reload(move |new: &u32| follows.store(*new, Ordering::Relaxed));
    ///             Ok(())
    ///         },
    ///         async |service| service.reload(&20),
    ///     )
    ///     .await;
    /// assert!(matches!(ended, Ended::Clean { .. }));
    /// assert_eq!(limit.load(Ordering::Relaxed), 20);
    /// # }
    /// ```
    pub fn reload(&self, settings: &S) {
        self.start.subscribers.tell(settings, &self.start.log());
    }

    /// The sender of signals, to be kept for a second one during the stop.
    pub fn signals(&self) -> UnboundedSender<Signal> {
        self.signals.clone()
    }
}
