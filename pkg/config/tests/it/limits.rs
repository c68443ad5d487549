//! Large and malicious configurations take time in proportion to their size, or are refused.
#![allow(dead_code, reason = "fields that are only decoded")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use underpin_config::{
    ByteSize, Checks, Config as _, ConfigError, ConfigExt as _, Live, Loader, Secret, Source, SourceError,
    Validate,
};

/// A linear run takes a small part of it on a busy machine; a quadratic one takes minutes.
const LIMIT: Duration = Duration::from_secs(60);

fn within<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = run();
    println!("{what}: {:?}", start.elapsed());
    assert!(start.elapsed() < LIMIT, "{what}: {:?}", start.elapsed());
    result
}

fn none() -> Loader {
    Loader::new("APP").environment([("", ""); 0])
}

#[derive(Debug, Deserialize)]
struct Settings {
    #[serde(default)]
    name: String,
    #[serde(default)]
    list: Vec<u16>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    map: BTreeMap<String, u16>,
    #[serde(default)]
    items: Vec<Item>,
    size: Option<ByteSize>,
}

#[derive(Debug, Deserialize)]
struct Item {
    port: u16,
    #[serde(default)]
    weight: u8,
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.each("items", &self.items);
    }
}

impl Validate for Item {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.port > 1, "port", "must be above 1");
    }
}

fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("app.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        writeln!(text, "{}", line(n)).unwrap();
        text
    })
}

#[test]
fn ten_thousand_unknown_keys() {
    let (_directory, path) = file(&lines(10_000, |n| format!("nmae{n} = {n}")));
    let error = within("unknown keys of a file", || none().file(&path).load::<Settings>().unwrap_err());
    assert_eq!(error.issues().len(), 10_000);
    let shown = within("their message", || error.to_string());
    assert!(shown.ends_with("and 9900 more") && shown.contains("did you mean `name`?"), "{}", shown.len());
    let variables: Vec<(String, String)> =
        (0..10_000).map(|n| (format!("APP_NMAE{n}"), n.to_string())).collect();
    let loader = Loader::new("APP").environment(variables);
    let error = within("unknown variables", || loader.load::<Settings>().unwrap_err());
    assert_eq!(error.issues().len(), 10_000);
    let both = loader.file(&path);
    within("unknown keys and variables", || both.load::<Settings>().unwrap_err());
    let snapshot = both.snapshot().unwrap();
    within("their explanation", || snapshot.explain_as::<Settings>().to_string());
}

#[test]
fn a_list_of_fifty_thousand_commas() {
    let commas = ",".repeat(50_000);
    for key in ["list", "names", "map", "items", "name", "size"] {
        let loaded = within(key, || none().set(key, commas.clone()).load::<Settings>());
        assert_eq!(loaded.is_ok(), matches!(key, "names" | "name"), "{key}");
    }
    let numbers = vec!["7"; 50_000].join(",");
    let settings: Settings = within("numbers", || none().set("list", numbers).load().unwrap());
    assert_eq!(settings.list.len(), 50_000);
    let pairs: Vec<String> = (0..50_000).map(|n| format!("k{n}=1")).collect();
    let settings: Settings = within("pairs", || none().set("map", pairs.join(",")).load().unwrap());
    assert_eq!(settings.map.len(), 50_000);
}

#[test]
fn ten_thousand_problems_of_each_kind() {
    let wrong = lines(10_000, |n| format!("[[items]]\nport = \"p{n}\""));
    let missing = lines(10_000, |n| format!("[[items]]\nweight = {}", n % 200));
    let failed = lines(10_000, |_| "[[items]]\nport = 1".to_owned());
    let other = lines(10_000, |n| format!("[[items]]\nport = 2\nprot = {n}"));
    for (what, text) in
        [("wrong", wrong), ("missing", missing), ("failed checks", failed), ("unknown", other)]
    {
        let (_directory, path) = file(&text);
        let error = within(what, || none().file(&path).load::<Settings>().unwrap_err());
        let complete = matches!(what, "failed checks" | "unknown");
        assert!(if complete { error.issues().len() == 10_000 } else { error.issues().len() > 10 }, "{what}");
        assert_eq!(error.to_string().contains("there may be more problems"), !complete, "{what}");
    }
    let variables: Vec<_> = (0..10_000).map(|n| (format!("APP_ITEMS__{n}__PORT"), "x".to_owned())).collect();
    within("indexes", || Loader::new("APP").environment(variables).load::<Settings>().unwrap_err());
}

#[test]
fn gaps_over_a_list_and_spellings_over_a_table() {
    let (_directory, path) =
        file(&format!("list = [1]\n[map]\n{}", lines(10_000, |n| format!("theKey{n} = 1"))));
    let gaps = (2..10_000).map(|n| (format!("APP_LIST__{n}"), "1".to_owned()));
    let respelled = (0..10_000).map(|n| (format!("APP_MAP__THE_KEY{n}"), "2".to_owned()));
    let loader = Loader::new("APP").file(&path);
    within("gaps", || loader.clone().environment(gaps).load::<Settings>().unwrap_err());
    let settings: Settings = within("spellings", || loader.environment(respelled).load().unwrap());
    assert!(settings.map.len() == 10_000 && settings.map.values().all(|value| *value == 2));
}

#[derive(Debug, Deserialize)]
struct Flat {
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    rest: HashMap<String, u16>,
}
impl Validate for Flat {}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}
#[derive(Debug, Deserialize)]
struct Ports {
    ports: Vec<Port>,
}
impl Validate for Ports {}

#[test]
fn buffered_values_without_number() {
    let (_directory, path) = file(&lines(10_000, |n| format!("key{n} = {n}")));
    let flat: Flat = within("flattened file", || none().file(&path).load().unwrap());
    assert_eq!(flat.rest.len(), 10_000);
    let variables: Vec<_> = (0..5_000).map(|n| (format!("APP_KEY{n}"), n.to_string())).collect();
    let loader = Loader::new("APP").environment(variables);
    let error = within("flattened variables", || loader.load::<Flat>().unwrap_err());
    assert!(error.to_string().contains("nest them in a struct"), "{error}");
    let few: Vec<_> = (0..100).map(|n| (format!("APP_KEY{n}"), n.to_string())).collect();
    let flat: Flat = within("a hundred", || Loader::new("APP").environment(few).load().unwrap());
    assert_eq!(flat.rest.len(), 100);
    let text = vec!["8080"; 10_000].join(",");
    let settings: Ports = within("untagged", || none().set("ports", text).load().unwrap());
    assert!(settings.ports.iter().all(|port| matches!(port, Port::Number(8080))));
    let text = vec!["http"; 5_000].join(",");
    let settings: Ports = within("names", || none().set("ports", text).load().unwrap());
    assert!(settings.ports.iter().all(|port| matches!(port, Port::Name(_))));
}

/// A source with keys as they come from a remote store.
struct Remote(Vec<String>);

#[async_trait]
impl Source for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    async fn fetch(&self) -> Result<Vec<(String, Secret<String>)>, SourceError> {
        Ok(self.0.iter().map(|key| (key.clone(), "1".into())).collect())
    }
}

#[tokio::test]
async fn a_key_has_at_most_64_segments_from_every_source() {
    let is_refused = |what: &str, error: ConfigError| {
        let shown = error.to_string();
        assert!(shown.contains("has more than 64 segments"), "{what}: {}", &shown[..shown.len().min(400)]);
        assert!(shown.len() < 2000, "{what}: the key is shortened");
    };
    for segments in [65, 5_000, 1_000_000] {
        let dotted = vec!["a"; segments].join(".");
        let variable = format!("APP_{}", vec!["A"; segments].join("__"));
        is_refused("override", none().set(&dotted, "1").snapshot().unwrap_err());
        is_refused("pair", none().overrides([format!("{dotted}=1")]).snapshot().unwrap_err());
        is_refused("default", none().default_value(&dotted, 1).snapshot().unwrap_err());
        let environment = Loader::new("APP").environment([(variable.as_str(), "1")]);
        is_refused("environment", environment.snapshot().unwrap_err());
        let bound = Loader::new("APP").bind(&dotted, "DEEP").environment([("DEEP", "1")]);
        is_refused("bound", bound.snapshot().unwrap_err());
        let (_directory, path) = file(&format!("{variable}=1\n"));
        is_refused("dotenv", none().dotenv(&path).snapshot().unwrap_err());
        let remote = none().source(Arc::new(Remote(vec![dotted.clone()])));
        is_refused("remote", remote.snapshot_async().await.unwrap_err());
        is_refused("live", Live::<Flat>::load_async(remote).await.map(drop).unwrap_err());
        let (_directory, path) = file(&format!("{dotted} = 1\n"));
        assert!(none().file(&path).snapshot().is_err(), "file");
        let snapshot = none().snapshot().unwrap();
        assert!(snapshot.value(&dotted).is_none() && snapshot.get::<u8>(&dotted).is_err());
    }
    let (_directory, path) = file(&format!("{} = 1\n", vec!["a"; 65].join(".")));
    is_refused("file", none().file(&path).snapshot().unwrap_err());
    let most = vec!["a"; 64].join(".");
    assert_eq!(none().set(&most, "1").snapshot().unwrap().int(&most).unwrap(), 1);
    let (_directory, path) = file(&format!("{most} = 1\n"));
    assert_eq!(none().file(&path).snapshot().unwrap().int(&most).unwrap(), 1);
}

#[test]
fn deep_values_overflow_no_stack() {
    #[derive(Serialize, Deserialize)]
    struct Deep {
        t: Option<Box<Deep>>,
    }
    impl Validate for Deep {}
    let part = vec!["t"; 79].join(".");
    let mut nested = "1".to_owned();
    for _ in 0..79 {
        nested = format!("{{ {part} = {nested} }}");
    }
    let (_directory, path) = file(&format!("[{part}]\n{part} = {nested}\n"));
    assert!(none().file(&path).load::<Deep>().is_err());
    for depth in [60, 127, 5_000, 100_000] {
        let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let tables = format!("{}null{}", r#"{"t":"#.repeat(depth), "}".repeat(depth));
        for text in [&lists, &tables] {
            let result = none().set("t", text.clone()).load::<Deep>();
            assert_eq!(result.is_ok(), depth <= 127 && text == &tables, "{depth}");
            drop(none().set("t", text.clone()).snapshot().unwrap().explain_as::<Deep>().to_string());
        }
    }
    let deep = (0..100).fold(Deep { t: None }, |inner, _| Deep { t: Some(Box::new(inner)) });
    let error = none().defaults(&deep).snapshot().unwrap_err();
    assert!(error.to_string().contains("more than 64 levels"), "{error}");
}

#[test]
fn many_and_long_things() {
    let long = "k".repeat(1 << 20);
    let (_directory, path) = file(&format!("{long} = 1\nname = \"{long}\"\n"));
    let error = within("a long key", || none().file(&path).load::<Settings>().unwrap_err());
    assert!(error.to_string().len() < 2000, "the key is shortened");
    let error = within("a long value", || none().set("size", long.clone()).load::<Settings>().unwrap_err());
    assert!(error.to_string().len() < 2000);

    let defaults = within("defaults", || {
        (0..5_000).fold(none(), |loader, n| loader.default_value(&format!("map.k{n}"), 1))
    });
    let settings: Settings = within("their load", || defaults.load().unwrap());
    assert_eq!(settings.map.len(), 5_000);

    let directory = TempDir::new().unwrap();
    let loader = (0..500).fold(none(), |loader, n| {
        let path = directory.path().join(format!("{n}.toml"));
        std::fs::write(&path, format!("[map]\nk{n} = 1\n")).unwrap();
        loader.file(path)
    });
    let settings: Settings = within("files", || loader.clone().load().unwrap());
    assert_eq!(settings.map.len(), 500);
    within("a profile of them", || loader.profile("absent").load::<Settings>().unwrap_err());

    let secrets = TempDir::new().unwrap();
    for n in 0..2_000 {
        std::fs::write(secrets.path().join(format!("map__k{n}")), "1").unwrap();
    }
    let settings: Settings = within("secret files", || none().secrets_dir(secrets.path()).load().unwrap());
    assert_eq!(settings.map.len(), 2_000);
}

#[test]
fn long_dotenv_files() {
    for (what, line) in [
        ("quotes", "OTHER=\"open"),
        ("escapes", "OTHER=\"\\\""),
        ("both", "A='x\" 'y\nB=\"z' \"w"),
        ("text", "this is no assignment"),
        ("ours", "APP_NAME=\"x"),
    ] {
        let (_directory, path) = file(&format!("{}APP_NAME=end\n", lines(50_000, |_| line.to_owned())));
        drop(within(what, || none().dotenv(&path).load::<Settings>()));
    }
    let (_directory, path) = file(&lines(50_000, |n| format!("APP_NAME{n}=x\rAPP_LIST=1")));
    within("set twice", || none().dotenv(&path).load::<Settings>().unwrap_err());
}

#[test]
fn choices_overflow_no_stack() {
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    enum Choice {
        Numbers { map: BTreeMap<String, u16> },
        Flags { map: BTreeMap<String, bool> },
        Texts { map: BTreeMap<String, String> },
    }
    #[derive(Debug, Deserialize)]
    struct Holder {
        v: Choice,
    }
    impl Validate for Holder {}
    for (count, last) in [(20, "7"), (20, "x"), (600, "7"), (600, "x"), (5_000, "x")] {
        let mut variables: Vec<_> =
            (0..count).map(|n| (format!("APP_V__MAP__K{n:04}"), "1".to_owned())).collect();
        variables.last_mut().unwrap().1 = last.to_owned();
        let loaded =
            within(&format!("{count} {last}"), || Loader::new("APP").environment(variables).load::<Holder>());
        match loaded.map(|holder| holder.v) {
            Ok(Choice::Numbers { map }) => assert_eq!((map.len(), last), (count, "7")),
            Ok(Choice::Texts { map }) => assert_eq!((map.len(), last), (count, "x")),
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert!(count > 20 && error.to_string().contains("nest them"), "{count} {last}: {error}");
            }
        }
    }
}
