//! What a service sees of the logger. Beside this folder are the tests that need a process of their own: a global allocator, a
//! global subscriber.

#[cfg(test)]
#[cfg(all(feature = "json", unix))]
mod blocked_outputs;
#[cfg(test)]
#[cfg(unix)]
mod child;
#[cfg(test)]
#[cfg(feature = "tower")]
mod client;
#[cfg(test)]
#[cfg(feature = "testing")]
mod core;
#[cfg(test)]
#[cfg(all(feature = "bridges", unix))]
mod exit;
#[cfg(test)]
#[cfg(all(feature = "json", feature = "testing"))]
mod flow;
#[cfg(test)]
#[cfg(all(feature = "json", unix))]
mod json;
#[cfg(test)]
#[cfg(feature = "json")]
mod limits;
#[cfg(test)]
#[cfg(feature = "nested-values")]
mod nested;
#[cfg(test)]
#[cfg(all(feature = "bridges", unix))]
mod own_subscriber;
#[cfg(test)]
#[cfg(feature = "json")]
mod reentrancy;
#[cfg(test)]
#[cfg(all(feature = "tower", feature = "testing"))]
mod request_spans;
#[cfg(test)]
#[cfg(all(feature = "rotation", unix))]
mod rotation;
#[cfg(test)]
#[cfg(feature = "json")]
mod sinks;
#[cfg(test)]
#[cfg(all(feature = "testing", unix))]
mod spans;
#[cfg(test)]
#[cfg(feature = "json")]
mod terminal;
#[cfg(test)]
#[cfg(all(feature = "bridges", unix))]
mod thread_end;
#[cfg(test)]
#[cfg(all(feature = "tower", feature = "testing", feature = "json"))]
mod tower;
#[cfg(test)]
#[cfg(feature = "tower")]
mod trace_context;
#[cfg(test)]
#[cfg(all(feature = "bridges", feature = "testing"))]
mod traced_spans;
