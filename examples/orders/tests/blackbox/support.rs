//! Drives the real binary from outside.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

pub(crate) use underpin_testkit::{
    HttpExchange as Exchange, HttpReply as Reply, ServiceLog as Log, ServiceProcess as Service,
};

pub(crate) const LIMIT: Duration = Service::LIMIT;

/// The binary with a clean environment, on free ports of the loopback interface.
pub(crate) fn command(binary: &str, folder: &Path, variables: &[(&str, &str)]) -> Command {
    Service::command(binary, folder, variables)
}

/// Waits for a child within [`LIMIT`].
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    Service::wait_for(child)
}

/// Between two looks at something that has no way to tell.
pub(crate) fn pause() {
    Service::pause();
}

/// An order of two cups of tea.
pub(crate) fn tea(customer: &str) -> Value {
    serde_json::json!({"customer": customer, "items": [{"sku": "tea", "quantity": 2, "unit_price_cents": 350}]})
}
