//! `cargo xtask demo NAME`: servers, the example on them, and its tour.
//!
//! The tour is `examples/NAME/demo.console`: notes, commands and what they print. Its line `# needs: nats postgres` names the servers. A test of
//! the example runs the same file.

use std::path::{Path, PathBuf};

use underpin_testkit::{Console, PersistentServer, Server, ServiceProcess, cache_folder};

use super::{Example, all, with};
use crate::fetch;
use crate::shell::{Done, cargo, root, run};

/// What a tour may need: the word, the server, and the variable with its URL.
const SERVERS: [(&str, Server, &str); 3] = [
    ("postgres", Server::Postgres, "DATABASE_URL"),
    ("nats", Server::Nats, "NATS_URL"),
    ("valkey", Server::Valkey, "VALKEY_URL"),
];

pub(crate) fn demo(name: &str) -> Done {
    let examples = all()?;
    let with_tour: Vec<&Example> = examples.iter().filter(|example| tour(example).exists()).collect();
    let Some(example) = with_tour.iter().find(|example| example.name == name) else {
        let names: Vec<_> = with_tour.iter().map(|example| example.name.as_str()).collect();
        return Err(format!("there is no demo {name:?}, only: {}", names.join(", ")));
    };
    let text =
        std::fs::read_to_string(tour(example)).map_err(|error| format!("cannot read the tour: {error}"))?;
    let needs = needs(&text)?;
    with::install(example)?;
    run(cargo().args(["build", "--locked", "--package", name]))?;

    let folder = cache_folder().join("demo").join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let mut stage = Stage { folder, servers: Vec::new() };
    let mut variables = Vec::new();
    for (_, server, variable) in needs {
        variables.push((variable, stage.start(server)?));
    }
    let given: Vec<(&str, &str)> = variables.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let binary = target().join("debug").join(name);
    let service = ServiceProcess::start(&binary.to_string_lossy(), &stage.folder, &given);
    println!("{name} listens on http://{}", service.address);
    let mut console = Console::open(tour(example))
        .replace("localhost:8080", &service.address)
        .replace("localhost:9090", &service.admin)
        .show(|line| println!("{line}"));
    for (name, url) in &variables {
        console = console.env(*name, url);
    }
    console.run()?;
    service.stop();
    println!("\nThe tour printed what {} says.", tour(example).display());
    Ok(())
}

fn tour(example: &Example) -> PathBuf {
    example.folder.join("demo.console")
}

/// The servers of the line `# needs: ...`.
fn needs(tour: &str) -> Done<Vec<(&'static str, Server, &'static str)>> {
    let line = tour.lines().find_map(|line| line.strip_prefix("# needs:")).unwrap_or_default();
    let known = |word: &str| {
        let found = SERVERS.iter().find(|(name, ..)| *name == word).copied();
        found.ok_or_else(|| format!("the tour needs {word:?}, which is no server that a demo can start"))
    };
    line.split_whitespace().map(known).collect()
}

/// The servers of a demo, which end with it, and their data.
#[derive(Debug)]
struct Stage {
    folder: PathBuf,
    servers: Vec<PersistentServer>,
}

impl Stage {
    fn start(&mut self, server: Server) -> Done<String> {
        let program = fetch::find_or_fetch(server)?;
        println!("starting {program}");
        let folder: &Path = &self.folder.join(format!("{server:?}").to_lowercase());
        let running =
            PersistentServer::start(&program, folder).map_err(|error| error.explain().to_string())?;
        let url = running.url.clone();
        self.servers.push(running);
        Ok(url)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for server in &self.servers {
            server.stop();
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_tour_names_its_servers() {
        let names = |text: &str| {
            super::needs(text).map(|needs| needs.iter().map(|(_, _, variable)| *variable).collect::<Vec<_>>())
        };
        assert_eq!(
            names("# A tour\n# needs: nats postgres valkey\n$ x\n"),
            Ok(vec!["NATS_URL", "DATABASE_URL", "VALKEY_URL"])
        );
        assert_eq!(names("$ x\n"), Ok(vec![]));
        assert!(names("# needs: oracle\n").unwrap_err().contains("oracle"));
    }
}
