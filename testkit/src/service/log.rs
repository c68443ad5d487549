//! The log of a running service, read line by line as JSON.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::limit::LIMIT;

/// What a service has written so far. Clones see the same lines.
#[derive(Debug, Clone)]
pub struct ServiceLog {
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Value>,
    ended: bool,
}

impl ServiceLog {
    /// Reads until the other side closes its end. A line that is no JSON is kept as a text.
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let log = Self { shared: Arc::default() };
        let shared = Arc::clone(&log.shared);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.push(line);
                shared.1.notify_all();
            }
            shared.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            shared.1.notify_all();
        });
        log
    }

    /// The first line that is the wanted one, waiting for it if need be.
    ///
    /// # Panics
    /// When it does not come in time.
    #[track_caller]
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        let (state, news) = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = state.lines.iter().find(|line| wanted(line)) {
                return line.clone();
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            if state.ended || left.is_zero() {
                drop(state);
                panic!("the service never logged {what}, but:\n{self}");
            }
            state = news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Every line so far.
    pub fn so_far(&self) -> Vec<Value> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// Every line, once the service has closed its output.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn lines(&self) -> Vec<Value> {
        let (state, news) = &*self.shared;
        let (state, timeout) = news
            .wait_timeout_while(state.lock().unwrap_or_else(PoisonError::into_inner), LIMIT, |state| {
                !state.ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "the service has not closed its output");
        state.lines.clone()
    }
}

/// The last lines.
impl fmt::Display for ServiceLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.so_far();
        lines.iter().skip(lines.len().saturating_sub(40)).try_for_each(|line| writeln!(f, "  {line}"))
    }
}
