//! The outbox, the relay and the inbox against real databases and brokers.

#[cfg(test)]
mod cut;
#[cfg(test)]
mod inbox;
#[cfg(test)]
mod jetstream;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod sampling;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trace;
