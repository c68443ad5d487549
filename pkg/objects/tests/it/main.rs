//! Tests of underpin-objects through its public interface.

#[cfg(test)]
mod folder;
#[cfg(test)]
mod jetstream;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod observed;
#[cfg(test)]
#[allow(dead_code, reason = "shared with events")]
#[path = "../../../events/tests/it/metrics/recorder.rs"]
mod recorder;
#[cfg(test)]
mod s3;
#[cfg(test)]
mod support;
