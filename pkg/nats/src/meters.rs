//! The metrics of the connection. Handles are resolved at each use, which is rare, so that an exporter may be installed later.

use metrics::{counter, describe_counter};

const LOST: &str = "underpin_nats_disconnects_total";
const REBUILT: &str = "underpin_nats_client_rebuilds_total";
const DENIED: &str = "underpin_nats_denied_total";
const SLOW: &str = "underpin_nats_slow_consumer_total";

/// Describes the metrics of this crate to the installed exporter. Call it after the exporter is installed.
///
/// # Examples
/// ```
/// // metrics_exporter_prometheus::PrometheusBuilder::new().install()?;
/// underpin_nats::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_counter!(LOST, "Times that the connection to NATS was lost");
    describe_counter!(REBUILT, "Times that the NATS client was rebuilt because its task had ended");
    describe_counter!(DENIED, "Subjects that the permissions of the NATS server refused");
    describe_counter!(
        SLOW,
        "Times that the NATS client dropped a message because its subscriber was too slow"
    );
}

pub(crate) fn link_lost() {
    counter!(LOST).increment(1);
}

pub(crate) fn rebuilt() {
    counter!(REBUILT).increment(1);
}

pub(crate) fn denied() {
    counter!(DENIED).increment(1);
}

pub(crate) fn slow_consumer() {
    counter!(SLOW).increment(1);
}
