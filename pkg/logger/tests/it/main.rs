//! What a service sees of the logger. Beside this folder are the tests that need a process of their own: a global allocator, a
//! global subscriber.

#[cfg(all(test, unix))]
mod child;
#[cfg(all(test, feature = "testing"))]
mod core;
#[cfg(all(test, feature = "bridges", unix))]
mod exit;
#[cfg(all(test, feature = "json", feature = "testing"))]
mod flow;
#[cfg(all(test, feature = "json", unix))]
mod json;
#[cfg(all(test, feature = "json"))]
mod limits;
#[cfg(all(test, feature = "nested-values"))]
mod nested;
#[cfg(all(test, feature = "otel", feature = "bridges", unix))]
mod otel;
#[cfg(all(test, feature = "bridges", unix))]
mod own_subscriber;
#[cfg(all(test, feature = "json"))]
mod reentrancy;
#[cfg(all(test, feature = "json"))]
mod sinks;
#[cfg(all(test, feature = "json", unix))]
mod standstill;
#[cfg(all(test, feature = "json"))]
mod terminal;
#[cfg(all(test, feature = "bridges", unix))]
mod thread_end;
#[cfg(all(test, feature = "tower", feature = "testing", feature = "json"))]
mod tower;
#[cfg(all(test, feature = "tower"))]
mod trace_context;
