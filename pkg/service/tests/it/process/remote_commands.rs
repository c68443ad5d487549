//! Commands that the running service runs for the command line.

use std::net::SocketAddr;

use rustix::process::Signal;
use underpin_errors::Error;
use underpin_service::commands::{CommandCall, Offer, command_fn};
use underpin_service::testing::{CommandResult, run_command};
use underpin_service::{Opened, Opening, Plugin, Start, Stopped, part_fn};

use super::admin_client::{get, request};
use super::running::Running;
use crate::commands::{Settings, service};

const LOCKED: &str = "the journal is locked by another process";

struct Offers(Offer);

impl Plugin for Offers {
    type Handle = ();

    async fn open(self, at: &Opening) -> Result<Opened<()>, Error> {
        at.commands.offer(self.0);
        Ok(Opened::new((), part_fn("letters", |_| async { Stopped::Clean })))
    }
}

fn run(admin: SocketAddr, arguments: &[&str], offer: Offer) -> CommandResult {
    let address = format!("service.admin.address={admin}");
    let arguments = [arguments, &["service.admin.enabled=true", &address]].concat();
    run_command(service(&arguments), async |start: &mut Start<Settings>| start.plugin(Offers(offer)).await)
}

fn elsewhere(resource: &str) -> Offer {
    Offer::elsewhere("letters", resource, LOCKED)
}

/// A command that could run here as well.
fn here() -> Offer {
    Offer::new("letters", command_fn(|_: CommandCall| async { Ok("here\n".to_owned()) }))
}

#[test]
fn the_service_that_holds_the_resource_runs_the_command() {
    let mut running = Running::start("commands", "");
    let admin = running.admin();
    running.wait_for("service ready");

    let listed = run(admin, &["letters", "list"], elsewhere("memory:letters"));
    assert_eq!((listed.code, listed.stdout.as_str(), listed.stderr.as_str()), (0, "letter 1\n", ""));
    let failed = run(admin, &["letters", "send", "9"], elsewhere("memory:letters"));
    assert_eq!((failed.code, failed.stdout.as_str(), failed.stderr.as_str()), (1, "", "app: no letter 9\n"));
    let refused = run(admin, &["letters", "burn"], elsewhere("memory:letters"));
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("stop the service first: letters burn"), "{refused:?}");

    let other = run(admin, &["letters", "list"], elsewhere("memory:other"));
    assert_eq!(other.code, 1);
    let why = format!("app: {LOCKED}; the service at {admin} works on something else\n");
    assert_eq!(other.stderr, why);
    assert_eq!(run(admin, &["letters", "list"], here().resource("memory:letters")).stdout, "letter 1\n");
    assert_eq!(run(admin, &["letters", "list"], here().resource("memory:other")).stdout, "here\n");
    assert_eq!(run(admin, &["letters", "list"], here()).stdout, "here\n");

    assert_eq!(get(admin, "/metrics"), (200, "orders_total 42\n".to_owned()));
    let body = r#"{"command": "letters", "resource": "memory:letters", "call": {"action": "list"}}"#;
    let post = |head: &str, body: &str| request(admin, "POST /commands", head, body).0;
    assert_eq!(post("", body), 200);
    assert_eq!(post("Origin: http://evil.example\r\n", body), 403, "a page in a browser");
    assert_eq!(post("", "{}"), 400);
    assert_eq!(post("", &"x".repeat(5000)), 413);
    assert_eq!(post("", &body.replace("letters\", \"res", "stamps\", \"res")), 404);
    assert_eq!(get(admin, "/commands").0, 405);

    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
    let gone = run(admin, &["letters", "list"], elsewhere("memory:letters"));
    assert_eq!(gone.code, 1);
    assert!(gone.stderr.contains(&format!("no running service answers at {admin}")), "{gone:?}");
    assert_eq!(run(admin, &["letters", "list"], here().resource("memory:letters")).stdout, "here\n");
}
