use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use underpin_errors::{Error, Kind, ResultExt as _};
use underpin_logger::{Context, Logger as _, SlogLogger, error, warn};

use super::manual::ManualSignals;
use super::os::OsSignals;
use super::signal::{Signal, Signals};
use crate::exit_code::FAILURE;
use crate::{Gate, ServiceState};

/// How long the main thread may take to end at a second signal before this thread ends the process.
const AT_ONCE: Duration = Duration::from_millis(250);

/// How long after `stop_within` the process may still run: for blocking work, the log and the end of the runtime.
const OVERRUN: Duration = Duration::from_millis(1500);

/// How long the log is waited for when this thread ends the process: at a second signal, and when the stop has overrun its limit.
const FLUSH_AT_ONCE: Duration = Duration::from_millis(40);
const FLUSH_OVERRUN: Duration = Duration::from_millis(400);

/// What this thread ends the process with, when the main thread cannot.
pub(crate) struct LastResort {
    pub(crate) gate: Gate,
    pub(crate) stop_within: Duration,
    pub(crate) log: SlogLogger,
}

/// Signals of the process, received on a separate thread and runtime: they are received while every worker of the service is blocked, too.
///
/// The thread hands SIGINT and SIGTERM to the service, and ends the process itself if the service can do neither that nor stop within its limit.
/// SIGHUP runs the closure.
pub(crate) struct SignalThread(ManualSignals);

impl SignalThread {
    /// Registers for SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn start(
        last_resort: LastResort,
        on_hangup: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.wrap_err(Kind::Internal, "start the runtime of the signal thread")?;
        let registered = {
            let _entered = runtime.enter();
            signal(SignalKind::hangup()).and_then(|hangup| Ok((OsSignals::register()?, hangup)))
        };
        let (stops, hangup) = registered.wrap_err(Kind::Internal, "listen for signals")?;
        let (forward, signals) = ManualSignals::new();
        let receiver = Receiver { stops, hangup, forward, on_hangup: Arc::new(on_hangup), last_resort };
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || receiver.run(&runtime));
        // Never joined: it ends with the service.
        thread.wrap_err(Kind::Internal, "start the signal thread")?;
        Ok(Self(signals))
    }
}

#[async_trait]
impl Signals for SignalThread {
    async fn next(&mut self) -> Signal {
        self.0.next().await
    }
}

struct Receiver {
    stops: OsSignals,
    hangup: Stream,
    forward: mpsc::UnboundedSender<Signal>,
    on_hangup: Arc<dyn Fn() + Send + Sync>,
    last_resort: LastResort,
}

impl Receiver {
    fn run(self, runtime: &Runtime) {
        let Self { mut stops, mut hangup, forward, on_hangup, last_resort } = self;
        runtime.block_on(async {
            let asked = Notify::new();
            let mut overrun = std::pin::pin!(last_resort.overrun(&asked));
            let mut received = 0_u32;
            loop {
                tokio::select! {
                    biased;
                    signal = stops.next() => {
                        // It may have ended just now.
                        let _ended = forward.send(signal);
                        asked.notify_one();
                        received += 1;
                        if received > 1 {
                            tokio::time::sleep(AT_ONCE).await;
                            last_resort.end(signal.exit_code(), FLUSH_AT_ONCE);
                        }
                    }
                    // The service has ended. What `main` does afterwards has no limit.
                    () = forward.closed() => return,
                    () = &mut overrun => last_resort.end(FAILURE, FLUSH_OVERRUN),
                    Some(()) = hangup.recv() => {
                        let run = Arc::clone(&on_hangup);
                        // Reads files: a second signal must not wait for them.
                        drop(tokio::task::spawn_blocking(move || run()));
                    }
                }
            }
        });
    }
}

impl LastResort {
    /// Returns when the stop has overrun its limit.
    async fn overrun(&self, asked: &Notify) {
        tokio::select! {
            () = self.gate.reached(ServiceState::Draining) => {}
            // A main thread that is blocked does not begin the stop.
            () = asked.notified() => {}
        }
        tokio::time::sleep(self.stop_within.saturating_add(OVERRUN)).await;
        let limit = Error::timeout("a thread of the service is blocked");
        error!(self.log, &Context::background(), &limit, "service did not stop within stop_within");
    }

    /// Ends the process without its main thread.
    #[allow(
        clippy::exit,
        reason = "the main thread is blocked, and the operator or the limit asks for the end"
    )]
    fn end(&self, code: u8, within: Duration) -> ! {
        if self.log.flush(within).is_err() {
            warn!(self.log, &Context::background(), &Error::timeout("the log is late"), "log was cut off");
        }
        std::process::exit(code.into())
    }
}
