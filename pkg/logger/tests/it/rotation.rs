//! Log files: moved by another tool and reopened, or rotated by the process.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use underpin_config::{ByteSize, Checks};
use underpin_logger::{
    Context, JsonFormat, LogOutput, Logger as _, LoggerSettings, RotationEvery, RotationSettings, SlogLogger,
    info,
    sink::{BufferedSink, DirectSink, Output, Sink},
};

use crate::child::alone;

const LIMIT: Duration = Duration::from_secs(30);

/// The numbers of the records in a file; each line is whole.
fn numbers(path: &Path) -> Vec<u64> {
    numbers_in(&fs::read_to_string(path).unwrap())
}

fn numbers_in(text: &str) -> Vec<u64> {
    text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["number"].as_u64().unwrap()).collect()
}

fn log(log: &SlogLogger, numbers: std::ops::Range<u64>) {
    for number in numbers {
        info!(log, &Context::background(), "record", number, filler = "x".repeat(200));
    }
}

fn logger(sink: impl Sink + 'static) -> SlogLogger {
    SlogLogger::json(JsonFormat::new()).sink(sink).build()
}

#[test]
fn a_file_that_was_moved_is_reopened_without_losing_a_line() {
    for is_buffered in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("app.log"), folder.path().join("app.log.1"));
        let output = Output::file(&path).unwrap();
        let stream = if is_buffered {
            logger(BufferedSink::new(output).unwrap())
        } else {
            logger(DirectSink::new(output))
        };
        log(&stream, 0..50);
        fs::rename(&path, &moved).unwrap();
        log(&stream, 50..100);
        stream.reopen().unwrap();
        log(&stream, 100..150);
        stream.flush(LIMIT).unwrap();
        let all = [numbers(&moved), numbers(&path)].concat();
        assert_eq!(all, (0..150).collect::<Vec<_>>(), "buffered: {is_buffered}");
        assert!(numbers(&path).contains(&149) && stream.dropped() == 0);
    }
}

#[test]
fn a_file_is_rotated_by_size_and_old_ones_are_removed() {
    alone("rotation::a_file_is_rotated_by_size_and_old_ones_are_removed", || {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let rotation = RotationSettings::new(RotationEvery::Size(ByteSize::kib(64))).keep(3);
        let settings = LoggerSettings::default().output(LogOutput::File(path.clone())).rotation(rotation);
        let guard = underpin_logger::init(&settings).unwrap();
        let names = ["app.log.3", "app.log.2", "app.log.1", "app.log"];
        // One that is just renamed is missing for a moment.
        let text = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let kept = || -> Vec<u64> { names.into_iter().flat_map(|name| numbers_in(&text(name))).collect() };
        let mut first = 0;
        for end in (100..=2000).step_by(100) {
            log(guard.logger(), end - 100..end);
            guard.logger().flush(LIMIT).unwrap();
            // A thread of each rotation gives the files their numbers; the next rotation must not begin beside it.
            let began = Instant::now();
            loop {
                let kept = kept();
                if kept.first().is_some_and(|first| kept == (*first..end).collect::<Vec<_>>()) {
                    first = kept[0];
                    break;
                }
                assert!(began.elapsed() < LIMIT, "{kept:?} of {end}");
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
        assert_eq!(guard.logger().dropped(), 0);
        assert!(first > 0, "the oldest are gone");
        let files: BTreeSet<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(files, names.map(str::to_owned).into());
    });
}

#[test]
fn a_daily_file_has_the_date_in_its_name() {
    alone("rotation::a_daily_file_has_the_date_in_its_name", || {
        let folder = tempfile::tempdir().unwrap();
        let output = LogOutput::File(folder.path().join("app.log"));
        let settings = LoggerSettings::default().output(output).rotation(RotationSettings::default());
        let guard = underpin_logger::init(&settings).unwrap();
        log(guard.logger(), 0..3);
        guard.logger().flush(LIMIT).unwrap();
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let name = file.file_name().into_string().unwrap();
        assert!(name.starts_with("app.log.20") && name.len() == "app.log.2026-11-30".len(), "{name}");
        assert_eq!(numbers(&file.path()), [0, 1, 2]);
    });
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let file = || LoggerSettings::default().output(LogOutput::File("app.log".into()));
    let refused =
        |settings: &LoggerSettings| Checks::of(settings).failures().first().map(|one| one.key().to_owned());
    assert_eq!(refused(&file().rotation(RotationSettings::default())), None);
    let size = RotationSettings::new(RotationEvery::Size(ByteSize::new(1)));
    assert_eq!(refused(&file().rotation(size)).as_deref(), Some("rotation.every"));
    assert_eq!(
        refused(&file().rotation(RotationSettings::default().keep(0))).as_deref(),
        Some("rotation.keep")
    );
    let stdout = LoggerSettings::default().rotation(RotationSettings::default());
    assert_eq!(refused(&stdout).as_deref(), Some("rotation"));
    let read: RotationSettings = serde_json::from_str(r#"{"every": {"size": "100MiB"}, "keep": 3}"#).unwrap();
    assert_eq!(read, RotationSettings::new(RotationEvery::Size(ByteSize::mib(100))).keep(3));
}
