//! The commands of the README print what it says.

use underpin_testkit::Console;

#[test]
fn the_readme_says_what_is_printed() {
    let (_folder, service) = super::service();
    Console::open(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"))
        .replace("localhost:8080", &service.address)
        .replace("localhost:9090", &service.admin)
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    service.stop();
}
