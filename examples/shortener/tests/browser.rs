//! The pages in Chromium: `cargo xtask test --with browser -p shortener`.

use std::path::Path;

use underpin_testkit::{Packages, ServiceProcess};

#[test]
fn the_pages_work_in_chromium() {
    let folder = tempfile::tempdir().unwrap();
    let service = ServiceProcess::start(env!("CARGO_BIN_EXE_shortener"), folder.path(), &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/pages.test.mjs");
    let tested = Packages::run_browser(&script, &format!("http://{}", service.address));
    tested.unwrap_or_else(|error| panic!("{error}\n{}", service.log));
    service.stop();
}
