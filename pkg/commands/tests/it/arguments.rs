//! What the words of an operator ask for.

use underpin_commands::cli::{ConfigAction, ReferenceForm, Request, Told, parse};
use underpin_commands::{CommandCall, CommandSpec};

fn parsed(words: &[&str]) -> Result<Request, Told> {
    let own = [CommandSpec::new("letters", "Look after letters").action("send ID", "Send one")];
    parse("app", "1.2.3", &own, words.iter().map(Into::into).collect()).map(|(request, _)| request)
}

#[test]
fn words_are_a_request() {
    let request = |words: &[&str]| parsed(words).unwrap();
    assert_eq!(request(&[]), Request::Serve);
    assert_eq!(request(&["port=1"]), Request::Serve);
    assert_eq!(request(&["config", "explain"]), Request::Config(ConfigAction::Explain));
    let toml = Request::Config(ConfigAction::Reference(ReferenceForm::Toml));
    assert_eq!(request(&["config", "reference", "toml"]), toml);
    for (words, command, call) in [
        (&["letters", "send", "7"][..], "letters", CommandCall::new("send").with("ID", "7")),
        (&["migrate", "down", "2"], "migrate", CommandCall::new("down").with("STEPS", "2")),
        (&["jobs", "pause", "mail"], "jobs", CommandCall::new("pause").with("QUEUE", "mail")),
        (&["outbox", "status"], "outbox", CommandCall::new("status")),
        (&["dead-letters", "list"], "dead-letters", CommandCall::new("list")),
    ] {
        let Request::Operator(operator) = request(words) else { panic!("{words:?}") };
        assert_eq!((operator.command.as_str(), operator.call), (command, call));
    }
}

#[test]
fn help_is_no_refusal_and_a_wrong_word_names_the_nearest_one() {
    for words in [&["--help"][..], &["--version"], &["jobs", "--help"]] {
        assert!(!parsed(words).unwrap_err().is_refusal, "{words:?}");
    }
    for (words, nearest) in [
        (&["sevre"][..], "serve"),
        (&["jobs", "cancle", "1"], "cancel"),
        (&["letters", "sned"], "send"),
        (&["--pofile", "x"], "--profile"),
    ] {
        let refused = parsed(words).unwrap_err();
        assert!(refused.is_refusal && refused.text.contains(&format!("'{nearest}'")), "{}", refused.text);
    }
}
