//! What the pools of a process show through the `metrics` facade. The recorder is global, so this test has its own process.
#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use metrics::{
        Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
        SharedString, Unit,
    };
    use underpin_database::{DatabaseSettings, Executor, Pool, connect, sql};
    use underpin_logger::NoopLogger;
    use underpin_testkit::eventually;

    const LIMIT: Duration = Duration::from_secs(60);

    /// The last value of each metric, and its description.
    #[derive(Clone, Default)]
    struct Exporter {
        values: Arc<Mutex<BTreeMap<String, i64>>>,
        described: Arc<Mutex<BTreeMap<String, String>>>,
    }

    impl Exporter {
        fn value(&self, name: &str) -> i64 {
            self.values.lock().unwrap().get(&format!("underpin_database_{name}")).copied().unwrap_or_default()
        }

        fn describe(&self, name: &KeyName, text: &SharedString) {
            self.described.lock().unwrap().insert(name.as_str().to_owned(), text.to_string());
        }

        fn cell(&self, key: &Key) -> Arc<Cell> {
            Arc::new(Cell(self.clone(), key.name().to_owned()))
        }
    }

    struct Cell(Exporter, String);

    impl Cell {
        fn change(&self, change: impl FnOnce(&mut i64)) {
            change(self.0.values.lock().unwrap().entry(self.1.clone()).or_default());
        }
    }

    impl CounterFn for Cell {
        fn increment(&self, value: u64) {
            self.change(|now| *now += i64::try_from(value).unwrap());
        }

        fn absolute(&self, value: u64) {
            self.change(|now| *now = (*now).max(value.try_into().unwrap()));
        }
    }

    impl GaugeFn for Cell {
        fn increment(&self, value: f64) {
            self.change(|now| *now += value as i64);
        }

        fn decrement(&self, value: f64) {
            self.change(|now| *now -= value as i64);
        }

        fn set(&self, value: f64) {
            self.change(|now| *now = value as i64);
        }
    }

    impl HistogramFn for Cell {
        fn record(&self, seconds: f64) {
            assert!((0.0..60.0).contains(&seconds));
            self.change(|now| *now += 1);
        }
    }

    impl Recorder for Exporter {
        fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
            self.describe(&name, &text);
        }

        fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
            self.describe(&name, &text);
        }

        fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
            assert_eq!(unit, Some(Unit::Seconds));
            self.describe(&name, &text);
        }

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.cell(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::from_arc(self.cell(key))
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(self.cell(key))
        }
    }

    async fn memory() -> Pool {
        connect(&DatabaseSettings::new("sqlite::memory:"), Arc::new(NoopLogger)).await.unwrap()
    }

    #[tokio::test]
    async fn pools_add_up_also_those_opened_before_the_exporter() {
        let early = memory().await;
        let held = early.session().await.unwrap();
        drop(tokio::spawn({
            let early = early.clone();
            async move { early.query_one(sql("SELECT 1", [])).await.map(drop) }
        }));
        // Two rounds of the maintenance task ran without an exporter.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        drop(held);

        let exporter = Exporter::default();
        metrics::set_global_recorder(exporter.clone()).unwrap_or_else(|_| unreachable!("it is the first"));
        let late = memory().await;
        let shows = |open, idle, in_use| {
            let seen = ["connections_open", "connections_idle", "connections_in_use"];
            seen.map(|name| exporter.value(name)) == [open, idle, in_use]
        };
        eventually(LIMIT, "both pools are shown", async || shows(2, 2, 0)).await;
        eventually(LIMIT, "the first connection of each is counted", async || {
            exporter.value("connections_opened_total")
                == i64::try_from(early.stats().opened + late.stats().opened).unwrap()
        })
        .await;

        let before = exporter.value("acquire_seconds");
        for _ in 0..3 {
            late.query_one(sql("SELECT 1", [])).await.unwrap();
        }
        let held = late.session().await.unwrap();
        let waiting = tokio::spawn({
            let late = late.clone();
            async move { late.session().await.map(drop) }
        });
        eventually(LIMIT, "a caller waits", async || exporter.value("callers_waiting") == 1).await;
        drop(held);
        waiting.await.unwrap().unwrap();
        assert_eq!(exporter.value("acquire_seconds") - before, 5);

        // A caller that goes away in a transaction costs a reset.
        let tx = underpin_database::Connections::begin(&late, underpin_database::TxOptions::default())
            .await
            .unwrap();
        drop(tx);
        eventually(LIMIT, "the reset is counted", async || exporter.value("connections_settled_total") == 1)
            .await;

        early.close(Duration::from_secs(5)).await;
        eventually(LIMIT, "the closed pool is gone", async || shows(1, 1, 0)).await;
        drop(late);
        eventually(LIMIT, "the dropped pool is gone", async || shows(0, 0, 0)).await;

        let described = exporter.described.lock().unwrap();
        assert_eq!(described.len(), 12, "{described:?}");
        assert!(
            described
                .iter()
                .all(|(name, text)| name.starts_with("underpin_database_") && text.ends_with('.'))
        );
    }
}
