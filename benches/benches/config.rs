//! Configuration beside figment and config-rs: 200 keys from four layers (defaults, file, second file, environment),
//! loaded as a whole, and one key asked for by name; then a read of live settings beside an atomic load.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use config_rs::{Environment, File};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use underpin_benches::Comparison;
use underpin_config::{ConfigExt, Live, Loader, Snapshot, Validate};

const SECTIONS: usize = 10;
const KEYS: usize = 20;
const MARK: &str = "UNDERPIN_BENCH_CHILD";

type Tree = BTreeMap<String, BTreeMap<String, i64>>;

/// Runs itself again with the environment layer set, since a process cannot change its own safely.
fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var_os(MARK).is_some() {
        return measure();
    }
    let layer = keys(15..KEYS).map(|(section, key)| (format!("SHOP_{section}__{key}").to_uppercase(), "4"));
    let status = std::process::Command::new(std::env::current_exe()?).env(MARK, "1").envs(layer).status()?;
    if status.success() { Ok(()) } else { Err(format!("the measured process ended with {status}").into()) }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let base = write(&folder.path().join("base.toml"), 5..KEYS, 2)?;
    let local = write(&folder.path().join("local.toml"), 10..KEYS, 3)?;
    let defaults = tree(0..KEYS, 1);

    let with_underpin = || -> Result<Snapshot, underpin_config::ConfigError> {
        Loader::new("SHOP").defaults(&defaults).file(&base).file(&local).snapshot()
    };
    let with_figment = || {
        Figment::new()
            .merge(Serialized::defaults(&defaults))
            .merge(Toml::file_exact(&base))
            .merge(Toml::file_exact(&local))
            .merge(Env::prefixed("SHOP_").split("__"))
    };
    let with_config_rs = || {
        config_rs::Config::builder()
            .add_source(config_rs::Config::try_from(&defaults)?)
            .add_source(File::from(base.as_path()))
            .add_source(File::from(local.as_path()))
            .add_source(
                Environment::with_prefix("SHOP").prefix_separator("_").separator("__").try_parsing(true),
            )
            .build()
    };

    let expected = with_underpin()?.decode::<Tree>()?;
    assert_eq!(with_figment().extract::<Tree>()?, expected, "figment must see the same tree");
    assert_eq!(with_config_rs()?.try_deserialize::<Tree>()?, expected, "config-rs must see the same tree");

    Comparison::new("load and decode 200 keys from four layers", "load")
        .contender("figment", || with_figment().extract::<Tree>().ok())
        .contender("config-rs", || with_config_rs().and_then(config_rs::Config::try_deserialize::<Tree>))
        .contender("underpin", || with_underpin().and_then(|snapshot| snapshot.decode::<Tree>()))
        .print();

    let (figment, config_rs, underpin) = (with_figment(), with_config_rs()?, with_underpin()?);
    Comparison::new("one key by name, of 200", "get")
        .contender("figment, extract_inner", || {
            figment.extract_inner::<i64>(black_box("section5.key12")).ok()
        })
        .contender("config-rs, get", || config_rs.get::<i64>(black_box("section5.key12")))
        .contender("underpin, get", || underpin.get::<i64>(black_box("section5.key12")))
        .print();
    live(&folder.path().join("live.toml"))
}

/// Reading live settings, alone and while they are reloaded all the time.
fn live(file: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::write(file, "limit = 1\n")?;
    let live: Live<Limits> = Live::load(Loader::new("LIVE").file(file))?;
    let mut reader = live.reader();
    let atomic = AtomicUsize::new(1);
    let lock = RwLock::new(live.current());

    Comparison::new("one read of live settings", "read")
        .contender("an atomic load", || black_box(&atomic).load(Ordering::Acquire))
        .contender("RwLock<Arc<T>>", || lock.read().map(|settings| settings.limit).ok())
        .contender("underpin, Live::current", || live.current().limit)
        .contender("underpin, Live::read", || live.read().limit)
        .contender("underpin, Reader::get", || reader.get().limit)
        .print();

    // Two more readers and one writer that changes the value as fast as it can.
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        let (other, done) = (live.clone(), &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                black_box(other.read().limit);
            }
        });
        let (reloading, file) = (live.clone(), file.to_owned());
        let writer = scope.spawn(move || -> std::io::Result<u64> {
            let mut reloads = 0;
            while !done.load(Ordering::Relaxed) {
                let new = file.with_extension("new");
                std::fs::write(&new, format!("limit = {reloads}\n"))?;
                std::fs::rename(&new, &file)?;
                reloads += u64::from(reloading.reload().is_ok());
            }
            Ok(reloads)
        });
        let mut reader = live.reader();
        Comparison::new(
            "one read of live settings, beside a second reader and a writer that reloads",
            "read",
        )
        .contender("an atomic load", || black_box(&atomic).load(Ordering::Acquire))
        .contender("underpin, Live::read", || live.read().limit)
        .contender("underpin, Reader::get", || reader.get().limit)
        .print();
        done.store(true, Ordering::Relaxed);
        let reloads = writer.join().map_err(|_| "the writer panicked")??;
        assert!(reloads > 0, "the readers must have had a writer beside them");
        writeln!(std::io::stdout(), "{reloads} reloads went on meanwhile.\n")?;
        Ok(())
    })
}

/// What is read live.
#[derive(Debug, serde::Deserialize)]
struct Limits {
    limit: u64,
}

impl Validate for Limits {}

fn keys(range: std::ops::Range<usize>) -> impl Iterator<Item = (String, String)> {
    (0..SECTIONS).flat_map(move |section| {
        range.clone().map(move |key| (format!("section{section}"), format!("key{key}")))
    })
}

fn tree(range: std::ops::Range<usize>, value: i64) -> Tree {
    let mut tree = Tree::new();
    for (section, key) in keys(range) {
        tree.entry(section).or_default().insert(key, value);
    }
    tree
}

fn write(path: &Path, range: std::ops::Range<usize>, value: i64) -> Result<PathBuf, Box<dyn Error>> {
    let mut text = String::new();
    for (section, keys) in tree(range, value) {
        writeln!(text, "[{section}]")?;
        for (key, value) in keys {
            writeln!(text, "{key} = {value}")?;
        }
    }
    std::fs::write(path, text)?;
    Ok(path.to_path_buf())
}
