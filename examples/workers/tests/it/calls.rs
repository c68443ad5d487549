//! Ask and wait, and hand over and forget.

use serde_json::json;

use crate::start;

#[test]
fn a_calculation_is_answered_and_its_errors_keep_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let calculate = |body| service.post("/api/v1/calculations", &[], &body);
    let answer = calculate(json!({"operation": "add", "a": 10, "b": 5}));
    assert_eq!((answer.status, answer.json()), (200, json!({"result": 15.0, "operation": "add"})));
    let refused = calculate(json!({"operation": "divide", "a": 1, "b": 0}));
    refused.problem(400, "DIVISION_BY_ZERO");
    assert_eq!(calculate(json!({"operation": "modulo", "a": 1})).status, 400);
    service.stop();
}

#[test]
fn a_mail_is_accepted_and_sent_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let mail = |to| json!({"to": to, "subject": "Welcome", "body": "Hello!"});
    service.post("/api/v1/emails", &[], &mail("nobody")).problem(400, "INVALID_ADDRESS");
    let accepted = service.post("/api/v1/emails", &[("x-request-id", "mail-1")], &mail("ada@example.org"));
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let sent = service.log.wait_for("the mail", |line| line["msg"] == "mail sent");
    assert_eq!(sent["request_id"], "mail-1");
    assert!(!sent.to_string().contains("ada@"), "{sent}");
    service.stop();
}
