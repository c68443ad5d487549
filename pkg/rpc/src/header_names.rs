//! The headers that this crate sends.

pub(crate) const REQUEST_ID: &str = "x-request-id";
pub(crate) const TRACE_PARENT: &str = "traceparent";
pub(crate) const TRACE_STATE: &str = "tracestate";
/// The milliseconds that are left until the caller gives up. No clocks are compared: the service counts from receipt.
pub(crate) const TIMEOUT_MS: &str = "x-timeout-ms";
pub(crate) const CALLER: &str = "x-caller";
pub(crate) const ORGANIZATION: &str = "x-organization-id";

/// All of them, the most frequent first.
pub(crate) const ALL: [&str; 6] = [TIMEOUT_MS, TRACE_PARENT, REQUEST_ID, TRACE_STATE, CALLER, ORGANIZATION];
