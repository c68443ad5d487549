use tracing_core::Dispatch;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

use super::{LogBridge, TracingLayer, caches};
use crate::{Level, LevelHandle, SlogLogger};

impl SlogLogger {
    /// Makes this logger the process-wide target of the crates `tracing` and `log`.
    ///
    /// # Errors
    ///
    /// [`BridgeError`] when another subscriber or logger is installed, or when this logger was made by
    /// [`SlogLogger::from_slog`].
    pub fn install(&self) -> Result<(), BridgeError> {
        let (Some(layer), Some(bridge)) = (TracingLayer::new(self), LogBridge::new(self)) else {
            return Err(BridgeError::NoStream);
        };
        tracing_core::dispatcher::set_global_default(Dispatch::new(Registry::default().with(layer)))
            .map_err(|_| BridgeError::TracingTaken)?;
        log::set_boxed_logger(Box::new(bridge)).map_err(|_| BridgeError::LogTaken)?;
        let levels = self.levels().clone();
        caches::follow(move || log_filter(&levels));
        Ok(())
    }
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
    /// The logger passes its records on to slog.
    #[error("a logger made from a slog logger cannot take bridged records")]
    NoStream,
}
