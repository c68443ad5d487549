//! The mocks are usable from another crate as `Arc<dyn Config>` and `Arc<dyn Source>`.

use std::sync::Arc;

use underpin_config::testing::{MockConfig, MockSource, snapshot};
use underpin_config::{Config, ConfigExt, Secret, Source, Value};

/// Something that takes a configuration and does not know which.
struct Mailer(Arc<dyn Config>);

impl Mailer {
    fn retries(&self) -> u32 {
        self.0.get_or("mail.retries", 3).unwrap()
    }
}

#[test]
fn a_mock_stands_in_for_a_configuration() {
    let mut config = MockConfig::new();
    config.expect_value().withf(|key| key == "mail.retries").times(1).return_once(|_| Some(Value::from(7)));
    assert_eq!(Mailer(Arc::new(config)).retries(), 7);
}

#[test]
fn a_snapshot_of_pairs_behaves_like_a_loaded_one() {
    let config = snapshot([("mail.retries", "5"), ("mail.hosts", "a,b")]).unwrap();
    assert_eq!(config.get::<Vec<String>>("mail.hosts").unwrap(), ["a", "b"]);
    assert_eq!(Mailer(Arc::new(config)).retries(), 5);
    assert_eq!(Mailer(Arc::new(snapshot([]).unwrap())).retries(), 3);
}

#[tokio::test]
async fn a_mock_stands_in_for_a_source() {
    let mut source = MockSource::new();
    source.expect_name().return_const("vault".to_owned());
    source
        .expect_fetch()
        .times(1)
        .returning(|| Ok(vec![("mail.retries".to_owned(), Secret::new("5".to_owned()))]));
    let source: Arc<dyn Source> = Arc::new(source);
    let fetched = source.fetch().await.unwrap();
    assert_eq!((source.name(), fetched[0].1.expose().as_str()), ("vault", "5"));
}
