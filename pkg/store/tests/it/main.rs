//! Tests of underpin-store through its public interface.

#[cfg(test)]
mod cache;
#[cfg(test)]
mod cache_levels;
#[cfg(test)]
mod feeds;
#[cfg(test)]
mod gated;
#[cfg(test)]
mod jetstream;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lock_chaos;
#[cfg(test)]
mod lock_clocks;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod memory_journal;
#[cfg(test)]
mod observed;
#[cfg(test)]
mod rate_limits;
#[cfg(test)]
#[allow(dead_code, reason = "shared with events")]
#[path = "../../../events/tests/it/metrics/recorder.rs"]
mod recorder;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tower_sessions;
