use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower_service::Service as _;
use underpin_errors::Error;
use underpin_http::{Drain, HttpSettings, Standard, standard};
use underpin_logger::NoopLogger;

/// Keeps the series, not their values.
#[derive(Default)]
struct Series(Mutex<BTreeSet<String>>);

impl Series {
    fn keep(&self, key: &Key) {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        self.0.lock().unwrap().insert(format!("{} {}", key.name(), labels.join(" ")));
    }
}

impl Recorder for Series {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.keep(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.keep(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.keep(key);
        Histogram::noop()
    }
}

fn line(method: &str, route: &str, status: u16, error: &str) -> String {
    format!(
        "http_server_request_duration_seconds http_request_method={method} http_route={route} \
         http_response_status_code={status} error_type={error}"
    )
}

/// The series of the duration of requests.
fn durations(series: &Series) -> Vec<String> {
    let seen = series.0.lock().unwrap();
    seen.iter().filter(|line| line.contains("duration")).cloned().collect()
}

/// However routes are put together, the label is the whole template of the one that matched.
#[tokio::test(flavor = "current_thread")]
async fn the_route_label_is_the_whole_template_of_nested_merged_and_wildcard_routes() {
    let series = Series::default();
    let _installed = metrics::set_default_local_recorder(&series);
    let items = Router::new().route("/{item}", get(async || "item"));
    let orders = Router::new().route("/", get(async || "all")).nest("/{id}/items", items);
    let files = Router::new().route("/files/{*path}", get(async || "file"));
    let files = files.route("/hangs/{id}", get(std::future::pending::<()>));
    let inner = Router::new().nest("/v1/orders", orders).merge(files).fallback(async || "nothing");
    let settings = HttpSettings::default();
    let log = Arc::new(NoopLogger);
    let mut routes = Standard::new(&settings, log).health("/health", Drain::default()).apply(inner);
    for (path, _) in WHOLE {
        let request: Request = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(routes.call(request).await.unwrap().status(), 200, "{path}");
    }
    // A client that goes away.
    let gone = routes.call(Request::get("/hangs/7").body(Body::empty()).unwrap());
    assert!(tokio::time::timeout(Duration::ZERO, gone).await.is_err());
    let mut expected: Vec<_> = WHOLE.iter().map(|(_, route)| line("GET", route, 200, "")).collect();
    expected.push(line("GET", "/hangs/{id}", 499, "cancelled"));
    expected.sort();
    assert_eq!(durations(&series), expected);
}

/// Paths and the templates of their routes.
const WHOLE: [(&str, &str); 5] = [
    ("/v1/orders", "/v1/orders"),
    ("/v1/orders/7/items/tea", "/v1/orders/{id}/items/{item}"),
    ("/files/a/b/c.txt", "/files/{*path}"),
    ("/health", "/health"),
    ("/made/up", "unmatched"),
];

/// What a client makes up, a path or a method, makes no series.
#[tokio::test(flavor = "current_thread")]
async fn series_have_the_template_of_the_route_and_a_closed_set_of_methods() {
    let series = Series::default();
    let _installed = metrics::set_default_local_recorder(&series);
    let nested = Router::new().route("/{id}", get(async || "one").post(async || Error::not_found("no")));
    let routes = Router::new().nest("/orders", nested);
    let mut routes = standard(routes, &HttpSettings::default(), Arc::new(NoopLogger));
    let mut call = async |method: &str, path: String| {
        let request: Request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        routes.call(request).await.unwrap()
    };
    for number in 0..100 {
        call("GET", format!("/orders/{number}")).await;
        call("GET", format!("/made/up/{number}")).await;
        call(&format!("M{number}"), "/orders/1".to_owned()).await;
    }
    call("POST", "/orders/1".to_owned()).await;
    let expected = [
        line("GET", "/orders/{id}", 200, ""),
        line("GET", "unmatched", 404, ""),
        line("POST", "/orders/{id}", 404, "NOT_FOUND"),
        line("_OTHER", "/orders/{id}", 405, ""),
    ];
    assert_eq!(durations(&series), expected);
}
