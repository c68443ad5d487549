//! What a child serves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use underpin_errors::Error;
use underpin_logger::{Context, Logger, info};
use underpin_service::commands::{CommandCall, Offer, command_fn};
use underpin_service::testing::run_command;
use underpin_service::{Component, Deadline, Http, HttpSettings, OnEnd, Service, Start, Stopped, part_fn};

use super::child::Settings;

type Scenario = fn(Service) -> u8;

/// The steps of a stop, in order. A child of the scenario of this name hangs in it.
pub(super) const STEPS: [&str; 9] =
    ["drain", "grace", "quiesce", "traffic", "spawner", "task", "part", "plugin", "stopped"];

pub(super) fn find(name: &str) -> Option<Scenario> {
    Some(match name {
        "idle" => idle,
        "stalled" => stalled,
        "stuck" => stuck,
        "blocking" => blocking,
        "reload" => reload,
        "commands" => commands,
        "reflected" => reflected,
        "blocked" => blocked,
        _ if STEPS.contains(&name) => hangs,
        _ => return None,
    })
}

fn idle(service: Service) -> u8 {
    run_command(service, async |_: &mut Start<Settings>| Ok(())).code
}

/// A component that hangs in one of its steps for as long as it may.
struct Hangs {
    name: &'static str,
    step: String,
    log: Arc<dyn Logger>,
}

impl Hangs {
    async fn at(&self, step: &str) {
        if step == self.step {
            info!(self.log, &Context::background(), "hanging");
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Component for Hangs {
    fn name(&self) -> &str {
        self.name
    }

    async fn quiesce(&self) {
        self.at(if self.name == "traffic" { "quiesce" } else { "" }).await;
    }

    async fn stop(&self, _: Deadline) -> Stopped {
        self.at(self.name).await;
        Stopped::Clean
    }
}

fn hangs(service: Service) -> u8 {
    let step = std::env::var(super::child::SCENARIO).unwrap();
    let build = async |start: &mut Start<Settings>| {
        let new = |name| Arc::new(Hangs { name, step: step.clone(), log: start.log() });
        let (plugin, part, traffic, hook) = (new("plugin"), new("part"), new("traffic"), new("hook"));
        start.plugin(plugin).await?;
        start.part(part).await?;
        start.traffic(traffic);
        let task = Arc::clone(&hook);
        start.supervise("task", OnEnd::EndService, move |stop| {
            let task = Arc::clone(&task);
            async move {
                stop.requested().await;
                task.at("task").await;
                Ok(())
            }
        });
        let (spawner, drain, stopped) = (start.spawner(), Arc::clone(&hook), Arc::clone(&hook));
        if step == "spawner" {
            start.on_ready(async move || {
                spawner.spawn(&Context::background(), async move { std::future::pending().await });
            });
        }
        start.on_drain(async move || drain.at("drain").await);
        start.on_stopped(async move || stopped.at("stopped").await);
        Ok(())
    };
    run_command(service, build).code
}

/// Every worker runs in a circle from the moment the service is ready.
fn stalled(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        start.on_ready(async || {
            for _ in 0..tokio::runtime::Handle::current().metrics().num_workers() + 1 {
                tokio::spawn(async {
                    loop {
                        std::hint::spin_loop();
                        std::thread::park_timeout(Duration::from_millis(50));
                    }
                });
            }
        });
        Ok(())
    };
    run_command(service, build).code
}

/// The main thread itself is blocked during the stop.
fn stuck(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        let log = start.log();
        start.on_drain(async move || {
            info!(log, &Context::background(), "hanging");
            loop {
                std::thread::park_timeout(Duration::from_secs(60));
            }
        });
        Ok(())
    };
    run_command(service, build).code
}

/// Blocking work that never ends.
fn blocking(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        start.on_ready(async || {
            drop(tokio::task::spawn_blocking(|| {
                loop {
                    std::thread::park_timeout(Duration::from_secs(60));
                }
            }));
        });
        Ok(())
    };
    run_command(service, build).code
}

/// Logs each new count.
fn reload(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        let log = start.log();
        start.on_reload(move |settings: &Settings| {
            assert!(settings.count != 66, "a subscriber that panics");
            info!(log, &Context::background(), "counted", count = settings.count);
        });
        Ok(())
    };
    run_command(service, build).code
}

/// Shows the descriptors of a gRPC service.
fn reflected(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        let settings = HttpSettings::default().port(0);
        start.traffic(Http::new(&settings, start.grpc(&settings).into_routes()));
        start.serve_reflection(super::reflection::GREETER)
    };
    run_command(service, build).code
}

/// The main thread is blocked before a signal arrives.
fn blocked(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        let log = start.log();
        start.on_ready(async move || {
            info!(log, &Context::background(), "hanging");
            loop {
                std::thread::park_timeout(Duration::from_secs(60));
            }
        });
        Ok(())
    };
    run_command(service, build).code
}

/// Offers commands for what it holds, and renders metrics.
fn commands(service: Service) -> u8 {
    let build = async |start: &mut Start<Settings>| {
        start.serve_metrics(|| "orders_total 42\n".to_owned());
        start.plugin(HoldsLetters).await?;
        Ok(())
    };
    run_command(service, build).code
}

struct HoldsLetters;

impl underpin_service::Plugin for HoldsLetters {
    type Handle = ();

    async fn open(self, at: &underpin_service::Opening) -> Result<underpin_service::Opened<()>, Error> {
        let run = |call: CommandCall| async move {
            match call.action() {
                "list" => Ok("letter 1\n".to_owned()),
                _ => Err(Error::not_found(format!("no letter {}", call.text("ID").unwrap_or_default()))),
            }
        };
        let offer = Offer::new("letters", command_fn(run)).resource("memory:letters").offline(["burn"]);
        at.commands.offer(offer);
        Ok(underpin_service::Opened::new((), part_fn("letters", |_| async { Stopped::Clean })))
    }
}
