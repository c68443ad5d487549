//! Tests of underpin-store through its public interface.

#[cfg(test)]
mod jetstream;
#[cfg(test)]
mod lock_chaos;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod support;
