//! Command-line arguments for a program made with clap. Needs the feature `clap`.

use std::path::PathBuf;

use crate::Loader;

/// Arguments that every service wants: which file, which profile, which keys to override.
///
/// # Examples
/// ```
/// use clap::Parser;
/// use underpin_config::{ConfigArgs, ConfigExt, Loader};
///
/// #[derive(Parser)]
/// struct Args {
///     #[command(flatten)]
///     config: ConfigArgs,
///     /// Prints the configuration and ends.
///     #[arg(long)]
///     explain: bool,
/// }
///
/// let args = Args::parse_from(["orders", "--set", "server.port=8080", "--set", "tags=a,b"]);
/// let config = Loader::new("APP").environment([("APP_SERVER__PORT", "1")]).args(&args.config).snapshot()?;
/// assert_eq!(config.int("server.port")?, 8080, "the command line beats the environment");
/// # Ok::<(), underpin_config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML), read after the usual ones; may be given several times
    #[arg(long = "config", short = 'c', value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Profile: beside each file also reads the one with NAME before its extension
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Overrides one key; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<Pair>,
}

impl Loader {
    /// Applies the arguments: files must be there and come after those declared before, `--set` overrides everything.
    #[must_use]
    pub fn args(self, args: &ConfigArgs) -> Self {
        let loader = args.files.iter().fold(self, Self::file);
        let loader = match &args.profile {
            Some(profile) => loader.profile(profile),
            None => loader,
        };
        args.set.iter().fold(loader, |loader, Pair(key, text)| loader.set(key, text))
    }
}

/// One `key=value`; `Debug` keeps the value to itself.
#[derive(Clone)]
struct Pair(String, String);

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.0, crate::REDACTED)
    }
}

fn pair(text: &str) -> Result<Pair, &'static str> {
    match text.split_once('=') {
        Some((key, text)) if !key.trim().is_empty() => Ok(Pair(key.trim().to_owned(), text.to_owned())),
        _ => Err("it is not of the form KEY=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::ConfigExt;

    #[derive(Debug, Parser)]
    struct Args {
        #[command(flatten)]
        config: ConfigArgs,
    }

    #[test]
    fn the_arguments_are_well_formed() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn of_two_overrides_the_last_counts_and_debug_hides_both() {
        let args = Args::parse_from(["app", "--set", "token=first-marker", "--set", "token=second-marker"]);
        assert!(!format!("{args:?}").contains("marker"));
        let config = Loader::new("APP").environment([("", ""); 0]).args(&args.config).snapshot().unwrap();
        assert_eq!(config.string("token").unwrap(), "second-marker");
    }

    #[test]
    fn files_and_profiles_are_taken_and_must_be_there() {
        let directory = tempfile::TempDir::new().unwrap();
        let file = directory.path().join("app.toml");
        std::fs::write(&file, "a = 1\nb = 1\n").unwrap();
        std::fs::write(directory.path().join("app.dev.toml"), "b = 2\n").unwrap();
        let args = Args::parse_from(["app", "-c", file.to_str().unwrap(), "--profile", "dev"]);
        let config = Loader::new("APP").environment([("", ""); 0]).args(&args.config).snapshot().unwrap();
        assert_eq!((config.int("a").unwrap(), config.int("b").unwrap()), (1, 2));
        let args = Args::parse_from(["app", "-c", "/nowhere/app.toml"]);
        assert!(Loader::new("APP").args(&args.config).snapshot().is_err());
    }

    #[test]
    fn a_pair_without_a_key_is_refused_by_clap() {
        assert!(Args::try_parse_from(["app", "--set", "=x"]).is_err());
        assert!(Args::try_parse_from(["app", "--set", "x"]).is_err());
    }
}
