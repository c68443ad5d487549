use std::ffi::{OsStr, OsString};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Args as _, Command, FromArgMatches as _};
use underpin_config::ConfigArgs;

use super::standard;
use crate::spec::Usage;
use crate::{CommandCall, CommandSpec};

/// What the arguments ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// To run the service; the default.
    Serve,
    /// To print or check the settings.
    Config(ConfigAction),
    /// To run an operator command.
    Operator(OperatorRequest),
}

/// An action of `config`, which needs no component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigAction {
    /// Prints everything that can be set.
    Reference(ReferenceForm),
    /// Reports every problem.
    Check,
    /// Prints every value and its origin.
    Explain,
}

/// How the reference is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceForm {
    /// Tables.
    Markdown,
    /// A settings file.
    Toml,
    /// Environment variables.
    Env,
    /// A schema for editors.
    JsonSchema,
}

/// An operator command.
#[derive(Debug, PartialEq, Eq)]
pub struct OperatorRequest {
    /// Its name.
    pub command: String,
    /// Its action and arguments.
    pub call: CommandCall,
}

/// Help, version or a refusal: a text instead of a request.
#[derive(Debug)]
pub struct Told {
    /// What is printed: help on standard output, refusals on standard error.
    pub text: String,
    /// Whether the arguments were wrong. The exit code is 2 then.
    pub is_refusal: bool,
}

/// The arguments that take the next word, which is then no setting.
const TAKES_VALUE: [&str; 4] = ["--set", "--config", "-c", "--profile"];

/// The forms of the reference; the first one is the default.
const FORMS: [(&str, ReferenceForm); 4] = [
    ("markdown", ReferenceForm::Markdown),
    ("toml", ReferenceForm::Toml),
    ("env", ReferenceForm::Env),
    ("json-schema", ReferenceForm::JsonSchema),
];

/// Reads the arguments of the service of this name and version, the name of the program left out.
///
/// # Errors
/// Help, the version, or why the arguments are wrong, with the nearest word that is known.
///
/// # Examples
/// ```
/// use underpin_commands::CommandSpec;
/// use underpin_commands::cli::{Request, parse};
///
/// let own = [CommandSpec::new("index", "Look after the index").action("rebuild [SINCE]", "Write it again")];
/// let words = |text: &str| text.split(' ').map(Into::into).collect();
/// let (request, _settings) = parse("app", "1.0.0", &own, words("index rebuild 2026 port=8081")).unwrap();
/// assert!(matches!(request, Request::Operator(index) if index.call.text("SINCE") == Some("2026")));
/// let refused = parse("app", "1.0.0", &own, words("index rebiuld")).unwrap_err();
/// assert!(refused.is_refusal && refused.text.contains("'rebuild'"));
/// ```
pub fn parse(
    name: &str,
    version: &str,
    own: &[CommandSpec],
    arguments: Vec<OsString>,
) -> Result<(Request, ConfigArgs), Told> {
    let specs: Vec<CommandSpec> = standard::commands().into_iter().chain(own.iter().cloned()).collect();
    let words = std::iter::once(OsString::from(name)).chain(settings_as_options(arguments));
    let matches = grammar(name, version, &specs).try_get_matches_from(words).map_err(told)?;
    let settings = ConfigArgs::from_arg_matches(&matches).map_err(told)?;
    let request = match matches.subcommand() {
        Some(("config", config)) => Request::Config(config_action(config)),
        Some((name, given)) => match specs.iter().find(|spec| spec.name() == name) {
            Some(spec) => {
                Request::Operator(OperatorRequest { command: name.to_owned(), call: call(spec, given) })
            }
            None => Request::Serve,
        },
        None => Request::Serve,
    };
    Ok((request, settings))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: clap::Error) -> Told {
    Told { text: error.render().to_string(), is_refusal: error.exit_code() != 0 }
}

/// `key=value` anywhere is short for `--set key=value`.
fn settings_as_options(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut words = Vec::with_capacity(arguments.len());
    let mut takes_value = false;
    let mut ended = false;
    for word in arguments {
        let is_setting = !takes_value && !ended && is_setting(&word);
        takes_value = TAKES_VALUE.iter().any(|option| word == *option);
        ended |= word == "--";
        if is_setting {
            words.push("--set".into());
        }
        words.push(word);
    }
    words
}

fn is_setting(word: &OsStr) -> bool {
    let key = word.to_str().and_then(|word| word.split_once('=')).map_or("", |(key, _)| key);
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

fn grammar(name: &str, version: &str, specs: &[CommandSpec]) -> Command {
    let root = Command::new(name.to_owned())
        .bin_name(name)
        .version(version.to_owned())
        .after_help("Without a command it serves. KEY=VALUE is short for --set KEY=VALUE.")
        .subcommand(Command::new("serve").about("Run the service (the default)"))
        .subcommand(config_grammar());
    let root = specs.iter().fold(root, |root, spec| root.subcommand(command_grammar(spec)));
    ConfigArgs::augment_args(root).mut_args(|arg| arg.global(true))
}

fn config_grammar() -> Command {
    let forms = FORMS.map(|(word, _)| word);
    let form = Arg::new("FORM").help("How it is written").default_value(forms[0]);
    Command::new("config")
        .about("Print or check the settings; needs no component")
        .subcommand_required(true)
        .subcommand(
            Command::new("reference")
                .about("Print everything that can be set")
                .arg(form.value_parser(PossibleValuesParser::new(forms))),
        )
        .subcommand(Command::new("check").about("Read the settings and report every problem"))
        .subcommand(
            Command::new("explain").about("Print every value in force and its origin, secrets masked"),
        )
}

fn config_action(given: &ArgMatches) -> ConfigAction {
    match given.subcommand() {
        Some(("check", _)) => ConfigAction::Check,
        Some(("explain", _)) => ConfigAction::Explain,
        Some((_, reference)) => {
            let word = reference.get_one::<String>("FORM").map(String::as_str);
            let form = FORMS.iter().find(|(name, _)| Some(*name) == word);
            ConfigAction::Reference(form.map_or(ReferenceForm::Markdown, |(_, form)| *form))
        }
        // The grammar requires one.
        None => ConfigAction::Check,
    }
}

fn command_grammar(spec: &CommandSpec) -> Command {
    let required = !spec.actions.is_empty();
    usage_grammar(&spec.usage)
        .subcommands(spec.actions.iter().map(usage_grammar))
        .subcommand_required(required)
}

fn usage_grammar(usage: &Usage) -> Command {
    let arguments = usage.arguments.iter().map(|(name, required)| Arg::new(*name).required(*required));
    Command::new(usage.name).about(usage.about).args(arguments)
}

fn call(spec: &CommandSpec, given: &ArgMatches) -> CommandCall {
    let action = given.subcommand();
    let named = action.and_then(|(name, _)| spec.actions.iter().find(|action| action.name == name));
    let given = action.map_or(given, |(_, given)| given);
    let call = CommandCall::new(named.map_or("", |action| action.name));
    let arguments = &named.unwrap_or(&spec.usage).arguments;
    arguments.iter().fold(call, |call, (name, _)| match given.get_one::<String>(name) {
        Some(value) => call.with(*name, value),
        None => call,
    })
}
