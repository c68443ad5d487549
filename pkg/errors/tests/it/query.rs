//! The query extractor: numbers keep their type where serde buffers, and each error names its parameter.

use std::collections::HashMap;

use axum::extract::FromRequestParts as _;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use underpin_errors::Error;
use underpin_errors::axum::Query;

fn extract<T: DeserializeOwned>(query: &str) -> Result<T, Error> {
    let (mut parts, ()) = http::Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Query::from_request_parts(&mut parts, &())).map(|Query(value)| value)
}

/// Place and reason of the one violation.
fn refused<T: DeserializeOwned>(query: &str) -> (String, String) {
    let error = extract::<T>(query).err().unwrap_or_else(|| panic!("{query} is accepted"));
    assert_eq!((error.http_status(), error.error_code()), (400, "INVALID_QUERY"));
    let [violation] = error.violations() else { panic!("{error:#?}") };
    (violation.field().into_owned(), violation.message().to_owned())
}

#[derive(Debug, PartialEq, Deserialize)]
struct Page {
    limit: u8,
    open: Option<bool>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Listing {
    customer: String,
    #[serde(flatten)]
    page: Page,
}

#[test]
fn a_flattened_part_has_numbers_and_texts() {
    let listing =
        |customer: &str, open| Listing { customer: customer.to_owned(), page: Page { limit: 7, open } };
    assert_eq!(extract("customer=ada&limit=7&open=true").ok(), Some(listing("ada", Some(true))));
    assert_eq!(extract("limit=7&customer=007").ok(), Some(listing("007", None)));
    assert_eq!(extract("limit=7&customer=a%20b%2Bc&other=1").ok(), Some(listing("a b+c", None)));
}

#[test]
fn an_error_below_flatten_names_the_parameter() {
    assert_eq!(
        refused::<Listing>("customer=ada&limit=x"),
        ("limit".into(), "expected a whole number from 0 to 255".into())
    );
    assert_eq!(
        refused::<Listing>("customer=ada&limit=300"),
        ("limit".into(), "expected a whole number from 0 to 255".into())
    );
    assert_eq!(
        refused::<Listing>("customer=ada&limit=-1"),
        ("limit".into(), "expected a whole number from 0 to 255".into())
    );
    assert_eq!(refused::<Listing>("customer=ada"), ("limit".into(), "is required".into()));
    assert_eq!(
        refused::<Listing>("customer=x&limit=7&open=x"),
        ("open".into(), "expected true or false".into())
    );
    // Several parameters with the value that is wrong for one of them.
    assert_eq!(refused::<Listing>("a=x&customer=x&limit=x&b=x").0, "limit");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Mixed {
    #[serde(flatten)]
    parts: Parts,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Parts {
    a: String,
    b: u8,
    c: String,
    d: f64,
    e: bool,
    f: String,
}

#[test]
fn equal_values_become_what_each_field_asks_for() {
    let one = || "1".to_owned();
    let parts = |e, f: &str| Parts { a: one(), b: 1, c: one(), d: 1.0, e, f: f.to_owned() };
    for (query, parts) in [
        ("a=1&b=1&c=1&d=1&e=true&f=true", parts(true, "true")),
        ("f=false&e=false&d=1&c=1&b=1&a=1", parts(false, "false")),
        ("d=1&b=1&x=1&a=1&y=true&c=1&f=1&e=true", parts(true, "1")),
    ] {
        assert_eq!(extract::<Mixed>(query).ok(), Some(Mixed { parts }), "{query}");
    }
    let unknown: String = (0..5000).map(|index| format!("&x{index}=1")).collect();
    assert_eq!(refused::<Mixed>(&format!("a=1&b=y&c=1&d=1&e=true&f=1{unknown}")).0, "b");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Filter {
    name: String,
    #[serde(flatten)]
    by_number: HashMap<u32, String>,
}

#[test]
fn numbers_as_names_are_numbers() {
    let filter = extract::<Filter>("name=ada&7=seven&8=8").unwrap();
    assert_eq!(filter.by_number, HashMap::from([(7, "seven".to_owned()), (8, "8".to_owned())]));
    assert_eq!(extract::<HashMap<u32, u32>>("7=1").unwrap(), HashMap::from([(7, 1)]));
    // A number is the index of a field only in formats that count them.
    assert_eq!(refused::<Page>("0=7"), ("limit".into(), "is required".into()));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    Circle { radius: f64 },
    Label { text: String, size: u8 },
}

#[test]
fn a_tagged_enum_has_numbers_and_texts() {
    assert_eq!(extract::<Shape>("kind=circle&radius=1.5").unwrap(), Shape::Circle { radius: 1.5 });
    assert_eq!(extract::<Shape>("kind=circle&radius=2").unwrap(), Shape::Circle { radius: 2.0 });
    assert_eq!(
        extract::<Shape>("kind=label&text=12&size=3").unwrap(),
        Shape::Label { text: "12".into(), size: 3 }
    );
    assert_eq!(refused::<Shape>("kind=label&text=12&size=x").0, "size");
    assert_eq!(refused::<Shape>("kind=square"), ("kind".into(), "expected `circle` or `label`".into()));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Start {
    Number(u32),
    Name(String),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Range {
    Window { from: u32, to: u32 },
    Named { name: String, days: u32 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Untagged {
    start: Start,
    #[serde(flatten)]
    range: Option<Range>,
}

#[test]
fn an_untagged_enum_takes_the_first_variant_that_fits() {
    assert_eq!(extract::<Range>("from=1&to=2").unwrap(), Range::Window { from: 1, to: 2 });
    assert_eq!(extract::<Range>("name=2026&days=3").unwrap(), Range::Named { name: "2026".into(), days: 3 });
    assert_eq!(extract::<Untagged>("start=x").unwrap().start, Start::Name("x".into()));
    assert!(refused::<Range>("name=x&days=y").1.contains("Range"));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    limit: u8,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictFlat {
    #[serde(flatten)]
    strict: Page,
}

#[test]
fn an_unknown_parameter_is_named() {
    assert_eq!(
        refused::<Strict>("limit=1&pgae=2"),
        ("pgae".into(), "is not a known field, expected `limit`".into())
    );
    assert_eq!(refused::<StrictFlat>("limit=1&pgae=2"), ("pgae".into(), "is not a known field".into()));
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    Newest,
    Oldest,
}

#[test]
fn the_usual_targets_are_read_as_axum_reads_them() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Usual {
        order: Order,
        id: i128,
        ratio: Option<f32>,
        name: std::borrow::Cow<'static, str>,
    }
    let usual = Usual { order: Order::Oldest, id: -5, ratio: Some(0.5), name: "é &".into() };
    assert_eq!(extract::<Usual>("order=oldest&id=-5&ratio=0.5&name=%C3%A9+%26").unwrap(), usual);
    assert_eq!(refused::<Usual>("order=newest&order=oldest").1, "is given more than once");
    assert_eq!(refused::<Usual>("order=best").0, "order");
    assert_eq!(extract::<Order>("x=1").ok(), None);
    let pairs = extract::<Vec<(String, u8)>>("a=1&a=2").unwrap();
    assert_eq!(pairs, [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    assert_eq!(extract::<()>("").ok(), Some(()));
    assert_eq!(extract::<Option<HashMap<String, String>>>("").unwrap(), Some(HashMap::new()));
}

proptest! {
    #[test]
    fn any_query_is_read_like_axum_reads_it_or_better(query in "[a-z0-9=&%+.-]{0,40}") {
        let uri: http::Uri = format!("/?{query}").parse().unwrap();
        let theirs = axum::extract::Query::<HashMap<String, String>>::try_from_uri(&uri).map(|query| query.0).ok();
        prop_assert_eq!(extract::<HashMap<String, String>>(&query).ok(), theirs);
        let theirs = axum::extract::Query::<Vec<(String, u8)>>::try_from_uri(&uri).map(|query| query.0).ok();
        prop_assert_eq!(extract::<Vec<(String, u8)>>(&query).ok(), theirs);
        drop(extract::<Listing>(&query));
        drop(extract::<Shape>(&query));
        drop(extract::<Untagged>(&query));
    }
}
