//! Spans and metrics of calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use underpin_errors::Error;
use underpin_logger::testing::CaptureSpans;
use underpin_logger::{Context, RequestId, SpanKind};
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::{Call, Caller, Host, Request, Service, handler_fn_with};

use crate::support::{echo, request};

#[tokio::test]
async fn a_call_is_a_span_in_its_caller_and_one_in_its_service() {
    let (spans, rpc) = (CaptureSpans::install(), MemoryRpc::new());
    let relay = handler_fn_with(rpc.clone(), async |rpc: MemoryRpc, call: Call| {
        Ok(rpc.call(Request::new("spans.echo", "", call.context())).await?)
    });
    let service = Service::new("spans", "1.0.0").endpoint("relay", relay).endpoint("echo", echo());
    let _running = rpc.serve(service).await.unwrap();
    let entry = Context::new(RequestId::generate()).entry_span("test", SpanKind::Internal);
    let trace = entry.ctx().trace().unwrap().trace_id().to_owned();
    rpc.call(Request::new("spans.relay", "", entry.ctx())).await.unwrap();
    drop(entry);
    let expected = "test\n  spans.relay\n    spans/relay\n      spans.echo\n        spans/echo\n";
    assert_eq!(spans.tree(&trace), expected);
}

/// Counters by name and outcome.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<HashMap<String, Arc<Count>>>>);

#[derive(Default)]
struct Count(Mutex<u64>);

impl CounterFn for Count {
    fn increment(&self, value: u64) {
        *self.0.lock().unwrap() += value;
    }
    fn absolute(&self, value: u64) {
        *self.0.lock().unwrap() = value;
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let outcome = key.labels().find(|label| label.key() == "outcome").map_or("", |label| label.value());
        let name = format!("{} {outcome}", key.name());
        Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(name).or_default()))
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn calls_and_requests_are_counted_by_outcome() {
    let counts = Counts::default();
    metrics::with_local_recorder(&counts, || {
        underpin_rpc::describe_metrics();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rpc = MemoryRpc::new();
            let find = handler_fn_with((), async |(), _: Call| Err(Error::not_found("no order")));
            let service = Service::new("metrics", "1.0.0").endpoint("find", find).endpoint("echo", echo());
            let _running = rpc.serve(service).await.unwrap();
            for subject in ["metrics.find", "metrics.echo", "metrics.echo", "metrics.nowhere"] {
                drop(rpc.call(request(subject, "")).await);
            }
        });
    });
    let counts = counts.0.lock().unwrap();
    let read = |name: &str| counts.get(name).map_or(0, |count| *count.0.lock().unwrap());
    assert_eq!(read("underpin_rpc_requests_total OK"), 2);
    assert_eq!(read("underpin_rpc_requests_total NOT_FOUND"), 1);
    assert_eq!(read("underpin_rpc_calls_total OK"), 2);
    assert_eq!(read("underpin_rpc_calls_total NOT_FOUND"), 1);
    assert_eq!(read("underpin_rpc_calls_total UNAVAILABLE"), 1);
}
