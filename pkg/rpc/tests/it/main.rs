//! Tests of underpin-rpc through its public interface.

#[cfg(test)]
mod inline;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod micro_documents;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod observed;
#[cfg(test)]
mod paused;
#[cfg(test)]
mod support;
