//! A day of samples that nobody scrapes takes no more memory than an hour of them.
#![allow(unsafe_code, reason = "a counting allocator cannot be written without")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicI64, Ordering},
};

use metrics::{counter, histogram};
use underpin_telemetry::testing::CaptureMetrics;

struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

fn note(bytes: usize, sign: i64) {
    LIVE.fetch_add(sign * i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
}

// SAFETY: every call goes to the system allocator unchanged; the counter is an atomic, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    let before = LIVE.load(Ordering::Relaxed);
    let held = vec![0_u8; 1 << 20];
    assert!(LIVE.load(Ordering::Relaxed) - before >= 1 << 20, "the counter counts");
    drop(held);
    let captured = CaptureMetrics::new();
    pass(&captured, 1);
    let hour = LIVE.load(Ordering::Relaxed);
    pass(&captured, 23);
    let day = LIVE.load(Ordering::Relaxed);
    assert!(day - hour < 256 * 1024, "{} bytes more", day - hour);
    let total = captured.value(r#"request_seconds_count{route="/orders"}"#);
    assert_eq!(total, Some(f64::from(u32::try_from(24 * HOUR * 7).unwrap())));
}
