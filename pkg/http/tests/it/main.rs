//! The public API of the crate over real sockets.

#[cfg(test)]
mod cors;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod standard;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod upgrade;
