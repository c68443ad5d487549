//! Nothing is lost however a process ends. Each test runs itself again as a child process and counts the lines it left.
#![allow(clippy::exit, reason = "ways to end a process are what is tested")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use underpin_logger::{
    Context, Level, LogFormat, LogGuard, LogOutput, LogSink, LoggerExt as _, LoggerSettings,
    SamplingSettings, debug, info, init,
    sink::{DirectSink, Output, Sink as _},
    trace,
};

use crate::child::ended;

fn play(test: &str, child: impl FnOnce(&Path), parent: impl FnOnce(Child, &Path)) {
    play_with(test, &[], child, parent);
}

fn play_with(
    test: &str,
    variables: &[(&str, &str)],
    child: impl FnOnce(&Path),
    parent: impl FnOnce(Child, &Path),
) {
    crate::child::play(&format!("exit::{test}"), variables, child, parent);
}

fn settings(output: LogOutput, sink: LogSink) -> LoggerSettings {
    LoggerSettings::default().output(output).sink(sink).format(LogFormat::Json)
}

fn log_to(file: &Path, sink: LogSink) -> LogGuard {
    init(&settings(LogOutput::File(file.to_owned()), sink)).unwrap()
}

fn say(log: &LogGuard, n: u64) {
    info!(log.logger(), &Context::background(), "record", n = n);
}

/// Every line, each complete.
fn lines(file: &Path) -> Vec<Json> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect("a torn line")).collect()
}

fn numbers(file: &Path) -> Vec<u64> {
    lines(file).iter().filter_map(|line| line["n"].as_u64()).collect()
}

#[test]
fn nothing_is_lost_when_main_returns() {
    play(
        "nothing_is_lost_when_main_returns",
        |file| {
            let log = log_to(file, LogSink::Buffered);
            thread::scope(|scope| {
                for first in [0, 5_000] {
                    let log = &log;
                    scope.spawn(move || (first..first + 5_000).for_each(|n| say(log, n)));
                }
            });
        },
        |child, file| {
            assert!(ended(child).success());
            let mut numbers = numbers(file);
            numbers.sort_unstable();
            assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
        },
    );
}

#[test]
fn nothing_is_lost_at_a_panic_and_the_panic_itself_is_logged() {
    play(
        "nothing_is_lost_at_a_panic_and_the_panic_itself_is_logged",
        |file| {
            let log = log_to(file, LogSink::Buffered);
            (0..1_000).for_each(|n| say(&log, n));
            let request = Context::new("req-1".parse().unwrap());
            let thread = thread::Builder::new().name("worker".to_owned());
            let worker =
                thread.spawn(move || request.scope_sync(|| panic!("order {} is broken", 7))).unwrap();
            assert!(worker.join().is_err());
            // No destructor runs: what is there now was flushed by the hook.
            std::process::abort();
        },
        |child, file| {
            assert!(!ended(child).success());
            assert_eq!(numbers(file), (0..1_000).collect::<Vec<_>>());
            let last = lines(file).pop().unwrap();
            assert_eq!((&last["msg"], &last["level"]), (&"panicked".into(), &"error".into()));
            assert_eq!((&last["panic"], &last["thread"]), (&"order 7 is broken".into(), &"worker".into()));
            assert_eq!(last["request_id"], "req-1");
            assert!(last["at"].as_str().unwrap().contains("exit.rs:"));
        },
    );
}

#[test]
fn nothing_is_lost_at_sigterm() {
    play(
        "nothing_is_lost_at_sigterm",
        |file| {
            let log = log_to(file, LogSink::Buffered);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut terminated =
                    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
                let mut n = 0;
                loop {
                    tokio::select! {
                        biased;
                        _ = terminated.recv() => break,
                        () = tokio::task::yield_now() => {
                            say(&log, n);
                            n += 1;
                            if n == 2_000 {
                                println!("ready");
                            }
                        }
                    }
                }
                info!(log.logger(), &Context::background(), "terminated", said = n);
            });
        },
        |mut child, file| {
            let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(out.any(|line| line.unwrap().contains("ready")));
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            // Its test harness still has something to say.
            let rest = thread::spawn(move || out.count());
            assert!(ended(child).success());
            rest.join().unwrap();
            let said = lines(file).pop().unwrap()["said"].as_u64().unwrap();
            assert!(said >= 2_000);
            assert_eq!(numbers(file), (0..said).collect::<Vec<_>>());
        },
    );
}

#[test]
fn a_direct_sink_loses_nothing_even_at_sigkill() {
    play(
        "a_direct_sink_loses_nothing_even_at_sigkill",
        |file| {
            let log = log_to(file, LogSink::Direct);
            for n in 0.. {
                say(&log, n);
                println!("said {n}");
            }
        },
        |mut child, file| {
            let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(out.any(|line| line.unwrap() == "said 500"));
            child.kill().unwrap();
            child.wait().unwrap();
            let said =
                out.map_while(Result::ok).filter_map(|line| line.strip_prefix("said ")?.parse().ok()).last();
            let said: u64 = said.unwrap_or(500);
            assert!(numbers(file).len() as u64 > said);
        },
    );
}

#[test]
fn fatal_is_written_before_the_process_ends() {
    play(
        "fatal_is_written_before_the_process_ends",
        |file| {
            let log = log_to(file, LogSink::Buffered);
            (0..100).for_each(|n| say(&log, n));
            let error = std::io::Error::other("address in use");
            log.logger().fatal(&Context::background(), &error, "cannot listen", &[]).exit(3);
        },
        |child, file| {
            assert_eq!(ended(child).code(), Some(3));
            assert_eq!(numbers(file).len(), 100);
            let last = lines(file).pop().unwrap();
            assert_eq!(
                (&last["level"], &last["error"]),
                (&"fatal".into(), &serde_json::json!(["address in use"]))
            );
        },
    );
}

#[test]
fn a_reader_that_is_gone_is_survived() {
    play(
        "a_reader_that_is_gone_is_survived",
        |file| {
            let log = init(&settings(LogOutput::Stdout, LogSink::Direct)).unwrap();
            println!("ready");
            while log.logger().dropped() == 0 {
                say(&log, 1);
            }
            fs::write(file, "alive\n").unwrap();
            // The test harness would panic over its own closed output.
            std::process::exit(0);
        },
        |mut child, file| {
            let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(out.any(|line| line.unwrap().contains("ready")));
            drop(out);
            assert!(ended(child).success());
            assert_eq!(fs::read_to_string(file).unwrap(), "alive\n");
        },
    );
}

#[test]
fn a_reader_that_stops_does_not_hang_the_service() {
    play(
        "a_reader_that_stops_does_not_hang_the_service",
        |file| {
            let log = init(&settings(LogOutput::Stdout, LogSink::Buffered)).unwrap();
            let started = Instant::now();
            (0..50_000).for_each(|n| say(&log, n));
            assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
            fs::write(file, log.logger().dropped().to_string()).unwrap();
            drop(log);
            std::process::exit(0);
        },
        |mut child, file| {
            let mut out = child.stdout.take().unwrap();
            assert!(ended(child).success());
            let dropped: u64 = fs::read_to_string(file).unwrap().parse().unwrap();
            assert!(dropped > 0, "1 MiB of buffer and a pipe do not hold 50,000 records");
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            assert!(rest.contains("\"n\":0"));
        },
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_reader_that_stops_does_not_hang_a_direct_sink() {
    play(
        "a_reader_that_stops_does_not_hang_a_direct_sink",
        |file| {
            let log = init(&settings(LogOutput::Stdout, LogSink::Direct)).unwrap();
            let started = Instant::now();
            (0..5_000).for_each(|n| say(&log, n));
            assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
            // The description that others share still waits for its reader, as they expect.
            let shared = rustix::fs::fcntl_getfl(std::io::stdout()).unwrap();
            assert!(!shared.contains(rustix::fs::OFlags::NONBLOCK));
            fs::write(file, log.logger().dropped().to_string()).unwrap();
            std::process::exit(0);
        },
        |mut child, file| {
            let mut out = child.stdout.take().unwrap();
            assert!(ended(child).success());
            let dropped: usize = fs::read_to_string(file).unwrap().parse().unwrap();
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            let whole = rest.lines().filter(|line| line.starts_with('{') && line.ends_with('}')).count();
            assert!(whole > 0 && dropped > 0, "a pipe does not hold 5,000 records");
            // The line at which the pipe was full may be half out, and is then neither.
            assert!((4_999..=5_000).contains(&(whole + dropped)), "{whole} written, {dropped} counted");
        },
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_named_pipe_without_a_reader_is_refused_and_one_that_is_not_read_does_not_hang_a_caller() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    assert!(Output::file(&path).is_err());
    let _reader = fs::File::options().read(true).write(true).open(&path).unwrap();
    let sink = DirectSink::new(Output::file(&path).unwrap());
    let line = [b'x'; 999].iter().chain(b"\n").copied().collect::<Vec<_>>();
    (0..1_000).for_each(|_| sink.write(Level::Info, &line));
    assert!(sink.dropped() > 900, "{}", sink.dropped());
}

#[test]
fn the_environment_sets_levels_and_format() {
    play_with(
        "the_environment_sets_levels_and_format",
        &[("LOG_LEVEL", "warn,it::exit=debug"), ("LOG_FORMAT", "text")],
        |file| {
            let settings = LoggerSettings::from_env().output(LogOutput::File(file.to_owned()));
            let log = init(&settings).unwrap();
            trace!(log.logger(), &Context::background(), "at trace");
            debug!(log.logger(), &Context::background(), "at debug");
            log::info!(target: "elsewhere", "at info");
            log::warn!(target: "elsewhere", "at warn");
        },
        |child, file| {
            assert!(ended(child).success());
            let text = fs::read_to_string(file).unwrap();
            let seen: Vec<_> =
                text.lines().filter_map(|line| line.split_once("at ")).map(|(_, rest)| &rest[..5]).collect();
            assert_eq!(seen, ["debug", "warn "], "{text}");
            assert!(!text.contains(['{', '\u{1b}']), "text without colours in a file: {text}");
        },
    );
}

#[test]
fn sampling_is_set_by_configuration() {
    play(
        "sampling_is_set_by_configuration",
        |file| {
            let sampling = SamplingSettings::default().first(3).then_every(0);
            let output = LogOutput::File(file.to_owned());
            let log = init(&settings(output, LogSink::Direct).sampling(sampling)).unwrap();
            (0..1_000).for_each(|n| say(&log, n));
        },
        |child, file| {
            assert!(ended(child).success());
            let written = numbers(file).len();
            assert!((3..100).contains(&written), "three a second: {written}");
        },
    );
}

#[test]
fn wrong_settings_are_errors_and_not_surprises() {
    let refused =
        |settings: LoggerSettings| underpin_errors::Report(&init(&settings).unwrap_err()).to_string();
    let loud = LoggerSettings::default().level("loud");
    assert!(refused(loud).starts_with("invalid log level rules: log rule \"loud\" has no level"));
    let nowhere = settings(LogOutput::File("/nowhere/to/be/found.log".into()), LogSink::Direct);
    assert!(refused(nowhere).starts_with("cannot open the log output: No such file"));
}
