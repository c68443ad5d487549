//! Telemetry as a service sees it: a collector of ours at the other end, real servers for the order.

#[cfg(test)]
mod adopter;
#[cfg(test)]
mod child;
#[cfg(test)]
mod collector;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod one_order;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod variables;
