/// The extension that carries the organization (tenant) an event belongs to.
pub const ORGANIZATION_ID: &str = "organizationid";
/// The extension that carries the request id of the request that caused an event.
pub const REQUEST_ID: &str = "requestid";
/// The extension of the CloudEvents partitioning spec: events with the same key keep their order.
pub const PARTITION_KEY: &str = "partitionkey";
/// The extension of the CloudEvents distributed tracing spec: a W3C `traceparent`.
pub const TRACE_PARENT: &str = "traceparent";
/// The extension of the CloudEvents distributed tracing spec: a W3C `tracestate`.
pub const TRACE_STATE: &str = "tracestate";
