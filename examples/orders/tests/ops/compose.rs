//! `ops/compose` and `ops/alertmanager.yaml`: what they name exists and fits together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{expressions, ops};

/// Its image holds one program and no shell.
const WITHOUT_HEALTH_CHECK: &str = "collector";

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(ops().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn images_are_pinned_ports_are_local_and_mounts_exist() {
    let compose = yaml("compose/compose.yaml");
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        let (_, tag) = service["image"].as_str().unwrap().rsplit_once(':').expect("a tag");
        assert!(
            tag.contains('.') && tag.trim_start_matches('v').starts_with(char::is_numeric),
            "{name}: {tag}"
        );
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
        let has_check = service["healthcheck"]["test"].is_array();
        assert_eq!(has_check, name != WITHOUT_HEALTH_CHECK, "{name}");
        let mounts = texts(&service["volumes"]);
        for mount in &mounts {
            let [source, target, "ro"] = mount.split(':').collect::<Vec<_>>()[..] else { panic!("{mount}") };
            assert!(ops().join("compose").join(source).exists(), "{name}: {source}");
            assert!(target.starts_with('/'), "{mount}");
        }
        // A file of configuration that the command names is one that is mounted.
        for argument in texts(&service["command"]) {
            let file = argument.split_once('=').expect("an option").1;
            assert!(mounts.iter().any(|mount| mount.contains(&format!(":{file}:"))), "{name}: {file}");
        }
        for other in service["depends_on"].as_object().into_iter().flatten().map(|(other, _)| other) {
            assert!(services.contains_key(other), "{name} depends on {other}");
        }
    }
}

#[test]
fn prometheus_loads_every_file_of_rules_and_knows_alertmanager() {
    let (prometheus, compose) = (yaml("compose/prometheus.yaml"), yaml("compose/compose.yaml"));
    let mounted: BTreeSet<String> = texts(&prometheus["rule_files"]).into_iter().map(str::to_owned).collect();
    let rules = expressions::rule_files();
    let expected: BTreeSet<String> =
        rules.iter().map(|file| format!("rules/{}", file.file_name().unwrap().to_string_lossy())).collect();
    assert_eq!(mounted, expected);
    let alertmanager = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"][0].as_str();
    let (host, port) = alertmanager.unwrap().split_once(':').unwrap();
    let ports = texts(&compose["services"][host]["ports"]);
    assert!(ports.iter().any(|published| published.ends_with(&format!(":{port}"))), "{ports:?}");
}

#[test]
fn grafana_finds_the_dashboards_and_prometheus() {
    let (sources, providers) =
        (yaml("compose/grafana/datasources.yaml"), yaml("compose/grafana/dashboards.yaml"));
    assert_eq!(sources["datasources"][0]["type"], "prometheus");
    assert_eq!(sources["datasources"][0]["url"], "http://prometheus:9090");
    let path = providers["providers"][0]["options"]["path"].as_str().unwrap();
    let compose = yaml("compose/compose.yaml");
    let mounts = texts(&compose["services"]["grafana"]["volumes"]);
    assert!(mounts.contains(&format!("../grafana:{path}:ro").as_str()), "{mounts:?}");
    let mut uids = BTreeSet::new();
    for file in fs::read_dir(ops().join("grafana")).unwrap().map(|entry| entry.unwrap().path()) {
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert!(uids.insert(dashboard["uid"].to_string()), "{}: its uid is taken", file.display());
        check_panels(&dashboard, &file);
    }
}

/// Every panel asks the chosen data source, and no two overlap.
fn check_panels(dashboard: &Value, file: &Path) {
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let (title, place) = (&panel["title"], &panel["gridPos"]);
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}: {title}", file.display());
        let number = |key: &str| place[key].as_u64().unwrap();
        for x in number("x")..number("x") + number("w") {
            assert!(x < 24, "{}: {title} is too wide", file.display());
            for y in number("y")..number("y") + number("h") {
                assert!(taken.insert((x, y)), "{}: {title} covers another panel", file.display());
            }
        }
    }
}

#[test]
fn the_collector_takes_what_services_send() {
    let (collector, compose) = (yaml("compose/collector.yaml"), yaml("compose/compose.yaml"));
    let ports = texts(&compose["services"]["collector"]["ports"]);
    for protocol in ["grpc", "http"] {
        let endpoint = collector["receivers"]["otlp"]["protocols"][protocol]["endpoint"].as_str().unwrap();
        let port = endpoint.strip_prefix("0.0.0.0:").unwrap();
        assert!(ports.contains(&format!("127.0.0.1:{port}:{port}").as_str()), "{ports:?}");
    }
    for (name, pipeline) in collector["service"]["pipelines"].as_object().unwrap() {
        for part in ["receivers", "processors", "exporters"] {
            for used in texts(&pipeline[part]) {
                assert!(collector[part].get(used).is_some(), "{name} uses {used}, which is not in {part}");
            }
        }
    }
}

#[test]
fn alertmanager_has_a_route_for_every_severity() {
    let alertmanager = yaml("alertmanager.yaml");
    let receivers: BTreeSet<&str> = alertmanager["receivers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    let routes = alertmanager["route"]["routes"].as_array().unwrap();
    assert!(routes.iter().all(|route| receivers.contains(route["receiver"].as_str().unwrap())));
    let matchers: Vec<&str> = routes.iter().flat_map(|route| texts(&route["matchers"])).collect();
    for file in expressions::rule_files() {
        let rules: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let groups = rules["groups"].as_array().unwrap().iter();
        for rule in groups.flat_map(|group| group["rules"].as_array().unwrap()) {
            if let Some(severity) = rule["labels"]["severity"].as_str() {
                assert!(matchers.contains(&format!("severity = \"{severity}\"").as_str()), "{rule}");
            } else {
                assert!(rule["alert"].is_null(), "{rule} has no severity");
            }
        }
    }
}
