//! Every feature alone, in pairs, and none: no crate of ours compiles by the grace of another feature.

use crate::shell::{Done, cargo, run};

/// Libraries only: what the tests need must not lend its features.
///
/// Two features stand for tests and add nothing to a library, and each pair with them would be one build more.
pub(crate) fn check() -> Done {
    run(cargo()
        .args(["hack", "check", "--locked", "--lib", "--feature-powerset", "--depth", "2"])
        .args(["--package", "underpin-errors", "--package", "underpin-config"])
        .args(["--package", "underpin-logger", "--package", "underpin-database"])
        .args(["--package", "underpin-events", "--package", "underpin-testkit"])
        .args(["--exclude-features", "pgbouncer-tests", "--keep-going"])
        .env("RUSTFLAGS", "--deny warnings")
        .env("CARGO_TARGET_DIR", super::tree::target("features")))
}
