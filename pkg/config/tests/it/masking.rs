//! `explain` masks a secret in every kind of container, from every source, also when the configuration has problems.
#![allow(dead_code, reason = "fields that are only decoded")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use underpin_config::{Loader, Secret, Snapshot};

const MARKER: &str = "QZX8842JQZX";

/// How a value of a type looks as JSON.
trait Example: DeserializeOwned {
    fn example() -> Json;
}

macro_rules! example {
    ($type:ty, $json:expr) => {
        impl<T: Example> Example for $type {
            fn example() -> Json {
                $json
            }
        }
    };
}

type Text = Secret<String>;

#[derive(Deserialize)]
struct Plain<T> {
    x: Option<u8>,
    p: T,
}
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Internal<T> {
    A { p: T },
    B { n: u8 },
    C,
}
#[derive(Deserialize)]
#[serde(tag = "kind", content = "content", rename_all = "snake_case")]
enum Adjacent<T> {
    A(T),
    B { p: T },
    C,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum External<T> {
    JetStream(T),
    Pair(u8, T),
    C,
}
#[derive(Deserialize)]
#[serde(untagged)]
enum Untagged<T> {
    Number(u8),
    Table { p: T },
    List(Vec<T>),
    Other { n: u8 },
}
#[derive(Deserialize)]
struct Flat<T> {
    x: Option<u8>,
    #[serde(flatten)]
    rest: Plain<T>,
}
#[derive(Deserialize)]
struct FlatMap<T> {
    x: Option<u8>,
    #[serde(flatten)]
    rest: BTreeMap<String, T>,
}

impl Example for Text {
    fn example() -> Json {
        json!(MARKER)
    }
}

example!(Plain<T>, json!({ "x": 1, "p": T::example() }));
example!(Internal<T>, json!({ "kind": "a", "p": T::example() }));
example!(Adjacent<T>, json!({ "kind": "a", "content": T::example() }));
example!(External<T>, json!({ "jetStream": T::example() }));
example!(Untagged<T>, json!({ "p": T::example() }));
example!(Flat<T>, json!({ "x": 1, "p": T::example() }));
example!(FlatMap<T>, json!({ "x": 1, "p": T::example(), "q": T::example() }));
example!(Vec<T>, json!([T::example(), T::example()]));
example!(Option<T>, T::example());
example!((u8, T), json!([1, T::example()]));
example!(BTreeMap<String, T>, json!({ "a": T::example() }));

/// A change that makes a configuration wrong, or leaves something over.
#[derive(Debug, Clone)]
enum Damage {
    None,
    Remove(usize),
    Replace(usize, Json),
    Add(usize, String),
}

fn damage() -> impl Strategy<Value = Damage> {
    let wrong = prop::sample::select(vec![
        json!("zzz"),
        json!(-1),
        json!(true),
        json!([]),
        json!({}),
        json!(MARKER),
        json!([MARKER]),
        json!({ MARKER: 1 }),
        json!("b"),
    ]);
    prop_oneof![
        1 => Just(Damage::None),
        2 => (0..12usize).prop_map(Damage::Remove),
        4 => (0..12usize, wrong).prop_map(|(at, json)| Damage::Replace(at, json)),
        3 => (0..12usize, "[a-z]{1,3}").prop_map(|(at, key)| Damage::Add(at, key)),
    ]
}

impl Damage {
    fn apply(&self, json: &mut Json) {
        let mut count = 0;
        self.walk(json, &mut count);
    }

    fn walk(&self, json: &mut Json, count: &mut usize) {
        match json {
            Json::Object(object) => {
                let keys: Vec<String> = object.keys().cloned().collect();
                if let Damage::Add(at, key) = self
                    && *at == *count
                    && !object.contains_key(key)
                {
                    object.insert(key.clone(), json!(MARKER));
                }
                for key in keys {
                    *count += 1;
                    match self {
                        Damage::Remove(at) if at == count => drop(object.remove(&key)),
                        Damage::Replace(at, wrong) if at == count => {
                            object.insert(key, wrong.clone());
                        }
                        _ => self.walk(object.get_mut(&key).unwrap(), count),
                    }
                }
            }
            Json::Array(items) => {
                for item in items {
                    *count += 1;
                    match self {
                        Damage::Replace(at, wrong) if at == count => *item = wrong.clone(),
                        _ => self.walk(item, count),
                    }
                }
            }
            _ => {}
        }
    }
}

fn toml(json: &Json) -> String {
    match json {
        Json::Object(object) => {
            let members =
                object.iter().map(|(key, value)| format!("{} = {}", Json::from(key.as_str()), toml(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn nested(name: &str, json: &Json, variables: &mut Vec<(String, String)>) {
    let mut below =
        |part: &str, value: &Json| nested(&format!("{name}__{}", part.to_uppercase()), value, variables);
    match json {
        Json::Object(object) => object.iter().for_each(|(key, value)| below(key, value)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| below(&index.to_string(), item));
        }
        Json::String(text) => variables.push((name.to_owned(), text.clone())),
        other => variables.push((name.to_owned(), other.to_string())),
    }
}

/// The items of a list with commas between, where a list of texts can be written so.
fn commas(json: &Json) -> Option<String> {
    let items = json.as_array()?.iter();
    let texts = items.map(|item| match item {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    });
    Some(texts.collect::<Option<Vec<_>>>()?.join(","))
}

/// The value below the key `v`, from every source that can hold it.
fn sources(value: &Json, directory: &std::path::Path) -> Vec<Loader> {
    let none = || Loader::new("APP").environment([("", ""); 0]);
    let mut variables = Vec::new();
    nested("APP_V", value, &mut variables);
    let (file, dotenv) = (directory.join("app.toml"), directory.join(".env"));
    std::fs::write(&file, format!("v = {}\n", toml(value))).unwrap();
    let lines: String = variables.iter().map(|(name, text)| format!("{name}='{text}'\n")).collect();
    std::fs::write(&dotenv, lines).unwrap();
    let json = value.to_string();
    let broken = json.get(..json.len() - 1).unwrap().to_owned();
    let mut loaders = vec![
        none().file(&file),
        none().dotenv(&dotenv),
        Loader::new("APP").environment(variables),
        none().set("v", json.clone()),
        none().set("v", broken),
        none().file(&file).set("v", json),
    ];
    loaders.extend(commas(value).map(|text| none().set("v", text)));
    loaders
}

#[derive(Deserialize)]
struct Root<T> {
    v: T,
    bad: Option<u8>,
}

fn is_silent<T: Example>(damage: &Damage, also_bad: bool) {
    let directory = tempfile::TempDir::new().unwrap();
    let mut value = T::example();
    damage.apply(&mut value);
    for loader in sources(&value, directory.path()) {
        let loader = if also_bad { loader.set("bad", "x") } else { loader };
        let Ok(snapshot) = loader.snapshot() else { continue };
        let what = || format!("{} from {value} ({damage:?})", std::any::type_name::<T>());
        let explained = snapshot.explain_as::<Root<T>>().to_string();
        // A marker in a key is no value, and one in a field of another type is no secret.
        let shown = explained.lines().filter(|line| {
            let (key, shown) = line.split_once(" = ").unwrap();
            let is_other = ["bad", "x", "n", "0", "kind"].contains(&key.rsplit('.').next().unwrap());
            shown.split("  # ").next().unwrap().contains(MARKER) && !is_other
        });
        assert_eq!(shown.collect::<Vec<_>>(), [""; 0], "{}\n{explained}", what());
        if let Err(error) = snapshot.decode::<Root<T>>() {
            let is_key = value.to_string().contains(&format!("\"{MARKER}\":"));
            assert!(is_key || !error.to_string().contains(MARKER), "{}\n{error}", what());
        }
    }
}

/// Every container in every other.
macro_rules! in_each {
    ($check:ident, $inner:ty, $($argument:expr),*) => {
        $check::<$inner>($($argument),*);
        $check::<Plain<$inner>>($($argument),*);
        $check::<Internal<$inner>>($($argument),*);
        $check::<Adjacent<$inner>>($($argument),*);
        $check::<External<$inner>>($($argument),*);
        $check::<Untagged<$inner>>($($argument),*);
        $check::<Flat<$inner>>($($argument),*);
        $check::<FlatMap<$inner>>($($argument),*);
        $check::<Vec<$inner>>($($argument),*);
        $check::<Option<$inner>>($($argument),*);
        $check::<(u8, $inner)>($($argument),*);
        $check::<BTreeMap<String, $inner>>($($argument),*);
    };
}

fn in_all(damage: &Damage, also_bad: bool) {
    in_each!(is_silent, Text, damage, also_bad);
    in_each!(is_silent, Plain<Text>, damage, also_bad);
    in_each!(is_silent, Internal<Text>, damage, also_bad);
    in_each!(is_silent, Adjacent<Text>, damage, also_bad);
    in_each!(is_silent, External<Text>, damage, also_bad);
    in_each!(is_silent, Untagged<Text>, damage, also_bad);
    in_each!(is_silent, Flat<Text>, damage, also_bad);
    in_each!(is_silent, Vec<Text>, damage, also_bad);
    in_each!(is_silent, (u8, Text), damage, also_bad);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn no_secret_is_shown_in_any_container(damage in damage(), also_bad: bool) {
        in_all(&damage, also_bad);
    }
}

#[test]
fn an_undamaged_value_decodes_from_every_source() {
    fn decodes<T: Example>() {
        let directory = tempfile::TempDir::new().unwrap();
        let value = T::example();
        for (index, loader) in sources(&value, directory.path()).into_iter().enumerate() {
            let decoded = loader.snapshot().unwrap().decode::<Root<T>>().map(drop);
            // The fifth is broken JSON.
            assert!(index == 4 || decoded.is_ok(), "{} {index}: {:?}", std::any::type_name::<T>(), decoded);
        }
    }
    in_each!(decodes, Plain<Text>,);
    in_each!(decodes, Internal<Text>,);
    in_each!(decodes, Adjacent<Text>,);
    in_each!(decodes, External<Text>,);
    in_each!(decodes, Untagged<Text>,);
    in_each!(decodes, Flat<Text>,);
}

#[test]
fn what_is_no_secret_is_shown_beside_a_buffer() {
    let text =
        |value: Json| Loader::new("APP").environment([("APP_V", value.to_string())]).snapshot().unwrap();
    let explained = |snapshot: Snapshot| snapshot.explain_as::<Root<Plain<Vec<u8>>>>().to_string();
    assert!(explained(text(json!({ "x": 1, "p": [1, 2] }))).contains(r#"v = "{\"#), "JSON without a secret");
    let variables = [("APP_V__X", "7"), ("APP_V__P", "HUSH")];
    let snapshot = Loader::new("APP").environment(variables).snapshot().unwrap();
    let explained = snapshot.explain_as::<Root<Flat<Text>>>().to_string();
    assert!(explained.contains("v.x = \"7\"") && explained.contains("v.p = [redacted]"), "{explained}");
}
