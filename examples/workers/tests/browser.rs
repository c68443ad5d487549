//! The pages in Chromium: `cargo xtask test --with browser -p workers`.

use std::path::Path;

use underpin_testkit::{Packages, ServiceProcess};

#[test]
fn the_pages_work_in_chromium() {
    let folder = tempfile::tempdir().unwrap();
    // Long enough to be seen.
    let variables = [("WORKERS_SIMULATION__STEP", "500ms")];
    let service = ServiceProcess::start(env!("CARGO_BIN_EXE_workers"), folder.path(), &variables);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/pages.test.mjs");
    let tested = Packages::run_browser(&script, &format!("http://{}", service.address));
    tested.unwrap_or_else(|error| panic!("{error}\n{}", service.log));
    service.stop();
}
