//! The commands of the README and of the tour print what is written there.

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

/// `cargo xtask demo orders` runs it, too.
#[test]
fn the_tour_prints_its_transcript() {
    let scene = crate::scene::Scene::set();
    let service = scene.start();
    Console::open(concat!(env!("CARGO_MANIFEST_DIR"), "/demo.console"))
        .replace("localhost:8080", &service.address)
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    service.stop();
}
