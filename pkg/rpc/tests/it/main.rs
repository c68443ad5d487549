//! Tests of underpin-rpc through its public interface.

#[cfg(test)]
mod memory;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod support;
