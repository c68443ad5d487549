//! Every hazard of structured logging that was seen in slog-json or slog-async: one function each, over any drain. It has to
//! hold for the drains of ours, and has to be violated by the peer that it is known from; a check that nobody fails
//! checks nothing.
//!
//! The tests are here because the peers are: nothing in `pkg/` depends on them, not even for its tests. slog-async is
//! without its feature `nested-values`, as its default is; so is underpin-logger when this package is tested alone,
//! while a test of the whole workspace brings the feature in. The promises hold either way.
//!
//! Not here: that slog's macros are compiled out of release builds below a level, which is no matter of a drain.
#![cfg(unix)]

#[cfg(test)]
mod hazard;
#[cfg(test)]
mod hazards;
#[cfg(test)]
mod subject;
#[cfg(test)]
mod tap;
