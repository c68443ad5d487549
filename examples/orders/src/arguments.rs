//! The command line.

use crate::dead_letters::Command;
use crate::migrate::Migrate;

/// How to use the command line; `orders --help` prints it.
pub(crate) const USAGE: &str = "\
usage: orders [key=value]...                serve; the settings given here win over all others
       orders dead-letters list [AFTER]     list what the consumer gave up, 100 at a time, oldest first
       orders dead-letters inspect ID       show one of them with its event
       orders dead-letters replay ID        give its event to the consumer once more
       orders dead-letters discard ID       throw it away; these four take settings, too
       orders migrate WHAT [key=value]...   change the tables, and end
       orders --config-reference[=FORM]     print everything that can be set, and end
       orders --help                        print this, and end

WHAT is up (also done at each start), down (the last one), status, fresh (everything down, data and all, and up again) or seed.
FORM is markdown (the default), toml, env or json-schema.
";

/// The task of a process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Run the service, with these settings of the form `key=value`.
    Serve(Vec<String>),
    /// Look after the dead letters, with these settings.
    DeadLetters(Command, Vec<String>),
    /// Change the tables, with these settings of the form `key=value`.
    Migrate(Migrate, Vec<String>),
    /// Print the reference of the settings.
    Reference(Form),
    /// Print how to use the command line.
    Help,
}

/// How the reference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Markdown,
    Toml,
    Env,
    JsonSchema,
}

/// An unknown argument, by its place: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) place: usize,
}

impl Request {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, Unknown> {
        let arguments: Vec<String> = arguments.into_iter().collect();
        if let [only] = arguments.as_slice()
            && let Some(request) = Self::alone(only)
        {
            return Ok(request);
        }
        match arguments.split_first() {
            Some((first, rest)) if first == "dead-letters" => {
                let (command, used) = dead_letters(rest)?;
                let settings = rest.get(used..).unwrap_or_default();
                Ok(Self::DeadLetters(command, only_settings(settings, 1 + used)?))
            }
            Some((first, rest)) if first == "migrate" => {
                let (what, settings) = rest.split_first().ok_or(Unknown { place: 2 })?;
                let what = migrate(what).ok_or(Unknown { place: 2 })?;
                Ok(Self::Migrate(what, only_settings(settings, 2)?))
            }
            _ => Ok(Self::Serve(only_settings(&arguments, 0)?)),
        }
    }

    /// The requests that are one argument.
    fn alone(argument: &str) -> Option<Self> {
        match argument {
            "--help" | "-h" => Some(Self::Help),
            "--config-reference" | "--config-reference=markdown" => Some(Self::Reference(Form::Markdown)),
            "--config-reference=toml" => Some(Self::Reference(Form::Toml)),
            "--config-reference=env" => Some(Self::Reference(Form::Env)),
            "--config-reference=json-schema" => Some(Self::Reference(Form::JsonSchema)),
            _ => None,
        }
    }
}

/// The arguments, if all of them are settings; `before` counts those in front of them.
fn only_settings(arguments: &[String], before: usize) -> Result<Vec<String>, Unknown> {
    match arguments.iter().position(|argument| argument.starts_with('-') || !argument.contains('=')) {
        Some(index) => Err(Unknown { place: before + index + 1 }),
        None => Ok(arguments.to_vec()),
    }
}

/// The command for dead letters, and its number of arguments.
fn dead_letters(arguments: &[String]) -> Result<(Command, usize), Unknown> {
    let id = arguments.get(1).and_then(|text| text.parse().ok());
    match (arguments.first().map(String::as_str), id) {
        (Some("list"), Some(after)) => Ok((Command::List { after }, 2)),
        (Some("list"), None) => Ok((Command::List { after: 0 }, 1)),
        (Some("inspect"), Some(id)) => Ok((Command::Inspect(id), 2)),
        (Some("replay"), Some(id)) => Ok((Command::Replay(id), 2)),
        (Some("discard"), Some(id)) => Ok((Command::Discard(id), 2)),
        (Some("inspect" | "replay" | "discard"), None) => Err(Unknown { place: 3 }),
        _ => Err(Unknown { place: 2 }),
    }
}

/// The command for the tables.
fn migrate(name: &str) -> Option<Migrate> {
    match name {
        "up" => Some(Migrate::Up),
        "down" => Some(Migrate::Down),
        "status" => Some(Migrate::Status),
        "fresh" => Some(Migrate::Fresh),
        "seed" => Some(Migrate::Seed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Request, Unknown> {
        Request::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn settings_are_for_serving_and_the_rest_stands_alone() {
        assert_eq!(parse(&[]), Ok(Request::Serve(Vec::new())));
        assert_eq!(parse(&["http.port=0"]), Ok(Request::Serve(vec!["http.port=0".to_owned()])));
        let set = vec!["database.url=sqlite:x.db".to_owned()];
        assert_eq!(parse(&["migrate", "up"]), Ok(Request::Migrate(Migrate::Up, Vec::new())));
        assert_eq!(parse(&["migrate", "status", &set[0]]), Ok(Request::Migrate(Migrate::Status, set)));
        assert_eq!(parse(&["--help"]), Ok(Request::Help));
        assert_eq!(parse(&["--config-reference"]), Ok(Request::Reference(Form::Markdown)));
        assert_eq!(parse(&["--config-reference=env"]), Ok(Request::Reference(Form::Env)));
    }

    #[test]
    fn dead_letters_take_a_command_an_id_and_settings() {
        let settings = vec!["a.b=1".to_owned()];
        for (arguments, command) in [
            (&["list"][..], Command::List { after: 0 }),
            (&["list", "7"], Command::List { after: 7 }),
            (&["inspect", "1"], Command::Inspect(1)),
            (&["replay", "2"], Command::Replay(2)),
            (&["discard", "3"], Command::Discard(3)),
        ] {
            let arguments = [&["dead-letters"], arguments].concat();
            assert_eq!(parse(&arguments), Ok(Request::DeadLetters(command, Vec::new())));
            let arguments = [arguments.as_slice(), &["a.b=1"]].concat();
            assert_eq!(parse(&arguments), Ok(Request::DeadLetters(command, settings.clone())));
        }
        for (arguments, place) in [
            (&["dead-letters"][..], 2),
            (&["dead-letters", "purge"], 2),
            (&["dead-letters", "replay"], 3),
            (&["dead-letters", "inspect", "-1"], 3),
            (&["dead-letters", "list", "now"], 3),
            (&["dead-letters", "discard", "1", "2"], 4),
        ] {
            assert_eq!(parse(arguments), Err(Unknown { place }), "{arguments:?}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_its_place() {
        for arguments in [["a.b=1", "serve"], ["a.b=1", "--http.port=1"], ["a.b=1", "--config-reference"]] {
            assert_eq!(parse(&arguments), Err(Unknown { place: 2 }), "{arguments:?}");
        }
        assert_eq!(parse(&["--config-reference=yaml"]), Err(Unknown { place: 1 }));
        assert_eq!(parse(&["migrate"]), Err(Unknown { place: 2 }));
        assert_eq!(parse(&["migrate", "sideways"]), Err(Unknown { place: 2 }));
        assert_eq!(parse(&["migrate", "up", "--now"]), Err(Unknown { place: 3 }));
    }

    #[test]
    fn the_usage_names_every_form_and_every_migration() {
        let (_, migrations) = USAGE.split_once("WHAT is ").unwrap();
        for what in ["up", "down", "status", "fresh", "seed"] {
            assert!(migrations.contains(what) && parse(&["migrate", what]).is_ok(), "{what}");
        }
        let (_, forms) = USAGE.split_once("FORM is ").unwrap();
        for form in ["markdown", "toml", "env", "json-schema"] {
            assert!(forms.contains(form), "{form}");
            assert!(parse(&[&format!("--config-reference={form}")]).is_ok(), "{form}");
        }
    }
}
