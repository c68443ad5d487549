//! Handles of metrics, kept for a moment: a look-up in the recorder hashes every label and takes a lock.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use metrics::{Gauge, Histogram};

use super::meters::{self, Labels};

/// How long a handle is used. A recorder that forgets idle series must see that this one is not idle.
const KEPT: Duration = Duration::from_secs(1);

/// Handles of one thread; what is beyond is looked up.
const MOST: usize = 1024;

/// The handles of one thread.
struct Handles {
    /// The address of the recorder that they belong to: another one may be installed at any time.
    recorder: usize,
    since: Instant,
    active: Gauge,
    durations: HashMap<Box<str>, Vec<Kept>>,
    count: usize,
}

struct Kept {
    method: &'static str,
    status: Option<StatusCode>,
    error: Box<str>,
    histogram: Histogram,
}

impl Kept {
    fn labels(&self) -> Labels<'_> {
        Labels { method: self.method, status: self.status, error: &self.error }
    }
}

thread_local! {
    static HANDLES: RefCell<Option<Handles>> = const { RefCell::new(None) };
}

/// Records a request that ended now.
pub(super) fn record(route: &str, labels: Labels<'_>, now: Instant, took: Duration) {
    with(Some(now), |handles| handles.duration(route, labels, took.as_secs_f64()));
}

/// Adds to the number of requests in flight.
pub(super) fn add_active(count: f64) {
    with(None, |handles| handles.active.increment(count));
}

/// The handles of this thread, renewed when they are old or another recorder is installed.
fn with(now: Option<Instant>, work: impl FnOnce(&mut Handles)) {
    let recorder = metrics::with_recorder(|recorder| std::ptr::from_ref(recorder).cast::<()>().addr());
    let is_old = |handles: &Handles| {
        handles.recorder != recorder || now.is_some_and(|now| now.duration_since(handles.since) > KEPT)
    };
    // A thread that ends keeps nothing, and serves no more.
    let _ended = HANDLES.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.as_ref().is_some_and(is_old) {
            *kept = None;
        }
        work(kept.get_or_insert_with(|| Handles::new(recorder, now)));
    });
}

impl Handles {
    fn new(recorder: usize, now: Option<Instant>) -> Self {
        let since = now.unwrap_or_else(Instant::now);
        Self { recorder, since, active: meters::active(), durations: HashMap::new(), count: 0 }
    }

    fn duration(&mut self, route: &str, labels: Labels<'_>, seconds: f64) {
        let series = self.durations.get(route);
        if let Some(kept) = series.and_then(|all| all.iter().find(|kept| kept.labels() == labels)) {
            return kept.histogram.record(seconds);
        }
        let histogram = meters::duration(route, labels);
        histogram.record(seconds);
        if self.count < MOST {
            self.count += 1;
            let Labels { method, status, error } = labels;
            let kept = Kept { method, status, error: error.into(), histogram };
            self.durations.entry(route.into()).or_default().push(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use metrics::{Counter, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// Counts look-ups and records.
    #[derive(Default)]
    struct Counts {
        looked_up: AtomicUsize,
        recorded: Arc<Recorded>,
    }

    #[derive(Default)]
    struct Recorded(AtomicUsize);

    impl HistogramFn for Recorded {
        fn record(&self, _: f64) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            self.looked_up.fetch_add(1, Ordering::Relaxed);
            Histogram::from_arc(Arc::clone(&self.recorded))
        }
    }

    #[test]
    fn a_series_is_looked_up_once_a_second_and_for_each_recorder() {
        let ok = Labels { method: "GET", status: Some(StatusCode::OK), error: "" };
        let failed = Labels { method: "GET", status: Some(StatusCode::BAD_GATEWAY), error: "UNAVAILABLE" };
        let (first, second, began) = (Counts::default(), Counts::default(), Instant::now());
        metrics::with_local_recorder(&first, || {
            for _ in 0..10 {
                record("/orders/{id}", ok, began, Duration::ZERO);
                record("/orders/{id}", failed, began, Duration::ZERO);
                record("/stats", ok, began, Duration::ZERO);
            }
        });
        let seen = |counts: &Counts| {
            (counts.looked_up.load(Ordering::Relaxed), counts.recorded.0.load(Ordering::Relaxed))
        };
        assert_eq!(seen(&first), (3, 30));
        metrics::with_local_recorder(&second, || {
            record("/stats", ok, began, Duration::ZERO);
            record("/stats", ok, began + Duration::from_secs(2), Duration::ZERO);
        });
        assert_eq!((seen(&first), seen(&second)), ((3, 30), (2, 2)));
    }

    #[test]
    fn beyond_the_most_handles_every_request_is_recorded_still() {
        let (counts, now) = (Counts::default(), Instant::now());
        metrics::with_local_recorder(&counts, || {
            for round in 0..2 {
                for number in 0..MOST + 10 {
                    let labels = Labels { method: "GET", status: None, error: "" };
                    record(&format!("/{number}"), labels, now, Duration::ZERO);
                }
                let looked_up = counts.looked_up.load(Ordering::Relaxed);
                assert_eq!(looked_up, MOST + 10 + round * 10);
            }
        });
        assert_eq!(counts.recorded.0.load(Ordering::Relaxed), 2 * (MOST + 10));
    }
}
