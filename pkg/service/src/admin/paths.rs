//! The paths of the admin listener and what they answer.
//!
//! | path | answers | for |
//! |---|---|---|
//! | `GET /health/live` | 200, or 503 when the main runtime has stalled; asks no component | everyone |
//! | `GET /health/startup` | 200 once the service was ready, else 503 | everyone |
//! | `GET /health/ready` | 200 or 503; the components and their reasons for trusted callers | everyone |
//! | `GET /info` | name, version, commit, instance, state | trusted callers |
//! | `GET`, `PUT /log/level` | the level rules, as text | trusted callers |
//! | `GET /metrics` | the metrics in the text format of Prometheus; 404 when nothing renders them | trusted callers |
//! | `grpc.reflection` | the descriptors of the gRPC services (feature `grpc`), over HTTP/2 with prior knowledge | trusted callers |
//! | `POST /commands` | runs an operator command that needs what this process holds | trusted callers, no browsers |

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::ORIGIN;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::json;
use underpin_commands::wire::PATH as COMMANDS;
use underpin_config::Secret;

use super::Subject;
use super::access::is_trusted;
use super::commands;
use super::ready::ReadyCache;
use super::reply::{Reply, json_reply, reply, status, text};
use crate::ServiceState;
use crate::counted::Counted;

/// The longest body that is read: level rules, or a command.
const BODY: usize = 4096;

/// What every request needs.
pub(super) struct Paths {
    pub(super) subject: std::sync::Arc<Subject>,
    pub(super) ready: ReadyCache,
    pub(super) token: Option<Secret<String>>,
    pub(super) stall_after: Duration,
}

impl Paths {
    /// The reply. The request counts until then; a stream of replies, until its end.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        caller: SocketAddr,
        counted: Counted,
    ) -> Reply {
        let trusted = is_trusted(caller, request.headers(), self.token.as_ref());
        #[cfg(feature = "grpc")]
        if super::reflection::is_asked(request.uri().path()) {
            let routes = self.subject.reflected.routes();
            return super::reflection::answer(request, trusted, routes, counted).await;
        }
        let _until_reply = counted;
        let (path, method) = (request.uri().path().to_owned(), request.method().clone());
        match (path.as_str(), &method) {
            ("/health/live", &Method::GET) => self.live(),
            ("/health/startup", &Method::GET) => self.startup(),
            ("/health/ready", &Method::GET) => self.ready(trusted).await,
            ("/info" | "/log/level" | "/metrics" | COMMANDS, _) if !trusted => status(
                StatusCode::UNAUTHORIZED,
                "needs a loopback address or the token of service.admin.token",
            ),
            ("/info", &Method::GET) => self.info(),
            ("/log/level", &Method::GET) => self.level(),
            ("/log/level", &Method::PUT) => self.set_level(request).await,
            ("/metrics", &Method::GET) => self.metrics(),
            (COMMANDS, &Method::POST) => self.command(request).await,
            (
                "/health/live" | "/health/startup" | "/health/ready" | "/info" | "/log/level" | "/metrics"
                | COMMANDS,
                _,
            ) => status(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
            _ => status(StatusCode::NOT_FOUND, "no such path"),
        }
    }

    fn live(&self) -> Reply {
        let silence = self.subject.silence();
        if silence < self.stall_after {
            return status(StatusCode::OK, "live");
        }
        status(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("the main runtime has stalled for {} s", silence.as_secs()),
        )
    }

    fn startup(&self) -> Reply {
        match self.subject.gate.state() {
            ServiceState::Starting => status(StatusCode::SERVICE_UNAVAILABLE, "starting"),
            _ => status(StatusCode::OK, "started"),
        }
    }

    async fn ready(&self, trusted: bool) -> Reply {
        let state = self.subject.gate.state();
        let (ServiceState::Ready, Some(checks)) = (state, self.subject.readiness.checks()) else {
            return status(StatusCode::SERVICE_UNAVAILABLE, state.as_str());
        };
        let Some(report) = self.ready.report(checks, &self.subject.main).await else {
            return status(StatusCode::SERVICE_UNAVAILABLE, "the main runtime does not answer");
        };
        let code =
            StatusCode::from_u16(report.status.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let body = if trusted { json!(*report) } else { json!({ "status": report.status }) };
        json_reply(code, &body)
    }

    fn info(&self) -> Reply {
        let mut info = json!(self.subject.metadata);
        if let Some(fields) = info.as_object_mut() {
            fields.insert("state".to_owned(), self.subject.gate.state().as_str().into());
        }
        json_reply(StatusCode::OK, &info)
    }

    fn metrics(&self) -> Reply {
        match self.subject.metrics.render() {
            Some(metrics) => reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics),
            None => status(StatusCode::NOT_FOUND, "this service renders no metrics"),
        }
    }

    fn level(&self) -> Reply {
        match &self.subject.levels {
            Some(levels) => text(StatusCode::OK, levels.rules().to_string()),
            None => status(StatusCode::NOT_FOUND, "this log has no level rules"),
        }
    }

    async fn command(&self, request: Request<Incoming>) -> Reply {
        // A page in the operator's browser reaches loopback as well, and always names itself.
        if request.headers().contains_key(ORIGIN) {
            return status(StatusCode::FORBIDDEN, "not for browsers");
        }
        let Some(body) = read(request).await else {
            return status(StatusCode::PAYLOAD_TOO_LARGE, "a command has at most 4096 bytes");
        };
        let Ok(request) = serde_json::from_slice(&body) else {
            return status(StatusCode::BAD_REQUEST, "a command is an object of command, resource and call");
        };
        match commands::run(&self.subject.commands, &self.subject.main, request).await {
            Ok(reply) => json_reply(StatusCode::OK, &json!(reply)),
            Err((code, why)) => status(code, why),
        }
    }

    async fn set_level(&self, request: Request<Incoming>) -> Reply {
        let Some(levels) = &self.subject.levels else {
            return status(StatusCode::NOT_FOUND, "this log has no level rules");
        };
        let Some(body) = read(request).await else {
            return status(StatusCode::PAYLOAD_TOO_LARGE, "level rules have at most 4096 bytes");
        };
        let Ok(rules) = std::str::from_utf8(&body) else {
            return status(StatusCode::BAD_REQUEST, "level rules are text");
        };
        match levels.set(rules.trim()) {
            Ok(()) => self.level(),
            Err(problem) => status(StatusCode::BAD_REQUEST, &problem.to_string()),
        }
    }
}

/// The body, unless it breaks off or is too long.
async fn read(request: Request<Incoming>) -> Option<Bytes> {
    Some(Limited::new(request.into_body(), BODY).collect().await.ok()?.to_bytes())
}
