use std::{error::Error as StdError, sync::Arc, thread, time::Instant};

use http::{Extensions, Method, Request, StatusCode, uri::PathAndQuery};
use underpin_errors::Error;

use super::{config::RequestConfig, request_span};
use crate::shorten::shortened;
use crate::{__tag, Callsite, Context, Entry, Level, Logger as _, Span, Value};

/// What a caller chooses is logged up to this many bytes.
const LONGEST_PATH: usize = 1024;
const LONGEST_METHOD: usize = 32;

/// What level rules match; not the name of a private module.
const TARGET: &str = "underpin_logger::tower";

/// A request without an answer yet. Whichever way it ends, it logs one line.
pub(super) struct Pending {
    config: Arc<RequestConfig>,
    span: Span,
    method: Method,
    /// Shares its bytes with the request.
    uri: Option<PathAndQuery>,
    started: Instant,
    logged: bool,
}

impl Pending {
    pub(super) fn new<B>(config: Arc<RequestConfig>, span: Span, request: &Request<B>) -> Self {
        let (method, uri) = (request.method().clone(), request.uri().path_and_query().cloned());
        Self { config, span, method, uri, started: Instant::now(), logged: false }
    }

    fn path(&self) -> &str {
        self.uri.as_ref().map_or("", PathAndQuery::path)
    }

    /// The context of the request.
    pub(super) const fn ctx(&self) -> &Context {
        self.span.ctx()
    }

    pub(super) fn answered(mut self, status: StatusCode, extensions: &Extensions) {
        request_span::answered(&mut self.span, &self.method, status, extensions);
        let level = match () {
            () if status.is_server_error() => Level::Error,
            () if self.config.is_quiet(self.path()) => Level::Debug,
            () => Level::Info,
        };
        let error = extensions.get::<Arc<Error>>().map(|error| &**error);
        self.log(level, "request", Some(status), error);
    }

    /// The service itself failed and has no response to show.
    pub(super) fn failed(mut self) {
        self.span.fail_with(|| "the service failed without a response");
        self.log(Level::Error, "request failed", None, None);
    }

    fn log(&mut self, level: Level, msg: &str, status: Option<StatusCode>, error: Option<&Error>) {
        self.logged = true;
        let site = Callsite::new(TARGET, "", 0);
        let log = &self.config.log;
        if !log.enabled(level, site.target, self.span.ctx()) {
            return;
        }
        let method = shortened(self.method.as_str(), LONGEST_METHOD);
        let path = shortened(self.path(), LONGEST_PATH);
        let method = __tag!("method", Value::Str(&method));
        let path = __tag!("path", Value::Str(&path));
        let latency = __tag!("latency_ms", Value::Duration(self.started.elapsed()));
        let entry = Entry::new(level, self.span.ctx(), msg, site);
        let Some(status) = status else { return log.log(&entry.with_tags(&[method, path, latency])) };
        let status = __tag!("status", Value::U64(status.as_u16().into()));
        match error {
            Some(error) => {
                let code = __tag!("error_code", Value::Str(error.error_code()));
                let tags = [method, path, status, latency, code];
                log.log(&entry.with_tags(&tags).with_error(error as &(dyn StdError + 'static)));
            }
            None => log.log(&entry.with_tags(&[method, path, status, latency])),
        }
    }

    /// While a panic unwinds.
    pub(super) fn panicked(&mut self) {
        self.span.fail_with(|| "panicked");
        self.log(Level::Error, "request panicked", None, None);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.logged {
            return;
        }
        if thread::panicking() {
            self.panicked();
        } else {
            self.span.event("cancelled");
            self.log(Level::Info, "request cancelled", None, None);
        }
    }
}
