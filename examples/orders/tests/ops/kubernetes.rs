//! The manifests in `ops/kubernetes` against the settings and the probes of the service.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use orders::Settings;
use serde_json::Value;

use crate::support::Service;
use crate::{BINARY, ops};

/// What the process needs after its own limit: the log, and the end of blocking work.
const AFTER_STOP: Duration = Duration::from_secs(2);

/// The manifests by their kind.
struct Manifests(BTreeMap<String, Value>);

impl Manifests {
    fn read() -> Self {
        let files = fs::read_dir(ops().join("kubernetes")).unwrap().map(|entry| entry.unwrap().path());
        let manifests = files.map(|file| {
            let manifest: Value = serde_saphyr::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            (manifest["kind"].as_str().unwrap().to_owned(), manifest)
        });
        Self(manifests.collect())
    }

    fn of(&self, kind: &str) -> &Value {
        self.0.get(kind).unwrap_or_else(|| panic!("no {kind}"))
    }

    fn pod(&self) -> &Value {
        &self.of("Deployment")["spec"]["template"]["spec"]
    }

    fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// The variables that the container gets; a stand-in for what is secret.
    fn variables(&self) -> Vec<(String, String)> {
        let plain = self.of("ConfigMap")["data"].as_object().unwrap().iter();
        let plain = plain.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        let secret = self.container()["env"].as_array().unwrap().iter().map(|variable| {
            let key = &variable["valueFrom"]["secretKeyRef"]["key"];
            let value = match key.as_str().unwrap() {
                "database-url" => "postgres://orders:secret@database/orders",
                "nats-url" => "nats://nats:4222",
                "admin-token" => "a-token-of-some-length",
                key => panic!("nobody knows the secret {key}"),
            };
            (variable["name"].as_str().unwrap().to_owned(), value.to_owned())
        });
        plain.chain(secret).collect()
    }

    fn settings(&self) -> Settings {
        Settings::loader().environment(self.variables()).load().unwrap()
    }

    fn probes(&self) -> [&Value; 3] {
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| &self.container()[probe])
    }
}

fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or_else(|| panic!("{value} is no number of seconds")))
}

/// Whether every label of a selector is one of the pod.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().unwrap();
    !selector.is_empty() && selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

#[test]
fn the_grace_of_the_pod_covers_the_stop_and_its_startup_probe_the_start() {
    let manifests = Manifests::read();
    let service = manifests.settings().service;
    let grace = seconds(&manifests.pod()["terminationGracePeriodSeconds"]);
    assert!(service.stop_within + AFTER_STOP <= grace, "{:?} {grace:?}", service.stop_within);
    assert!(!service.drain_grace.is_zero(), "endpoints notice only after a while");
    assert!(manifests.container()["lifecycle"].is_null(), "a preStop hook would count against the grace");
    let [startup, live, _] = manifests.probes();
    let patience = |probe: &Value| {
        seconds(&probe["periodSeconds"]) * u32::try_from(probe["failureThreshold"].as_u64().unwrap()).unwrap()
    };
    assert!(patience(startup) >= service.start_within, "{:?}", service.start_within);
    assert!(patience(live) >= Duration::from_secs(30), "a pause of the machine restarts nothing");
}

#[test]
fn ports_are_those_of_the_settings() {
    let manifests = Manifests::read();
    let settings = manifests.settings();
    let ports: BTreeMap<&str, u64> = manifests.container()["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| (port["name"].as_str().unwrap(), port["containerPort"].as_u64().unwrap()))
        .collect();
    let admin = settings.service.admin.address;
    assert_eq!(ports["http"], u64::from(settings.http.port));
    assert_eq!(ports["admin"], u64::from(admin.port()));
    assert!(admin.ip().is_unspecified() && settings.http.host.to_string() == "0.0.0.0");
    assert!(settings.service.admin.token.is_some(), "metrics are not for everybody");
    assert!(manifests.probes().iter().all(|probe| probe["httpGet"]["port"] == "admin"));
    let service = manifests.of("Service")["spec"]["ports"].as_array().unwrap();
    assert!(service.iter().all(|port| port["targetPort"] == "http"), "the admin port is not for clients");
    let rules = manifests.of("NetworkPolicy")["spec"]["ingress"].as_array().unwrap();
    for rule in rules {
        for port in rule["ports"].as_array().unwrap() {
            assert!(ports.contains_key(port["port"].as_str().unwrap()), "{port}");
            assert!(port["port"] != "admin" || rule["from"][0]["podSelector"].is_object(), "{rule}");
        }
    }
    assert!(rules.iter().any(|rule| rule["ports"][0]["port"] == "admin"), "nobody could scrape");
}

#[test]
fn names_and_selectors_meet() {
    let manifests = Manifests::read();
    let labels = &manifests.of("Deployment")["spec"]["template"]["metadata"]["labels"];
    for selector in [
        &manifests.of("Deployment")["spec"]["selector"]["matchLabels"],
        &manifests.of("Service")["spec"]["selector"],
        &manifests.of("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &manifests.of("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        &manifests.pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ] {
        assert!(selects(selector, labels), "{selector} {labels}");
    }
    let name = |kind: &str| &manifests.of(kind)["metadata"]["name"];
    let target = &manifests.of("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"];
    assert_eq!(&target["name"], name("Deployment"));
    assert_eq!(target["kind"], "Deployment");
    assert_eq!(&manifests.pod()["serviceAccountName"], name("ServiceAccount"));
    assert_eq!(&manifests.container()["envFrom"][0]["configMapRef"]["name"], name("ConfigMap"));
}

#[test]
fn an_eviction_leaves_one_replica_and_is_possible() {
    let manifests = Manifests::read();
    let left = manifests.of("PodDisruptionBudget")["spec"]["minAvailable"].as_u64().unwrap();
    let scaler = &manifests.of("HorizontalPodAutoscaler")["spec"];
    let (least, most) = (scaler["minReplicas"].as_u64().unwrap(), scaler["maxReplicas"].as_u64().unwrap());
    assert!(left >= 1 && least > left && most > least);
    assert!(manifests.of("Deployment")["spec"]["replicas"].is_null(), "the autoscaler has the number");
}

#[test]
fn the_container_has_limits_and_no_privileges() {
    let manifests = Manifests::read();
    let (pod, container) = (manifests.pod(), manifests.container());
    for (value, wanted) in [
        (&pod["securityContext"]["runAsNonRoot"], Value::Bool(true)),
        (&pod["automountServiceAccountToken"], Value::Bool(false)),
        (&container["securityContext"]["allowPrivilegeEscalation"], Value::Bool(false)),
        (&container["securityContext"]["readOnlyRootFilesystem"], Value::Bool(true)),
        (&container["securityContext"]["capabilities"]["drop"][0], "ALL".into()),
    ] {
        assert_eq!(*value, wanted);
    }
    for amount in ["cpu", "memory"] {
        assert!(container["resources"]["requests"][amount].is_string(), "{amount}");
        assert!(container["resources"]["limits"][amount].is_string(), "{amount}");
    }
    let image = container["image"].as_str().unwrap();
    assert!(image.rsplit_once(':').is_some_and(|(_, tag)| tag != "latest" && !tag.contains('/')), "{image}");
}

#[test]
fn the_service_answers_the_probes_with_the_settings_of_the_manifests() {
    let manifests = Manifests::read();
    let variables = manifests.variables();
    // Its servers are not there; of the rest nothing is changed but the ports.
    let own = [
        "DATABASE_URL",
        "NATS_URL",
        "ORDERS_HTTP__PORT",
        "ORDERS_SERVICE__ADMIN__ADDRESS",
        "ORDERS_HTTP__HOST",
    ];
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !own.contains(name) && !name.contains("OTLP__ENDPOINT"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(BINARY, folder.path(), &variables);
    for probe in manifests.probes() {
        let path = probe["httpGet"]["path"].as_str().unwrap();
        let reply = service.probe(path);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
    service.stop();
}
