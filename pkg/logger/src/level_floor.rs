//! The least severe level that any [`Context`](crate::Context) of this process lets through, whatever the level rules say.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::Level;

/// Only falls: a record below it is off without a look at its context.
static FLOOR: AtomicU8 = AtomicU8::new(u8::MAX);

/// Notes that some context lets records of this level through.
pub(crate) fn lower_to(level: Level) {
    if FLOOR.fetch_min(level as u8, Ordering::Relaxed) > level as u8 {
        #[cfg(feature = "bridges")]
        crate::bridge::levels_changed();
    }
}

/// Whether a context may let through records of this level that the rules hold back.
#[cfg(feature = "json")]
pub(crate) fn may_raise(level: Level) -> bool {
    level as u8 >= FLOOR.load(Ordering::Relaxed)
}
