use std::{error::Error, time::Duration};

use crate::{Callsite, Context, Entry, Fatal, Level, Logger, Tag};

/// The verbs, for every [`Logger`].
///
/// They ask [`Logger::enabled`] first and carry no target, so that only the default level rule applies. The macros
/// ([`info!`](crate::info) and the others) also know the module and skip building tags when the level is off.
///
/// # Examples
///
/// ```
/// use underpin_logger::{Context, Logger, LoggerExt, NoopLogger, Tag};
///
/// fn accept(log: &dyn Logger, ctx: &Context) {
///     log.info(ctx, "order accepted", &[Tag::new("items", &3)]);
/// }
/// accept(&NoopLogger, &Context::background());
/// ```
pub trait LoggerExt: Logger {
    /// Logs details for debugging.
    #[track_caller]
    fn debug(&self, ctx: &Context, msg: &str, tags: &[Tag<'_>]) {
        emit(self, &Entry::new(Level::Debug, ctx, msg, Callsite::caller()).with_tags(tags));
    }

    /// Logs what happened, once per unit of work.
    #[track_caller]
    fn info(&self, ctx: &Context, msg: &str, tags: &[Tag<'_>]) {
        emit(self, &Entry::new(Level::Info, ctx, msg, Callsite::caller()).with_tags(tags));
    }

    /// Logs an error that the service handles.
    #[track_caller]
    fn warn(&self, ctx: &Context, err: &(dyn Error + 'static), msg: &str, tags: &[Tag<'_>]) {
        emit(self, &Entry::new(Level::Warn, ctx, msg, Callsite::caller()).with_error(err).with_tags(tags));
    }

    /// Logs an error that ended a unit of work.
    #[track_caller]
    fn error(&self, ctx: &Context, err: &(dyn Error + 'static), msg: &str, tags: &[Tag<'_>]) {
        emit(self, &Entry::new(Level::Error, ctx, msg, Callsite::caller()).with_error(err).with_tags(tags));
    }

    /// Logs the error that ends the process, waits until it is written (at most 5 s), and hands the decision back.
    ///
    /// The library never ends a process by itself: call [`Fatal::exit`], [`Fatal::abort`] or [`Fatal::into_error`].
    #[track_caller]
    fn fatal(&self, ctx: &Context, err: &(dyn Error + 'static), msg: &str, tags: &[Tag<'_>]) -> Fatal {
        self.log(&Entry::new(Level::Fatal, ctx, msg, Callsite::caller()).with_error(err).with_tags(tags));
        Fatal::new(msg, err, self.flush(Duration::from_secs(5)).err())
    }
}

impl<L: Logger + ?Sized> LoggerExt for L {}

const _: fn(&dyn Logger) = |log| log.info(&Context::background(), "every logger has the verbs", &[]);

fn emit<L: Logger + ?Sized>(log: &L, entry: &Entry<'_>) {
    if log.enabled(entry.level, entry.site.target, entry.ctx) {
        log.log(entry);
    }
}
