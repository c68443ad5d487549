//! Use by another crate: its enums become errors through `?`, and the mocks are usable.

use std::borrow::Cow;
use std::time::Duration;

use underpin_errors::{Classify, Error, Kind, ResultExt as _, Violation};

#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("order {0} does not exist")]
    Missing(u64),
    #[error("the order is not valid")]
    Invalid,
    #[error("cannot reach the ledger")]
    Ledger(#[source] std::io::Error),
}

impl Classify for OrderError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing(_) => Kind::NotFound,
            Self::Invalid => Kind::InvalidArgument,
            Self::Ledger(_) => Kind::Unavailable,
        }
    }

    fn code(&self) -> Option<Cow<'static, str>> {
        matches!(self, Self::Missing(_)).then_some(Cow::Borrowed("ORDER_NOT_FOUND"))
    }

    fn public_message(&self) -> Option<Cow<'static, str>> {
        matches!(self, Self::Missing(_) | Self::Ledger(_)).then(|| self.to_string().into())
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Ledger(_)).then_some(Duration::from_secs(3))
    }

    fn violations(&self) -> Vec<Violation> {
        if matches!(self, Self::Invalid) {
            vec![Violation::body("customer", "must not be empty")]
        } else {
            vec![]
        }
    }
}

fn fail(error: OrderError) -> Result<(), Error> {
    Err(error)?;
    Ok(())
}

#[test]
fn a_thiserror_enum_becomes_an_error_through_the_question_mark() {
    let error = fail(OrderError::Missing(42)).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(error.error_code(), "ORDER_NOT_FOUND");
    assert_eq!(error.public_message(), "order 42 does not exist");
    assert!(matches!(error.downcast_ref(), Some(OrderError::Missing(42))));
}

#[test]
fn what_a_domain_error_does_not_offer_stays_inside() {
    let error = fail(OrderError::Invalid).unwrap_err();
    assert_eq!(error.public_message(), Kind::InvalidArgument.public_sentence());
    assert_eq!(error.violations(), [Violation::body("customer", "must not be empty")]);
    assert_eq!(error.to_string(), "the order is not valid");
}

#[test]
fn a_5xx_keeps_its_text_inside_even_where_the_domain_error_offers_it() {
    let error =
        fail(OrderError::Ledger(std::io::Error::other("refused"))).context("place order").unwrap_err();
    assert_eq!(error.public_message(), Kind::Unavailable.public_sentence());
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(3)));
    assert_eq!(error.report().to_string(), "place order: cannot reach the ledger: refused");
}

#[test]
fn a_domain_error_is_found_inside_a_wrapped_error_too() {
    let inner = fail(OrderError::Missing(42)).unwrap_err();
    let outer = Error::wrap(Kind::Internal, inner, "bill the order");
    assert!(matches!(outer.downcast_ref(), Some(OrderError::Missing(42))));
}

#[test]
fn a_naive_walk_over_the_sources_meets_no_text_twice() {
    let error = Error::from(OrderError::Ledger(std::io::Error::other("refused")));
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        (error.to_string(), source.to_string()),
        ("cannot reach the ledger".to_owned(), "refused".to_owned())
    );
}

/// The two habits of thiserror enums that a chain printer has to know: `"{0}"` over a source, and `transparent`.
#[derive(Debug, thiserror::Error)]
enum Habits {
    #[error("query failed: {0}")]
    Repeats(#[from] std::io::Error),
    #[error(transparent)]
    Transparent(OrderError),
}

impl Classify for Habits {
    fn kind(&self) -> Kind {
        Kind::Unavailable
    }
}

#[test]
fn a_cause_that_thiserror_repeats_is_printed_once() {
    let error = Error::from(Habits::from(std::io::Error::other("refused"))).context("load order");
    assert_eq!(error.report().to_string(), "load order: query failed: refused");
    let error = Error::from(Habits::Transparent(OrderError::Ledger(std::io::Error::other("refused"))));
    assert_eq!(error.report().to_string(), "cannot reach the ledger: refused");
}

#[test]
fn an_error_crosses_threads() {
    fn shared<T: Send + Sync + 'static>(value: T) -> T {
        value
    }
    let error = std::thread::spawn(|| shared(Error::internal("bug"))).join().unwrap();
    assert_eq!(error.kind(), Kind::Internal);
}

#[test]
fn a_clone_shares_everything_and_takes_nothing_back() {
    let error = fail(OrderError::Missing(42)).unwrap_err().violation("id", "is gone").detail("id", 42);
    let clones: Vec<Error> = (0..3).map(|_| error.clone()).collect();
    let changed = error.context("load").code("OTHER").with_request_id("req-1");
    for clone in &clones {
        assert_eq!(
            (clone.error_code(), clone.public_message()),
            ("ORDER_NOT_FOUND", "order 42 does not exist")
        );
        assert_eq!(clone.violations(), changed.violations());
        assert!(matches!(clone.downcast_ref(), Some(OrderError::Missing(42))));
        assert_eq!((clone.to_string(), clone.request_id()), ("order 42 does not exist".to_owned(), None));
    }
    assert_eq!(changed.report().to_string(), "load: order 42 does not exist");
    assert!(matches!(changed.downcast_ref(), Some(OrderError::Missing(42))));
    let below = Error::unavailable("down").caused_by(std::io::Error::other("refused"));
    assert_eq!(below.clone().report().to_string(), below.report().to_string());
}

#[test]
fn context_goes_straight_onto_a_domain_error() {
    let result: Result<(), OrderError> = Err(OrderError::Invalid);
    assert_eq!(result.context("place order").unwrap_err().to_string(), "place order: the order is not valid");
}

#[tokio::test]
async fn the_mock_stands_in_for_a_component() {
    use std::sync::Arc;

    use underpin_errors::testing::MockHealthCheck;
    use underpin_errors::{Health, HealthCheck, HealthChecks, HealthStatus};

    let mut mock = MockHealthCheck::new();
    mock.expect_name().return_const("database".to_owned());
    mock.expect_check().times(1).returning(|| Health::down("refused"));
    let check: Arc<dyn HealthCheck> = Arc::new(mock);

    let report = HealthChecks::new().with(check).run().await;
    assert_eq!(report.status, HealthStatus::Down);
    assert_eq!(report.components["database"], Health::down("refused"));
}
