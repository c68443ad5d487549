//! A settings type with a field of every kind, and the properties that hold for every input.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use underpin_config::{ByteSize, Loader, Secret, Validate};

/// No sentence of the crate holds it, so a message that does shows a value.
pub const MARKER: &str = "QZX8842JQZX";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct Everything {
    n: Option<u16>,
    f: Option<f64>,
    b: Option<bool>,
    c: Option<char>,
    l: Option<Vec<u8>>,
    m: Option<BTreeMap<String, i64>>,
    p: Option<(u8, String)>,
    e: Option<Choice>,
    a: Option<IpAddr>,
    #[serde(default, with = "underpin_config::duration::option")]
    d: Option<Duration>,
    s: Option<ByteSize>,
    t: Option<Box<Everything>>,
    k: Option<Tagged>,
    x: Option<Secret<String>>,
    flat: Option<Flat>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
enum Choice {
    One,
    Two { n: u8 },
    Three(Vec<u8>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(dead_code)]
enum Tagged {
    A { n: u8 },
    B,
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Flat {
    n: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

impl Validate for Everything {}

/// Loads and prints whatever comes of it; nothing of it may hold the marker.
pub fn load(loader: &Loader) {
    match loader.load::<Everything>() {
        Ok(settings) => drop(format!("{settings:?}")),
        Err(error) => {
            let shown = format!("{error} {error:?} {:?}", error.issues());
            assert!(!shown.contains(MARKER), "a message shows a value: {shown}");
        }
    }
    if let Ok(snapshot) = loader.snapshot() {
        drop(snapshot.explain_as::<Everything>().to_string());
        assert!(!format!("{snapshot:?}").contains(MARKER));
    }
}
