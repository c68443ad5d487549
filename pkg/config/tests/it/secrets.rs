//! No secret is ever printed, whatever path it takes.
#![allow(dead_code, reason = "fields that are only decoded")]

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Deserializer};
use tempfile::TempDir;
use underpin_config::{ByteSize, Config, ConfigExt, Loader, Secret, Validate};

/// No message of this crate or of serde holds this text.
const MARKER: &str = "QZX8842JQZX";

/// A type whose error repeats what it was given, as careless types do.
#[derive(Debug)]
struct Chatty;

impl<'de> Deserialize<'de> for Chatty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("cannot understand {text}, that is {}", text.to_lowercase())))
    }
}

/// A type whose error shows one character, as `uuid` does.
#[derive(Debug)]
struct Pedantic;

impl<'de> Deserialize<'de> for Pedantic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let first = text.chars().next().unwrap_or('?');
        Err(serde::de::Error::custom(format!("invalid character: found `{first}`")))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Everything {
    number: Option<u16>,
    float: Option<f64>,
    flag: Option<bool>,
    letter: Option<char>,
    list: Option<Vec<u8>>,
    map: Option<BTreeMap<String, u8>>,
    pair: Option<(u8, u8)>,
    choice: Option<Choice>,
    address: Option<SocketAddr>,
    #[serde(default, with = "underpin_config::duration::option")]
    wait: Option<Duration>,
    size: Option<ByteSize>,
    nested: Option<Nested>,
    tagged: Option<Tagged>,
    either: Option<Either>,
    chatty: Option<Chatty>,
    pedantic: Option<Pedantic>,
    unit: Option<()>,
    password: Option<Secret<String>>,
    pin: Option<Secret<u32>>,
    words: Option<Secret<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    One,
    Two { number: u8 },
}

#[derive(Debug, Deserialize)]
struct Nested {
    number: u8,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    A { number: u8 },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Flag(bool),
}

impl Validate for Everything {}

const KEYS: [&str; 23] = [
    "number",
    "float",
    "flag",
    "letter",
    "list",
    "map",
    "pair",
    "choice",
    "address",
    "wait",
    "size",
    "nested",
    "tagged",
    "either",
    "chatty",
    "pedantic",
    "unit",
    "pin",
    "nested.number",
    "choice.two.number",
    "tagged.kind",
    "map.a",
    "list.0",
];

fn silent(shown: impl Display, what: &str) {
    let shown = shown.to_string();
    assert!(!shown.to_lowercase().contains(&MARKER.to_lowercase()), "{what} shows the value: {shown}");
}

/// Everything that a configuration can print.
fn all_is_silent(loader: &Loader, may_explain: bool) {
    silent(format!("{loader:?}"), "Debug of the loader");
    if let Err(error) = loader.load::<Everything>() {
        silent(&error, "Display of the error");
        silent(format!("{error:?} {error:#?}"), "Debug of the error");
        silent(format!("{:?}", error.issues()), "the issues");
        let wrapped = underpin_errors::Error::from(error).context("start");
        silent(wrapped.report(), "the report");
        silent(serde_json::to_string(&wrapped.to_problem()).unwrap(), "the problem");
    }
    match loader.snapshot() {
        Err(error) => silent(&error, "the snapshot's error"),
        Ok(snapshot) => {
            silent(format!("{snapshot:?}"), "Debug of the snapshot");
            for key in KEYS {
                if let Some(value) = snapshot.value(key) {
                    silent(format!("{value:?}"), "Debug of a value");
                }
                let errors = [snapshot.get::<u64>(key).err(), snapshot.get::<Chatty>(key).map(drop).err()];
                errors.into_iter().flatten().for_each(|error| silent(error, "the error of a get"));
            }
            if may_explain {
                let explanation = snapshot.explain_as::<Everything>();
                silent(&explanation, "explain");
                silent(format!("{explanation:?}"), "Debug of explain");
            }
        }
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn no_value_is_shown_by_any_type_from_any_source() {
    let directory = TempDir::new().unwrap();
    for (index, key) in KEYS.iter().enumerate() {
        let variable = format!("APP_{}", key.to_uppercase().replace('.', "__"));
        let at = |name: &str| directory.path().join(format!("{index}-{name}"));
        let none = || Loader::new("APP").environment([("", ""); 0]);

        write(&at("app.toml"), &format!("{key} = \"{MARKER}\"\n"));
        write(&at(".env"), &format!("{variable}='{MARKER}'\n"));
        write(&at("secrets").join(key), MARKER);
        let loaders = [
            none().file(at("app.toml")),
            none().dotenv(at(".env")),
            none().secrets_dir(at("secrets")),
            none().environment([(variable.as_str(), MARKER)]),
            none().environment([(
                variable.as_str(),
                format!("{{\"two\":\"{MARKER}\",\"number\":\"{MARKER}\"}}"),
            )]),
            none().environment([(variable.as_str(), format!("[\"{MARKER}\",1"))]),
            // Keys inside of a text are a part of the value.
            none().environment([(variable.as_str(), format!("{{\"{MARKER}\":\"{MARKER}\"}}"))]),
            none().environment([(variable.as_str(), format!("{{\"two\":{{\"{MARKER}\":true}}}}"))]),
            none().environment([(variable.as_str(), format!("[{{\"{MARKER}\":1}}]"))]),
            none().set(key, format!("{MARKER}=x,a=y")),
            none().set(key, MARKER),
            none().overrides([format!("{key}={MARKER}")]),
            none().default_value(key, MARKER),
        ];
        for loader in loaders {
            assert!(
                loader.load::<Everything>().is_err(),
                "{key}: the marker fits no type, so there is an error to look at"
            );
            all_is_silent(&loader, false);
        }
    }
}

#[test]
fn secrets_are_masked_in_explain_wherever_they_come_from() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let none = || Loader::new("APP").environment([("", ""); 0]);
    for key in ["password", "words"] {
        let variable = format!("APP_{}", key.to_uppercase());
        write(&path("app.toml"), &format!("{key} = \"{MARKER}\"\n"));
        write(&path(".env"), &format!("{variable}={MARKER}\n"));
        for loader in [
            none().file(path("app.toml")),
            none().dotenv(path(".env")),
            none().environment([(variable.as_str(), MARKER)]),
            none().set(key, MARKER),
            none().default_value(key, MARKER),
        ] {
            let settings: Everything = loader.load().unwrap();
            silent(format!("{settings:?}"), "Debug of the settings");
            all_is_silent(&loader, true);
        }
    }
    // From a secrets directory nothing is shown, whatever the key is called.
    write(&path("secrets/number"), MARKER);
    all_is_silent(&none().secrets_dir(path("secrets")), true);
    // A password in a URL has no key.
    let url = none().set("address", format!("postgres://ada:{MARKER}@db/app"));
    all_is_silent(&url, true);
}

#[test]
fn explain_shows_what_is_no_secret() {
    let loader = Loader::new("APP")
        .environment([("APP_PORT", "8080"), ("APP_TOKEN", MARKER)])
        .default_value("x", true);
    let shown = loader.snapshot().unwrap().explain().to_string();
    assert_eq!(
        shown,
        "port = \"8080\"  # APP_PORT in the environment\n\
         token = [redacted]  # APP_TOKEN in the environment\n\
         x = true  # the defaults\n"
    );
}

proptest! {
    #[test]
    fn no_broken_file_shows_the_marker(
        before in "[a-z\\[\\]{}\"'=\\n#. ]{0,30}",
        glue in "( = |=|\\n| )",
        quote in "[\"']{0,3}",
        after in "[a-z\\[\\]{}\"'=\\n#. ]{0,30}",
    ) {
        let directory = TempDir::new().unwrap();
        let text = format!("{before}number{glue}{quote}{MARKER}{after}\n");
        let toml = directory.path().join("app.toml");
        let dotenv = directory.path().join(".env");
        fs::write(&toml, &text).unwrap();
        fs::write(&dotenv, text.replace("number", "APP_NUMBER")).unwrap();
        let none = || Loader::new("APP").environment([("", ""); 0]);
        for loader in [none().file(&toml), none().dotenv(&dotenv)] {
            // A marker that a valid file holds as a key is a key, not a value.
            let is_key = loader.snapshot().is_ok_and(|snapshot| format!("{:?}", snapshot.explain()).contains(&format!("key: \"{MARKER}")));
            if let (false, Err(error)) = (is_key, loader.load::<Everything>()) {
                silent(&error, "the error");
            }
        }
    }

    #[test]
    fn no_value_of_any_content_is_shown(key in prop::sample::select(&KEYS[..]), value in "[A-Z]{4}[!-~]{0,20}[A-Z]{4}") {
        let loader = Loader::new("APP").environment([("", ""); 0]).set(key, value.clone());
        if let Err(error) = loader.load::<Everything>() {
            // The sentences around the value are ours: they hold no four capital letters in a row but those of the variable.
            let shown = error.to_string().replace("APP_", "");
            prop_assert!(!shown.contains(&value), "{shown}");
        }
    }
}

fn debug_of<T: Debug>(value: &T) -> String {
    format!("{value:?}")
}

#[test]
fn a_snapshot_of_secrets_prints_only_a_count() {
    let snapshot = Loader::new("APP").environment([("APP_PASSWORD", MARKER)]).snapshot().unwrap();
    assert_eq!(debug_of(&snapshot), "Snapshot { keys: 1, .. }");
    assert_eq!(snapshot.string("password").unwrap(), MARKER);
}
