//! Values that serde buffers (`flatten`, tagged and untagged enums) keep their type, and their errors name key, variable and line,
//! from every source.
#![allow(dead_code, reason = "fields that are only decoded")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use underpin_config::{
    ByteSize, ConfigError, ConfigExt as _, Live, Loader, Reload, Secret, Source, SourceError, Validate,
};

fn none() -> Loader {
    Loader::new("APP").environment([("", ""); 0])
}

fn variables<T: DeserializeOwned>(pairs: &[(&str, &str)]) -> Result<T, ConfigError> {
    let environment = pairs.iter().map(|(name, text)| (format!("APP_V{name}"), (*text).to_owned()));
    Loader::new("APP").environment(environment).snapshot().unwrap().get("v")
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    Loader::new("APP").environment([("APP_V", text)]).snapshot().unwrap().get("v")
}

fn file<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("app.toml");
    std::fs::write(&path, text).unwrap();
    none().file(path).snapshot().unwrap().get("v")
}

#[derive(Debug, PartialEq, Deserialize)]
struct Limits {
    count: u16,
    ratio: f64,
    flag: bool,
    name: String,
    some: Option<u8>,
    text: Option<String>,
    list: Vec<u16>,
    pair: (u8, String),
    ports: BTreeMap<u16, u8>,
    level: Level,
    address: IpAddr,
    few: NonZeroU16,
    size: ByteSize,
    #[serde(with = "underpin_config::duration")]
    wait: Duration,
    inner: Inner,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    max_open: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Level {
    VeryLow,
    High { count: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Flat {
    direct: u8,
    #[serde(flatten)]
    limits: Limits,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Internal {
    Limited(Limits),
    Free,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Limited(Limits),
    Number(u64),
    Text(String),
}

fn limits() -> Limits {
    Limits {
        count: 7,
        ratio: 1.0,
        flag: true,
        name: "007".into(),
        some: None,
        text: None,
        list: vec![1, 2],
        pair: (3, "4".into()),
        ports: BTreeMap::from([(80, 1), (443, 2)]),
        level: Level::VeryLow,
        address: "::1".parse().unwrap(),
        few: NonZeroU16::new(5).unwrap(),
        size: ByteSize::kib(64),
        wait: Duration::from_millis(500),
        inner: Inner { max_open: 9 },
    }
}

const TEXTS: [(&str, &str); 16] = [
    ("__COUNT", "7"),
    ("__RATIO", "1"),
    ("__FLAG", "yes"),
    ("__NAME", "007"),
    ("__SOME", ""),
    ("__TEXT", ""),
    ("__LIST", "1, 2"),
    ("__PAIR__0", "3"),
    ("__PAIR__1", "4"),
    ("__PORTS__80", "1"),
    ("__PORTS__443", "2"),
    ("__LEVEL", "very_low"),
    ("__ADDRESS", "::1"),
    ("__FEW", "5"),
    ("__SIZE", "64KiB"),
    ("__WAIT", "500ms"),
];

fn texts(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    TEXTS.iter().chain(&[("__INNER__MAX_OPEN", "9")]).chain(more).copied().collect()
}

#[test]
fn every_type_of_field_takes_text_behind_a_buffer() {
    let flat: Flat = variables(&texts(&[("__DIRECT", "1")])).unwrap();
    assert_eq!(flat, Flat { direct: 1, limits: limits() });
    assert_eq!(variables::<Internal>(&texts(&[("__KIND", "limited")])).unwrap(), Internal::Limited(limits()));
    assert_eq!(variables::<Untagged>(&texts(&[])).unwrap(), Untagged::Limited(limits()));
    assert_eq!(json::<Untagged>("18446744073709551615").unwrap(), Untagged::Number(u64::MAX));
    assert_eq!(
        json::<Untagged>("18446744073709551616").unwrap(),
        Untagged::Text("18446744073709551616".into())
    );
}

const JSON: &str = r#""count":7,"ratio":1,"flag":"yes","name":"007","list":["1",2],"pair":[3,"4"],"ports":{"80":1,"443":"2"},
    "level":"VERY_LOW","address":"::1","few":"5","size":65536,"wait":"500ms","inner":{"maxOpen":"9"}"#;

#[test]
fn the_same_as_json_in_one_variable_and_from_a_file() {
    let with = |more: &str| format!("{{{more}{JSON}}}");
    assert_eq!(json::<Flat>(&with(r#""direct":"1","#)).unwrap(), Flat { direct: 1, limits: limits() });
    assert_eq!(json::<Internal>(&with(r#""kind":"limited","#)).unwrap(), Internal::Limited(limits()));
    assert_eq!(json::<Untagged>(&with("")).unwrap(), Untagged::Limited(limits()));
    let toml = "count = 7\nratio = 1\nflag = true\nname = \"007\"\nlist = [1, 2]\npair = [3, \"4\"]\nlevel = \"veryLow\"\n\
        address = \"::1\"\nfew = 5\nsize = \"64KiB\"\nwait = \"500ms\"\nports = { 80 = 1, 443 = 2 }\ninner.maxOpen = 9\n";
    assert_eq!(
        file::<Flat>(&format!("[v]\ndirect = 1\n{toml}")).unwrap(),
        Flat { direct: 1, limits: limits() }
    );
    assert_eq!(
        file::<Internal>(&format!("[v]\nkind = \"limited\"\n{toml}")).unwrap(),
        Internal::Limited(limits())
    );
    assert_eq!(file::<Untagged>(&format!("[v]\n{toml}")).unwrap(), Untagged::Limited(limits()));
}

#[test]
fn every_problem_behind_a_buffer_names_its_key_and_variable() {
    let wrong = [
        ("__COUNT", "70000", "`v.count` must be an integer from 0 to 65535 (APP_V__COUNT in"),
        ("__RATIO", "x", "`v.ratio` must be a number (APP_V__RATIO in"),
        ("__FLAG", "maybe", "`v.flag` must be a boolean"),
        ("__SOME", "-1", "`v.some` must be an integer from 0 to 255 (APP_V__SOME in"),
        ("__LIST", "1,x", "`v.list.1` must be an integer from 0 to 65535 (APP_V__LIST in"),
        ("__PAIR__0", "x", "`v.pair.0` must be an integer from 0 to 255 (APP_V__PAIR__0 in"),
        ("__PORTS__80", "x", "`v.ports.80` must be an integer from 0 to 255 (APP_V__PORTS__80 in"),
        ("__LEVEL", "middle", "`v.level` must be one of `veryLow`, `high` (APP_V__LEVEL in"),
        ("__ADDRESS", "10.0.0.300", "`v.address` is refused: invalid IP address syntax (APP_V__ADDRESS in"),
        ("__SIZE", "big", "`v.size` must be a size in bytes"),
        ("__WAIT", "5", "`v.wait` must be a duration with units"),
        ("__INNER__MAX_OPEN", "-1", "must be an integer from 0 to 4294967295 (APP_V__INNER__MAX_OPEN in"),
    ];
    let check = |error: ConfigError, text: &str, expected: &str| {
        let shown = error.to_string();
        assert!(shown.contains(expected), "{text}: {shown}");
        assert_eq!(error.issues().len(), 1, "{text}: {shown}");
    };
    for (name, text, expected) in wrong {
        let replaced = |more: &[(&'static str, &'static str)]| {
            let mut pairs = texts(more);
            pairs.iter_mut().filter(|(known, _)| *known == name).for_each(|pair| pair.1 = text);
            pairs
        };
        check(variables::<Flat>(&replaced(&[("__DIRECT", "1")])).unwrap_err(), name, expected);
        check(variables::<Internal>(&replaced(&[("__KIND", "limited")])).unwrap_err(), name, expected);
    }
    let all: Vec<(&str, &str)> = wrong.iter().map(|(name, text, _)| (*name, *text)).collect();
    let mut pairs = texts(&[("__DIRECT", "-1")]);
    pairs.retain(|(name, _)| all.iter().all(|(wrong, _)| wrong != name));
    pairs.extend(&all);
    let error = variables::<Flat>(&pairs).unwrap_err();
    assert_eq!(error.issues().len(), all.len() + 1, "all in one run: {error}");
    let missing =
        variables::<Internal>(&[("__KIND", "limited"), ("__INNER__X", "1")]).unwrap_err().to_string();
    assert!(missing.contains("`v.count` is missing (environment variable APP_V__COUNT)"), "{missing}");
}

struct Remote(BTreeMap<String, String>);

#[async_trait]
impl Source for Remote {
    fn name(&self) -> &'static str {
        "remote"
    }

    async fn fetch(&self) -> Result<Vec<(String, Secret<String>)>, SourceError> {
        Ok(self.0.iter().map(|(key, text)| (key.clone(), Secret::new(text.clone()))).collect())
    }
}

#[derive(Debug, Deserialize)]
struct Holder<T> {
    v: T,
}
impl<T> Validate for Holder<T> {}

/// One wrong value of a flattened struct and of a tagged enum, from every source.
#[tokio::test]
async fn an_error_names_the_place_of_every_source() {
    #[derive(Debug, Deserialize)]
    struct Part {
        size: u8,
    }
    #[derive(Debug, Deserialize)]
    struct Whole {
        #[serde(flatten)]
        part: Part,
    }
    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind")]
    enum Kind {
        A { size: u8 },
    }
    async fn check<T: DeserializeOwned + Debug + Send + Sync + 'static>() {
        let directory = tempfile::TempDir::new().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("secrets/v")).unwrap();
        for (name, text) in [
            ("app.toml", "[v]\nkind = \"A\"\nsize = 300\n"),
            ("typed.toml", "[v]\nkind = \"A\"\nsize = \"9\"\n"),
            (".env", "# c\nAPP_V__KIND=A\nAPP_V__SIZE=x\n"),
            ("secrets/v/kind", "A"),
            ("secrets/v/size", "x"),
            ("kind.toml", "v.kind = \"A\"\n"),
        ] {
            std::fs::write(at(name), text).unwrap();
        }
        let pairs = [("v.kind", "A"), ("v.size", "x")].map(|(key, text)| (key.to_owned(), text.to_owned()));
        let kind = none().file(at("kind.toml"));
        for (loader, place) in [
            (none().file(at("app.toml")), "app.toml:3; environment variable APP_V__SIZE)"),
            (none().file(at("typed.toml")), "typed.toml:3; environment variable APP_V__SIZE)"),
            (none().dotenv(at(".env")), ".env:3)"),
            (none().secrets_dir(at("secrets")), "secrets/v/size; environment variable APP_V__SIZE)"),
            (
                Loader::new("APP").file(at("kind.toml")).environment([("APP_V__SIZE", "x")]),
                "(APP_V__SIZE in the environment)",
            ),
            (kind.clone().set("v.size", "x"), "(an override; environment variable APP_V__SIZE)"),
            (kind.default_value("v.size", -1), "(the defaults; environment variable APP_V__SIZE)"),
            (
                none().source(Arc::new(Remote(pairs.into()))),
                "(source remote; environment variable APP_V__SIZE)",
            ),
        ] {
            let error = loader.load_async::<Holder<T>>().await.unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains("`v.size` must be an integer from 0 to 255"), "{shown}");
            assert!(shown.contains(place), "{shown}");
            assert_eq!(error.issues().len(), 1, "{shown}");
        }
    }
    check::<Whole>().await;
    check::<Kind>().await;
}

#[test]
fn numbers_as_keys_of_buffered_maps() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Ports {
        name: String,
        #[serde(flatten)]
        ports: HashMap<u16, u16>,
    }
    let expected = Ports { name: "x".into(), ports: HashMap::from([(80, 8080), (443, 8443)]) };
    assert_eq!(
        variables::<Ports>(&[("__NAME", "x"), ("__80", "8080"), ("__443", "8443")]).unwrap(),
        expected
    );
    assert_eq!(file::<Ports>("[v]\nname = \"x\"\n80 = 8080\n443 = 8443\n").unwrap(), expected);
    assert_eq!(json::<Ports>(r#"{"name":"x","80":8080,"443":"8443"}"#).unwrap(), expected);
    let error = variables::<Ports>(&[("__NAME", "x"), ("__80", "8080"), ("__OTHER", "1")]).unwrap_err();
    assert!(error.to_string().contains("`v`"), "{error}");
}

#[test]
fn what_a_buffer_cannot_carry_is_refused_with_a_way_out() {
    #[derive(Debug, Deserialize)]
    struct Wide {
        #[serde(flatten)]
        part: BTreeMap<String, u128>,
    }
    for error in [
        variables::<Wide>(&[("__A", "1")]).unwrap_err(),
        file::<Wide>("[v]\na = 1\n").unwrap_err(),
        json::<Wide>(r#"{"a":1}"#).unwrap_err(),
    ] {
        let shown = error.to_string();
        assert!(shown.contains("128 bits") && shown.contains("use 64 bits"), "{shown}");
    }
    let error =
        file::<Flat>("[v]\ncount = 170141183460469231731687303715884105727\n").unwrap_err().to_string();
    assert!(error.contains("`v.count` is an integer of 128 bits") && error.contains("app.toml:2"), "{error}");
}

#[test]
fn a_reload_types_buffered_text_too() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join(".env");
    let write =
        |count: &str| std::fs::write(&path, format!("APP_V__KIND=a\nAPP_V__COUNT={count}\n")).unwrap();
    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Kind {
        A { count: u8 },
    }
    write("1");
    let live: Live<Holder<Kind>> = Live::load(none().dotenv(&path)).unwrap();
    write("x");
    let error = live.reload().unwrap_err().to_string();
    assert!(error.contains("`v.count` must be") && error.contains(".env:2"), "{error}");
    write("2");
    assert!(matches!(live.reload().unwrap(), Reload::Changed(_)));
    assert!(matches!(live.current().v, Kind::A { count: 2 }));
    std::fs::write(&path, "APP_V__KIND=a\nAPP_V__COUNT=3\nAPP_V__COUNT=4\n").unwrap();
    assert!(live.reload().unwrap_err().to_string().contains("is set twice"));
    std::fs::write(&path, "APP_V__KIND=a\rOTHER='\rAPP_V__COUNT=5\r").unwrap();
    assert!(matches!(live.reload().unwrap(), Reload::Changed(_)));
    assert_eq!(live.snapshot().warnings().len(), 1);
}

#[test]
fn a_minus_before_zero_is_refused_by_unsigned_types_behind_a_buffer_too() {
    #[derive(Debug, Deserialize)]
    struct Unsigned {
        count: u16,
    }
    #[derive(Debug, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        part: Unsigned,
    }
    for text in ["-0", " -0", "-1"] {
        let plain = variables::<Unsigned>(&[("__COUNT", text)]).unwrap_err().to_string();
        assert_eq!(variables::<Flattened>(&[("__COUNT", text)]).unwrap_err().to_string(), plain);
    }
    assert_eq!(variables::<Flattened>(&[("__COUNT", "0")]).unwrap().part.count, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Text means the same behind a buffer as in a plain struct.
    #[test]
    fn a_buffer_changes_nothing(text in "-?[0-9]{0,5}|true|no|[a-z]{0,3}|[0-9],[0-9]|\\[[0-9]?,?\\]|\"?x\"?") {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Plain {
            a: Option<u16>,
            b: Option<bool>,
            c: Option<String>,
            d: Option<Vec<u8>>,
            e: Option<f64>,
            f: Option<i8>,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct Flattened {
            #[serde(flatten)]
            plain: Plain,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            A(Plain),
        }
        let names = ["__A", "__B", "__C", "__D", "__E", "__F"];
        let with = |more: &[(&'static str, &'static str)]| {
            let mut pairs: Vec<(String, String)> = names.iter().map(|name| (format!("APP_V{name}"), text.clone())).collect();
            pairs.extend(more.iter().map(|(name, text)| (format!("APP_V{name}"), (*text).to_owned())));
            Loader::new("APP").environment(pairs).snapshot().unwrap()
        };
        let plain = with(&[]).get::<Plain>("v");
        let flat = with(&[]).get::<Flattened>("v").map(|flat| flat.plain);
        let tagged = with(&[("__KIND", "A")]).get::<Tagged>("v").map(|Tagged::A(plain)| plain);
        prop_assert_eq!(&plain, &flat);
        prop_assert_eq!(&plain, &tagged);
    }
}
