//! Tests of underpin-store through its public interface.

#[cfg(test)]
mod cache;
#[cfg(test)]
mod jetstream;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lock_chaos;
#[cfg(test)]
mod memory;
mod memory_journal;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod rate_limits;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tower_sessions;
