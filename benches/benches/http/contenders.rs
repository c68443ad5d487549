use std::error::Error;
use std::fs::File;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::get;
use axum_prometheus::PrometheusMetricLayer;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use underpin_http::{CorsSettings, HttpServer, HttpSettings, standard};
use underpin_logger::sink::{DirectSink, Output};
use underpin_logger::{Logger, NoopLogger, SlogLogger};

/// Where the lines of all go.
pub(crate) struct Log(Arc<dyn Logger>);

impl Log {
    pub(crate) fn to_nowhere() -> Result<Self, Box<dyn Error>> {
        let output = Output::writer(File::options().write(true).open("/dev/null")?);
        Ok(Self(Arc::new(SlogLogger::json(Default::default()).sink(DirectSink::new(output)).build())))
    }

    pub(crate) fn subscriber(
        &self,
    ) -> Result<impl tracing::Subscriber + Send + Sync + use<>, Box<dyn Error>> {
        let file = File::options().write(true).open("/dev/null")?;
        Ok(tracing_subscriber::fmt().json().flatten_event(true).with_writer(Mutex::new(file)).finish())
    }
}

pub(crate) fn routes() -> Router {
    Router::new().route("/orders/{id}", get(async || "hello"))
}

fn settings() -> HttpSettings {
    HttpSettings::default().port(0).cors(CorsSettings::default().origins(["https://shop.example"]))
}

/// The routes alone, served by axum.
pub(crate) async fn bare() -> Result<SocketAddr, Box<dyn Error>> {
    serve(routes()).await
}

/// Served until the process ends.
async fn serve(routes: Router) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        use axum::serve::ListenerExt as _;
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, routes).await
    });
    Ok(address)
}

/// Served by underpin's loop until the process ends.
pub(crate) async fn our_loop(routes: Router) -> Result<SocketAddr, Box<dyn Error>> {
    let server = HttpServer::new(&settings(), routes);
    server.start().await?;
    let address = server.address().ok_or("it listens")?;
    // A server that is dropped closes its connections.
    std::mem::forget(server);
    Ok(address)
}

pub(crate) fn standard_without_log() -> Router {
    standard(routes(), &settings(), Arc::new(NoopLogger))
}

pub(crate) fn standard_with_log(log: &Log) -> Router {
    standard(routes(), &settings(), Arc::clone(&log.0))
}

/// What `standard` does, by the layers that others use for it.
pub(crate) async fn assembled() -> Result<SocketAddr, Box<dyn Error>> {
    let header = |name: &'static str, value: &'static str| {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        SetResponseHeaderLayer::if_not_present(name, value)
    };
    let id = HeaderName::from_static("x-request-id");
    let cors = CorsLayer::new().allow_origin([HeaderValue::from_static("https://shop.example")]);
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(tracing::Level::INFO))
                .on_response(DefaultOnResponse::new().level(tracing::Level::INFO)),
        )
        .layer(PropagateRequestIdLayer::new(id))
        .layer(PrometheusMetricLayer::new())
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
        .layer(header("referrer-policy", "no-referrer"))
        .layer(header("cross-origin-resource-policy", "same-origin"))
        .layer(header("cross-origin-opener-policy", "same-origin"))
        .layer(cors)
        .layer(tower::limit::GlobalConcurrencyLimitLayer::new(1024))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(30)))
        .layer(CatchPanicLayer::new())
        .layer(RequestBodyLimitLayer::new(1 << 20));
    serve(routes().layer(layers)).await
}
