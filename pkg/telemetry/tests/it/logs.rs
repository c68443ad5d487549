//! Log records reach the collector, those from before the exporter included, and the export adds none.

use std::sync::Arc;

use underpin_logger::{
    Context, LogFormat, LogOutput, LoggerSettings, NoopLogger, RequestId, TraceParent, info, init, warn,
};
use underpin_telemetry::{ServiceIdentity, Telemetry, TelemetrySettings};

use crate::collector::{Collector, LIMIT, Mood, alone, hex, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_from_before_the_start_are_exported_too() {
    let _turn = alone().await;
    let collector = Collector::http(Mood::Takes).await;
    let mut otlp = settings(collector.url());
    (otlp.logs, otlp.traces) = (true, false);
    let settings = TelemetrySettings::default().otlp(otlp);
    assert!(Telemetry::exports_logs(&settings));
    let file = std::env::temp_dir().join(format!("underpin-telemetry-{}.log", std::process::id()));
    let logger =
        LoggerSettings::default().output(LogOutput::File(file.clone())).format(LogFormat::Json).exported();
    let log = init(&logger).unwrap();
    let ctx = Context::new(RequestId::generate()).with_trace(TraceParent::generate());
    info!(log.logger(), &ctx, "before", order = 7, paid = true);
    let telemetry =
        Telemetry::start(&settings, &ServiceIdentity::new("orders", "1.0.0"), Arc::new(NoopLogger)).unwrap();
    warn!(log.logger(), &ctx, &std::io::Error::other("broken"), "after");
    telemetry.stop(LIMIT).await.unwrap();
    info!(log.logger(), &ctx, "behind");

    assert_eq!(collector.messages(), ["before", "after"]);
    let record = collector.record("before").unwrap();
    assert_eq!(hex(&record.trace_id), ctx.trace().unwrap().trace_id());
    assert_eq!(hex(&record.span_id), ctx.trace().unwrap().span_id());
    assert_eq!((record.severity_text.as_str(), record.severity_number), ("info", 9));
    assert!(record.time_unix_nano > 1_700_000_000_000_000_000);
    let keys: Vec<&str> = record.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.contains(&"order") && keys.contains(&"request_id") && !keys.contains(&"msg"), "{keys:?}");
    drop(log);
    std::fs::remove_file(file).unwrap();
}
