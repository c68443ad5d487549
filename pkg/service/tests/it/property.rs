//! Whatever starts and stops do: each opened component is stopped exactly once, in reverse, within the limit.

use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::time::Instant;
use underpin_errors::Error;
use underpin_service::testing::TestService;
use underpin_service::{Component, Deadline, Ended, LifecycleSettings, Stopped};

use crate::order::{Recorder, journal};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Works,
    Fails,
    Hangs,
    Panics,
    Blocks,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Plugin,
    Part,
    Traffic,
}

#[derive(Clone)]
struct Wild {
    recorder: Recorder,
    start: Act,
    stop: Act,
}

#[async_trait]
impl Component for Wild {
    fn name(&self) -> &str {
        &self.recorder.name
    }

    async fn start(&self) -> Result<(), Error> {
        self.recorder.note("+");
        match self.start {
            Act::Works | Act::Blocks => Ok(()),
            Act::Fails => Err(Error::unavailable("no")),
            Act::Hangs => std::future::pending().await,
            Act::Panics => panic!("start"),
        }
    }

    async fn stop(&self, deadline: Deadline) -> Stopped {
        self.recorder.note("-");
        match self.stop {
            Act::Works => Stopped::Clean,
            Act::Fails => Stopped::cut("some"),
            Act::Hangs => std::future::pending().await,
            Act::Panics => panic!("stop"),
            Act::Blocks => {
                deadline.passed().await;
                Stopped::cut("waited")
            }
        }
    }
}

fn component() -> impl Strategy<Value = (Stage, Act, Act)> {
    let stage = prop_oneof![Just(Stage::Plugin), Just(Stage::Part), Just(Stage::Traffic)];
    let start = prop_oneof![12 => Just(Act::Works), 1 => Just(Act::Fails), 1 => Just(Act::Hangs), 1 => Just(Act::Panics)];
    let stop = prop_oneof![
        Just(Act::Works),
        Just(Act::Fails),
        Just(Act::Hangs),
        Just(Act::Panics),
        Just(Act::Blocks)
    ];
    (stage, start, stop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_opened_component_is_stopped_once_in_reverse_and_in_time(tree in prop::collection::vec(component(), 0..9)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(run(tree));
    }
}

async fn run(tree: Vec<(Stage, Act, Act)>) {
    let journal = journal();
    let new = |index: usize, start, stop| Wild {
        recorder: Recorder::new(index.to_string(), Duration::ZERO, &journal),
        start,
        stop,
    };
    let limits = LifecycleSettings::default()
        .start_within(Duration::from_secs(5))
        .stop_within(Duration::from_secs(10));
    let stopping = std::cell::Cell::new(None);
    let ended = TestService::new(())
        .lifecycle(limits)
        .run(
            async |start| {
                for (index, (stage, begins, ends)) in tree.iter().enumerate() {
                    let component = new(index, *begins, *ends);
                    match stage {
                        Stage::Plugin => drop(start.plugin(component).await?),
                        Stage::Part => drop(start.part(component).await?),
                        Stage::Traffic => drop(start.traffic(component)),
                    }
                }
                Ok(())
            },
            async |_| stopping.set(Some(Instant::now())),
        )
        .await;

    let seen = journal.lock().unwrap().clone();
    let names = |sign: char| -> Vec<usize> {
        seen.iter().filter_map(|entry| entry.strip_prefix(sign)).map(|name| name.parse().unwrap()).collect()
    };
    let (started, stopped) = (names('+'), names('-'));
    let stage = |index: &usize| tree[*index].0;
    // Exactly those that were begun, each once.
    let (mut a, mut b) = (started.clone(), stopped.clone());
    a.sort_unstable();
    b.sort_unstable();
    assert_eq!(a, b, "{seen:?}");
    // Traffic before parts before plugins; parts and plugins reversed.
    let order = |wanted: Stage| -> Vec<usize> {
        stopped.iter().filter(|index| stage(index) == wanted).copied().collect()
    };
    let grouped = [order(Stage::Traffic), order(Stage::Part), order(Stage::Plugin)].concat();
    assert_eq!(stopped, grouped, "{seen:?}");
    for wanted in [Stage::Part, Stage::Plugin] {
        let begun: Vec<usize> =
            started.iter().filter(|index| stage(index) == wanted).rev().copied().collect();
        assert_eq!(order(wanted), begun, "{seen:?}");
    }
    // A start that did not work fails the service.
    let all_worked = tree.iter().all(|(_, begins, _)| *begins == Act::Works);
    assert_eq!(matches!(ended, Ended::Clean { .. }), all_worked, "{ended:?}");
    if let Some(began) = stopping.get() {
        assert!(began.elapsed() <= Duration::from_millis(10_050), "{:?}", began.elapsed());
    }
}
