//! The mock is usable from another crate as an `Arc<dyn Config>`.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use underpin_config::testing::{MockConfig, snapshot};
use underpin_config::{Config, ConfigExt, Value};

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
