//! What a service sees of the loader: precedence, nesting, files, profiles.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use underpin_config::{
    Config, ConfigError, ConfigExt, IssueKind, Loader, Origin, Secret, Snapshot, Validate,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    name: String,
    server: Server,
    database: Database,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Server {
    host: String,
    port: u16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Database {
    url: Option<Secret<String>>,
    max_connections: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { name: "service".into(), server: Server::default(), database: Database::default() }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: 3000 }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, max_connections: 25 }
    }
}

impl Validate for Settings {}

fn nothing() -> [(&'static str, &'static str); 0] {
    []
}

fn write(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn origin(snapshot: &Snapshot, key: &str) -> Origin {
    snapshot.origin(key).unwrap_or_else(|| panic!("{key} has no origin"))
}

#[test]
fn precedence_is_fixed_whatever_the_order_of_the_calls() {
    let directory = TempDir::new().unwrap();
    // Each layer sets its own number for every key from its own level upward.
    let keys = ["a", "b", "c", "d", "e", "f", "g"];
    let toml =
        |level: usize| keys[level..].iter().map(|key| format!("{key} = {level}\n")).collect::<String>();
    let file = write(&directory, "app.toml", &toml(1));
    write(&directory, "app.test.toml", &toml(2));
    let secrets = directory.path().join("secrets");
    for key in &keys[3..] {
        write(&directory, &format!("secrets/{key}"), "3\n");
    }
    let dotenv = keys[4..].iter().map(|key| format!("APP_{}=4\n", key.to_uppercase())).collect::<String>();
    let dotenv = write(&directory, ".env", &dotenv);
    let environment: Vec<(String, String)> =
        keys[5..].iter().map(|key| (format!("APP_{}", key.to_uppercase()), "5".into())).collect();

    let mut forward = Loader::new("APP");
    for key in keys {
        forward = forward.default_value(key, 0);
    }
    let forward = forward
        .file(&file)
        .profile("test")
        .secrets_dir(&secrets)
        .dotenv(&dotenv)
        .environment(environment.clone())
        .set("g", "6");
    let mut backward = Loader::new("APP")
        .overrides(["g=6"])
        .environment(environment)
        .dotenv(&dotenv)
        .secrets_dir(&secrets)
        .profile("test")
        .file(&file);
    for key in keys {
        backward = backward.default_value(key, 0);
    }
    for loader in [forward, backward] {
        let snapshot = loader.snapshot().unwrap();
        let found: Vec<i64> = keys.iter().map(|key| snapshot.int(key).unwrap()).collect();
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(origin(&snapshot, "a"), Origin::Default);
        assert!(matches!(origin(&snapshot, "b"), Origin::File { line: 1, .. }));
        assert!(origin(&snapshot, "c").to_string().ends_with("app.test.toml:1"));
        assert!(matches!(origin(&snapshot, "d"), Origin::SecretFile { .. }));
        assert!(matches!(origin(&snapshot, "e"), Origin::DotEnv { line: 1, .. }));
        assert_eq!(origin(&snapshot, "f").variable(), Some("APP_F"));
        assert_eq!(origin(&snapshot, "g"), Origin::Override);
    }
}

#[test]
fn double_underscores_nest_and_single_ones_belong_to_the_key() {
    let settings: Settings =
        Loader::new("APP").environment([("APP_DATABASE__MAX_CONNECTIONS", "50")]).load().unwrap();
    assert_eq!(settings.database.max_connections, 50);
    assert_eq!(settings.server.port, 3000, "the neighbours keep their defaults");
}

#[test]
fn the_prefix_may_be_written_with_its_underscore() {
    let settings: Settings = Loader::new("APP_").environment([("APP_NAME", "x")]).load().unwrap();
    assert_eq!(settings.name, "x");
}

#[test]
fn another_case_of_the_prefix_is_somebody_elses_variable() {
    let settings: Settings =
        Loader::new("APP").environment([("app_name", "x"), ("App_Nmae", "y")]).load().unwrap();
    assert_eq!(settings.name, "service");
}

#[test]
fn a_missing_required_file_is_an_error_and_an_optional_one_is_not() {
    let directory = TempDir::new().unwrap();
    let absent = directory.path().join("absent.toml");
    let error = Loader::new("APP").environment(nothing()).file(&absent).load::<Settings>().unwrap_err();
    assert_eq!(error.issues()[0].kind(), IssueKind::Unreadable);
    assert!(error.to_string().contains("absent.toml: cannot be read"), "{error}");
    let loader = Loader::new("APP").environment(nothing());
    loader.clone().optional_file(&absent).load::<Settings>().unwrap();
    loader.clone().optional_dotenv(&absent).optional_secrets_dir(&absent).load::<Settings>().unwrap();
    assert!(loader.clone().dotenv(&absent).load::<Settings>().is_err());
    assert!(loader.secrets_dir(&absent).load::<Settings>().is_err());
}

#[test]
fn parent_directories_are_not_searched() {
    // Cargo runs tests in the folder of the crate: `Cargo.toml` is there, and `rustfmt.toml` two levels above.
    assert!(Path::new("../../rustfmt.toml").exists());
    let error = Loader::new("APP").environment(nothing()).file("rustfmt.toml").snapshot().unwrap_err();
    assert!(error.to_string().contains("rustfmt.toml: cannot be read"), "{error}");
}

#[test]
fn a_directory_in_place_of_a_file_is_an_error_even_when_optional() {
    let directory = TempDir::new().unwrap();
    let error =
        Loader::new("APP").environment(nothing()).optional_file(directory.path()).snapshot().unwrap_err();
    assert!(error.to_string().contains("no regular file"), "{error}");
}

#[test]
fn a_profile_lies_between_its_file_and_the_environment() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "name = \"base\"\n[server]\nport = 1\nhost = \"base\"\n");
    write(&directory, "app.production.toml", "[server]\nport = 2\nhost = \"production\"\n");
    let loader = Loader::new("APP").file(&file);
    for loader in [
        loader.clone().profile("production").environment([("APP_SERVER__PORT", "3")]),
        loader.environment([("APP_SERVER__PORT", "3"), ("APP_PROFILE", "production")]),
    ] {
        let settings: Settings = loader.load().unwrap();
        assert_eq!(settings.server.port, 3, "the environment beats the profile");
        assert_eq!(settings.server.host, "production");
        assert_eq!(settings.name, "base");
    }
}

#[test]
fn a_profile_can_be_selected_in_dotenv() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "name = \"base\"\n");
    write(&directory, "app.dev.toml", "name = \"dev\"\n");
    let dotenv = write(&directory, ".env", "APP_PROFILE=dev\n");
    let settings: Settings =
        Loader::new("APP").file(file).dotenv(dotenv).environment(nothing()).load().unwrap();
    assert_eq!(settings.name, "dev");
}

#[test]
fn a_mistyped_profile_is_an_error_that_lists_the_profiles_there_are() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "name = \"base\"\n");
    write(&directory, "app.production.toml", "");
    write(&directory, "app.staging.toml", "");
    let loader = Loader::new("APP").file(&file).environment([("APP_PROFILE", "prodution")]);
    let error = loader.load::<Settings>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration has a problem: the profile selected by APP_PROFILE has no file; there are: production, staging"
    );
}

#[test]
fn a_profile_name_cannot_leave_the_directory() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "");
    for name in ["../x", "a/b", "a.b", "ä"] {
        let error =
            Loader::new("APP").file(&file).profile(name).environment(nothing()).snapshot().unwrap_err();
        assert!(error.to_string().contains("is not made of letters"), "{name}: {error}");
    }
}

#[test]
fn two_files_that_disagree_in_case_are_an_error() {
    let directory = TempDir::new().unwrap();
    let base = write(&directory, "app.toml", "[Server]\nport = 1\n");
    write(&directory, "app.dev.toml", "\n[server]\nport = 2\n");
    let loader = Loader::new("APP").file(base).profile("dev").environment(nothing());
    let error = loader.snapshot().unwrap_err();
    assert_eq!(error.issues()[0].kind(), IssueKind::Conflict);
    let text = error.to_string();
    assert!(text.contains("`server` is spelled `Server` at") && text.contains("app.toml:1"), "{text}");
    assert!(text.contains("app.dev.toml:2"), "{text}");
}

#[test]
fn the_environment_takes_over_the_spelling_of_the_file() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Camel {
        max_open: u32,
        #[serde(rename = "idle-timeout")]
        idle: u32,
    }
    impl Validate for Camel {}
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "maxOpen = 1\nidle-timeout = 1\n");
    let variables = [("APP_MAX_OPEN", "2"), ("APP_IDLE_TIMEOUT", "3")];
    for loader in [Loader::new("APP").file(file), Loader::new("APP")] {
        let camel: Camel = loader.environment(variables).load().unwrap();
        assert_eq!((camel.max_open, camel.idle), (2, 3));
    }
}

#[test]
fn two_variables_that_mean_one_key_of_the_file_are_an_error() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "maxOpen = 1\n");
    let loader = Loader::new("APP").file(file).environment([("APP_MAX_OPEN", "2"), ("APP_MAXOPEN", "3")]);
    let error = loader.snapshot().unwrap_err();
    assert_eq!(error.issues()[0].kind(), IssueKind::Conflict, "{error}");
}

#[test]
fn a_bound_variable_sets_its_key_and_is_named_in_errors() {
    let loader = Loader::new("APP").bind("database.url", "DATABASE_URL");
    let settings: Settings =
        loader.clone().environment([("DATABASE_URL", "sqlite::memory:")]).load().unwrap();
    assert_eq!(settings.database.url.unwrap().expose(), "sqlite::memory:");
    let error = loader.environment(nothing()).snapshot().unwrap().require(&["database.url"]).unwrap_err();
    assert!(error.to_string().contains("APP_DATABASE__URL or DATABASE_URL"), "{error}");
}

#[test]
fn an_ignored_variable_is_no_unknown_key() {
    let loader = Loader::new("APP").environment([("APP_HOME", "/opt/app")]);
    assert_eq!(loader.load::<Settings>().unwrap_err().issues()[0].kind(), IssueKind::Unknown);
    loader.ignore_variable("APP_HOME").load::<Settings>().unwrap();
}

#[test]
fn overrides_that_are_no_pairs_are_counted_not_quoted() {
    let loader = Loader::new("APP").environment(nothing()).overrides(["name=a=b", "server.port", "=x"]);
    let error = loader.snapshot().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("override 2 is no") && text.contains("override 3 is no"), "{text}");
    let settings: Settings =
        Loader::new("APP").environment(nothing()).overrides(["name=a=b"]).load().unwrap();
    assert_eq!(settings.name, "a=b");
}

#[test]
fn defaults_of_a_value_show_in_explain_and_leave_secrets_out() {
    #[derive(Serialize, Deserialize)]
    struct WithSecret {
        user: String,
        password: Secret<String>,
    }
    impl Validate for WithSecret {}
    let defaults = WithSecret { user: "ada".into(), password: "default-hunter2".into() };
    let loader = Loader::new("APP").environment(nothing()).defaults(&defaults);
    let snapshot = loader.snapshot().unwrap();
    assert_eq!(snapshot.explain().to_string(), "user = \"ada\"  # the defaults\n");
    let error = loader.load::<WithSecret>().map(drop).unwrap_err();
    assert!(error.is_missing(), "the mask must never become the password: {error}");
}

#[test]
fn keys_that_contain_dots_are_reachable() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "[hosts.\"example.com\"]\nport = 80\n");
    let snapshot = Loader::new("APP").file(file).environment(nothing()).snapshot().unwrap();
    assert_eq!(snapshot.int("hosts.\"example.com\".port").unwrap(), 80);
    assert!(snapshot.explain().to_string().starts_with("hosts.\"example.com\".port = 80"));
    assert!(
        snapshot.get::<String>("hosts.\"example.com\".port").unwrap_err().to_string().contains("app.toml:2")
    );
}

#[test]
fn tables_merge_and_lists_are_replaced() {
    let directory = TempDir::new().unwrap();
    let base = write(&directory, "base.toml", "list = [1, 2, 3]\n[table]\na = 1\nb = 1\n");
    let over = write(&directory, "over.toml", "list = [4]\n[table]\nb = 2\n");
    let snapshot = Loader::new("APP").file(base).file(over).environment(nothing()).snapshot().unwrap();
    assert_eq!(snapshot.get::<Vec<u8>>("list").unwrap(), [4]);
    assert_eq!((snapshot.int("table.a").unwrap(), snapshot.int("table.b").unwrap()), (1, 2));
}

#[test]
fn a_toml_datetime_is_text_for_any_time_crate() {
    let directory = TempDir::new().unwrap();
    let file = write(&directory, "app.toml", "at = 2026-11-20T08:00:00Z\n");
    let snapshot = Loader::new("APP").file(file).environment(nothing()).snapshot().unwrap();
    assert_eq!(snapshot.string("at").unwrap(), "2026-11-20T08:00:00Z");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_utf8_is_an_error_only_when_it_is_ours() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let broken = || OsString::from_vec(vec![0x66, 0xff]);
    let environment = vec![(OsString::from("OTHER"), broken()), (OsString::from("APP_NAME"), broken())];
    let error = Loader::new("APP").environment(environment).load::<Settings>().unwrap_err();
    assert_eq!(error.issues().len(), 1);
    assert!(error.to_string().contains("APP_NAME"), "{error}");
}

#[test]
fn a_snapshot_does_not_change_and_is_shared_between_threads() {
    fn shareable<T: Send + Sync + Clone + 'static>(value: &T) -> T {
        value.clone()
    }
    let snapshot = Loader::new("APP").environment([("APP_NAME", "x")]).snapshot().unwrap();
    let clone = shareable(&snapshot);
    let name = std::thread::spawn(move || clone.string("name").unwrap()).join().unwrap();
    assert_eq!(name, snapshot.string("name").unwrap());
}

#[test]
fn the_error_is_one_pointer_and_a_length() {
    assert_eq!(size_of::<ConfigError>(), 2 * size_of::<usize>());
}

#[test]
fn a_secret_among_the_defaults_does_not_remove_an_earlier_default() {
    #[derive(Serialize)]
    struct Defaults {
        url: Secret<String>,
        port: u16,
    }
    let defaults = Defaults { url: "masked".into(), port: 2 };
    let loader =
        Loader::new("APP").environment(nothing()).default_value("url", "first").default_value("port", 1);
    let snapshot = loader.defaults(&defaults).snapshot().unwrap();
    assert_eq!((snapshot.string("url").unwrap().as_str(), snapshot.int("port").unwrap()), ("first", 2));
}

#[test]
fn a_malformed_line_of_another_variable_is_a_warning() {
    use std::sync::{Arc, Mutex};
    let directory = TempDir::new().unwrap();
    let dotenv = write(&directory, ".env", "OTHER=\"open\rexport ALONE\r\nAPP_NAME=x\nMY-VAR=1\nDB='a' b\n");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let loader = Loader::new("APP")
        .environment(nothing())
        .dotenv(&dotenv)
        .on_warning(move |warning| listener.lock().unwrap().push(warning.to_string()));
    let snapshot = loader.snapshot().unwrap();
    assert_eq!(snapshot.string("name").unwrap(), "x");
    let file = dotenv.display();
    let expected = [
        format!("{file}:1: has no closing quote"),
        format!("{file}:2: is no line of the form NAME=value"),
        format!("{file}:4: is no line of the form NAME=value"),
        format!("{file}:5: has text after its closing quote"),
    ];
    assert_eq!(snapshot.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    assert_eq!(*heard.lock().unwrap(), expected);
    let error = loader.bind("database.url", "DB").load::<Settings>().unwrap_err();
    assert_eq!(error.issues().len(), 1, "{error}");
    assert!(error.to_string().contains(":5: has text after its closing quote"), "{error}");
}

#[test]
fn a_bound_variable_that_dotenv_sets_twice_is_an_error() {
    let directory = TempDir::new().unwrap();
    let dotenv = write(&directory, ".env", "DATABASE_URL=a\nDATABASE_URL=b\n");
    let loader =
        Loader::new("APP").environment(nothing()).bind("database.url", "DATABASE_URL").dotenv(&dotenv);
    let error = loader.load::<Settings>().unwrap_err().to_string();
    assert!(error.contains("`database.url` is set twice: also by DATABASE_URL at"), "{error}");
    assert!(error.contains(".env:1") && error.contains(".env:2"), "{error}");
    let twice = [("APP_NAME", "a"), ("APP_NAME", "b")];
    let error = Loader::new("APP").environment(twice).load::<Settings>().unwrap_err().to_string();
    assert!(error.contains("the variable is set twice (APP_NAME in the environment)"), "{error}");
}
