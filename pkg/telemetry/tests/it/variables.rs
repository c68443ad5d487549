//! The `OTEL_*` variables, in a process that has no settings of its own.

use std::sync::Arc;

use underpin_logger::NoopLogger;
use underpin_telemetry::OtlpSettings;

use crate::{
    child,
    collector::{Collector, LIMIT, Mood, record, start_logged},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_variables_of_opentelemetry_are_enough_to_export() {
    if child::is_child() {
        let telemetry = start_logged(OtlpSettings::default(), Arc::new(NoopLogger)).unwrap();
        record(3);
        return telemetry.stop(LIMIT).await.unwrap();
    }
    let collector = Collector::http(Mood::Takes).await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.url().to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS".to_owned(), "x-token=from%20the%20environment".to_owned()),
        ("OTEL_SERVICE_NAME".to_owned(), "renamed".to_owned()),
        ("OTEL_LOGS_EXPORTER".to_owned(), "none".to_owned()),
    ];
    let run = move || {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        child::again("variables::the_variables_of_opentelemetry_are_enough_to_export", &variables);
    };
    tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(collector.spans().len(), 3);
    assert!(
        collector.tokens().iter().all(|token| token == "from the environment"),
        "{:?}",
        collector.tokens()
    );
    assert!(!collector.tokens().is_empty());
    assert!(collector.services().iter().all(|name| name == "renamed"), "{:?}", collector.services());
}
