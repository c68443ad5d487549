//! A collector that keeps what it gets, over HTTP/protobuf and gRPC, and answers as it is told.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::post,
    serve::Listener,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::any_value::Value,
    logs::v1::LogRecord,
    trace::v1::Span,
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::transport::Server;
use underpin_logger::{Context, Logger, NoopLogger, RequestId, SpanKind};
use underpin_telemetry::{OtlpSettings, ServiceIdentity, Telemetry, TelemetryError, TelemetrySettings};

/// How long a test waits for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How a collector answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Takes,
    /// 413 for more spans than this.
    TakesAtMost(usize),
    /// 429 to so many requests.
    Busy(usize),
    /// No answer.
    Silent,
}

#[derive(Default)]
struct Kept {
    spans: Vec<Span>,
    records: Vec<LogRecord>,
    services: Vec<String>,
    tokens: Vec<String>,
    requests: usize,
}

#[derive(Clone)]
pub(crate) struct Collector {
    kept: Arc<Mutex<Kept>>,
    url: String,
    server: Arc<JoinHandle<()>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        if Arc::strong_count(&self.server) <= 2 {
            self.kill();
        }
    }
}

impl Collector {
    pub(crate) async fn http(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(listener, url, mood)
    }

    /// The same over another sort of connection.
    pub(crate) fn serve(listener: impl Listener<Addr: Debug>, url: String, mood: Mood) -> Self {
        let kept = Arc::default();
        let state: (Arc<Mutex<Kept>>, Arc<Mutex<Mood>>) = (Arc::clone(&kept), Arc::new(Mutex::new(mood)));
        let app =
            Router::new().route("/v1/traces", post(traces)).route("/v1/logs", post(logs)).with_state(state);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { kept, url, server: Arc::new(server) }
    }

    pub(crate) async fn grpc() -> Self {
        Self::serve_grpc(Server::builder(), "http").await
    }

    pub(crate) async fn serve_grpc(mut server: Server, scheme: &str) -> Self {
        // The port is free again at once; nothing else in the tests binds to a port of its choice.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let service = TraceServiceServer::new(Grpc(Arc::clone(&kept)));
        let serving = server.add_service(service).serve(address);
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Self { kept, url: format!("{scheme}://{address}"), server: Arc::new(server) }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn kill(&self) {
        self.server.abort();
    }

    pub(crate) fn requests(&self) -> usize {
        self.kept.lock().unwrap().requests
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.kept.lock().unwrap().spans.clone()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.kept.lock().unwrap().tokens.clone()
    }

    pub(crate) fn services(&self) -> Vec<String> {
        self.kept.lock().unwrap().services.clone()
    }

    pub(crate) fn messages(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        kept.records
            .iter()
            .map(|record| match record.body.as_ref().and_then(|body| body.value.as_ref()) {
                Some(Value::StringValue(text)) => text.clone(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    pub(crate) fn record(&self, message: &str) -> Option<LogRecord> {
        let is_it = |record: &&LogRecord| {
            let body = record.body.as_ref().and_then(|body| body.value.as_ref());
            matches!(body, Some(Value::StringValue(text)) if text == message)
        };
        self.kept.lock().unwrap().records.iter().find(is_it).cloned()
    }

    /// The names of a trace's spans, each below its parent; those beside each other by name.
    pub(crate) fn tree(&self, trace_id: &str) -> String {
        let spans = self.spans();
        let of_trace: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == trace_id).collect();
        let mut lines = Vec::new();
        let is_root = |span: &&&Span| !of_trace.iter().any(|other| other.span_id == span.parent_span_id);
        let mut roots: Vec<&Span> = of_trace.iter().filter(is_root).copied().collect();
        roots.sort_by(|a, b| a.name.cmp(&b.name));
        roots.into_iter().for_each(|root| walk(root, &of_trace, 0, &mut lines));
        lines.join("\n")
    }
}

fn walk(span: &Span, all: &[&Span], depth: usize, lines: &mut Vec<String>) {
    lines.push(format!("{}{}", "  ".repeat(depth), span.name));
    let mut children: Vec<&&Span> = all.iter().filter(|other| other.parent_span_id == span.span_id).collect();
    children.sort_by(|a, b| a.name.cmp(&b.name));
    children.into_iter().for_each(|child| walk(child, all, depth + 1, lines));
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Shared = (Arc<Mutex<Kept>>, Arc<Mutex<Mood>>);

async fn traces(State((kept, mood)): State<Shared>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    if let Some(token) = headers.get("x-token") {
        kept.lock().unwrap().tokens.push(token.to_str().unwrap().to_owned());
    }
    let count: usize = request
        .resource_spans
        .iter()
        .flat_map(|spans| &spans.scope_spans)
        .map(|spans| spans.spans.len())
        .sum();
    kept.lock().unwrap().requests += 1;
    let now = *mood.lock().unwrap();
    match now {
        Mood::Takes => {}
        Mood::TakesAtMost(most) if count > most => return (StatusCode::PAYLOAD_TOO_LARGE, Vec::new()),
        Mood::TakesAtMost(_) | Mood::Busy(0) => {}
        Mood::Busy(left) => {
            *mood.lock().unwrap() = Mood::Busy(left - 1);
            return (StatusCode::TOO_MANY_REQUESTS, Vec::new());
        }
        Mood::Silent => std::future::pending().await,
    }
    keep(&kept, request);
    (StatusCode::OK, ExportTraceServiceResponse::default().encode_to_vec())
}

async fn logs(State((kept, _)): State<Shared>, body: Bytes) -> StatusCode {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let records = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
    kept.lock().unwrap().records.extend(records.flat_map(|logs| logs.log_records));
    StatusCode::OK
}

fn keep(kept: &Mutex<Kept>, request: ExportTraceServiceRequest) {
    let mut kept = kept.lock().unwrap();
    for spans in request.resource_spans {
        let attributes = spans.resource.unwrap_or_default().attributes;
        let service = attributes.into_iter().find(|attribute| attribute.key == "service.name");
        if let Some(Value::StringValue(name)) = service.and_then(|name| name.value?.value) {
            kept.services.push(name);
        }
        kept.spans.extend(spans.scope_spans.into_iter().flat_map(|spans| spans.spans));
    }
}

struct Grpc(Arc<Mutex<Kept>>);

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        if let Some(token) = request.metadata().get("x-token") {
            self.0.lock().unwrap().tokens.push(token.to_str().unwrap().to_owned());
        }
        keep(&self.0, request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A process has one span sink: tests that export run one after the other.
pub(crate) async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: OnceLock<tokio::sync::Mutex<()>> = OnceLock::new();
    TURN.get_or_init(tokio::sync::Mutex::default).lock().await
}

pub(crate) fn settings(url: &str) -> OtlpSettings {
    let mut otlp = OtlpSettings::default().endpoint(url).interval(Duration::from_millis(50));
    otlp.timeout = LIMIT;
    otlp.logs = false;
    otlp
}

pub(crate) fn start(otlp: OtlpSettings) -> Telemetry {
    start_logged(otlp, Arc::new(NoopLogger)).unwrap()
}

pub(crate) fn start_logged(otlp: OtlpSettings, log: Arc<dyn Logger>) -> Result<Telemetry, TelemetryError> {
    let settings = TelemetrySettings::default().otlp(otlp);
    Telemetry::start(&settings, &ServiceIdentity::new("orders", "1.0.0"), log)
}

/// Records so many spans of one trace.
pub(crate) fn record(count: usize) {
    let root = Context::new(RequestId::generate()).entry_span("GET", SpanKind::Server);
    assert!(root.is_recording(), "the sink is installed");
    (1..count).for_each(|_| drop(root.ctx().span("work", SpanKind::Internal)));
}

/// The value of a counter with these labels.
pub(crate) fn counter(telemetry: &Telemetry, name: &str, labels: &str) -> u64 {
    let text = telemetry.metrics().unwrap().render();
    let of_it = |line: &&str| line.starts_with(name) && line.contains(labels);
    text.lines().filter(of_it).filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}
