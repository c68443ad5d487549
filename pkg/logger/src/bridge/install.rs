use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_core::Dispatch;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

use super::{LogBridge, TracingLayer};
use crate::{Level, LevelHandle, SlogLogger};

/// The level rules behind the bridges of this process, which the filter of `log` follows.
static INSTALLED: OnceLock<LevelHandle> = OnceLock::new();

/// Makes the logger the process-wide target of `tracing` and `log`.
pub(crate) fn install(logger: &SlogLogger) -> Result<(), BridgeError> {
    let (Some(layer), Some(bridge)) = (TracingLayer::new(logger), LogBridge::new(logger)) else {
        return Err(BridgeError::NoStream);
    };
    tracing_core::dispatcher::set_global_default(Dispatch::new(Registry::default().with(layer)))
        .map_err(|_| BridgeError::TracingTaken)?;
    log::set_boxed_logger(Box::new(bridge)).map_err(|_| BridgeError::LogTaken)?;
    // Only the first logger can have come this far.
    let _first = INSTALLED.set(logger.levels().clone());
    levels_changed();
    Ok(())
}

/// Tells the callers' caches that another set of records may pass now: those of `tracing`, whoever's subscriber a layer of
/// ours is in, and that of `log` where its logger is ours.
pub(crate) fn levels_changed() {
    /// Of two changes at once, the later look at the levels is the later to be put into force.
    static TURN: Mutex<()> = Mutex::new(());

    if let Some(levels) = INSTALLED.get() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        log::set_max_level(log_filter(levels));
    }
    tracing_core::callsite::rebuild_interest_cache();
}

fn log_filter(levels: &LevelHandle) -> log::LevelFilter {
    let least = Level::ALL.into_iter().find(|level| levels.may_allow(*level));
    match least {
        Some(Level::Trace) => log::LevelFilter::Trace,
        Some(Level::Debug) => log::LevelFilter::Debug,
        Some(Level::Info) => log::LevelFilter::Info,
        Some(Level::Warn) => log::LevelFilter::Warn,
        Some(Level::Error) => log::LevelFilter::Error,
        Some(Level::Fatal) | None => log::LevelFilter::Off,
    }
}

/// The bridges could not be installed for the whole process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// Another subscriber is the process's default already.
    #[error("another tracing subscriber is installed already")]
    TracingTaken,
    /// Another logger of the `log` crate is installed already.
    #[error("another logger of the log crate is installed already")]
    LogTaken,
    /// The logger hands its records to slog and has no stream of its own.
    #[error("a logger made from a slog logger cannot take bridged records")]
    NoStream,
}
