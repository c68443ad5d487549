use serde_json::{Map, Value};

use crate::limits::take_text;
use crate::{Error, Problem};

impl Error {
    /// The error of a peer, from the HTTP status and the body of its answer.
    ///
    /// Reads a problem document (ours or a plain RFC 9457 one) and the short `{"status_code", "error_code", "message"}`, within
    /// the limits of our own answers. Of any other body, such as the HTML page of a proxy, the beginning becomes a context for
    /// the log. The status of the answer wins over the one in the body.
    ///
    /// The text of a 4xx is public in the result; [`wrap`](Self::wrap) it to keep it from your own callers.
    ///
    /// # Examples
    /// ```
    /// use underpin_errors::{Error, Kind};
    ///
    /// let body = br#"{"type": "https://example.com/out-of-credit", "title": "no credit", "balance": 30}"#;
    /// let error = Error::from_remote(403, body);
    /// assert_eq!((error.kind(), error.public_message()), (Kind::PermissionDenied, "no credit"));
    /// assert_eq!(error.details()["balance"], 30);
    ///
    /// let error = Error::from_remote(502, b"<html>Bad Gateway</html>");
    /// assert_eq!((error.kind(), error.http_status()), (Kind::Unavailable, 502));
    /// ```
    pub fn from_remote(status: u16, body: &[u8]) -> Self {
        match serde_json::from_slice::<Map<String, Value>>(body) {
            Ok(members) if is_short_form(&members) => short_form(status, members),
            Ok(members) if is_problem(&members) => {
                Self::from(Problem { status, ..Problem::from_members(members) })
            }
            Ok(_) | Err(_) => Self::with_status(status, None)
                .context(format!("status {status}, body {:?}", beginning(body))),
        }
    }
}

fn is_short_form(members: &Map<String, Value>) -> bool {
    // A problem of ours may have a detail of this name, and always has a type.
    !members.contains_key("type") && members.get("error_code").is_some_and(Value::is_string)
}

/// Like [`ErrorResponse`](crate::ErrorResponse), and lenient: what is missing is left out.
fn short_form(status: u16, mut members: Map<String, Value>) -> Error {
    let error = Error::with_status(status, take_text(&mut members, "message"));
    match take_text(&mut members, "error_code") {
        Some(code) => error.with_wire_code(code),
        None => error,
    }
}

fn is_problem(members: &Map<String, Value>) -> bool {
    ["type", "title", "detail", "code"].iter().any(|key| members.get(*key).is_some_and(Value::is_string))
}

fn beginning(body: &[u8]) -> String {
    const MAX_BYTES: usize = 200;
    String::from_utf8_lossy(body.get(..MAX_BYTES).unwrap_or(body)).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{Kind, Violation};

    fn member() -> impl Strategy<Value = String> {
        const KNOWN: [&str; 14] = [
            "type",
            "title",
            "status",
            "detail",
            "instance",
            "code",
            "kind",
            "errors",
            "invalid-params",
            "request_id",
            "retry_after",
            "error_code",
            "status_code",
            "message",
        ];
        prop_oneof![5 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => ".{0,8}"]
    }

    fn value() -> impl Strategy<Value = Value> {
        let texts =
            prop_oneof![".{0,8}", "[A-Z_]{1,8}", Just("ABORTED".to_owned()), Just("about:blank".to_owned())];
        let leaf = prop_oneof![
            texts.prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            // Eighths: serde_json reads other fractions back to the last bit only with its feature float_roundtrip.
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(
                    prop_oneof![Just("detail".to_owned()), Just("pointer".to_owned()), ".{0,8}"],
                    inner,
                    0..4
                )
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn garbage_leaves_the_status_and_never_becomes_public_text() {
        for body in [&b"<html>secret</html>"[..], b"", b"null", b"[1]", b"\xff\xfe", br#"{"error":"secret"}"#]
        {
            for status in [404, 500] {
                let error = Error::from_remote(status, body);
                assert_eq!(error.http_status(), status);
                assert_eq!(error.public_message(), Kind::from_http_status(status).public_sentence());
            }
        }
        let report = Error::from_remote(502, b"<html>Bad Gateway").report().to_string();
        assert_eq!(report, "status 502, body \"<html>Bad Gateway\"");
    }

    #[test]
    fn members_of_the_wrong_type_count_as_absent() {
        let body =
            br#"{"type": 1, "title": "out of credit", "status": "x", "detail": [], "code": 7, "errors": "no",
            "retry_after": -3, "request_id": {}, "kind": "NOPE"}"#;
        let error = Error::from_remote(403, body);
        assert_eq!((error.http_status(), error.public_message()), (403, "out of credit"));
        assert_eq!(error.error_code(), "PERMISSION_DENIED");
        assert!(
            error.violations().is_empty() && error.retry_delay().is_none() && error.request_id().is_none()
        );
    }

    #[test]
    fn the_status_of_the_answer_wins_over_the_body() {
        assert_eq!(Error::from_remote(503, br#"{"title": "gone", "status": 410}"#).kind(), Kind::Unavailable);
        let short = br#"{"status_code": 410, "error_code": "GONE", "message": "gone"}"#;
        assert_eq!(Error::from_remote(503, short).http_status(), 503);
    }

    #[test]
    fn a_kind_that_contradicts_the_status_is_ignored() {
        let body = br#"{"detail": "no order", "code": "ORDER_NOT_FOUND", "kind": "INTERNAL"}"#;
        assert_eq!(Error::from_remote(404, body).kind(), Kind::NotFound);
        assert_eq!(
            Error::from_remote(404, br#"{"detail": "no order", "code": "INTERNAL"}"#).kind(),
            Kind::NotFound
        );
    }

    #[test]
    fn a_detail_with_a_name_of_the_short_body_is_a_detail() {
        let sent = Error::not_found("no order").detail("error_code", "7").to_problem();
        let received = Error::from_remote(404, &serde_json::to_vec(&sent).unwrap());
        assert_eq!((received.public_message(), received.error_code()), ("no order", "NOT_FOUND"));
    }

    #[test]
    fn a_short_body_with_missing_parts_is_still_read() {
        let error = Error::from_remote(404, br#"{"error_code": "ORDER_NOT_FOUND"}"#);
        assert_eq!(error.error_code(), "ORDER_NOT_FOUND");
        assert_eq!(error.public_message(), Kind::NotFound.public_sentence());
    }

    #[test]
    fn violations_of_other_frameworks_are_read() {
        let aspnet = br#"{"title": "invalid", "errors": {"age": ["too low", "odd"], "name": "missing"}}"#;
        let fields: Vec<_> =
            Error::from_remote(400, aspnet).violations().iter().map(ToString::to_string).collect();
        assert_eq!(fields, ["age: too low", "age: odd", "name: missing"]);
        let rfc7807 = br#"{"title": "invalid", "invalid-params": [{"name": "age", "reason": "too low"}]}"#;
        assert_eq!(Error::from_remote(400, rfc7807).violations(), [Violation::body("age", "too low")]);
    }

    #[test]
    fn a_code_that_is_no_code_and_an_endless_text_are_cut() {
        let long = format!(r#"{{"detail": "{}", "code": "not a code"}}"#, "é".repeat(5000));
        let error = Error::from_remote(400, long.as_bytes());
        assert_eq!(error.error_code(), "INVALID_ARGUMENT");
        assert!(error.public_message().len() <= 2048);
        let long = format!(r#"{{"detail": "x", "code": "{}"}}"#, "A".repeat(65));
        assert_eq!(Error::from_remote(400, long.as_bytes()).error_code(), "INVALID_ARGUMENT");
        let many = serde_json::json!({"title": "x", "errors": vec![Violation::body("a", "b"); 1000]});
        assert_eq!(Error::from_remote(400, many.to_string().as_bytes()).violations().len(), 100);
    }

    #[test]
    fn the_uri_of_a_remote_problem_is_kept_for_the_log() {
        let error =
            Error::from_remote(403, br#"{"type": "https://example.com/credit", "detail": "no credit"}"#);
        assert_eq!(error.report().to_string(), "remote problem https://example.com/credit: no credit");
        assert_eq!(error.to_problem().type_uri, "about:blank");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(status: u16, body: Vec<u8>) {
            let error = Error::from_remote(status, &body);
            prop_assert!((400..600).contains(&error.http_status()));
        }

        #[test]
        fn any_members_are_read_and_what_was_understood_survives_the_wire(
            status in 400..600u16,
            members in prop::collection::btree_map(member(), value(), 0..8),
        ) {
            let body = serde_json::to_vec(&members).unwrap();
            let first = Error::from_remote(status, &body).to_problem();
            let body = serde_json::to_vec(&first).unwrap();
            let second = Error::from_remote(status, &body).to_problem();
            prop_assert_eq!(String::from_utf8(serde_json::to_vec(&second).unwrap()), String::from_utf8(body));
        }

        #[test]
        fn an_error_survives_the_wire(
            kind in prop::sample::select(&Kind::ALL[..]),
            code in prop::option::of("[A-Z][A-Z0-9_]{1,40}"),
            message in ".{0,80}",
            violation in prop::option::of((".{0,20}", ".{0,20}")),
            seconds in prop::option::of(0..100_000u64),
            id in prop::option::of(".{1,40}"),
        ) {
            let mut sent = Error::new(kind, message);
            if let Some(code) = code { sent = sent.code(code); }
            if let Some((field, text)) = violation { sent = sent.violation(field, text); }
            if let Some(seconds) = seconds { sent = sent.retry_after(Duration::from_secs(seconds)); }
            if let Some(id) = id { sent = sent.with_request_id(id); }
            let problem = sent.to_problem();
            let received = Error::from_remote(sent.http_status(), &serde_json::to_vec(&problem).unwrap());
            prop_assert_eq!(received.kind(), kind);
            prop_assert_eq!(received.to_problem(), problem);
        }

        #[test]
        fn an_exact_status_survives_the_wire(status in 400..600u16) {
            let sent = Error::http(status, "text").to_problem();
            let received = Error::from(serde_json::from_str::<Problem>(&serde_json::to_string(&sent).unwrap()).unwrap());
            prop_assert_eq!(received.http_status(), status);
            prop_assert_eq!(received.to_problem(), sent);
        }
    }
}
