use underpin_commands::cli::{ConfigAction, ReferenceForm};
use underpin_config::Loader;
use underpin_errors::Report;

use super::console::Console;
use crate::exit_code::{FAILURE, MISUSE, SUCCESS};
use crate::{Metadata, ServiceSettings};

/// Runs `config reference|check|explain`.
pub(super) fn run<S: ServiceSettings>(
    metadata: &Metadata,
    loader: &Loader,
    action: ConfigAction,
    console: &mut Console<'_>,
) -> u8 {
    let answer = match action {
        ConfigAction::Reference(form) => reference::<S>(loader, form),
        ConfigAction::Check => check::<S>(loader),
        ConfigAction::Explain => explain::<S>(loader),
    };
    match answer {
        Ok(text) => console.print(&text, SUCCESS),
        Err((problem, code)) => console.refuse(&format!("{}: {problem}\n", metadata.name), code),
    }
}

fn reference<S: ServiceSettings>(loader: &Loader, form: ReferenceForm) -> Result<String, (String, u8)> {
    let missing = || ("this service has no reference: its settings do not implement it".to_owned(), FAILURE);
    let reference = S::reference(loader).ok_or_else(missing)?;
    Ok(match form {
        ReferenceForm::Markdown => reference.markdown(),
        ReferenceForm::Toml => reference.toml(),
        ReferenceForm::Env => reference.dotenv(),
        ReferenceForm::JsonSchema => reference.json_schema(),
    })
}

fn check<S: ServiceSettings>(loader: &Loader) -> Result<String, (String, u8)> {
    match loader.load::<S>() {
        Ok(_) => Ok("the settings are valid\n".to_owned()),
        Err(problems) => Err((Report(&problems).to_string(), MISUSE)),
    }
}

fn explain<S: ServiceSettings>(loader: &Loader) -> Result<String, (String, u8)> {
    match loader.snapshot() {
        Ok(snapshot) => Ok(snapshot.explain_as::<S>().to_string()),
        Err(problems) => Err((Report(&problems).to_string(), MISUSE)),
    }
}
