use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The packages of a lock file for Python or Node, and Chromium: what `cargo xtask test --with clients,browser` installs.
///
/// A folder holds `requirements.txt` with hashes, or `package-lock.json`. The packages are installed beside it, in `.venv` or `node_modules`.
///
/// ```no_run
/// use underpin_testkit::Packages;
///
/// let python = Packages::python("python");
/// python.run(&["-m", "pytest"], &[("NATS_URL", "nats://127.0.0.1:4222")]).unwrap_or_else(|error| panic!("{error}"));
/// ```
#[derive(Debug, Clone)]
pub struct Packages {
    folder: PathBuf,
    language: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Node,
}

const REMEDY: &str = "`cargo xtask test --with clients,browser` installs it; that needs python3 with venv, node 20 or newer, and npm";

impl Packages {
    /// Those of `requirements.txt` in this folder.
    pub fn python(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), language: Language::Python }
    }

    /// Those of `package-lock.json` in this folder.
    pub fn node(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), language: Language::Node }
    }

    /// The folder of the lock file.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lock file.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join(match self.language {
            Language::Python => "requirements.txt",
            Language::Node => "package-lock.json",
        })
    }

    /// Where the packages are, or will be.
    pub fn installed_folder(&self) -> PathBuf {
        self.folder.join(match self.language {
            Language::Python => ".venv",
            Language::Node => "node_modules",
        })
    }

    /// Holds the lock file that was installed.
    fn record(&self) -> PathBuf {
        self.installed_folder().join(".installed")
    }

    /// Whether exactly the packages of the lock file are installed.
    pub fn is_installed(&self) -> bool {
        let read = |path| std::fs::read_to_string(path).ok();
        let locked = read(self.lock_file());
        locked.is_some() && read(self.record()) == locked
    }

    /// Writes down that the packages are installed.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn set_installed(&self) -> std::io::Result<()> {
        std::fs::copy(self.lock_file(), self.record()).map(|_| ())
    }

    /// Runs Python, or Node, in the folder, with these variables beside those of this process. Returns what it printed.
    ///
    /// # Errors
    /// What it printed where it fails, and how to get the packages where they are missing.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
        if !self.is_installed() {
            return Err(format!("the packages of {} are missing: {REMEDY}", self.lock_file().display()));
        }
        let mut command = Command::new(match self.language {
            Language::Python => self.installed_folder().join("bin/python"),
            Language::Node => PathBuf::from("node"),
        });
        command.args(arguments).current_dir(&self.folder).envs(variables.iter().copied());
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot run {}: {error}; {REMEDY}", command.get_program().display()))?;
        let [out, err] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        if output.status.success() { Ok(out) } else { Err(format!("{}\n{out}{err}", output.status)) }
    }

    /// Those of the browser tests: playwright-core.
    pub fn browser() -> Self {
        Self::node(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"))
    }

    /// The program of Chromium: `UNDERPIN_CHROMIUM`, or one on the PATH.
    ///
    /// # Errors
    /// How to get it.
    pub fn chromium() -> Result<PathBuf, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        find_chromium(std::env::var_os("UNDERPIN_CHROMIUM").map(PathBuf::from), std::env::split_paths(&path))
    }

    /// Runs a script of Node's test runner against the pages at this URL. It imports what `testkit/browser/browser.mjs` exports from the module
    /// that `process.env.BROWSER` names. With `UNDERPIN_BLESS=1` its pictures are kept beside the folder of the script.
    ///
    /// # Errors
    /// What the script printed where it fails, and how to get what is missing.
    pub fn run_browser(script: &Path, url: &str) -> Result<String, String> {
        let (browser, chromium) = (Self::browser(), Self::chromium()?);
        let (module, program) = (browser.folder.join("browser.mjs"), chromium.to_string_lossy().into_owned());
        let (module, test) = (module.to_string_lossy().into_owned(), script.to_string_lossy().into_owned());
        let pictures = script.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        let pictures = pictures.to_string_lossy().into_owned();
        let mut variables = vec![("BROWSER", module.as_str()), ("CHROMIUM", &program), ("URL", url)];
        if std::env::var("UNDERPIN_BLESS").is_ok_and(|value| value == "1") {
            variables.push(("SCREENSHOTS", &pictures));
        }
        browser.run(&["--test", &test], &variables)
    }
}

/// Chrome serves as well.
const CHROMIUM: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

fn find_chromium(given: Option<PathBuf>, path: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf, String> {
    if let Some(given) = given {
        let missing = || format!("UNDERPIN_CHROMIUM names {}, which is no file", given.display());
        return given.is_file().then(|| given.clone()).ok_or_else(missing);
    }
    let mut known = path.into_iter().flat_map(|folder| CHROMIUM.map(|name| folder.join(name)));
    known.find(|program| program.is_file()).ok_or_else(|| {
        "there is no chromium on the PATH. On Debian, root gets it with `apt-get install chromium`, or by `cargo xtask test --with browser`. \
         Without root, install Chromium or Chrome in any other way and set UNDERPIN_CHROMIUM to its program"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chromium_is_the_given_one_or_one_on_the_path_and_the_remedy_needs_no_root() {
        let folder = tempfile::tempdir().unwrap();
        let (program, path) = (folder.path().join("google-chrome"), || [folder.path().to_owned()]);
        let missing = find_chromium(None, path()).unwrap_err();
        assert!(missing.contains("Without root") && missing.contains("UNDERPIN_CHROMIUM"), "{missing}");
        assert!(find_chromium(Some(program.clone()), path()).unwrap_err().contains("which is no file"));
        std::fs::write(&program, "").unwrap();
        assert_eq!(find_chromium(None, path()), Ok(program.clone()));
        assert_eq!(find_chromium(Some(program.clone()), []), Ok(program));
    }

    #[test]
    fn packages_that_are_missing_or_old_are_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let packages = Packages::node(folder.path());
        let missing = |packages: &Packages| packages.run(&["--version"], &[]).unwrap_err();
        assert!(missing(&packages).contains("cargo xtask test --with clients,browser"));
        std::fs::write(packages.lock_file(), "{}").unwrap();
        std::fs::create_dir(packages.installed_folder()).unwrap();
        packages.set_installed().unwrap();
        assert!(packages.is_installed());
        std::fs::write(packages.lock_file(), "{ }").unwrap();
        assert!(missing(&packages).contains("package-lock.json"));
    }
}
