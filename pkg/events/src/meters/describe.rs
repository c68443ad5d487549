use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes every metric of this crate, and those of the NATS connection, to the recorder that is installed.
///
/// Subscriptions do this by themselves when they first meet a recorder. Metrics before an exporter is installed are lost, those
/// after it are counted, whichever of the two came first: the exporter or the subscription.
///
/// # Examples
/// ```
/// use std::sync::Mutex;
/// use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
///
/// /// Stands for an exporter, which shows the texts beside the values.
/// #[derive(Default)]
/// struct Exporter(Mutex<Vec<(KeyName, SharedString)>>);
///
/// impl Recorder for Exporter {
///     fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
///         self.0.lock().unwrap().push((name, text));
///     }
///     fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
///         self.0.lock().unwrap().push((name, text));
///     }
///     fn describe_histogram(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
///         self.0.lock().unwrap().push((name, text));
///     }
///     fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter { Counter::noop() }
///     fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge { Gauge::noop() }
///     fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram { Histogram::noop() }
/// }
///
/// let exporter = Exporter::default(); // or metrics_exporter_prometheus::PrometheusBuilder::new().install()
/// metrics::with_local_recorder(&exporter, underpin_events::describe_metrics);
/// let described = exporter.0.lock().unwrap();
/// assert!(described.iter().any(|(name, _)| name.as_str() == "underpin_events_handled_total"));
/// ```
pub fn describe_metrics() {
    describe_counter!("underpin_events_handled_total", "Calls of handlers, by subscription and outcome.");
    describe_counter!("underpin_events_redelivered_total", "Deliveries after the first, by subscription.");
    describe_histogram!(
        "underpin_events_handler_seconds",
        Unit::Seconds,
        "How long calls of handlers took, by subscription."
    );
    describe_gauge!(
        "underpin_events_waiting",
        "Events that match and were never delivered, by subscription."
    );
    describe_gauge!(
        "underpin_events_in_flight",
        "Events delivered and not acknowledged, those that wait for a retry included, by subscription."
    );
    describe_counter!(
        "underpin_events_unconfirmed_total",
        "Acknowledgements that the server did not confirm: their events are delivered again."
    );
    describe_counter!(
        "underpin_events_dead_letters_dropped_total",
        "Dead letters that the in-memory bus dropped to keep within its limit."
    );
    describe_counter!(
        "underpin_events_quarantined_total",
        "Messages that the NATS client cannot read, moved to the dead letters, by subscription."
    );
    #[cfg(feature = "jetstream")]
    underpin_nats::describe_metrics();
}
