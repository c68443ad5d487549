//! The defaults, which need nothing installed, and what is checked.

use std::time::Duration;

use underpin_config::{Checks, Validate};
use underpin_database::DatabaseSettings;
use underpin_events::jetstream::{JetStreamSettings, StreamSettings};
use underpin_logger::LoggerSettings;
use underpin_rpc::RpcSettings;
use underpin_service::{HttpSettings, LifecycleSettings};
use underpin_store::{BucketSettings, OnLimiterFailure, Quota, RedisSettings, StoreSettings};

use super::{DATABASE, LimitSettings, LinkSettings, Settings};
use crate::link::{HttpAddress, LINKS};

impl Default for Settings {
    fn default() -> Self {
        let mut database = DatabaseSettings::new(DATABASE);
        database.application_name = "shortener".to_owned();
        let mut stream = StreamSettings::default();
        (stream.name, stream.subject_prefix) = ("SHORTENER".to_owned(), "shortener".to_owned());
        // A limiter that hangs must not hold requests up.
        let quick = Duration::from_millis(250);
        Self {
            http: HttpSettings::default(),
            links: LinkSettings::default(),
            database,
            events: JetStreamSettings::default().servers([""; 0]).name("shortener").stream(stream),
            store: StoreSettings::default().bucket(BucketSettings::new(LINKS).key_ttl(true)),
            rpc: RpcSettings::default(),
            redis: RedisSettings::new("").prefix("shortener").connect_timeout(quick).request_timeout(quick),
            limits: LimitSettings::default(),
            log: LoggerSettings::default().service("shortener"),
            service: LifecycleSettings::default(),
        }
    }
}

impl Default for LinkSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self { public_url: "http://localhost:8080".to_owned(), ttl: DAY * 30, max_ttl: DAY * 365 }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let minute = |limit| Quota::new(limit, Duration::from_secs(60));
        Self {
            create: minute(50),
            read: minute(100),
            redirect: minute(600),
            global: minute(6_000),
            on_failure: OnLimiterFailure::Pass,
            trusted_hops: 0,
        }
    }
}

impl Validate for Settings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("http", &self.http);
        checks.nested("links", &self.links);
        checks.nested("database", &self.database);
        if !self.events.servers.is_empty() {
            checks.nested("events", &self.events);
        }
        checks.nested("store", &self.store);
        checks.nested("rpc", &self.rpc);
        if !self.redis.url.expose().is_empty() {
            checks.nested("redis", &self.redis);
        }
        checks.nested("limits", &self.limits);
        checks.nested("log", &self.log);
        checks.nested("service", &self.service);
    }
}

impl Validate for LinkSettings {
    fn validate(&self, checks: &mut Checks) {
        let is_url = HttpAddress::of(&self.public_url).is_some();
        checks.ensure(is_url, "public_url", "must be a URL such as `https://sho.rt`");
        let fits = Duration::from_secs(1) <= self.ttl && self.ttl <= self.max_ttl;
        checks.ensure(fits, "ttl", "must be from 1s to `max_ttl`");
        let longest = Duration::from_secs(3650 * 24 * 60 * 60);
        checks.ensure(self.max_ttl <= longest, "max_ttl", "must be at most 3650 days");
    }
}

impl Validate for LimitSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.nested("create", &self.create);
        checks.nested("read", &self.read);
        checks.nested("redirect", &self.redirect);
        checks.nested("global", &self.global);
    }
}
