//! Text is typed by the field that receives it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use underpin_config::{ByteSize, ConfigError, ConfigExt, Loader, Secret};

/// What the variable `APP_V` means to a `T`.
fn text<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    Loader::new("APP").environment([("APP_V", text)]).snapshot().unwrap().get("v")
}

/// What several variables below `APP_V` mean to a `T`.
fn variables<T: DeserializeOwned>(pairs: &[(&str, &str)]) -> Result<T, ConfigError> {
    let environment = pairs.iter().map(|(name, text)| (format!("APP_V{name}"), (*text).to_owned()));
    Loader::new("APP").environment(environment).snapshot().unwrap().get("v")
}

#[test]
fn text_that_looks_like_a_number_stays_text_for_a_string() {
    for same in
        ["007", "123456", "true", "1.10", "+4930123", "[abc]", "{a=b}", "null", "0x1F", " padded ", "1e5", ""]
    {
        assert_eq!(text::<String>(same).unwrap(), same);
    }
}

#[test]
fn numbers_of_every_width() {
    assert_eq!(text::<u8>("255").unwrap(), 255);
    assert_eq!(text::<u16>(" 8080 ").unwrap(), 8080);
    assert_eq!(text::<i64>("-5").unwrap(), -5);
    assert_eq!(text::<u64>("18446744073709551615").unwrap(), u64::MAX);
    assert_eq!(text::<u128>("340282366920938463463374607431768211455").unwrap(), u128::MAX);
    assert_eq!(text::<i128>("-170141183460469231731687303715884105728").unwrap(), i128::MIN);
    assert_eq!(text::<usize>("3").unwrap(), 3);
    assert!((text::<f64>("0.25").unwrap() - 0.25).abs() < f64::EPSILON);
    assert!((text::<f32>("2").unwrap() - 2.0).abs() < f32::EPSILON);
    assert_eq!(text::<NonZeroU32>("7").unwrap().get(), 7);
    for wrong in ["256", "-1", "1.5", "abc", ""] {
        assert!(text::<u8>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_about_a_number_says_the_range() {
    let error = text::<u16>("70000").unwrap_err().to_string();
    assert!(error.contains("must be an integer from 0 to 65535 (APP_V in the environment)"), "{error}");
}

#[test]
fn one_yes_and_on_are_booleans() {
    for yes in ["1", "yes", "on", "true", "TRUE", "Yes"] {
        assert!(text::<bool>(yes).unwrap(), "{yes}");
    }
    for no in ["0", "no", "off", "false", "OFF"] {
        assert!(!text::<bool>(no).unwrap(), "{no}");
    }
    assert!(text::<bool>("maybe").is_err() && text::<bool>("").is_err());
}

#[test]
fn an_empty_string_is_none_for_an_option_and_wrong_for_a_number() {
    assert_eq!(text::<Option<u16>>("").unwrap(), None);
    assert_eq!(text::<Option<String>>("").unwrap(), None);
    assert_eq!(text::<Option<u16>>("80").unwrap(), Some(80));
    assert_eq!(text::<String>("").unwrap(), "");
    assert!(text::<Option<Secret<String>>>("").unwrap().is_none());
    assert!(text::<u16>("").is_err());
}

#[test]
fn lists_come_as_commas_json_or_indexes() {
    assert_eq!(text::<Vec<String>>("a, b").unwrap(), ["a", "b"]);
    assert_eq!(text::<Vec<u16>>("1,2").unwrap(), [1, 2]);
    assert_eq!(text::<Vec<u16>>("[1, \"2\"]").unwrap(), [1, 2]);
    assert_eq!(text::<Vec<String>>("").unwrap(), [""; 0]);
    assert_eq!(text::<Vec<String>>("one").unwrap(), ["one"]);
    assert_eq!(text::<BTreeSet<u8>>("3,1,3").unwrap(), BTreeSet::from([1, 3]));
    assert_eq!(text::<(u8, String)>("3,x").unwrap(), (3, "x".to_owned()));
    assert_eq!(text::<[u8; 3]>("1,2,3").unwrap(), [1, 2, 3]);
    assert_eq!(variables::<Vec<String>>(&[("__1", "b"), ("__0", "a")]).unwrap(), ["a", "b"]);
    let eleven: Vec<(String, String)> = (0..11).map(|n| (format!("__{n}"), n.to_string())).collect();
    let eleven: Vec<(&str, &str)> = eleven.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        variables::<Vec<u8>>(&eleven).unwrap(),
        (0..11).collect::<Vec<u8>>(),
        "10 comes after 9, not after 1"
    );
}

#[test]
fn a_gap_in_the_indexes_is_an_error() {
    let error = variables::<Vec<String>>(&[("__0", "a"), ("__2", "b")]).unwrap_err();
    assert!(error.to_string().contains("has a gap"), "{error}");
}

#[test]
fn lists_of_structs_come_as_indexes_or_json() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Host {
        name: String,
        port: u16,
    }
    let expected = [Host { name: "a".into(), port: 1 }, Host { name: "b".into(), port: 2 }];
    let indexed = [("__0__NAME", "a"), ("__0__PORT", "1"), ("__1__NAME", "b"), ("__1__PORT", "2")];
    assert_eq!(variables::<Vec<Host>>(&indexed).unwrap(), expected);
    let json = r#"[{"name":"a","port":1},{"name":"b","port":"2"}]"#;
    assert_eq!(text::<Vec<Host>>(json).unwrap(), expected);
    let error = text::<Vec<Host>>(r#"[{"name":"a","port":"x"},{"name":"b"},{"name":"c","port":1,"prot":1}]"#)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration has 3 problems\n\
         - `v.0` must be an integer from 0 to 65535 (APP_V in the environment)\n\
         - `v.1` lacks `port` (APP_V in the environment)\n\
         - `v.2` holds an unknown key; known are `name`, `port` (APP_V in the environment)"
    );
    let error = variables::<Vec<Host>>(&[("__0__NAME", "a"), ("__0__PORT", "x")]).unwrap_err();
    assert!(
        error.to_string().contains("`v.0.port`") && error.to_string().contains("APP_V__0__PORT"),
        "{error}"
    );
}

#[test]
fn an_index_changes_one_item_of_the_list_in_the_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    std::fs::write(&file, "v = [{ name = \"a\", port = 1 }, { name = \"b\", port = 2 }]\n").unwrap();
    let environment = [("APP_V__1__PORT", "9"), ("APP_V__2__NAME", "c"), ("APP_V__2__PORT", "3")];
    let snapshot = Loader::new("APP").file(&file).environment(environment).snapshot().unwrap();
    assert_eq!(snapshot.int("v.0.port").unwrap(), 1);
    assert_eq!(snapshot.string("v.1.name").unwrap(), "b");
    assert_eq!(snapshot.int("v.1.port").unwrap(), 9);
    assert_eq!(snapshot.string("v.2.name").unwrap(), "c");
    let explained = snapshot.explain().to_string();
    assert!(explained.contains("v.1.port = \"9\"  # APP_V__1__PORT in the environment"), "{explained}");
    assert!(explained.contains("app.toml:1"), "the untouched items keep their origin: {explained}");

    std::fs::write(&file, "[[v]]\nname = \"a\"\ntls = { key = \"k\", cert = \"c\" }\n").unwrap();
    let deep =
        Loader::new("APP").file(&file).environment([("APP_V__0__TLS__CERT", "new")]).snapshot().unwrap();
    assert_eq!(deep.string("v.0.tls.cert").unwrap(), "new");
    assert_eq!(deep.string("v.0.tls.key").unwrap(), "k", "tables within the item merge as well");

    let gap = Loader::new("APP").file(&file).environment([("APP_V__5__PORT", "9")]).snapshot().unwrap_err();
    assert!(gap.to_string().contains("leaves a gap"), "{gap}");
}

#[test]
fn maps_come_nested_as_pairs_or_json() {
    let expected = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(variables::<BTreeMap<String, u8>>(&[("__A", "1"), ("__B", "2")]).unwrap(), expected);
    assert_eq!(text::<BTreeMap<String, u8>>("a=1, b=2").unwrap(), expected);
    assert_eq!(text::<BTreeMap<String, u8>>(r#"{"a":1,"b":2}"#).unwrap(), expected);
    assert_eq!(
        variables::<BTreeMap<u16, String>>(&[("__80", "http")]).unwrap(),
        BTreeMap::from([(80, "http".into())])
    );
}

#[test]
fn enums_by_name_without_case_and_with_content() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Backend {
        Memory,
        JetStream { url: String },
        File(PathBuf),
        Pair(u8, u8),
    }
    assert_eq!(text::<Backend>("memory").unwrap(), Backend::Memory);
    assert_eq!(text::<Backend>("MEMORY").unwrap(), Backend::Memory);
    let jetstream = Backend::JetStream { url: "nats://x".into() };
    assert_eq!(variables::<Backend>(&[("__JET_STREAM__URL", "nats://x")]).unwrap(), jetstream);
    assert_eq!(text::<Backend>(r#"{"jet_stream":{"url":"nats://x"}}"#).unwrap(), jetstream);
    assert_eq!(variables::<Backend>(&[("__FILE", "/tmp")]).unwrap(), Backend::File("/tmp".into()));
    assert_eq!(variables::<Backend>(&[("__PAIR", "1,2")]).unwrap(), Backend::Pair(1, 2));
    let error = text::<Backend>("redis-marker").unwrap_err().to_string();
    assert!(error.contains("must be one of `memory`, `jet_stream`, `file`, `pair`"), "{error}");
    assert!(!error.contains("marker"), "{error}");
    let error = text::<Backend>("jet_stream").unwrap_err().to_string();
    assert!(error.contains("needs a table"), "{error}");
    let both = variables::<Backend>(&[("__FILE", "/tmp"), ("__PAIR", "1,2")]).unwrap_err().to_string();
    assert!(both.contains("exactly one key"), "{both}");
}

#[test]
fn newtypes_paths_addresses_and_characters() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Port(u16);
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(transparent)]
    struct Name {
        inner: String,
    }
    assert_eq!(text::<Port>("80").unwrap(), Port(80));
    assert_eq!(text::<Name>("007").unwrap(), Name { inner: "007".into() });
    assert_eq!(text::<PathBuf>("/var/lib").unwrap(), PathBuf::from("/var/lib"));
    assert_eq!(text::<IpAddr>("::1").unwrap(), "::1".parse::<IpAddr>().unwrap());
    assert_eq!(text::<Vec<SocketAddr>>("[::1]:80,127.0.0.1:81").unwrap().len(), 2);
    assert_eq!(text::<char>("x").unwrap(), 'x');
    assert!(text::<char>("xy").is_err());
}

#[test]
fn durations_and_sizes_carry_units() {
    #[derive(Debug, Deserialize)]
    struct Limits {
        #[serde(with = "underpin_config::duration")]
        timeout: Duration,
        #[serde(default, with = "underpin_config::duration::option")]
        idle: Option<Duration>,
        body: ByteSize,
    }
    let limits: Limits = variables(&[("__TIMEOUT", "500ms"), ("__IDLE", ""), ("__BODY", "64MiB")]).unwrap();
    assert_eq!(
        (limits.timeout, limits.idle, limits.body),
        (Duration::from_millis(500), None, ByteSize::mib(64))
    );
    let error = variables::<Limits>(&[("__TIMEOUT", "5"), ("__BODY", "big")]).unwrap_err().to_string();
    assert!(error.contains("`v.timeout` must be a duration with units"), "{error}");
    assert!(error.contains("`v.body` must be a size in bytes"), "{error}");
}

#[derive(Debug, PartialEq, Deserialize)]
struct Outer {
    name: String,
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Inner {
    host: String,
    port: u16,
    weight: f64,
    tls: bool,
    retries: Option<u8>,
    ports: Vec<u16>,
}

#[test]
fn flattened_structs_are_typed_by_their_fields_too() {
    let outer: Outer = variables(&[
        ("__NAME", "007"),
        ("__HOST", "008"),
        ("__PORT", "80"),
        ("__WEIGHT", "1.5"),
        ("__TLS", "yes"),
        ("__RETRIES", "3"),
        ("__PORTS", "1,2"),
    ])
    .unwrap();
    let inner =
        Inner { host: "008".into(), port: 80, weight: 1.5, tls: true, retries: Some(3), ports: vec![1, 2] };
    assert_eq!(outer, Outer { name: "007".into(), inner });
}

#[test]
fn every_problem_of_a_flattened_struct_names_its_key() {
    let error = variables::<Outer>(&[
        ("__NAME", "007"),
        ("__HOST", "h"),
        ("__PORT", "eighty"),
        ("__WEIGHT", "1"),
        ("__TLS", "maybe"),
        ("__PORTS", "1"),
    ])
    .unwrap_err();
    let keys: Vec<&str> = error.issues().iter().map(underpin_config::Issue::key).collect();
    assert_eq!(keys, ["v.port", "v.tls"], "{error}");
    assert!(
        error.to_string().contains("`v.port` must be an integer from 0 to 65535 (APP_V__PORT"),
        "{error}"
    );
    let error = variables::<Outer>(&[("__NAME", "007")]).unwrap_err();
    assert!(error.to_string().contains("`v.host` is missing (environment variable APP_V__HOST)"), "{error}");
}

#[test]
fn tagged_enums_are_typed_by_their_fields_too() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Store {
        File { path: String, keep: u16 },
        Memory,
    }
    let file: Store = variables(&[("__KIND", "file"), ("__PATH", "1"), ("__KEEP", "7")]).unwrap();
    assert_eq!(file, Store::File { path: "1".into(), keep: 7 });
    assert_eq!(variables::<Store>(&[("__KIND", "memory")]).unwrap(), Store::Memory);
    let error = variables::<Store>(&[("__KIND", "file"), ("__PATH", "1"), ("__KEEP", "x")]).unwrap_err();
    assert!(error.to_string().contains("`v.keep` must be an integer"), "{error}");
}

#[test]
fn a_typed_source_stays_typed() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    std::fs::write(&file, "port = \"8080\"\nflag = \"yes\"\nname = 7\n").unwrap();
    let snapshot = Loader::new("APP").file(&file).environment([("", ""); 0]).snapshot().unwrap();
    let error = snapshot.get::<u16>("port").unwrap_err().to_string();
    assert!(
        error.contains("must be an integer from 0 to 65535, not text") && error.contains("app.toml:1"),
        "{error}"
    );
    assert!(snapshot.get::<bool>("flag").is_err());
    assert!(snapshot.get::<String>("name").is_err());
}
