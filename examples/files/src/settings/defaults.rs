use std::time::Duration;

use underpin_config::{ByteSize, Checks, Validate};
use underpin_database::DatabaseSettings;
use underpin_logger::LoggerSettings;
use underpin_nats::NatsSettings;
use underpin_objects::{ObjectBucketSettings, ObjectsSettings};
use underpin_rpc::RpcSettings;
use underpin_service::{HttpSettings, LifecycleSettings};

use super::{DATABASE, Settings, UploadSettings};
use crate::storage::{FILES, USER_SETTING};

const MINUTE: Duration = Duration::from_secs(60);

impl Default for Settings {
    fn default() -> Self {
        let mut database = DatabaseSettings::new(DATABASE);
        database.application_name = "files".to_owned();
        let buckets = [FILES, USER_SETTING].map(ObjectBucketSettings::new);
        Self {
            http: HttpSettings::default().request_timeout(10 * MINUTE),
            database,
            nats: NatsSettings::default().servers([""; 0]).name("files"),
            rpc: RpcSettings::default(),
            objects: buckets.into_iter().fold(ObjectsSettings::default(), ObjectsSettings::bucket),
            s3: None,
            uploads: UploadSettings::default(),
            log: LoggerSettings::default().service("files"),
            service: LifecycleSettings::default(),
        }
    }
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self { max_size: ByteSize::mib(1024), link_lasts: 15 * MINUTE, abandoned_after: 60 * MINUTE }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("http", &self.http);
        checks.nested("database", &self.database);
        if !self.nats.servers.is_empty() {
            checks.nested("nats", &self.nats);
        }
        checks.nested("rpc", &self.rpc);
        checks.nested("objects", &self.objects);
        checks.nested("s3", &self.s3);
        checks.nested("uploads", &self.uploads);
        // A file that is written still must not count as abandoned.
        let is_later = self.uploads.abandoned_after > self.http.request_timeout;
        checks.ensure(is_later, "uploads.abandoned_after", "must be longer than `http.request_timeout`");
        checks.nested("log", &self.log);
        checks.nested("service", &self.service);
    }
}

impl Validate for UploadSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure(self.max_size.bytes() > 0, "max_size", "must be above zero");
        let links = Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60);
        checks.ensure(links.contains(&self.link_lasts), "link_lasts", "must be from 1s to 7d");
        checks.wait("abandoned_after", self.abandoned_after);
    }
}
