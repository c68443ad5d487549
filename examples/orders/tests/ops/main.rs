//! What stands in `ops/` against the service: every query of panels and rules, the manifests, the compose file, the
//! remedies of the runbooks.

#![allow(clippy::future_not_send, reason = "a test drives its service on its own thread")]

#[cfg(test)]
mod compose;
#[cfg(test)]
mod expressions;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod live;
#[cfg(test)]
mod runbooks;
#[cfg(test)]
mod runbooks_jobs;
#[cfg(test)]
mod runbooks_rpc;
#[cfg(test)]
mod runbooks_store;
#[cfg(test)]
#[allow(dead_code, reason = "the tests of `blackbox` use the rest")]
#[path = "../blackbox/scene.rs"]
mod scene;
#[cfg(test)]
#[allow(dead_code, unused_imports, reason = "the tests of `blackbox` use the rest")]
#[path = "../blackbox/support.rs"]
mod support;

#[cfg(test)]
const BINARY: &str = env!("CARGO_BIN_EXE_orders");

/// The folder `ops` of the repository.
#[cfg(test)]
fn ops() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ops").canonicalize().unwrap()
}
