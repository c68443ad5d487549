//! Who runs a command on a resource that one process holds.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use underpin_commands::cli::{AdminAddress, run};
use underpin_commands::{CommandCall, CommandOutput, Offer, command_fn};
use underpin_config::Secret;
use underpin_errors::{Error, Kind};

/// Answers one request with this status and body. Joined, it is what was asked.
fn service(status: u16, body: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut some = [0; 1024];
        while !String::from_utf8_lossy(&asked).contains("}}") {
            let count = stream.read(&mut some).unwrap();
            asked.extend_from_slice(&some[..count]);
        }
        write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8(asked).unwrap()
    });
    (address, thread)
}

async fn ask(admin: &AdminAddress) -> (Result<(), Error>, String) {
    let offer = Offer::new("letters", command_fn(|_: CommandCall| async { Ok("here\n".to_owned()) }));
    let mut out = CommandOutput::default();
    let call = CommandCall::new("list").with("AFTER", "7");
    let result = run(&offer.resource("memory:letters"), &call, admin, &mut out).await;
    (result, out.as_str().to_owned())
}

#[tokio::test]
async fn a_running_service_answers_for_what_it_holds() {
    let (address, asked) = service(200, r#"{"output": "there\n", "problem": null, "kind": null}"#);
    let token = Secret::new("0123456789abcdef".to_owned());
    let (result, output) = ask(&AdminAddress::new(address, Some(token))).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(output, "there\n");
    let asked = asked.join().unwrap();
    assert!(asked.contains("Authorization: Bearer 0123456789abcdef\r\n"), "{asked}");
    assert!(asked.ends_with(
        r#"{"command":"letters","resource":"memory:letters","call":{"action":"list","values":{"AFTER":"7"}}}"#
    ));

    let failed = r#"{"output": "half\n", "problem": "no letter 7", "kind": "NOT_FOUND"}"#;
    let (result, output) = ask(&AdminAddress::new(service(200, failed).0, None)).await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), output.as_str()), (Kind::NotFound, "half\n"));
}

#[tokio::test]
async fn without_such_a_service_the_command_runs_here_and_a_refusal_is_final() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for admin in [
        AdminAddress::default(),
        AdminAddress::new(nowhere, None),
        AdminAddress::new(service(404, "{}").0, None),
        AdminAddress::new(service(409, "{}").0, None),
    ] {
        let (result, output) = ask(&admin).await;
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(output, "here\n");
    }
    let (result, output) = ask(&AdminAddress::new(service(401, "{}").0, None)).await;
    assert_eq!((result.unwrap_err().kind(), output.as_str()), (Kind::Unauthenticated, ""));
}
