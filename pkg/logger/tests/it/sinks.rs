//! Sinks that fail: nothing panics, nothing hangs, nothing is torn, and what is lost is counted and reported.

use std::{
    fs,
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use underpin_logger::{
    Context, FlushError, JsonFormat, Level, Logger, SlogLogger, debug, error, info,
    sink::{BufferedSink, DirectSink, Output, Overflow, Sink},
};
use underpin_testkit::eventually_blocking;

/// An output whose behaviour a test switches while it runs.
#[derive(Clone, Default)]
struct Tap(Arc<Inner>);

#[derive(Default)]
struct Inner {
    mode: Mutex<Mode>,
    changed: Condvar,
    taken: Mutex<Vec<u8>>,
    writes: AtomicUsize,
    hanging: AtomicBool,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Mode {
    #[default]
    Open,
    Fails(io::ErrorKind),
    Hangs,
    Panics,
    /// Takes one byte a call.
    Narrow,
}

impl Tap {
    fn set(&self, mode: Mode) {
        *self.0.mode.lock().unwrap() = mode;
        self.0.changed.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.taken.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }

    /// The lines, each checked to be complete, without the notices of losses.
    fn numbers(&self) -> Vec<u64> {
        let parsed =
            self.lines().into_iter().map(|line| serde_json::from_str::<Json>(&line).expect("a torn line"));
        parsed.filter_map(|line| line["n"].as_u64()).collect()
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.writes.fetch_add(1, Ordering::SeqCst);
        let mut mode = self.0.mode.lock().unwrap();
        while *mode == Mode::Hangs {
            self.0.hanging.store(true, Ordering::SeqCst);
            mode = self.0.changed.wait(mode).unwrap();
        }
        let count = match *mode {
            Mode::Fails(kind) => return Err(kind.into()),
            Mode::Panics => {
                drop(mode);
                panic!("the writer panics")
            }
            Mode::Narrow => 1,
            Mode::Open | Mode::Hangs => bytes.len(),
        };
        self.0.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logger(sink: impl Sink + 'static) -> SlogLogger {
    SlogLogger::json(JsonFormat::new()).sink(sink).build()
}

fn say(log: &SlogLogger, n: u64) {
    info!(log, &Context::background(), "record", n = n);
}

const SOON: Duration = Duration::from_secs(10);

fn buffered(tap: &Tap, overflow: Overflow) -> SlogLogger {
    logger(BufferedSink::with(Output::writer(tap.clone()), BufferedSink::BATCH, overflow).unwrap())
}

#[test]
fn buffered_lines_of_many_threads_all_arrive_each_thread_in_order() {
    let tap = Tap::default();
    let log = buffered(&tap, Overflow::Block(SOON));
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let log = &log;
            scope.spawn(move || (0..5_000).for_each(|n| say(log, thread * 5_000 + n)));
        }
    });
    log.flush(SOON).unwrap();
    let numbers = tap.numbers();
    assert_eq!((numbers.len(), log.dropped()), (20_000, 0), "hazard 4: a burst of 20,000 loses nothing");
    for thread in 0..4 {
        let own: Vec<_> = numbers.iter().filter(|n| **n / 5_000 == thread).collect();
        assert!(own.is_sorted());
    }
    assert!(tap.0.writes.load(Ordering::SeqCst) < 2_000, "hazard 2: many records a system call");
}

#[test]
fn time_is_taken_when_a_record_is_made_not_when_it_is_written() {
    let tap = Tap::default();
    tap.set(Mode::Hangs);
    let log = buffered(&tap, Overflow::Drop);
    say(&log, 1);
    let made = std::time::SystemTime::now();
    error!(log, &Context::background(), "urgent");
    eventually_blocking(SOON, "the write hangs", || tap.0.hanging.load(Ordering::SeqCst));
    eventually_blocking(SOON, "half a second has passed", || {
        made.elapsed().unwrap() > Duration::from_millis(500)
    });
    tap.set(Mode::Open);
    log.flush(SOON).unwrap();
    let micros = |line: &str| line[line.find("ts\":\"").unwrap() + 5..][17..26].parse::<f64>().unwrap();
    let lines = tap.lines();
    let apart = (micros(&lines[1]) - micros(&lines[0])).rem_euclid(60.0);
    assert!(apart < 0.4, "stamped {apart} s apart");
}

#[test]
fn a_lone_line_goes_out_by_itself() {
    let tap = Tap::default();
    let log = buffered(&tap, Overflow::Drop);
    say(&log, 1);
    eventually_blocking(SOON, "the line is written", || tap.numbers() == [1]);
}

#[test]
fn a_writer_that_fails_or_panics_costs_lines_and_never_the_logger() {
    for mode in [Mode::Fails(io::ErrorKind::BrokenPipe), Mode::Panics] {
        let sinks: [fn(&Tap) -> SlogLogger; 2] = [
            |tap| buffered(tap, Overflow::Block(SOON)),
            |tap| logger(DirectSink::new(Output::writer(tap.clone()))),
        ];
        for make in sinks {
            let tap = Tap::default();
            let log = make(&tap);
            tap.set(mode);
            say(&log, 1);
            let _reported = log.flush(SOON);
            assert_eq!(log.dropped(), 1);
            tap.set(Mode::Open);
            say(&log, 2);
            log.flush(SOON).unwrap();
            say(&log, 3);
            log.flush(SOON).unwrap();
            assert_eq!(tap.numbers(), [2, 3], "it recovers");
            let told = tap
                .lines()
                .iter()
                .any(|line| line.contains("log records dropped") && line.contains("\"dropped\":1"));
            assert!(told, "hazard: losses are told in the stream: {:?}", tap.lines());
        }
    }
}

#[test]
fn what_a_flight_recorder_held_gets_through_a_buffer_that_is_smaller() {
    let tap = Tap::default();
    let log = buffered(&tap, Overflow::Block(SOON));
    let ctx = Context::background().with_flight_recorder(4 * BufferedSink::BATCH);
    let detail = "x".repeat(200);
    (0..2_000_u64).for_each(|n| debug!(log, &ctx, "a detail", n, detail = detail.as_str()));
    let started = Instant::now();
    error!(log, &ctx, &io::Error::other("disk full"), "order lost", n = 2_000);
    assert!(started.elapsed() < SOON / 2, "nobody waits for room that cannot be");
    log.flush(SOON).unwrap();
    let numbers = tap.numbers();
    let first = numbers[0];
    assert_eq!((numbers, log.dropped()), ((first..=2_000).collect(), 0));
    assert!(tap.0.taken.lock().unwrap().len() > 3 * BufferedSink::BATCH);
}

#[test]
fn a_line_larger_than_the_buffer_is_written_when_nothing_else_waits() {
    let tap = Tap::default();
    let sink =
        BufferedSink::with(Output::writer(tap.clone()), BufferedSink::BATCH, Overflow::Block(SOON)).unwrap();
    let log = SlogLogger::json(JsonFormat::new().cap(1024 * 1024)).sink(sink).build();
    say(&log, 1);
    let started = Instant::now();
    info!(log, &Context::background(), "large", n = 2, body = "x".repeat(3 * BufferedSink::BATCH));
    say(&log, 3);
    assert!(started.elapsed() < SOON / 2, "nobody waits for room that cannot be");
    log.flush(SOON).unwrap();
    assert_eq!((tap.numbers(), log.dropped()), (vec![1, 2, 3], 0));
}

#[test]
fn a_failed_flush_says_so_once() {
    let tap = Tap::default();
    let log = buffered(&tap, Overflow::Drop);
    tap.set(Mode::Fails(io::ErrorKind::BrokenPipe));
    say(&log, 1);
    assert!(
        matches!(log.flush(SOON), Err(FlushError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    );
    assert!(log.flush(SOON).is_ok(), "nothing is outstanding");
}

#[test]
fn eagain_and_a_full_disk_lose_nothing_that_fits_into_the_buffer() {
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::StorageFull] {
        let tap = Tap::default();
        let log = buffered(&tap, Overflow::Drop);
        tap.set(Mode::Fails(kind));
        (0..100).for_each(|n| say(&log, n));
        assert!(matches!(log.flush(Duration::from_millis(20)), Err(FlushError::TimedOut { .. })));
        tap.set(Mode::Open);
        log.flush(SOON).unwrap();
        assert_eq!((tap.numbers(), log.dropped()), ((0..100).collect(), 0));
    }
}

#[test]
fn a_direct_sink_gives_up_on_eagain_after_a_moment_and_counts() {
    let tap = Tap::default();
    let log = logger(DirectSink::new(Output::writer(tap.clone())));
    tap.set(Mode::Fails(io::ErrorKind::WouldBlock));
    let started = Instant::now();
    (0..1000).for_each(|n| say(&log, n));
    assert!(started.elapsed() < Duration::from_secs(2), "it waits once, not for every record");
    assert!(log.dropped() >= 1000);
    tap.set(Mode::Narrow);
    say(&log, 7);
    assert_eq!(tap.numbers(), [7], "whole, although the output took a byte at a time");
}

#[test]
fn an_output_that_hangs_does_not_hang_a_caller() {
    let tap = Tap::default();
    tap.set(Mode::Hangs);
    let log = buffered(&tap, Overflow::Block(Duration::from_millis(50)));
    let started = Instant::now();
    (0..5_000).for_each(|n| say(&log, n));
    assert!(started.elapsed() < Duration::from_secs(3), "took {:?}", started.elapsed());
    assert!(log.dropped() > 0);
    assert!(matches!(log.flush(Duration::from_millis(20)), Err(FlushError::TimedOut { .. })));
    tap.set(Mode::Open);
    say(&log, 9_999);
    log.flush(SOON).unwrap();
    let arrived = tap.numbers();
    assert_eq!(arrived.len() as u64, 5_001 - log.dropped(), "every line is either written or counted");
}

#[test]
fn dropping_the_sink_writes_what_is_left_and_waits_for_no_hanging_output() {
    let tap = Tap::default();
    let log = buffered(&tap, Overflow::Drop);
    (0..100).for_each(|n| say(&log, n));
    drop(log);
    assert_eq!(tap.numbers().len(), 100);

    let log = buffered(&tap, Overflow::Drop);
    tap.set(Mode::Hangs);
    say(&log, 100);
    let started = Instant::now();
    drop(log);
    assert!(started.elapsed() < SOON);
    tap.set(Mode::Open);
}

#[test]
fn a_writer_that_logs_does_not_wait_for_itself() {
    #[derive(Clone)]
    struct Loop(Arc<Mutex<Option<SlogLogger>>>, Tap);
    impl Write for Loop {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let log = self.0.lock().unwrap().clone();
            say(&log.unwrap(), 99);
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (tap, own) = (Tap::default(), Arc::new(Mutex::new(None)));
    let log = logger(DirectSink::new(Output::writer(Loop(Arc::clone(&own), tap.clone()))));
    *own.lock().unwrap() = Some(log.clone());
    say(&log, 1);
    assert_eq!(tap.numbers()[0], 1);
    assert!(log.dropped() > 0, "counted");
    *own.lock().unwrap() = None;
}

#[test]
fn a_file_is_appended_to_and_reopened_after_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("orders.log"), folder.path().join("orders.log.1"));
    fs::write(&path, "{\"n\":0}\n").unwrap();
    let sinks: [Box<dyn Fn() -> Arc<dyn Sink>>; 2] = [
        Box::new(|| Arc::new(DirectSink::new(Output::file(&path).unwrap()))),
        Box::new(|| Arc::new(BufferedSink::new(Output::file(&path).unwrap()).unwrap())),
    ];
    for make in sinks {
        let log = SlogLogger::json(JsonFormat::new()).shared_sink(make()).build();
        say(&log, 1);
        log.flush(SOON).unwrap();
        fs::rename(&path, &moved).unwrap();
        say(&log, 2);
        log.flush(SOON).unwrap();
        log.reopen().unwrap();
        say(&log, 3);
        log.flush(SOON).unwrap();
        let numbers = |path| fs::read_to_string(path).unwrap().matches("\"n\":").count();
        assert_eq!((numbers(&moved), numbers(&path)), (3, 1));
        fs::write(&path, "{\"n\":0}\n").unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_survived() {
    let log = logger(DirectSink::new(Output::file("/dev/full").unwrap()));
    (0..10).for_each(|n| say(&log, n));
    assert!(log.dropped() >= 10);
    assert_eq!(log.sink().unwrap().dropped(), log.dropped());
}

#[cfg(target_os = "linux")]
#[test]
fn a_log_on_a_full_disk_moves_on_when_it_is_rotated_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.log");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let log = logger(BufferedSink::new(Output::file(&path).unwrap()).unwrap());
    (0..100).for_each(|n| say(&log, n));
    assert!(matches!(log.flush(Duration::from_millis(20)), Err(FlushError::TimedOut { .. })));
    fs::remove_file(&path).unwrap();
    log.reopen().unwrap();
    log.flush(SOON).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().lines().count(), log.dropped()), (100, 0));
}

#[test]
fn a_level_below_the_rules_is_not_written_even_past_the_macros() {
    let tap = Tap::default();
    let log = logger(DirectSink::new(Output::writer(tap.clone())));
    let ctx = Context::background();
    let site = underpin_logger::Callsite::new("t", "", 0);
    log.log(&underpin_logger::Entry::new(Level::Debug, &ctx, "hazard 5", site));
    assert!(tap.lines().is_empty());
}
