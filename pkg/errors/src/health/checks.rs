use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;

use super::check::HealthCheck;
use super::status::{Health, HealthStatus};
use crate::limits;

/// Checks every component concurrently, each within a limit, and combines the results.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::Arc;
/// use underpin_errors::{Health, HealthCheck, HealthChecks, HealthStatus};
///
/// struct Disk;
///
/// #[async_trait::async_trait]
/// impl HealthCheck for Disk {
///     fn name(&self) -> &str {
///         "disk"
///     }
///     async fn check(&self) -> Health {
///         Health::degraded("91 % full")
///     }
/// }
///
/// let report = HealthChecks::new().with(Arc::new(Disk)).run().await;
/// assert_eq!(report.status, HealthStatus::Degraded);
/// assert_eq!(
///     serde_json::to_string(&report).unwrap(),
///     r#"{"status":"degraded","components":{"disk":{"status":"degraded","reason":"91 % full"}}}"#
/// );
/// # }
/// ```
#[derive(Clone)]
pub struct HealthChecks {
    checks: Vec<(Arc<dyn HealthCheck>, Need)>,
    within: Duration,
}

impl HealthChecks {
    /// No components yet; each gets two seconds, well below the usual probe timeouts.
    pub fn new() -> Self {
        Self { checks: Vec::new(), within: Duration::from_secs(2) }
    }

    /// How long each component may take to answer; after that it counts as down.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// A component that the service cannot work without.
    #[must_use]
    pub fn with(mut self, check: Arc<dyn HealthCheck>) -> Self {
        self.checks.push((check, Need::Required));
        self
    }

    /// A component whose loss makes the service worse, not useless: down counts as degraded in the sum.
    #[must_use]
    pub fn with_optional(mut self, check: Arc<dyn HealthCheck>) -> Self {
        self.checks.push((check, Need::Optional));
        self
    }

    /// Asks all of them, concurrently and on the caller's task. A check that is too slow or panics counts as down; the
    /// others still answer. The sum is the worst answer. A name used twice gets a number.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer enabled.
    ///
    /// # Cancel safety
    /// Safe: dropping it drops the checks, which must be safe to drop themselves.
    pub async fn run(&self) -> HealthReport {
        let asked =
            self.checks.iter().map(|(check, _)| Box::pin(ask(check.as_ref(), self.within)) as Asked<'_>);
        let answers = join_all(asked.collect()).await;

        let mut report = HealthReport { status: HealthStatus::Up, components: BTreeMap::new() };
        for ((check, need), mut health) in self.checks.iter().zip(answers) {
            health.reason =
                health.reason.map(|reason| limits::cut(&reason, limits::MAX_MESSAGE).into_owned());
            report.status = report.status.max(need.weigh(health.status));
            report.components.insert(free_name(&report.components, check.name()), health);
        }
        report
    }
}

impl Default for HealthChecks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.checks.iter().map(|(check, _)| check.name()).collect();
        f.debug_struct("HealthChecks").field("checks", &names).field("within", &self.within).finish()
    }
}

/// The body of a readiness endpoint: `{"status", "components": {name: {"status", "reason", "details"}}}`.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealthReport {
    /// The worst status of all, where an optional component counts as degraded at most.
    pub status: HealthStatus,
    /// Each component's own answer.
    pub components: BTreeMap<String, Health>,
}

#[derive(Clone, Copy)]
enum Need {
    Required,
    Optional,
}

impl Need {
    fn weigh(self, status: HealthStatus) -> HealthStatus {
        match self {
            Self::Required => status,
            Self::Optional => status.min(HealthStatus::Degraded),
        }
    }
}

type Asked<'a> = Pin<Box<dyn Future<Output = Health> + Send + 'a>>;

async fn ask(check: &dyn HealthCheck, within: Duration) -> Health {
    let mut answer = pin!(async { check.check().await });
    let guarded = poll_fn(|cx| poll_guarded(answer.as_mut(), cx));
    match tokio::time::timeout(within, guarded).await {
        Ok(health) => health,
        Err(_) => Health::down(format!("no answer within {within:?}")),
    }
}

/// A check that panics is down; the others still run.
fn poll_guarded(answer: Pin<&mut impl Future<Output = Health>>, cx: &mut Context<'_>) -> Poll<Health> {
    catch_unwind(AssertUnwindSafe(|| answer.poll(cx)))
        .unwrap_or_else(|_| Poll::Ready(Health::down("the check panicked")))
}

/// Polls every future that is not done whenever one of them wakes; there are a handful of them.
async fn join_all(asked: Vec<Asked<'_>>) -> Vec<Health> {
    let mut slots: Vec<_> = asked.into_iter().map(|future| (future, None)).collect();
    poll_fn(|cx| {
        for (future, answer) in &mut slots {
            if answer.is_none()
                && let Poll::Ready(health) = future.as_mut().poll(cx)
            {
                *answer = Some(health);
            }
        }
        if slots.iter().all(|(_, answer)| answer.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    slots.into_iter().filter_map(|(_, answer)| answer).collect()
}

fn free_name(taken: &BTreeMap<String, Health>, name: &str) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains_key(name))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::time::Instant;

    use super::*;

    struct Fixed(&'static str, fn() -> Health, Duration);

    #[async_trait]
    impl HealthCheck for Fixed {
        fn name(&self) -> &str {
            self.0
        }

        async fn check(&self) -> Health {
            tokio::time::sleep(self.2).await;
            self.1()
        }
    }

    fn fixed(name: &'static str, health: fn() -> Health, after: Duration) -> Arc<dyn HealthCheck> {
        Arc::new(Fixed(name, health, after))
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn checks_run_at_once_and_the_worst_answer_counts() {
        let checks = HealthChecks::new()
            .with(fixed("a", Health::up, SECOND))
            .with(fixed("b", || Health::degraded("slow"), SECOND))
            .with(fixed("c", || Health::down("gone"), SECOND));
        let start = Instant::now();
        let report = checks.run().await;
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(report.status, HealthStatus::Down);
        assert_eq!(report.components.len(), 3);
        assert_eq!(report.components["a"], Health::up());
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_is_down_within_the_limit() {
        let checks = HealthChecks::new()
            .within(SECOND)
            .with(fixed("hangs", Health::up, Duration::MAX / 2))
            .with(fixed("works", Health::up, Duration::ZERO));
        let start = Instant::now();
        let report = checks.run().await;
        assert_eq!(start.elapsed(), SECOND);
        assert_eq!(report.components["hangs"], Health::down("no answer within 1s"));
        assert_eq!(report.components["works"].status, HealthStatus::Up);
    }

    #[tokio::test]
    async fn a_check_that_panics_is_down_and_the_others_answer() {
        let checks = HealthChecks::new().with(fixed("broken", || panic!("bug"), Duration::ZERO)).with(fixed(
            "works",
            Health::up,
            Duration::ZERO,
        ));
        let report = checks.run().await;
        assert_eq!(report.components["broken"], Health::down("the check panicked"));
        assert_eq!(report.components["works"], Health::up());
    }

    #[tokio::test]
    async fn an_optional_component_never_takes_the_service_down() {
        let report = HealthChecks::new()
            .with_optional(fixed("cache", || Health::down("gone"), Duration::ZERO))
            .run()
            .await;
        assert_eq!(report.status, HealthStatus::Degraded);
        assert_eq!(report.components["cache"].status, HealthStatus::Down);
    }

    #[tokio::test]
    async fn a_name_used_twice_hides_nothing() {
        let checks = HealthChecks::new()
            .with(fixed("db", || Health::down("gone"), Duration::ZERO))
            .with(fixed("db", Health::up, Duration::ZERO));
        let report = checks.run().await;
        assert_eq!(report.components.keys().collect::<Vec<_>>(), ["db", "db-2"]);
        assert_eq!(report.status.http_status(), 503);
    }

    #[tokio::test]
    async fn a_long_reason_is_cut() {
        let checks =
            HealthChecks::new().with(fixed("db", || Health::down("x".repeat(1 << 20)), Duration::ZERO));
        let report = checks.run().await;
        assert!(report.components["db"].reason.as_ref().unwrap().len() <= 1024);
    }

    #[tokio::test]
    async fn no_components_are_up() {
        assert_eq!(HealthChecks::new().run().await.status, HealthStatus::Up);
    }
}
