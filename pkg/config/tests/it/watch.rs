//! Reload when a file changes: renames, `ConfigMap` swaps, slow writers.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;
use underpin_config::{Changes, Live, Loader, Reload, Secret, Validate, Watch};

const LONG: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Settings {
    limit: u32,
    name: String,
    password: Secret<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limit: 0, name: "default".into(), password: Secret::default() }
    }
}

impl Validate for Settings {}

fn loader() -> Loader {
    Loader::new("APP").environment([("", ""); 0])
}

fn silent(_: Result<Reload, underpin_config::ConfigError>) {}

/// `app.toml` with this text, in a folder that lives as long as the first value.
fn written(text: &str) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("app.toml");
    fs::write(&file, text).unwrap();
    (directory, file)
}

/// Settings that are watched as long as the first value lives, and their changes.
fn watched(loader: Loader) -> (Watch, Changes<Settings>) {
    let live: Live<Settings> = Live::load(loader).unwrap();
    (live.watch(silent).unwrap(), live.subscribe())
}

/// What the kubelet does.
fn config_map(root: &Path, generation: &str, text: &str) {
    let hidden = root.join(format!("..{generation}"));
    fs::create_dir(&hidden).unwrap();
    fs::write(hidden.join("app.toml"), text).unwrap();
    if !root.join("app.toml").is_symlink() {
        symlink("..data/app.toml", root.join("app.toml")).unwrap();
    }
    symlink(format!("..{generation}"), root.join("..data_tmp")).unwrap();
    let old = fs::canonicalize(root.join("..data")).ok();
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    if let Some(old) = old {
        fs::remove_dir_all(old).unwrap();
    }
}

#[test]
fn a_write_in_place_is_seen() {
    let (_directory, file) = written("limit = 1\n");
    let (watch, mut changes) = watched(loader().file(&file));
    for n in 2..5 {
        fs::write(&file, format!("limit = {n}\n")).unwrap();
        assert_eq!(changes.wait(LONG).unwrap().limit, n);
    }
    drop(watch);
}

#[test]
fn an_editors_rename_is_seen_again_and_again() {
    let (directory, file) = written("limit = 1\n");
    let (watch, mut changes) = watched(loader().file(&file));
    for n in 2..6 {
        let swap = directory.path().join(".app.toml.swp");
        fs::write(&swap, format!("limit = {n}\n")).unwrap();
        fs::rename(&file, directory.path().join("app.toml~")).unwrap();
        fs::rename(&swap, &file).unwrap();
        assert_eq!(changes.wait(LONG).unwrap().limit, n, "the watch survives the rename");
    }
    drop(watch);
}

#[test]
fn config_map_swaps_are_seen_again_and_again() {
    let root = TempDir::new().unwrap();
    config_map(root.path(), "g1", "limit = 1\n");
    let (watch, mut changes) = watched(loader().file(root.path().join("app.toml")));
    for n in 2..6 {
        config_map(root.path(), &format!("g{n}"), &format!("limit = {n}\n"));
        assert_eq!(changes.wait(LONG).unwrap().limit, n);
    }
    drop(watch);
}

#[test]
fn a_secrets_directory_is_watched() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("nested")).unwrap();
    fs::write(root.path().join("password"), "one").unwrap();
    let (watch, mut changes) = watched(loader().secrets_dir(root.path()));
    fs::write(root.path().join("password"), "two").unwrap();
    assert_eq!(changes.wait(LONG).unwrap().password.expose(), "two");
    drop(watch);
}

#[test]
fn an_optional_file_that_appears_is_seen() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("later/app.toml");
    let (watch, mut changes) = watched(loader().optional_file(&file));
    fs::create_dir(file.parent().unwrap()).unwrap();
    fs::write(&file, "limit = 2\n").unwrap();
    assert_eq!(changes.wait(LONG).unwrap().limit, 2);
    drop(watch);
}

#[cfg(target_os = "linux")]
#[test]
fn a_half_written_file_is_never_taken_for_a_short_one() {
    let (_directory, file) = written("limit = 1\nname = \"whole\"\n");
    let live: Live<Settings> = Live::load(loader().file(&file)).unwrap();
    let (notices, heard) = mpsc::channel();
    let watch = live.watch(move |result| notices.send(result).unwrap()).unwrap();
    let mut changes = live.subscribe();

    let mut writer = fs::File::create(&file).unwrap(); // empty now: valid TOML, every key at its default
    writer.write_all(b"limit = 2\n").unwrap();
    writer.flush().unwrap();
    // Much longer than a burst of events lasts. No change may be announced meanwhile.
    assert!(changes.wait(Duration::from_millis(500)).is_none(), "a half-written file was read");
    writer.write_all(b"name = \"complete\"\n").unwrap();
    drop(writer);
    let settings = changes.wait(LONG).unwrap();
    assert_eq!((settings.limit, settings.name.as_str()), (2, "complete"));
    drop(watch);
    let results: Vec<bool> = heard.iter().map(|result| result.is_ok()).collect();
    assert_eq!(results, [true], "one change, one reload");
}

#[test]
fn a_broken_file_is_told_and_the_next_good_one_counts() {
    let (_directory, file) = written("limit = 1\n");
    let live: Live<Settings> = Live::load(loader().file(&file)).unwrap();
    let (notices, heard) = mpsc::channel();
    let watch = live.watch(move |result| notices.send(result).unwrap()).unwrap();
    fs::write(&file, "limit = marker\n").unwrap();
    let error = heard.recv_timeout(LONG).unwrap().unwrap_err();
    assert!(
        error.to_string().contains("app.toml:1: is not valid TOML") && !error.to_string().contains("marker")
    );
    assert_eq!(live.current().limit, 1);
    fs::write(&file, "limit = 2\n").unwrap();
    assert!(matches!(heard.recv_timeout(LONG).unwrap().unwrap(), Reload::Changed(_)));
    assert_eq!(live.current().limit, 2);
    drop(watch);
}

#[test]
fn dropping_the_watch_ends_its_thread_also_from_within() {
    let (_directory, file) = written("limit = 1\n");
    let live: Live<Settings> = Live::load(loader().file(&file)).unwrap();
    let (alive, ended) = mpsc::channel::<()>();
    let watch = live.watch(move |_| alive.send(()).unwrap()).unwrap();
    drop(watch);
    assert_eq!(
        ended.recv_timeout(LONG),
        Err(mpsc::RecvTimeoutError::Disconnected),
        "the notice is dropped with its thread"
    );

    let (alive, ended) = mpsc::channel::<()>();
    let own = std::sync::Arc::new(std::sync::Mutex::new(None));
    let inside = std::sync::Arc::clone(&own);
    let watch = live.watch(move |_| {
        drop(inside.lock().unwrap().take());
        alive.send(()).unwrap();
    });
    *own.lock().unwrap() = Some(watch.unwrap());
    fs::write(&file, "limit = 2\n").unwrap();
    ended.recv_timeout(LONG).unwrap();
    assert_eq!(ended.recv_timeout(LONG), Err(mpsc::RecvTimeoutError::Disconnected));
}
