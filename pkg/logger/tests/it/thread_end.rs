//! Code that runs while a thread ends, in the destructors of thread-local values: it logs and opens scopes like any other. A panic
//! there aborts the process, so each test runs in a child process.

use std::{
    cell::RefCell,
    fs,
    path::Path,
    pin::pin,
    task::{Context as TaskContext, Waker},
    thread,
};

use underpin_logger::{
    Context, LevelHandle, LogFormat, LogGuard, LogOutput, LogSink, LoggerSettings, RequestId, info, init,
};

use crate::child::{ended, play};

/// Runs a closure when it is dropped.
struct OnDrop(Option<Box<dyn FnOnce()>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}

thread_local! {
    static AT_END: RefCell<Vec<OnDrop>> = const { RefCell::new(Vec::new()) };
}

fn at_thread_end(work: impl FnOnce() + 'static) {
    AT_END.with_borrow_mut(|all| all.push(OnDrop(Some(Box::new(work)))));
}

fn log_to(file: &Path) -> LogGuard {
    let settings = LoggerSettings::default()
        .output(LogOutput::File(file.to_owned()))
        .sink(LogSink::Direct)
        .format(LogFormat::Json)
        .level("info,thread_end=info,orders=debug");
    init(&settings).unwrap()
}

/// Everything that a destructor may do with the crate.
fn everything(log: &LogGuard) {
    let ctx = Context::new(RequestId::parse("req-1").unwrap());
    info!(log.logger(), &ctx, "by the macro");
    ctx.scope_sync(|| info!(log.logger(), &Context::current(), "in a scope"));
    let mut scoped = pin!(ctx.scope(async { info!(log.logger(), &Context::current(), "in a future") }));
    assert!(scoped.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_ready());
    drop(ctx.scope(std::future::pending::<()>()));
    assert!(Context::current().child_span().traceparent().is_some());
    ctx.scope_sync(|| {
        let _span = tracing::info_span!("ending").entered();
        tracing::info!("by tracing");
        tracing::debug!(target: "orders::stock", "by tracing, by a rule");
    });
    log::info!("by log");
    slog::info!(log.logger().slog(), "by slog");
    let levels: &LevelHandle = log.logger().levels();
    levels.set("info,orders=debug").unwrap();
    assert!(RequestId::generate().as_str().len() == 36);
}

const WORDS: [&str; 8] = [
    "by the macro",
    "in a scope",
    "in a future",
    "by tracing",
    "by tracing, by a rule",
    "by log",
    "by slog",
    "the thread ended",
];

/// Whether the thread used the crate before its thread-local value was there, after that, or not at all: the order of the
/// destructors differs.
fn ends(test: &str, before: bool, after: bool) {
    play(
        &format!("thread_end::{test}"),
        &[],
        |file| {
            let log: &'static LogGuard = Box::leak(Box::new(log_to(file)));
            let use_it = || Context::background().scope_sync(|| tracing::info!("used"));
            let thread = thread::spawn(move || {
                if before {
                    use_it();
                }
                at_thread_end(|| everything(log));
                if after {
                    use_it();
                }
            });
            thread.join().unwrap();
            info!(log.logger(), &Context::background(), "the thread ended");
        },
        |child, file| {
            let status = ended(child);
            let text = fs::read_to_string(file).unwrap();
            assert!(status.success(), "{status}:\n{text}");
            for words in WORDS {
                assert!(text.contains(&format!("\"msg\":\"{words}\"")), "no {words:?} in:\n{text}");
            }
        },
    );
}

#[test]
fn a_destructor_that_runs_before_those_of_the_crate() {
    ends("a_destructor_that_runs_before_those_of_the_crate", true, false);
}

#[test]
fn a_destructor_that_runs_after_those_of_the_crate() {
    ends("a_destructor_that_runs_after_those_of_the_crate", false, true);
}

#[test]
fn a_destructor_that_is_the_first_to_use_the_crate() {
    ends("a_destructor_that_is_the_first_to_use_the_crate", false, false);
}

#[test]
fn a_panic_in_a_destructor_of_an_unwinding_thread_is_logged_and_contained_by_its_catch() {
    play(
        "thread_end::a_panic_in_a_destructor_of_an_unwinding_thread_is_logged_and_contained_by_its_catch",
        &[],
        |file| {
            let log: &'static LogGuard = Box::leak(Box::new(log_to(file)));
            let thread = thread::spawn(move || {
                at_thread_end(|| {
                    let ctx = Context::new(RequestId::parse("req-2").unwrap());
                    let caught = std::panic::catch_unwind(|| ctx.scope_sync(|| panic!("at the end")));
                    assert!(caught.is_err());
                });
                let ctx = Context::new(RequestId::parse("req-3").unwrap());
                let _logs =
                    OnDrop(Some(Box::new(|| info!(log.logger(), &Context::current(), "while unwinding"))));
                ctx.scope_sync(|| panic!("in the middle"));
            });
            assert!(thread.join().is_err());
        },
        |child, file| {
            let status = ended(child);
            let text = fs::read_to_string(file).unwrap();
            assert!(status.success(), "{status}:\n{text}");
            for words in ["at the end", "in the middle", "while unwinding"] {
                assert!(text.contains(words), "no {words:?} in:\n{text}");
            }
        },
    );
}
