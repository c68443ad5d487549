//! The readers of bodies and queries: everything wrong at once, and no answer larger than the request deserves.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use underpin_errors::Violation;
use underpin_errors::input::{self, boolean, decoded, integer, one_of, parsed, text};

fn texts(violations: Vec<Violation>) -> Vec<String> {
    violations.into_iter().map(|violation| violation.to_string()).collect()
}

fn complaints(body: &Value) -> Vec<String> {
    let result = input::json(body, |form| {
        let name = form.required("name", text(1..=5));
        let lines = form.list("lines", 1..=3, |line| {
            (line.required("a", integer(1..=9)), line.required("b", text(0..=1)))
        });
        (name, lines)
    });
    result.err().map(texts).unwrap_or_default()
}

#[test]
fn a_good_body_is_read() {
    assert!(complaints(&json!({"name": "ada", "lines": [{"a": 1, "b": ""}]})).is_empty());
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let body = json!({
        "name": "a\u{0}b", "extra/~": 1, "lines": [{"a": 0, "b": "x"}, {"a": 1.5, "b": "", "c": null}, 7],
    });
    let found = complaints(&body);
    for place in ["name", "/extra~1~0", "lines[0].a", "lines[1].a", "lines[1].c", "lines[2]"] {
        assert!(found.iter().any(|text| text.starts_with(&format!("{place}: "))), "{place} in {found:?}");
    }
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn missing_fields_empty_lists_and_other_shapes_are_named() {
    assert_eq!(complaints(&json!({})), ["name: is required", "lines: is required"]);
    assert_eq!(complaints(&json!([])), ["must be an object"]);
    assert_eq!(complaints(&json!({"name": "ada", "lines": []})), ["lines: must be a list of 1 to 3 items"]);
    let rule = "must be a text of 1 to 5 characters without control characters";
    assert_eq!(complaints(&json!({"name": 1, "lines": 1}))[0], format!("name: {rule}"));
    assert_eq!(complaints(&json!({"name": null, "lines": 1}))[0], format!("name: {rule}"));
}

#[test]
fn each_rule_says_what_it_expects_and_reads_what_fits() {
    let read = |body: Value| {
        input::json(&body, |form| {
            (
                form.optional("flag", boolean()),
                form.optional("size", one_of(&["s", "m"])),
                form.optional("id", parsed("must be hexadecimal", |text| u32::from_str_radix(text, 16).ok())),
                form.optional("pair", decoded::<(u8, String)>("must be a pair")),
                if form.has("tags") { form.values("tags", 0..=2, text(1..=3)) } else { Vec::new() },
                form.has("at").then(|| form.object("at", |at| at.required("x", integer(0..=1)))),
            )
        })
    };
    let full =
        json!({"flag": true, "size": "m", "id": "ff", "pair": [7, "x"], "tags": ["a"], "at": {"x": 1}});
    let (flag, size, id, pair, tags, at) = read(full).unwrap();
    assert_eq!((flag, size, id, pair), (Some(true), Some("m"), Some(255), Some((7, "x".to_owned()))));
    assert_eq!((tags, at), (vec!["a".to_owned()], Some(Some(1))));
    let (flag, size, id, pair, tags, at) = read(json!({"tags": null})).unwrap();
    assert_eq!((flag, size, id, pair, tags, at), (None, None, None, None, vec![], None));

    let wrong =
        json!({"flag": "true", "size": "l", "id": "x", "pair": [300, "x"], "tags": ["a", 1], "at": 1});
    assert_eq!(
        texts(read(wrong).unwrap_err()),
        [
            "flag: must be true or false",
            "size: must be one of s, m",
            "id: must be hexadecimal",
            "pair: must be a pair",
            "tags[1]: must be a text of 1 to 3 characters without control characters",
            "at: must be an object",
        ]
    );
}

#[test]
fn a_rule_over_several_fields_joins_the_list() {
    let read = |body: Value| {
        input::json(&body, |form| {
            let (from, to) = (form.required("from", integer(0..=9)), form.required("to", integer(0..=9)));
            if from > to {
                form.reject("to", "must not be below from");
            }
        })
    };
    assert!(read(json!({"from": 1, "to": 2})).is_ok());
    assert_eq!(texts(read(json!({"from": 3, "to": 2})).unwrap_err()), ["to: must not be below from"]);
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn page(query: &[(String, String)]) -> Result<(String, Option<i64>, Option<bool>), Vec<String>> {
    input::query(query, |query| {
        (
            query.required("customer", text(1..=5)),
            query.optional("limit", integer(1..=9)),
            query.optional("open", boolean()),
        )
    })
    .map_err(texts)
}

#[test]
fn a_query_is_text_and_its_violations_come_in_its_order() {
    assert_eq!(
        page(&pairs(&[("limit", "7"), ("customer", "ada"), ("open", "true")])),
        Ok(("ada".to_owned(), Some(7), Some(true)))
    );
    let wrong = [("page", "2"), ("limit", "5"), ("x", "1"), ("limit", "6"), ("x", "2"), ("open", "yes")];
    assert_eq!(
        page(&pairs(&wrong)).unwrap_err(),
        [
            "page: is not a known parameter",
            "limit: must be given once",
            "x: is not a known parameter",
            "open: must be true or false",
            "customer: is required",
        ]
    );
}

#[test]
fn a_hostile_body_or_query_does_not_become_a_larger_answer() {
    let body: Map<String, Value> = (0..5000).map(|n| (n.to_string(), Value::Null)).collect();
    let found = complaints(&Value::Object(body));
    assert_eq!((found.len(), found[99].as_str()), (100, "and 4903 more"));

    let start = Instant::now();
    let query: Vec<_> = (0..200_000).map(|n| (format!("a{n}"), "1".to_owned())).collect();
    let found = page(&query).unwrap_err();
    assert_eq!((found.len(), found[99].as_str()), (100, "and 199902 more"));
    let same = vec![("a".to_owned(), "1".to_owned()); 200_000];
    assert_eq!(page(&same).unwrap_err(), ["a: is not a known parameter", "customer: is required"]);
    // Work that grows with the square would take hours.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());

    let long = vec![("k".repeat(60_000), "1".to_owned()); 2];
    assert!(page(&long).unwrap_err().concat().len() < 1000);
}

proptest! {
    #[test]
    fn violations_stay_within_the_limits_whatever_the_names(
        names in prop::collection::vec((any::<char>(), 1..700_usize), 0..200),
    ) {
        let names = names.into_iter().map(|(character, length)| character.to_string().repeat(length));
        let body: Map<String, Value> = names.map(|name| (name, Value::Null)).collect();
        let unknown = body.len();
        if let Err(found) = input::json(&Value::Object(body), |_| ()) {
            prop_assert!(found.len() <= 100 && serde_json::to_vec(&found).unwrap().len() < 100_000);
            let last = texts(vec![found[found.len() - 1].clone()]);
            let named = found.len() - 1;
            let whole = format!("and {} more", unknown - named);
            prop_assert!(found.len() == unknown || last[0] == whole);
        }
    }
}
