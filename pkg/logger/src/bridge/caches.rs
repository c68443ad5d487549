//! What `tracing` and `log` remember of the levels that are on.

use std::sync::{Mutex, OnceLock, PoisonError};

/// The most verbose level that the rules behind the installed bridge allow; the filter of `log` follows it.
static INSTALLED: OnceLock<Box<dyn Fn() -> log::LevelFilter + Send + Sync>> = OnceLock::new();

/// Keeps the filter of `log` at what `filter` returns.
pub(super) fn follow(filter: impl Fn() -> log::LevelFilter + Send + Sync + 'static) {
    // Only the first bridge is installed.
    let _first = INSTALLED.set(Box::new(filter));
    levels_changed();
}

/// Tells the callers' caches that another set of records may pass now: those of `tracing`, in whichever subscriber a layer of
/// ours is, and that of `log` where its logger is ours.
pub(crate) fn levels_changed() {
    /// Of two changes at once, the later look at the levels is the later to be put into force.
    static CHANGES: Mutex<()> = Mutex::new(());

    if let Some(filter) = INSTALLED.get() {
        let _turn = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
        log::set_max_level(filter());
    }
    tracing_core::callsite::rebuild_interest_cache();
}
