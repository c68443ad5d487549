use std::sync::OnceLock;
use std::time::Duration;

use axum::http::StatusCode;
use metrics::Histogram;

use super::meters::{self, Labels};

/// The series of one route, in the order of their first use. What does not fit is looked up in the recorder.
#[derive(Default)]
pub(super) struct Durations([OnceLock<Series>; 8]);

struct Series {
    method: &'static str,
    status: Option<StatusCode>,
    error: Box<str>,
    histogram: Histogram,
}

impl Durations {
    /// Records a request of this route.
    pub(super) fn record(&self, route: &str, labels: Labels<'_>, took: Duration) {
        for known in &self.0 {
            let series = known.get_or_init(|| Series::new(route, labels));
            if series.labels() == labels {
                return series.histogram.record(took);
            }
        }
        meters::duration(route, labels).record(took);
    }
}

impl Series {
    fn new(route: &str, labels: Labels<'_>) -> Self {
        let Labels { method, status, error } = labels;
        Self { method, status, error: error.into(), histogram: meters::duration(route, labels) }
    }

    fn labels(&self) -> Labels<'_> {
        Labels { method: self.method, status: self.status, error: &self.error }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use metrics::{Counter, Gauge, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};

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
    fn a_series_is_looked_up_once_and_those_beyond_the_room_each_time() {
        let (counts, durations) = (Counts::default(), Durations::default());
        let statuses = (200..210).map(|status| StatusCode::from_u16(status).ok());
        metrics::with_local_recorder(&counts, || {
            for status in statuses.clone().chain(statuses) {
                let labels = Labels { method: "GET", status, error: "" };
                durations.record("/orders/{id}", labels, Duration::ZERO);
            }
        });
        let seen = (counts.looked_up.into_inner(), counts.recorded.0.load(Ordering::Relaxed));
        assert_eq!(seen, (8 + 2 + 2, 20));
    }
}
