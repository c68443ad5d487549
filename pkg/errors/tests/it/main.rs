//! The crate from outside: as a dependency, inside an axum service, and under hostile input.

#[cfg(test)]
mod downstream;
#[cfg(test)]
mod input;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod no_leak;
#[cfg(test)]
mod query;
#[cfg(test)]
mod time_limit;
#[cfg(test)]
mod toy_service;
