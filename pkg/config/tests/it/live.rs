//! Live settings: reload, subscribers, readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tempfile::TempDir;
use underpin_config::{Checks, Live, Loader, Reload, Secret, Source, SourceError, Validate};

const LONG: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
struct Settings {
    low: u64,
    high: u64,
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.low <= self.high, "low", "must not exceed `high`");
    }
}

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("app.toml")
}

/// Replaces the file in one step, as careful writers do.
fn write(path: &Path, low: u64, high: u64) {
    let new = path.with_extension("new");
    std::fs::write(&new, format!("low = {low}\nhigh = {high}\n")).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn live(directory: &TempDir) -> Live<Settings> {
    let path = file(directory);
    write(&path, 1, 1);
    Live::load(Loader::new("APP").file(path).environment([("", ""); 0])).unwrap()
}

#[test]
fn a_bad_reload_keeps_the_last_good_value() {
    let directory = TempDir::new().unwrap();
    let live = live(&directory);
    let mut changes = live.subscribe();
    for bad in
        ["low = 2", "low = 2\nhigh = 1", "low = \"2\"\nhigh = 3", "low = ", "low = 1\nhigh = 1\nother = 1"]
    {
        std::fs::write(file(&directory), bad).unwrap();
        let error = live.reload().unwrap_err();
        assert_eq!(live.current().low, 1, "{bad}");
        assert_eq!(live.last_error(), Some(error));
    }
    std::fs::remove_file(file(&directory)).unwrap();
    assert!(live.reload().is_err());
    assert!(changes.wait(Duration::ZERO).is_none(), "a rejected value is not announced");
    write(&file(&directory), 2, 2);
    assert!(matches!(live.reload().unwrap(), Reload::Changed(_)));
    assert_eq!((live.current().low, live.last_error()), (2, None));
    assert_eq!(changes.wait(LONG).unwrap().low, 2);
}

#[test]
fn a_reload_that_changes_nothing_tells_nobody() {
    let directory = TempDir::new().unwrap();
    let live = live(&directory);
    let mut changes = live.subscribe();
    let before = live.current();
    write(&file(&directory), 1, 1);
    assert_eq!(live.reload().unwrap(), Reload::Unchanged);
    assert!(Arc::ptr_eq(&before, &live.current()));
    assert!(changes.wait(Duration::ZERO).is_none());
}

#[test]
fn a_reload_lists_the_changed_keys_and_those_that_need_a_restart() {
    #[derive(serde::Deserialize)]
    struct Log {
        level: String,
        #[serde(default)]
        targets: Vec<String>,
    }
    #[derive(serde::Deserialize)]
    struct Service {
        log: Log,
        port: u16,
        token: Option<Secret<String>>,
    }
    impl Validate for Service {
        fn live_keys(&self) -> &'static [&'static str] {
            &["log", "token"]
        }
    }
    let directory = TempDir::new().unwrap();
    let path = file(&directory);
    std::fs::write(&path, "port = 1\n[log]\nlevel = \"info\"").unwrap();
    let live: Live<Service> = Live::load(Loader::new("APP").file(&path).environment([("", ""); 0])).unwrap();
    let text = "port = 2\ntoken = \"hunter2\"\n[log]\nlevel = \"debug\"\ntargets = [\"sqlx\"]";
    std::fs::write(&path, text).unwrap();
    let Reload::Changed(changed) = live.reload().unwrap() else { panic!("it changed") };
    assert_eq!(changed.keys(), ["log.level", "log.targets", "port", "token"]);
    assert_eq!(changed.needs_restart(), ["port"]);
    assert!(!format!("{changed:?}").contains("hunter2"));
    let now = live.current();
    assert_eq!((now.port, now.log.level.as_str(), now.log.targets.len()), (2, "debug", 1));
    assert_eq!(now.token.as_ref().map(Secret::expose).map(String::as_str), Some("hunter2"));
}

#[test]
fn a_slow_subscriber_sees_the_latest_value() {
    let directory = TempDir::new().unwrap();
    let live = live(&directory);
    let mut changes = live.subscribe();
    for n in 2..5 {
        write(&file(&directory), n, n);
        live.reload().unwrap();
    }
    assert_eq!(changes.wait(LONG).unwrap().low, 4);
    assert!(changes.wait(Duration::ZERO).is_none());
    drop(live);
    assert!(changes.wait(LONG).is_none(), "the end is reported at once");
}

#[tokio::test]
async fn a_task_waits_for_a_change_and_for_the_end() {
    let directory = TempDir::new().unwrap();
    let live = live(&directory);
    let mut changes = live.subscribe();
    let task = tokio::spawn(async move {
        let first = changes.next().await.map(|settings| settings.low);
        (first, changes.next().await.map(|settings| settings.low))
    });
    write(&file(&directory), 7, 7);
    live.reload().unwrap();
    // Both may happen before the task runs: the change is still delivered before the end.
    drop(live);
    let (first, second) = tokio::time::timeout(LONG, task).await.unwrap().unwrap();
    assert_eq!((first, second), (Some(7), None));
}

#[tokio::test]
async fn dropping_a_wait_loses_no_change() {
    let directory = TempDir::new().unwrap();
    let live = live(&directory);
    let mut changes = live.subscribe();
    assert!(tokio::time::timeout(Duration::from_millis(1), changes.next()).await.is_err());
    write(&file(&directory), 3, 3);
    live.reload().unwrap();
    assert_eq!(tokio::time::timeout(LONG, changes.next()).await.unwrap().unwrap().low, 3);
}

#[test]
fn readers_never_see_a_mixture_while_reloading() {
    let directory = TempDir::new().unwrap();
    let live = live(&directory);
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|index| {
            let (live, done) = (live.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut cached = live.reader();
                let mut last = 0;
                let mut reads = 0u64;
                while !done.load(Ordering::Relaxed) {
                    let (low, high) = if index == 0 {
                        let now = live.read();
                        (now.low, now.high)
                    } else {
                        let now = cached.get();
                        (now.low, now.high)
                    };
                    assert_eq!(low, high, "both halves come from one version");
                    assert!(low >= last, "time does not run backwards");
                    last = low;
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    for n in 2..200 {
        write(&file(&directory), n, n);
        live.reload().unwrap();
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
    assert_eq!(live.reader().get().low, 199);
}

/// Answers with the number of times it was asked.
struct Counting(AtomicU64);

#[async_trait]
impl Source for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    async fn fetch(&self) -> Result<Vec<(String, Secret<String>)>, SourceError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            3 => Err(SourceError::new("connection refused")),
            n => Ok(vec![("high".to_owned(), Secret::new((100 + n).to_string()))]),
        }
    }
}

#[tokio::test]
async fn an_asynchronous_source_is_a_layer_above_files_and_below_the_environment() {
    let directory = TempDir::new().unwrap();
    write(&file(&directory), 1, 1);
    let loader = Loader::new("APP")
        .file(file(&directory))
        .environment([("", ""); 0])
        .source(Arc::new(Counting(0.into())));
    let settings: Settings = loader.load_async().await.unwrap();
    assert_eq!((settings.low, settings.high), (1, 100));
    let above: Settings = loader.clone().environment([("APP_HIGH", "5")]).load_async().await.unwrap();
    assert_eq!(above.high, 5);
    let explained = loader.snapshot_async().await.unwrap().explain().to_string();
    assert!(explained.contains("high = [redacted]  # source counting"), "{explained}");

    let error = loader.load_async::<Settings>().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration has a problem: source counting cannot be read: connection refused"
    );
    let error = loader.load::<Settings>().unwrap_err();
    assert!(error.to_string().contains("has to be awaited"), "{error}");
}

#[tokio::test]
async fn a_reload_of_files_takes_the_last_answer_of_a_source() {
    let directory = TempDir::new().unwrap();
    write(&file(&directory), 1, 1);
    let source = Arc::new(Counting(0.into()));
    let loader = Loader::new("APP")
        .file(file(&directory))
        .environment([("", ""); 0])
        .source(Arc::<Counting>::clone(&source));
    let live: Live<Settings> = Live::load_async(loader).await.unwrap();
    write(&file(&directory), 2, 2);
    assert!(matches!(live.reload().unwrap(), Reload::Changed(_)));
    assert_eq!((live.current().low, live.current().high, source.0.load(Ordering::SeqCst)), (2, 100, 1));
    assert!(matches!(live.reload_async().await.unwrap(), Reload::Changed(_)));
    assert_eq!(live.current().high, 101);
    live.reload_async().await.unwrap();
    assert!(live.reload_async().await.is_err(), "the fourth answer is an error");
    assert_eq!(live.current().high, 102, "the last good value stays");
}
