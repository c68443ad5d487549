//! The commands that come with the features of this crate. A service without such a component says so when one is asked for.

use crate::commands::{ActionSpec, CommandSpec};

pub(super) fn commands() -> Vec<CommandSpec> {
    let all = [
        cfg!(feature = "database").then(migrate),
        cfg!(feature = "events").then(dead_letters),
        cfg!(feature = "outbox").then(outbox),
    ];
    all.into_iter().flatten().collect()
}

fn migrate() -> CommandSpec {
    CommandSpec::new("migrate", "Change the tables of the database")
        .action(ActionSpec::new("up", "Apply what is pending; also done at each start"))
        .action(
            ActionSpec::new("down", "Take back the last migration")
                .optional("STEPS", "How many; 1 by default"),
        )
        .action(ActionSpec::new("status", "List the migrations and whether they are applied"))
        .action(ActionSpec::new("fresh", "Take back every migration, data and all, and apply them again"))
        .action(ActionSpec::new("seed", "Run the seeds"))
}

fn dead_letters() -> CommandSpec {
    let id = |action: ActionSpec| action.required("ID", "The number in the list");
    CommandSpec::new("dead-letters", "Look after the events that consumers gave up")
        .action(
            ActionSpec::new("list", "List 100 of them, oldest first")
                .optional("AFTER", "Only ids above this one"),
        )
        .action(id(ActionSpec::new("inspect", "Show one with its headers and its payload")))
        .action(id(ActionSpec::new("replay", "Give one to its subscription again")))
        .action(id(ActionSpec::new("discard", "Remove one for good")))
}

fn outbox() -> CommandSpec {
    let row = |action: ActionSpec| action.required("ROW", "The number in the list");
    CommandSpec::new("outbox", "Look after the outbox")
        .action(ActionSpec::new(
            "status",
            "Print how many events wait, for how long, and how many are quarantined",
        ))
        .action(
            ActionSpec::new("quarantined", "List 100 quarantined events, oldest first")
                .optional("AFTER", "Only rows above this one"),
        )
        .action(row(ActionSpec::new("replay", "Let the relay publish one again")))
        .action(row(ActionSpec::new("discard", "Remove one for good")))
}
