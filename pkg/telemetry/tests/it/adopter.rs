//! What the process has installed by itself stays.

use std::sync::Arc;

use underpin_logger::{
    Context, Level, RequestId, SpanKind,
    testing::{CaptureLogger, CaptureSpans},
};

use crate::{
    child,
    collector::{Collector, LIMIT, Mood, settings, start_logged},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_and_a_span_sink_that_are_there_already_stay() {
    if !child::is_child() {
        return child::again("adopter::a_recorder_and_a_span_sink_that_are_there_already_stay", &[]);
    }
    metrics::set_global_recorder(metrics::NoopRecorder).unwrap();
    let (spans, log) = (CaptureSpans::install(), CaptureLogger::new());
    let collector = Collector::http(Mood::Takes).await;
    let telemetry = start_logged(settings(collector.url()), Arc::new(log.clone())).unwrap();
    assert!(telemetry.metrics().is_none());
    log.assert_logged(Level::Info, "another metrics recorder is installed and stays");
    log.assert_logged(Level::Info, "another span sink is installed and stays");
    let root = Context::new(RequestId::generate()).entry_span("GET", SpanKind::Server);
    let trace = root.ctx().trace().unwrap().trace_id().to_owned();
    drop(root);
    telemetry.stop(LIMIT).await.unwrap();
    assert_eq!((spans.of_trace(&trace).len(), collector.requests()), (1, 0));
}
