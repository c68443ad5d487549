//! Tasks that end, panic or outlive the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use underpin_errors::{Error, Report};
use underpin_logger::testing::CaptureLogger;
use underpin_logger::{Context, Level};
use underpin_service::testing::TestService;
use underpin_service::{Ended, LifecycleSettings, OnEnd, RestartPolicy, Stop};
use underpin_telemetry::testing::CaptureMetrics;

/// Runs a service with one task until it ends by itself.
async fn with_task(
    on_end: OnEnd,
    task: impl Fn(u32) -> Result<(), Error> + Clone + Send + Sync + 'static,
) -> (Ended, u32) {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let ended = TestService::new(())
        .run(
            async |start| {
                let counted = Arc::clone(&counted);
                start.supervise("ticker", on_end, move |_| {
                    let (counted, task) = (Arc::clone(&counted), task.clone());
                    async move { task(counted.fetch_add(1, Ordering::SeqCst)) }
                });
                Ok(())
            },
            async |_| tokio::time::sleep(Duration::from_secs(3600)).await,
        )
        .await;
    (ended, runs.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_task_that_returns_fails_or_panics_ends_the_service() {
    type Task = fn(u32) -> Result<(), Error>;
    let tasks: [(Task, &str); 3] = [
        (|_| Ok(()), "returned before the service stopped"),
        (|_| Err(Error::unavailable("the disk is full")), "the disk is full"),
        (|_| panic!("index out of bounds"), "index out of bounds"),
    ];
    for (task, reason) in tasks {
        let (ended, _) = with_task(OnEnd::EndService, task).await;
        let Ended::Failed { error, .. } = ended else { panic!("{ended:?}") };
        let text = Report(&error).to_string();
        assert!(text.contains("ticker") && text.contains(reason), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_is_restarted_until_the_policy_gives_up() {
    let policy = RestartPolicy::default().at_most(3, Duration::from_secs(600));
    let (ended, runs) = with_task(OnEnd::Restart(policy), |_| panic!("again")).await;
    assert!(matches!(ended, Ended::Failed { .. }));
    assert_eq!(runs, 4);

    let (ended, runs) = with_task(OnEnd::Ignore, |_| Err(Error::internal("once"))).await;
    assert!(matches!(ended, Ended::Clean { .. }));
    assert_eq!(runs, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_asks_tasks_to_end_and_aborts_those_that_do_not() {
    let log = CaptureLogger::new();
    let ended = TestService::new(())
        .lifecycle(LifecycleSettings::default().stop_within(Duration::from_secs(4)))
        .log(Arc::new(log.clone()))
        .run(
            async |start| {
                start.supervise("polite", OnEnd::EndService, |stop: Stop| async move {
                    stop.requested().await;
                    Ok(())
                });
                start.supervise("deaf", OnEnd::EndService, |_| std::future::pending());
                Ok(())
            },
            async |_| (),
        )
        .await;
    assert!(matches!(ended, Ended::Clean { cut } if cut == ["1 supervised tasks"]));
    log.assert_logged(Level::Info, "service stopped");
}

#[tokio::test(start_paused = true)]
async fn work_that_was_cut_is_logged_and_counted() {
    let (log, metrics) = (CaptureLogger::new(), CaptureMetrics::new());
    let recorder = metrics.clone();
    let service = TestService::new(())
        .lifecycle(LifecycleSettings::default().stop_within(Duration::from_secs(4)))
        .log(Arc::new(log.clone()))
        .run(
            async |start| {
                let spawner = start.spawner();
                start.on_ready(async move || {
                    spawner.spawn(&Context::background(), std::future::pending());
                    spawner.spawn(&Context::background(), std::future::pending());
                });
                start.supervise("deaf", OnEnd::EndService, |_| std::future::pending());
                Ok(())
            },
            async |_| (),
        );
    let mut service = std::pin::pin!(service);
    let ended = std::future::poll_fn(|cx| recorder.during(|| service.as_mut().poll(cx))).await;
    let Ended::Clean { cut } = ended else { panic!("{ended:?}") };
    assert_eq!(cut, ["2 tasks after requests", "1 supervised tasks"]);
    for component in ["spawner", "tasks"] {
        let series = format!("underpin_service_stop_cut_total{{component=\"{component}\"}}");
        assert_eq!(metrics.value(&series), Some(1.0), "{}", metrics.render());
        let cut = log.entries().into_iter().filter(|entry| entry.msg == "work was cut off");
        let cut: Vec<_> = cut.filter(|entry| entry.tag("component") == Some(component)).collect();
        assert!(matches!(cut.as_slice(), [one] if one.level == Level::Warn), "{component}: {cut:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn work_after_a_request_is_waited_for_and_its_panic_is_logged() {
    let log = CaptureLogger::new();
    let done = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&done);
    let ended = TestService::new(())
        .log(Arc::new(log.clone()))
        .run(
            async |start| {
                let spawner = start.spawner();
                start.on_ready(async move || {
                    spawner.spawn(&Context::background(), async move {
                        tokio::time::sleep(Duration::from_secs(2)).await;
                        counted.fetch_add(1, Ordering::SeqCst);
                    });
                    spawner.spawn(&Context::background(), async { panic!("mail server") });
                });
                Ok(())
            },
            async |_| (),
        )
        .await;
    assert!(matches!(ended, Ended::Clean { cut } if cut.is_empty()));
    assert_eq!(done.load(Ordering::SeqCst), 1);
    log.assert_logged(Level::Error, "work after a request panicked");
}
