//! The commands that come with the features of this crate. A service without such a component says so when one is asked for.

use crate::commands::{ActionSpec, CommandSpec};

pub(super) fn commands() -> Vec<CommandSpec> {
    let all = [
        cfg!(feature = "database").then(migrate),
        cfg!(feature = "events").then(dead_letters),
        cfg!(feature = "outbox").then(outbox),
        cfg!(feature = "jobs").then(jobs),
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

fn jobs() -> CommandSpec {
    let id = |action: ActionSpec| action.required("ID", "The id in the list");
    let queue = |action: ActionSpec| action.required("QUEUE", "The name of the queue");
    let name = |action: ActionSpec| action.required("NAME", "The name of the cron entry");
    let page = |action: ActionSpec| action.optional("AFTER", "Only ids above this one");
    CommandSpec::new("jobs", "Look after jobs and cron entries")
        .action(ActionSpec::new("queues", "Count the jobs by queue, kind and version"))
        .action(page(ActionSpec::new("list", "List 100 jobs, oldest first")))
        .action(page(ActionSpec::new("dead", "List 100 dead jobs, oldest first")))
        .action(id(ActionSpec::new("inspect", "Show one with its payload and its last failure")))
        .action(id(ActionSpec::new("cancel", "Cancel a job that waits or runs")))
        .action(id(ActionSpec::new("replay", "Have a dead job run again")))
        .action(id(ActionSpec::new("discard", "Remove a dead job for good")))
        .action(queue(ActionSpec::new("pause", "Have no process take jobs of a queue")))
        .action(queue(ActionSpec::new("resume", "End the pause of a queue")))
        .action(ActionSpec::new("schedules", "List the cron entries"))
        .action(name(ActionSpec::new("pause-schedule", "Have a cron entry fire no more")))
        .action(name(ActionSpec::new("resume-schedule", "Have a cron entry fire again")))
        .action(name(ActionSpec::new(
            "remove-schedule",
            "Remove a cron entry that no deployment has any more",
        )))
}
