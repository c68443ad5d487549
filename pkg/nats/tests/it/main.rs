//! The connection against real servers.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod denied;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod rebuild;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
