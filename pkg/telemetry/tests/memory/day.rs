//! A day of samples that nobody scrapes takes no more memory than an hour of them.

use metrics::{counter, histogram};
use underpin_telemetry::testing::CaptureMetrics;

use crate::allocator::{alone, live};

/// Upkeeps of an hour, at the default interval of five seconds.
const HOUR: usize = 3600 / 5;
const SAMPLES: usize = 20;

fn pass(captured: &CaptureMetrics, hours: usize) {
    captured.during(|| {
        for upkeep in 0..hours * HOUR {
            for sample in 0..SAMPLES {
                let route = ["/orders", "/orders/{id}", "/health"][sample % 3];
                histogram!("request_seconds", "route" => route)
                    .record(f64::from(u8::try_from(sample).unwrap()) / 10.0);
                counter!("requests_total", "route" => route).increment(u64::try_from(upkeep % 2).unwrap());
            }
            captured.metrics().upkeep();
        }
    });
}

#[test]
fn a_day_without_a_scrape_takes_no_more_than_an_hour() {
    let _turn = alone();
    let captured = CaptureMetrics::new();
    pass(&captured, 1);
    let hour = live();
    pass(&captured, 23);
    let day = live();
    assert!(day - hour < 256 * 1024, "{} bytes more", day - hour);
    let total = captured.value(r#"request_seconds_count{route="/orders"}"#);
    assert_eq!(total, Some(f64::from(u32::try_from(24 * HOUR * 7).unwrap())));
}
