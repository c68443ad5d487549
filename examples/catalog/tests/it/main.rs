//! The library over real databases, and the real binary over HTTP and NATS: a SQLite file and nothing else where a test names no server.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod crud;
#[cfg(test)]
mod embedded;
#[cfg(test)]
mod held;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod support;
#[cfg(test)]
mod valkey;
