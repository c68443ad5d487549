//! Integration tests of the crate, in one binary.

#[cfg(test)]
mod codec;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod jetstream;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod support;
