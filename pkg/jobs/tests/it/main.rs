//! Jobs, workers and cron against real databases.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod cron;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod enqueue;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod model;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod support;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod workers;
