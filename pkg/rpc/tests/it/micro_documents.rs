//! Discovery documents as the `nats` command line tool takes them: it validates each against the schemas `io.nats.micro.v1.*` and
//! refuses one that lacks a field or has another type.

use serde_json::Value;
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::{Caller, Gather, Group, Host, Service};

use crate::support::{echo, request};

/// What the schemas require of a field.
#[derive(Clone, Copy)]
enum Field {
    /// Exactly this text.
    Is(&'static str),
    /// Letters, digits, `-` and `_`.
    Name,
    /// Any text.
    Text,
    /// A text that is not empty.
    Filled,
    /// A point in time, RFC 3339.
    Time,
    /// A whole number that fits into a signed 64-bit integer.
    Integer,
    /// An object whose values are texts.
    Texts,
    Object,
    Array,
}

const IDENTITY: [(&str, Field); 4] =
    [("name", Field::Name), ("id", Field::Filled), ("version", Field::Filled), ("metadata", Field::Texts)];
const ENDPOINT: [(&str, Field); 4] = [
    ("name", Field::Name),
    ("subject", Field::Filled),
    ("queue_group", Field::Text),
    ("metadata", Field::Texts),
];
const STATISTICS: [(&str, Field); 9] = [
    ("name", Field::Name),
    ("subject", Field::Filled),
    ("queue_group", Field::Text),
    ("num_requests", Field::Integer),
    ("num_errors", Field::Integer),
    // Required where there was no error, too.
    ("last_error", Field::Text),
    ("processing_time", Field::Integer),
    ("average_processing_time", Field::Integer),
    ("data", Field::Object),
];

fn check(document: &Value, fields: &[(&str, Field)]) {
    for (name, field) in fields {
        let value = &document[name];
        let text = value.as_str();
        let holds = match field {
            Field::Is(expected) => text == Some(expected),
            Field::Name => text.is_some_and(|text| {
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            }),
            Field::Text => text.is_some(),
            Field::Filled => text.is_some_and(|text| !text.is_empty()),
            Field::Time => text.is_some_and(|text| {
                let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
                shape.eq(*b"0000-00-00T00:00:00.000Z")
            }),
            Field::Integer => value.as_i64().is_some(),
            Field::Texts => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
            Field::Object => value.is_object(),
            Field::Array => value.is_array(),
        };
        assert!(holds, "field {name} in {document:#}");
    }
}

fn elements(document: &Value) -> impl Iterator<Item = &Value> {
    document["endpoints"].as_array().unwrap().iter()
}

#[tokio::test]
async fn every_document_fulfils_the_schemas() {
    let rpc = MemoryRpc::new();
    let bare = Service::new("bare_1", "1.0.0-rc.1").endpoint("echo", echo()).endpoint("all", echo());
    let full = Service::new("full", "1.0.0")
        .description("with all there is")
        .metadata("team", "a")
        .endpoint("echo-v2", echo())
        .endpoint_metadata("format", "text");
    let _bare = rpc.serve(bare.group(Group::None)).await.unwrap();
    let _full = rpc.serve(full).await.unwrap();
    rpc.call(request("full.echo-v2", "x")).await.unwrap();

    let ask = async |verb: &str| -> Vec<Value> {
        let mut question = request("", "");
        question.endpoint = format!("$SRV.{verb}").into();
        let replies = rpc.gather(question, Gather::until_deadline().count(2)).await.unwrap();
        replies.into_iter().map(|reply| serde_json::from_slice(&reply.unwrap().body).unwrap()).collect()
    };
    for ping in ask("PING").await {
        check(&ping, &[("type", Field::Is("io.nats.micro.v1.ping_response"))]);
        check(&ping, &IDENTITY);
    }
    for info in ask("INFO").await {
        let own = [
            ("type", Field::Is("io.nats.micro.v1.info_response")),
            ("description", Field::Text),
            ("endpoints", Field::Array),
        ];
        check(&info, &own);
        check(&info, &IDENTITY);
        elements(&info).for_each(|endpoint| check(endpoint, &ENDPOINT));
    }
    for stats in ask("STATS").await {
        let own = [
            ("type", Field::Is("io.nats.micro.v1.stats_response")),
            ("started", Field::Time),
            ("endpoints", Field::Array),
        ];
        check(&stats, &own);
        check(&stats, &IDENTITY);
        elements(&stats).for_each(|endpoint| check(endpoint, &STATISTICS));
    }
}
