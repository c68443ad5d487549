//! What the command line asks for.

/// How to use the command line; `orders --help` prints it.
pub(crate) const USAGE: &str = "\
usage: orders [key=value]...                serve; the settings given here win over all others
       orders --config-reference[=FORM]     print everything that can be set, and end
       orders --help                        print this, and end

FORM is markdown (the default), toml, env or json-schema.
";

/// What a start of the process is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Run the service, with these settings of the form `key=value`.
    Serve(Vec<String>),
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

/// The arguments are none of those that there are. Says which one by its place: it may hold a secret.
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
        match arguments.iter().position(|argument| argument.starts_with('-') || !argument.contains('=')) {
            Some(index) => Err(Unknown { place: index + 1 }),
            None => Ok(Self::Serve(arguments)),
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
        assert_eq!(parse(&["--help"]), Ok(Request::Help));
        assert_eq!(parse(&["--config-reference"]), Ok(Request::Reference(Form::Markdown)));
        assert_eq!(parse(&["--config-reference=env"]), Ok(Request::Reference(Form::Env)));
    }

    #[test]
    fn anything_else_is_refused_by_its_place() {
        for arguments in [["a.b=1", "serve"], ["a.b=1", "--http.port=1"], ["a.b=1", "--config-reference"]] {
            assert_eq!(parse(&arguments), Err(Unknown { place: 2 }), "{arguments:?}");
        }
        assert_eq!(parse(&["--config-reference=yaml"]), Err(Unknown { place: 1 }));
    }

    #[test]
    fn the_usage_names_every_form() {
        let (_, forms) = USAGE.split_once("FORM is ").unwrap();
        for form in ["markdown", "toml", "env", "json-schema"] {
            assert!(forms.contains(form), "{form}");
            assert!(parse(&[&format!("--config-reference={form}")]).is_ok(), "{form}");
        }
    }
}
