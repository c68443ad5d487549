use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tower_service::Service as _;
use underpin_errors::Error;
use underpin_http::{HttpSettings, standard};
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
    let seen = series.0.lock().unwrap();
    let seen: Vec<&str> = seen.iter().map(String::as_str).filter(|line| line.contains("duration")).collect();
    let line = |method: &str, route: &str, status: u16, error: &str| {
        format!(
            "http_server_request_duration_seconds http_request_method={method} http_route={route} \
             http_response_status_code={status} error_type={error}"
        )
    };
    let expected = [
        line("GET", "/orders/{id}", 200, ""),
        line("GET", "unmatched", 404, ""),
        line("POST", "/orders/{id}", 404, "NOT_FOUND"),
        line("_OTHER", "/orders/{id}", 405, ""),
    ];
    assert_eq!(seen, expected);
}
