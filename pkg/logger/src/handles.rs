use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

/// Handles of metrics that are registered once instead of with each use: registering hashes every label and takes a lock.
///
/// They are registered again for another recorder, so that an exporter may be installed late, and after a second, so that an exporter
/// that forgets idle series does not miss this one when it is used again. Threads share them without a lock.
///
/// # Examples
/// ```
/// use std::time::Instant;
/// use metrics::{Counter, counter};
/// use underpin_logger::Handles;
///
/// static ORDERS: Handles<Counter> = Handles::new();
///
/// ORDERS.with(Instant::now(), || counter!("orders_total"), |orders| orders.increment(1));
/// ```
pub struct Handles<T>(ArcSwapOption<Registered<T>>);

struct Registered<T> {
    /// The address of the recorder, which distinguishes it from others.
    recorder: usize,
    since: Instant,
    handles: T,
}

/// How long handles are used.
const KEPT: Duration = Duration::from_secs(1);

impl<T> Handles<T> {
    /// No handles yet.
    pub const fn new() -> Self {
        Self(ArcSwapOption::const_empty())
    }

    /// Lends the handles of the recorder that is installed now. `now` is the time, or a little before it.
    pub fn with<R>(&self, now: Instant, register: impl FnOnce() -> T, work: impl FnOnce(&T) -> R) -> R {
        let recorder = metrics::with_recorder(|recorder| std::ptr::from_ref(recorder).cast::<()>().addr());
        let kept = self.0.load();
        if let Some(kept) = &*kept
            && kept.recorder == recorder
            && now.saturating_duration_since(kept.since) <= KEPT
        {
            return work(&kept.handles);
        }
        drop(kept);
        let registered = Arc::new(Registered { recorder, since: now, handles: register() });
        self.0.store(Some(Arc::clone(&registered)));
        work(&registered.handles)
    }
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Handles<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, with_local_recorder,
    };

    use super::*;

    /// A recorder with an address of its own.
    struct Other(#[expect(dead_code, reason = "gives it a size")] u8);

    impl Recorder for Other {
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
            Histogram::noop()
        }
    }

    #[test]
    fn handles_are_registered_once_a_second_and_for_each_recorder() {
        let (handles, registered, began) = (Handles::new(), Cell::new(0), Instant::now());
        let at = |milliseconds| {
            let register = || registered.replace(registered.get() + 1);
            handles.with(began + Duration::from_millis(milliseconds), register, |number| *number)
        };
        assert_eq!([0, 500, 1000, 1001, 900, 3000].map(at), [0, 0, 0, 1, 1, 2]);
        let others = [Other(1), Other(2)];
        let seen = others.each_ref().map(|other| with_local_recorder(other, || [at(3000), at(3000)]));
        assert_eq!(seen, [[3, 3], [4, 4]]);
        assert_eq!(at(3000), 5);
    }
}
