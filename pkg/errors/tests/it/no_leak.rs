//! No leaks: what is given to a 5xx constructor, to `context` or to a source never reaches a caller, however errors nest.

use std::borrow::Cow;

use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use underpin_errors::axum::attach_request_id;
use underpin_errors::{Classify, Error, Kind, Violation};

const SECRET: &str = "s3cr3t";

/// One layer around an error. Every internal text in it holds the secret.
#[derive(Clone, Debug)]
enum Step {
    Context,
    /// Wrapped as the source of a new error of this kind.
    Wrap(Kind),
    /// Made the cause of a 4xx or 5xx built by its constructor.
    CausedBy(Kind),
    CausedByStatus(u16),
    /// Held by a domain error that offers its text as public, as far as its kind is a 5xx.
    Classified(Kind),
    /// Facts for the caller on what is a 5xx by now.
    Facts,
}

#[derive(Debug, thiserror::Error)]
#[error("s3cr3t in a domain error")]
struct Domain {
    kind: Kind,
    source: Error,
}

impl Classify for Domain {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn public_message(&self) -> Option<Cow<'static, str>> {
        (self.kind.http_status() >= 500).then(|| self.to_string().into())
    }

    fn violations(&self) -> Vec<Violation> {
        if self.kind.http_status() < 500 { vec![] } else { vec![Violation::body(SECRET, SECRET)] }
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(&Kind::ALL[..])
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Context),
        Just(Step::Facts),
        kind().prop_map(Step::Wrap),
        kind().prop_map(Step::CausedBy),
        (400..600u16).prop_map(Step::CausedByStatus),
        kind().prop_map(Step::Classified),
    ]
}

fn text_for(status: u16) -> &'static str {
    if status < 500 { "for the caller" } else { SECRET }
}

fn climb(error: Error, step: &Step) -> Error {
    match *step {
        Step::Context => error.context(SECRET),
        Step::Wrap(kind) => Error::wrap(kind, error, SECRET),
        Step::CausedBy(kind) => Error::new(kind, text_for(kind.http_status())).caused_by(error),
        Step::CausedByStatus(status) => Error::http(status, text_for(status)).caused_by(error),
        Step::Classified(kind) => Domain { kind, source: error }.into(),
        Step::Facts if error.is_client_error() => error,
        Step::Facts => error.violation(SECRET, SECRET).detail(SECRET, SECRET),
    }
}

fn nested() -> impl Strategy<Value = Error> {
    (500..600u16, prop::collection::vec(step(), 0..8))
        .prop_map(|(status, steps)| steps.iter().fold(Error::http(status, SECRET), climb))
}

/// Everything of a response that goes over the wire.
async fn wire(response: Response) -> String {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    format!("{:?} {:?} {}", parts.status, parts.headers, String::from_utf8_lossy(&body))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn nothing_internal_reaches_the_bodies(error in nested()) {
        prop_assert!(error.report().to_string().contains(SECRET), "the log has it");
        prop_assert!(!serde_json::to_string(&error.to_response()).unwrap().contains(SECRET));
        prop_assert!(!serde_json::to_string(&error.to_problem()).unwrap().contains(SECRET));
        let shown = format!("{:?}", error.to_problem());
        prop_assert!(!shown.contains(SECRET), "{shown}");
    }

    #[test]
    fn nothing_internal_reaches_an_axum_response(error in nested()) {
        let response = attach_request_id(error.into_response(), "req-1");
        let sent = block_on(wire(response));
        prop_assert!(sent.contains("req-1"));
        prop_assert!(!sent.contains(SECRET), "{sent}");
    }

    #[test]
    fn nothing_internal_reaches_a_tonic_status(error in nested()) {
        let response = tonic::Status::from(&error).into_http::<()>();
        let headers = format!("{:?}", response.headers());
        prop_assert!(!headers.contains(SECRET), "{headers}");
        let status = tonic::Status::from(error);
        prop_assert!(!status.message().contains(SECRET));
        prop_assert!(!String::from_utf8_lossy(status.details()).contains(SECRET));
    }

    #[test]
    fn a_remote_5xx_is_as_silent_as_our_own(status in 500..600u16, code in "[A-Z_]{1,20}") {
        let body = serde_json::json!({"title": SECRET, "detail": SECRET, "code": code, SECRET: SECRET,
            "errors": [{"detail": SECRET, "pointer": "#/s3cr3t"}], "type": "https://s3cr3t"});
        let error = Error::from_remote(status, body.to_string().as_bytes());
        prop_assert!(!serde_json::to_string(&error.to_problem()).unwrap().contains(SECRET));
    }
}

#[test]
fn the_text_of_a_4xx_reaches_the_caller() {
    let error = climb(Error::internal(SECRET), &Step::CausedBy(Kind::NotFound));
    assert_eq!(error.public_message(), "for the caller");
}
