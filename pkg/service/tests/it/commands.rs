//! The command line: what is parsed, opened, run, stopped and refused.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use underpin_config::schema::Reference;
use underpin_config::{Checks, Loader, Secret, Validate};
use underpin_errors::{Error, Kind};
use underpin_logger::LoggerSettings;
use underpin_service::commands::{CommandCall, CommandSpec, Offer, command_fn};
use underpin_service::testing::{CommandResult, run_command};
use underpin_service::{
    LifecycleSettings, Metadata, Opened, Opening, Plugin, Service, ServiceSettings, Start, Stopped, part_fn,
};

use crate::order::{Recorder, journal};

#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// How many.
    pub(crate) count: u32,
    #[schemars(with = "Option<String>")]
    token: Option<Secret<String>>,
    service: LifecycleSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let mut service = LifecycleSettings::default();
        service.admin.enabled = false;
        Self { count: 1, token: None, service }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.count < 100, "count", "must be below 100");
        checks.nested("service", &self.service);
    }
}

impl ServiceSettings for Settings {
    fn logger(&self) -> LoggerSettings {
        LoggerSettings::default()
    }

    fn lifecycle(&self) -> LifecycleSettings {
        self.service.clone()
    }

    fn reference(loader: &Loader) -> Option<Reference> {
        Some(loader.reference::<Self>())
    }
}

pub(crate) fn service(arguments: &[&str]) -> Service {
    let loader = Loader::new("APP").environment([("APP_TOKEN", "marker")]);
    Service::new(Metadata::new("app", "1.2.3"), loader)
        .command(
            CommandSpec::new("letters", "Look after letters")
                .action("list [AFTER]", "List them, or only those above")
                .action("send ID", "Send one")
                .action("burn", "Remove all of them"),
        )
        .command(CommandSpec::new("hang", "Never ends"))
        .arguments(arguments.iter().copied())
}

fn run(arguments: &[&str]) -> CommandResult {
    run_command(service(arguments), async |start: &mut Start<Settings>| {
        let letters = command_fn(|call: CommandCall| async move {
            let after: u32 = call.number("AFTER")?.unwrap_or_default();
            match call.text("ID") {
                Some("9") => Err(Error::new(Kind::NotFound, "no letter 9")),
                id => Ok(format!("{} {id:?} {after}\n", call.action())),
            }
        });
        start.command("letters", letters);
        Ok(())
    })
}

#[test]
fn a_command_of_the_service_gets_its_action_and_arguments() {
    assert_eq!(run(&["letters", "list"]).stdout, "list None 0\n");
    assert_eq!(run(&["letters", "list", "7"]).stdout, "list None 7\n");
    assert_eq!(run(&["letters", "send", "3"]).stdout, "send Some(\"3\") 0\n");
    let failed = run(&["letters", "send", "9"]);
    assert_eq!((failed.code, failed.stderr.as_str()), (1, "app: no letter 9\n"));
    let misused = run(&["letters", "list", "seven"]);
    assert_eq!(misused.code, 2, "{misused:?}");
    assert!(misused.stderr.contains("AFTER"), "{misused:?}");
}

#[test]
fn an_unknown_word_exits_with_2_and_names_the_nearest_one() {
    for (arguments, nearest) in [
        (&["leters", "list"][..], "letters"),
        (&["letters", "lst"], "list"),
        (&["confg", "check"], "config"),
        (&["config", "referense"], "reference"),
        (&["config", "reference", "markdwn"], "markdown"),
        (&["--confg", "x.toml"], "--config"),
        (&["migrat", "up"], "migrate"),
        (&["dead-letter", "list"], "dead-letters"),
        (&["outbox", "quarantine"], "quarantined"),
    ] {
        let refused = run(arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{arguments:?}");
        let tip = refused.stderr.lines().find(|line| line.contains("tip:")).unwrap_or_default();
        assert!(tip.contains(&format!("'{nearest}'")), "{arguments:?}: {}", refused.stderr);
    }
    for arguments in
        [&["letters"][..], &["letters", "send"], &["letters", "send", "1", "2"], &["config"], &["--set", "x"]]
    {
        assert_eq!(run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn help_lists_every_command_and_exits_with_0() {
    let help = run(&["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for word in ["serve", "config", "migrate", "dead-letters", "outbox", "letters", "KEY=VALUE"] {
        assert!(help.stdout.contains(word), "{word}: {}", help.stdout);
    }
    assert_eq!(run(&["--version"]).stdout, "app 1.2.3\n");
}

#[test]
fn config_needs_no_component() {
    let build = async |_: &mut Start<Settings>| -> Result<(), Error> { panic!("no component is opened") };
    let run = |arguments: &[&str]| run_command(service(arguments), build);
    for (form, part) in
        [("markdown", "| `count`"), ("toml", "count = "), ("env", "APP_COUNT"), ("json-schema", "\"count\"")]
    {
        let reference = run(&["config", "reference", form]);
        assert_eq!(reference.code, 0, "{reference:?}");
        assert!(reference.stdout.contains(part), "{form}: {}", reference.stdout);
    }
    assert_eq!(run(&["config", "reference"]), run(&["config", "reference", "markdown"]));
    assert_eq!(run(&["config", "check"]).stdout, "the settings are valid\n");
    let wrong = run(&["config", "check", "count=100", "--set", "service.stop_within=0s"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""));
    assert!(wrong.stderr.contains("`count` must be below 100"), "{wrong:?}");
    assert!(wrong.stderr.contains("service.stop_within"), "{wrong:?}");
    let explained = run(&["count=5", "config", "explain"]);
    assert!(explained.stdout.contains("count = \"5\""), "{explained:?}");
    assert!(explained.stdout.contains("token = [redacted]") && !explained.stdout.contains("marker"));
}

/// A plugin that offers a command.
struct Offering {
    component: Recorder,
    offers: Option<Offer>,
}

impl Plugin for Offering {
    type Handle = ();

    async fn open(self, at: &Opening) -> Result<Opened<()>, Error> {
        assert!(!at.is_serving() && at.wants("letters"));
        if let Some(offer) = self.offers {
            at.commands.offer(offer);
        }
        Ok(Opened::new((), self.component))
    }
}

#[test]
fn components_are_opened_up_to_the_command_and_stopped_after_it() {
    let journal = journal();
    let new = |name: &str| Recorder::new(name, Duration::ZERO, &journal);
    let note = Arc::clone(&journal);
    let letters = command_fn(move |_: CommandCall| {
        note.lock().unwrap().push("run".to_owned());
        async { Ok(String::new()) }
    });
    let offer = Offer::new("letters", letters);
    let result = run_command(service(&["letters", "list"]), async |start: &mut Start<Settings>| {
        start.plugin(Offering { component: new("pool"), offers: None }).await?;
        start.part(new("relay")).await?;
        start.traffic(new("http"));
        start.supervise("never", underpin_service::OnEnd::EndService, |_| async {
            panic!("not for a command")
        });
        start.plugin(Offering { component: new("bus"), offers: Some(offer) }).await?;
        panic!("the rest of the closure is not of use");
    });
    assert_eq!(result.code, 0, "{result:?}");
    assert_eq!(*journal.lock().unwrap(), ["+pool", "+bus", "run", "-relay", "-bus", "-pool"]);
}

#[test]
fn what_was_opened_is_stopped_whatever_happens() {
    for ending in ["error", "panic", "none", "fails"] {
        let journal = journal();
        let new = |name: &str| Recorder::new(name, Duration::ZERO, &journal);
        let result = run_command(service(&["letters", "list"]), async |start: &mut Start<Settings>| {
            start.plugin(new("pool")).await?;
            match ending {
                "error" => return Err(Error::unavailable("no database")),
                "panic" => panic!("no luck"),
                "fails" => {
                    let fails = |_: CommandCall| async { Err(Error::conflict("busy")) };
                    start.command("letters", command_fn(fails));
                }
                _ => {}
            }
            Ok(())
        });
        assert_eq!(result.code, 1, "{ending}: {result:?}");
        let why = match ending {
            "error" => "no database",
            "panic" => "panicked: no luck",
            "fails" => "busy",
            _ => "no component of this service offers the command letters",
        };
        assert!(result.stderr.contains(why), "{ending}: {result:?}");
        assert_eq!(*journal.lock().unwrap(), ["+pool", "-pool"], "{ending}");
    }
}

#[test]
fn a_command_for_another_process_is_refused_with_the_reason() {
    let result = run_command(service(&["letters", "list"]), async |start: &mut Start<Settings>| {
        start.plugin(part_fn("pool", |_| async { Stopped::Clean })).await?;
        let offer =
            Offer::elsewhere("letters", "memory:x.events", "the journal is locked by another process");
        let component = Recorder::new("bus", Duration::ZERO, &journal());
        start.plugin(Offering { component, offers: Some(offer) }).await
    });
    assert_eq!((result.code, result.stdout.as_str()), (1, ""));
    assert_eq!(
        result.stderr,
        "app: the journal is locked by another process; the service has no admin listener to ask (service.admin)\n"
    );
}
