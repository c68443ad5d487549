//! `ops/` against the code and the table of metrics: metrics that exist, runbooks for alerts, and files that promtool, amtool and
//! kubernetes-validate accept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fetch;
use crate::shell::{Done, output, root, run};

/// Metrics of ours begin like this; others, such as `up`, are those of Prometheus.
const PREFIXES: &[&str] = &["underpin_", "http_server_", "rpc_server_", "process_", "tokio_"];
/// Names of tables and sets of migrations, which begin as metrics do.
const NO_METRICS: &[&str] = &["underpin_job_", "underpin_jobs", "underpin_outbox"];
/// What the exporter appends to a histogram.
const OF_HISTOGRAMS: &[&str] = &["_bucket", "_count", "_sum"];

pub(crate) fn check() -> Done {
    let ops = root().join("ops");
    let code = sources(&root().join("pkg"))?;
    let table = read(&root().join("docs/metrics.md"))?;
    let mut wrong = against_table(&code, &table);
    for file in files(&ops)? {
        let text = read(&file)?;
        let unknown = metrics(&text).into_iter().filter(|name| !exists(name, &code));
        wrong.extend(unknown.map(|name| format!("{}: no crate has the metric {name}", file.display())));
    }
    let runbooks: BTreeSet<String> = files(&ops.join("runbooks"))?
        .iter()
        .filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    let rules: Vec<String> =
        rule_files(&ops)?.iter().map(|file| read(&ops.join(file))).collect::<Done<_>>()?;
    wrong.extend(against_runbooks(&rules.concat(), &runbooks));
    if !wrong.is_empty() {
        return Err(format!("ops/ does not match the code:\n{}", wrong.join("\n")));
    }
    promtool(&ops)?;
    manifests(&ops)
}

/// Checks the rules and runs their unit tests, and checks the configurations of Prometheus and Alertmanager. The queries of the dashboards are
/// asked of a Prometheus, in the tests of `examples/orders`.
fn promtool(ops: &Path) -> Done {
    let program = fetch::promtool()?;
    let promtool = |arguments: &[&str]| run(Command::new(&program).args(arguments).current_dir(ops));
    let rules: Vec<String> = rule_files(ops)?;
    let mut check = vec!["check", "rules"];
    check.extend(rules.iter().map(String::as_str));
    promtool(&check)?;
    promtool(&["test", "rules", "prometheus/tests.yaml"])?;
    // Its files of rules are mounted elsewhere.
    promtool(&["check", "config", "--syntax-only", "compose/prometheus.yaml"])?;
    run(Command::new(fetch::amtool()?).args(["check-config", "alertmanager.yaml"]).current_dir(ops))
}

/// The files of rules, from the folder `ops` on.
fn rule_files(ops: &Path) -> Done<Vec<String>> {
    let mut rules = Vec::new();
    for file in files(&ops.join("prometheus"))? {
        let is_rules = read(&file)?.lines().any(|line| line.starts_with("groups:"));
        let name = file.strip_prefix(ops).unwrap_or(&file).display().to_string();
        rules.extend(is_rules.then_some(name));
    }
    Ok(rules)
}

/// Validates the manifests against the schemas of the newest Kubernetes that the checker knows.
fn manifests(ops: &Path) -> Done {
    let mut command = fetch::kubernetes_validate()?;
    let manifests = files(&ops.join("kubernetes"))?;
    // Without its warnings a kind that it does not know would pass.
    let said = output(command.arg("--strict").args(&manifests))?;
    let passed = said.lines().filter(|line| line.starts_with("INFO ") && line.contains(" passed ")).count();
    if passed == manifests.len() && passed == said.lines().count() {
        println!("ops/kubernetes: {passed} manifests are valid");
        return Ok(());
    }
    Err(format!("of {} manifests {passed} are valid:\n{said}", manifests.len()))
}

/// The metrics of the code are those of the table of metrics.
fn against_table(code: &str, table: &str) -> Vec<String> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<&str> = rows.collect();
    let is_metric = |name: &&str| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !NO_METRICS
                .iter()
                .any(|other| name == other || other.ends_with('_') && name.starts_with(other))
    };
    let recorded: BTreeSet<&str> = code.split('"').filter(is_metric).collect();
    let missing = recorded.difference(&documented).map(|name| format!("docs/metrics.md misses {name}"));
    let stale = documented.difference(&recorded).map(|name| format!("docs/metrics.md: no crate has {name}"));
    missing.chain(stale).collect()
}

/// An alert links the runbook of its name, and each runbook has its alert.
fn against_runbooks(alerts: &str, runbooks: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let named: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert:")).map(str::trim).collect();
    let linked: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook_url:")).map(str::trim).collect();
    for name in &named {
        if !linked.contains(&format!("ops/runbooks/{name}.md").as_str()) {
            wrong.push(format!("the alert {name} links no runbook"));
        }
        if !runbooks.contains(*name) {
            wrong.push(format!("the alert {name} has no file ops/runbooks/{name}.md"));
        }
    }
    let orphans = runbooks.iter().filter(|name| !named.contains(&name.as_str()));
    wrong.extend(orphans.map(|name| format!("the runbook {name} has no alert")));
    wrong
}

/// The metrics of ours that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    words
        .filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && !word.contains(':'))
        .collect()
}

/// Whether a crate has the name as a literal, or that of its histogram.
fn exists(name: &str, code: &str) -> bool {
    let base = OF_HISTOGRAMS.iter().filter_map(|suffix| name.strip_suffix(suffix));
    base.chain([name]).any(|name| code.contains(&format!("\"{name}\"")))
}

fn sources(pkg: &Path) -> Done<String> {
    let mut all = String::new();
    for folder in fs::read_dir(pkg).map_err(|error| error.to_string())?.filter_map(Result::ok) {
        for file in files(&folder.path().join("src"))? {
            all.push_str(&read(&file)?);
        }
    }
    Ok(all)
}

/// The files of a folder and those below it; none where there is no folder.
fn files(folder: &Path) -> Done<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Done<String> {
    fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_found_in_code_also_by_its_histogram() {
        let text = "rate(underpin_a_seconds_bucket[5m]) > service:http_server_x:rate and up{job=\"underpin\"} tokio_workers";
        assert_eq!(
            metrics(text).into_iter().collect::<Vec<_>>(),
            ["tokio_workers", "underpin_a_seconds_bucket"]
        );
        let code = r#"const A: &str = "underpin_a_seconds"; gauge!("tokio_workers")"#;
        assert!(metrics(text).into_iter().all(|name| exists(name, code)));
        assert!(!exists("underpin_a", code) && !exists("underpin_b_total", code));
    }

    #[test]
    fn the_table_has_the_metrics_of_the_code() {
        let code =
            r#"counter!("underpin_a_total"); const B: &str = "tokio_b"; "underpin_outbox" "underpin_job_x""#;
        let table = "| `underpin_a_total` | counter | `tokio_c` |\n| `tokio_b` | gauge |\n";
        assert_eq!(against_table(code, table), Vec::<String>::new());
        let wrong = against_table(code, "| `underpin_a_total` |\n| `underpin_c` |\n");
        assert_eq!(wrong, ["docs/metrics.md misses tokio_b", "docs/metrics.md: no crate has underpin_c"]);
    }

    #[test]
    fn alerts_and_runbooks_belong_to_each_other() {
        let alerts = "- alert: One\n  runbook_url: ops/runbooks/One.md\n- alert: Two\n";
        let runbooks = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wrong = against_runbooks(alerts, &runbooks(&["One", "Three"]));
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(
            against_runbooks("- alert: One\n  runbook_url: ops/runbooks/One.md\n", &runbooks(&["One"]))
                .is_empty()
        );
    }

    #[test]
    fn what_is_in_the_repository_matches() {
        let ops = root().join("ops");
        let code = sources(&root().join("pkg")).unwrap();
        let texts: Vec<String> = files(&ops).unwrap().iter().map(|file| read(file).unwrap()).collect();
        let unknown: Vec<&str> =
            texts.iter().flat_map(|text| metrics(text)).filter(|name| !exists(name, &code)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let table = read(&root().join("docs/metrics.md")).unwrap();
        assert_eq!(against_table(&code, &table), Vec::<String>::new());
    }
}
