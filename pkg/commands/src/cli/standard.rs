//! The commands that come with the features of this crate. A service without such a component says so when one is asked for.

use crate::CommandSpec;

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
        .action("up", "Apply what is pending; also done at each start")
        .action("down [STEPS]", "Take back the last migration, or that many")
        .action("status", "List the migrations and whether they are applied")
        .action("fresh", "Take back every migration, data and all, and apply them again")
        .action("seed", "Run the seeds")
}

fn dead_letters() -> CommandSpec {
    CommandSpec::new("dead-letters", "Look after the events that consumers gave up")
        .action("list [AFTER]", "List 100 of them, oldest first, from above this id")
        .action("inspect ID", "Show one with its headers and its payload")
        .action("replay ID", "Give one to its subscription again")
        .action("discard ID", "Remove one for good")
}

fn outbox() -> CommandSpec {
    CommandSpec::new("outbox", "Look after the outbox")
        .action("status", "Print how many events wait, for how long, and how many are quarantined")
        .action("quarantined [AFTER]", "List 100 quarantined events, oldest first, from above this row")
        .action("replay ROW", "Let the relay publish one again")
        .action("discard ROW", "Remove one for good")
}

fn jobs() -> CommandSpec {
    CommandSpec::new("jobs", "Look after jobs and cron entries")
        .action("queues", "Count the jobs by queue, kind and version")
        .action("list [AFTER]", "List 100 jobs, oldest first, from above this id")
        .action("dead [AFTER]", "List 100 dead jobs, oldest first, from above this id")
        .action("inspect ID", "Show one with its payload and its last failure")
        .action("cancel ID", "Cancel a job that waits or runs")
        .action("replay ID", "Have a dead job run again")
        .action("discard ID", "Remove a dead job for good")
        .action("pause QUEUE", "Have no process take jobs of a queue")
        .action("resume QUEUE", "End the pause of a queue")
        .action("schedules", "List the cron entries")
        .action("pause-schedule NAME", "Have a cron entry fire no more")
        .action("resume-schedule NAME", "Have a cron entry fire again")
        .action("remove-schedule NAME", "Remove a cron entry that no deployment has any more")
}
