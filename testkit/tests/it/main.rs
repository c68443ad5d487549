//! The test kit, used as a test uses it.

#[cfg(test)]
mod cleanup;
#[cfg(test)]
mod eventually;
#[cfg(test)]
mod fake_cargo;
#[cfg(test)]
mod given;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod nats_cluster;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod valkey;
