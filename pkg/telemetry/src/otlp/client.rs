//! What a collector answers, beside what the SDK passes on of it: whether a retry helps, and when.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::error::OTelSdkError;
use underpin_errors::Report;

use super::sender::Verdict;

/// The last answer over HTTP, kept for whoever decides on the batch: the SDK turns it into a text.
#[derive(Debug, Clone, Default)]
pub(super) struct StatusProbe(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    answer: Option<Answer>,
    /// Why there was none, or what the SDK says.
    failure: Option<String>,
}

/// A status, and after how long to ask again.
type Answer = (u16, Option<Duration>);

impl StatusProbe {
    pub(super) fn reset(&self) {
        *self.lock() = Seen::default();
    }

    fn set(&self, answer: Answer) {
        self.lock().answer = Some(answer);
    }

    /// Why the last batch was not taken.
    pub(super) fn failure(&self) -> Option<String> {
        self.lock().failure.take()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the result of an export means for its batch.
    pub(super) fn verdict(&self, result: Result<(), OTelSdkError>) -> Verdict {
        let Err(error) = result else { return Verdict::Taken };
        let mut seen = self.lock();
        let answer = seen.answer;
        seen.failure.get_or_insert_with(|| match answer {
            Some((status, _)) => format!("the collector answered {status}"),
            None => error.to_string(),
        });
        drop(seen);
        match (answer, error) {
            (Some((413, _)), _) => Verdict::TooLarge,
            // What the specification calls retryable.
            (Some((429 | 502..=504, after)), _) => Verdict::Busy(after),
            (Some(_), _) => Verdict::Refused,
            (None, OTelSdkError::InternalFailure(reason)) => of_grpc(&reason),
            (None, OTelSdkError::Timeout(_)) => Verdict::Busy(None),
            (None, OTelSdkError::AlreadyShutdown) => Verdict::Refused,
        }
    }
}

/// What a status of gRPC means, by its name in the SDK's text; without one there was no answer.
fn of_grpc(reason: &str) -> Verdict {
    const FINAL: [&str; 9] = [
        "InvalidArgument",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "Unauthenticated",
        "FailedPrecondition",
        "Unimplemented",
        "Internal",
        "Unknown",
    ];
    let Some((_, code)) = reason.split_once("gRPC code: ") else { return Verdict::Busy(None) };
    let code = code.split(':').next().unwrap_or_default();
    match code {
        // Too large a message has the first of these, and so has a collector that is busy: fewer at once help in either case.
        "ResourceExhausted" | "OutOfRange" => Verdict::TooLarge,
        code if FINAL.contains(&code) => Verdict::Refused,
        _ => Verdict::Busy(None),
    }
}

/// A client that notes the status of each answer.
pub(super) struct ProbedClient<C> {
    pub(super) inner: C,
    pub(super) probe: StatusProbe,
}

#[async_trait]
impl<C: HttpClient> HttpClient for ProbedClient<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let response = self.inner.send_bytes(request).await;
        // The SDK says no more of it than that the network failed.
        let response = response.inspect_err(|error| {
            self.probe.lock().failure = Some(Report(&**error).to_string());
        })?;
        let seconds =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        self.probe.set((response.status().as_u16(), seconds.map(Duration::from_secs)));
        Ok(response)
    }
}

impl<C> fmt::Debug for ProbedClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbedClient").field("probe", &self.probe).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_decides_whether_the_batch_is_sent_again() {
        let failed = || Err(OTelSdkError::InternalFailure("HTTP export failed".to_owned()));
        let probe = StatusProbe::default();
        assert_eq!(probe.verdict(Ok(())), Verdict::Taken);
        assert_eq!(probe.verdict(failed()), Verdict::Busy(None), "no answer");
        for (status, verdict) in [(413, Verdict::TooLarge), (400, Verdict::Refused), (500, Verdict::Refused)]
        {
            probe.set((status, None));
            assert_eq!(probe.verdict(failed()), verdict);
        }
        probe.set((429, Some(Duration::from_secs(3))));
        assert_eq!(probe.verdict(failed()), Verdict::Busy(Some(Duration::from_secs(3))));
        probe.reset();
        for (code, verdict) in [
            ("Unavailable", Verdict::Busy(None)),
            ("ResourceExhausted", Verdict::TooLarge),
            ("Unauthenticated: no token", Verdict::Refused),
        ] {
            let reason = format!("TonicTracesClient export failed with gRPC code: {code}");
            assert_eq!(probe.verdict(Err(OTelSdkError::InternalFailure(reason))), verdict);
        }
    }
}
