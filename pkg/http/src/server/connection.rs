use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::meters;
use super::state::ServerState;

/// How an HTTP/2 connection begins, as far as it is looked at.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// What a connection waits for while it has no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The rest of a head, or the first one.
    ReadingHead = 0,
    /// The next request.
    Idle = 1,
}

/// The result of checking the limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitCheck {
    /// Nothing is due for so long.
    Wait(Duration),
    /// Close it in order.
    Close(&'static str),
    /// Close it now.
    Abort(&'static str),
}

/// A connection, for as long as its socket is open: what its task, its socket and its requests know of each other.
///
/// Times are milliseconds of the server's clock.
pub(super) struct Connection {
    pub(super) server: Arc<ServerState>,
    pub(super) peer: SocketAddr,
    /// When the connection has had its time.
    max_age_at: u64,
    /// The time of the last change and the phase, in one word.
    phase: AtomicU64,
    requests: Arc<AtomicUsize>,
    served: AtomicU32,
    /// How much of the preface was seen; [`Self::HTTP1`] once something else came.
    preface: AtomicU8,
    /// Since when the client has not accepted a byte; 0 while it does.
    blocked: AtomicU64,
    close_after_response: AtomicBool,
    unread: AtomicBool,
    upgraded: AtomicBool,
    _permit: OwnedSemaphorePermit,
    _token: TaskTrackerToken,
}

impl Connection {
    const HTTP1: u8 = u8::MAX;

    pub(super) fn new(server: Arc<ServerState>, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        meters::opened(&server.name);
        let now = server.now();
        let age = server.settings.max_connection_age.map_or(u64::MAX, |age| millis(with_jitter(age)));
        Self {
            peer,
            max_age_at: now.saturating_add(age),
            phase: AtomicU64::new(packed(now, Phase::ReadingHead)),
            requests: server.request_counter(),
            served: AtomicU32::new(0),
            preface: AtomicU8::new(0),
            blocked: AtomicU64::new(0),
            close_after_response: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            _permit: permit,
            _token: server.connections.token(),
            server,
        }
    }

    /// A request arrived. Counted until [`Self::finish_request`].
    pub(super) fn begin_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let served = self.served.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.server.settings.max_requests_per_connection.is_some_and(|most| served >= most) {
            self.close_after_response.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn finish_request(&self) {
        // Before the count: whoever sees no request shall see the new time.
        self.enter(Phase::Idle);
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    /// Bytes arrived.
    pub(super) fn received(&self, bytes: &[u8]) {
        let seen = self.preface.load(Ordering::Relaxed);
        if usize::from(seen) < PREFACE.len() {
            self.match_preface(seen, bytes);
        } else if seen == Self::HTTP1 && self.requests.load(Ordering::Relaxed) == 0 {
            let (_, phase) = unpacked(self.phase.load(Ordering::Relaxed));
            if phase == Phase::Idle {
                self.enter(Phase::ReadingHead);
            }
        }
    }

    fn match_preface(&self, seen: u8, bytes: &[u8]) {
        let expected = PREFACE.get(usize::from(seen)..).unwrap_or_default();
        let length = expected.len().min(bytes.len());
        let is_preface = bytes.get(..length) == expected.get(..length);
        let seen = if is_preface {
            seen.saturating_add(u8::try_from(length).unwrap_or(Self::HTTP1))
        } else {
            Self::HTTP1
        };
        self.preface.store(seen, Ordering::Relaxed);
        if self.is_http2() {
            // It has no separate head to wait for.
            self.enter(Phase::Idle);
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        usize::from(self.preface.load(Ordering::Relaxed)) == PREFACE.len()
    }

    /// The client accepts no bytes at the moment, or does again.
    pub(super) fn set_write_blocked(&self, is_blocked: bool) {
        match (is_blocked, self.blocked.load(Ordering::Relaxed)) {
            (true, 0) => self.blocked.store(self.server.now().max(1), Ordering::Relaxed),
            (false, 1..) => self.blocked.store(0, Ordering::Relaxed),
            (true, _) | (false, 0) => {}
        }
    }

    /// The body of a request was dropped before its end: the client may be sending still.
    pub(super) fn mark_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The socket belongs to a handler now.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }

    /// Whether the answer that is sent next ends the connection.
    pub(super) fn closes_after_response(&self) -> bool {
        self.server.is_draining() || self.close_after_response.load(Ordering::Relaxed)
    }

    /// Whether a request is handled or its response is still sent: hyper drops the body once it has buffered the last chunk.
    pub(super) fn has_requests(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0 || self.blocked.load(Ordering::Relaxed) > 0
    }

    /// Looks at every limit.
    pub(super) fn check_limits(&self) -> LimitCheck {
        let (now, settings) = (self.server.now(), &self.server.settings);
        let left = |since: u64, limit: Duration| since.saturating_add(millis(limit)).saturating_sub(now);
        let blocked = match self.blocked.load(Ordering::Relaxed) {
            0 => millis(settings.write_timeout),
            since => left(since, settings.write_timeout),
        };
        if blocked == 0 {
            return LimitCheck::Abort("write_timeout");
        }
        if self.max_age_at <= now
            && !self.close_after_response.swap(true, Ordering::Relaxed)
            && self.is_http2()
        {
            return LimitCheck::Close("max_connection_age");
        }
        if self.close_after_response.load(Ordering::Relaxed) && self.is_http2() {
            return LimitCheck::Close("max_requests_per_connection");
        }
        // As often as the shortest limit asks for, since what comes next is not known.
        let tick = settings.header_timeout.min(settings.idle_timeout).min(settings.write_timeout);
        let mut wait = millis(tick).min(blocked);
        if !self.has_requests() {
            let (since, phase) = unpacked(self.phase.load(Ordering::Relaxed));
            let left = match phase {
                Phase::ReadingHead => left(since, settings.header_timeout),
                Phase::Idle => left(since, settings.idle_timeout),
            };
            match (left, phase) {
                (0, Phase::ReadingHead) => return LimitCheck::Abort("header_timeout"),
                (0, Phase::Idle) => return LimitCheck::Close("idle_timeout"),
                _ => wait = wait.min(left),
            }
        }
        if self.max_age_at > now {
            wait = wait.min(self.max_age_at - now);
        }
        LimitCheck::Wait(Duration::from_millis(wait.max(1)))
    }

    /// Whether it may be closed for want of room: it has had a moment, and it has no request.
    pub(super) fn is_expendable(&self) -> bool {
        const MOMENT: u64 = 500;
        let (since, _) = unpacked(self.phase.load(Ordering::Relaxed));
        !self.has_requests() && self.server.now().saturating_sub(since) > MOMENT
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(packed(self.server.now(), phase), Ordering::Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        meters::closed(&self.server.name);
    }
}

const fn packed(now: u64, phase: Phase) -> u64 {
    now << 1 | phase as u64
}

const fn unpacked(word: u64) -> (u64, Phase) {
    (word >> 1, if word & 1 == 0 { Phase::ReadingHead } else { Phase::Idle })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// A tenth more or less, so that connections that were opened together do not end together.
fn with_jitter(age: Duration) -> Duration {
    // Each state of the standard library's hasher has other keys.
    let random = RandomState::new().build_hasher().finish();
    let thousandths = 900 + u32::try_from(random % 201).unwrap_or(100);
    age.saturating_mul(thousandths) / 1000
}
