//! `cargo xtask test --with clients,browser`: the test targets `clients` and `browser` of the examples, which a plain `cargo test` leaves out.

use std::process::Command;

use underpin_testkit::Packages;

use super::{Example, all};
use crate::fetch;
use crate::shell::{Done, cargo};

/// What a plain test leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum With {
    /// Clients in Python and JavaScript, with their own tests
    Clients,
    /// Pages, in a headless Chromium
    Browser,
}

impl With {
    fn target(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Browser => "browser",
        }
    }
}

/// Installs what the parts need, and returns the commands that run them, for the packages of `-p` in the arguments or for all.
pub(crate) fn prepare(parts: &[With], arguments: &[String]) -> Done<Vec<Command>> {
    let wanted = packages(arguments);
    let examples: Vec<Example> = all()?
        .into_iter()
        .filter(|example| wanted.is_empty() || wanted.contains(&example.name.as_str()))
        .collect();
    let mut commands = Vec::new();
    for part in parts {
        let target = part.target();
        let chosen: Vec<&Example> = examples
            .iter()
            .filter(|example| {
                let tests = example.folder.join("tests");
                tests.join(format!("{target}.rs")).exists() || tests.join(target).join("main.rs").exists()
            })
            .collect();
        if chosen.is_empty() {
            nothing_to_run(target, &wanted)?;
            continue;
        }
        match part {
            With::Clients => chosen.iter().try_for_each(|example| install(example))?,
            With::Browser => {
                fetch::packages(&Packages::browser())?;
                println!("chromium: {}", fetch::chromium()?.display());
            }
        }
        let mut command = cargo();
        command.args(["test", "--locked"]);
        command.args(chosen.iter().flat_map(|example| ["--package", &example.name]));
        command.args(["--test", target]);
        commands.push(command);
    }
    Ok(commands)
}

/// A part without tests: an error where packages were named, since the caller expects theirs to run.
fn nothing_to_run(target: &str, wanted: &[&str]) -> Done {
    if !wanted.is_empty() {
        return Err(format!("{} has no tests of the part {target}", wanted.join(", ")));
    }
    println!("no example has tests of the part {target}");
    Ok(())
}

/// The packages of the clients of an example.
pub(super) fn install(example: &Example) -> Done {
    let (python, node) =
        (Packages::python(example.folder.join("python")), Packages::node(example.folder.join("node")));
    for packages in [python, node] {
        if packages.lock_file().exists() {
            fetch::packages(&packages)?;
        }
    }
    Ok(())
}

/// The names behind `-p`, `-pNAME`, `--package` and `--package=`.
fn packages(arguments: &[String]) -> Vec<&str> {
    let mut names = Vec::new();
    let mut arguments = arguments.iter().map(String::as_str).take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        let attached = argument.strip_prefix("--package=").or_else(|| argument.strip_prefix("-p"));
        match (argument, attached) {
            ("-p" | "--package", _) => names.extend(arguments.next()),
            (_, Some(name)) => names.push(name),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_the_packages_that_were_asked_for() {
        let arguments =
            ["-p", "workers", "--package=files", "-pshortener", "--", "-p", "x"].map(str::to_owned);
        assert_eq!(super::packages(&arguments), ["workers", "files", "shortener"]);
    }

    #[test]
    fn a_part_without_tests_is_an_error_where_a_package_was_named() {
        assert_eq!(super::nothing_to_run("browser", &[]), Ok(()));
        let refused = super::nothing_to_run("browser", &["orders", "catalog"]).unwrap_err();
        assert_eq!(refused, "orders, catalog has no tests of the part browser");
    }
}
