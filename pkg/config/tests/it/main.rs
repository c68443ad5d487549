//! The tests of the crate, in one binary.

#[cfg(test)]
#[cfg(feature = "loader")]
mod buffered;
#[cfg(test)]
#[cfg(feature = "loader")]
mod errors;
#[cfg(test)]
#[cfg(feature = "loader")]
mod limits;
#[cfg(test)]
#[cfg(feature = "loader")]
mod live;
#[cfg(test)]
#[cfg(feature = "loader")]
mod loader;
#[cfg(test)]
#[cfg(feature = "loader")]
mod masking;
#[cfg(test)]
#[cfg(feature = "testing")]
mod mock;
#[cfg(test)]
#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
#[cfg(feature = "loader")]
mod secrets;
#[cfg(test)]
#[cfg(all(feature = "loader", unix))]
mod secrets_dir;
#[cfg(test)]
#[cfg(feature = "loader")]
mod tagged;
#[cfg(test)]
#[cfg(feature = "loader")]
mod typing;
#[cfg(test)]
#[cfg(feature = "loader")]
mod untagged;
#[cfg(test)]
#[cfg(all(feature = "watch", unix))]
mod watch;
