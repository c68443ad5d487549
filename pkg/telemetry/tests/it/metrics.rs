//! What is recorded is rendered in fixed buckets, and stays small whatever the labels are.

use metrics::{counter, histogram};
use underpin_telemetry::{MetricsSettings, testing::CaptureMetrics};

#[test]
fn a_hundred_thousand_paths_are_a_constant_number_of_series() {
    let captured = CaptureMetrics::with(&MetricsSettings::default().series_per_metric(100));
    let mut sizes = Vec::new();
    for batch in 0..10 {
        captured.during(|| {
            for number in 0..10_000 {
                let path = format!("/scan/{batch}/{number}");
                counter!("requests_total", "path" => path.clone()).increment(1);
                histogram!("request_seconds", "path" => path).record(0.2);
            }
        });
        sizes.push((captured.series("requests_total"), captured.series("request_seconds")));
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    assert_eq!(sizes[0].0, 101);
    let folded = captured.value(r#"requests_total{path="other"}"#);
    assert_eq!(folded, Some(99_900.0), "nothing is lost from the sum");
    let dropped = captured.value(r#"underpin_telemetry_series_dropped_total{metric="requests_total"}"#);
    assert_eq!(dropped, Some(99_900.0));
}

#[test]
fn histograms_have_fixed_buckets_by_their_unit() {
    let own = MetricsSettings::default().buckets("queue_seconds", [1.0, 60.0]);
    let captured = CaptureMetrics::with(&own);
    captured.during(|| {
        histogram!("request_seconds").record(0.2);
        histogram!("body_bytes").record(2000.0);
        histogram!("queue_seconds").record(30.0);
    });
    assert_eq!(captured.value(r#"request_seconds_bucket{le="0.25"}"#), Some(1.0));
    assert_eq!(captured.value(r#"request_seconds_bucket{le="0.1"}"#), Some(0.0));
    assert_eq!(captured.value(r#"body_bytes_bucket{le="4096"}"#), Some(1.0));
    assert_eq!(captured.value(r#"queue_seconds_bucket{le="1"}"#), Some(0.0));
    assert_eq!(captured.value("queue_seconds_count"), Some(1.0));
    let text = captured.render();
    assert!(!text.contains("quantile"), "{text}");
    assert!(text.contains("underpin_build_info{service=\"test\",version=\"0\""), "{text}");
}

#[tokio::test]
async fn the_runtime_is_reported_once_it_is_known() {
    let captured = CaptureMetrics::new();
    assert_eq!(captured.value("tokio_workers"), None);
    captured.metrics().watch_runtime(tokio::runtime::Handle::current());
    assert_eq!(captured.value("tokio_workers"), Some(1.0));
}
