//! A real Prometheus (from apt) scrapes the running daemon: every query of the dashboard and every alert of the rules
//! works on what it finds, and a node that is well raises none.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod http;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use amslpr::clock::{Clock, SystemClock};
use http::{Daemon, demo_camera, free_port, get};
use serde_json::Value;

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn is_there(program: &str) -> bool {
    let there =
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        println!("NOT CHECKED: {program} is not installed (apt install prometheus)");
    }
    there
}

/// Ended with the test.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    fn start(folder: &Path, target: u16) -> Self {
        let port = free_port();
        let rules = house().join("config/prometheus/amslpr.rules.yml");
        let config = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [{rules:?}]\nscrape_configs:\n\
             - job_name: amslpr\n  static_configs:\n  - targets: [\"127.0.0.1:{target}\"]\n"
        );
        fs::write(
            folder.join("prometheus.yml"),
            config
                .replace("\n- job", "\n  - job")
                .replace("\n  static", "\n    static")
                .replace("\n  - targets", "\n      - targets"),
        )
        .unwrap();
        let log = fs::File::create(folder.join("prometheus.log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, port }
    }

    fn ask(&self, path: &str, query: &str) -> Value {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?query={query}") };
        let answer = get(self.port, &path, None);
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        assert_eq!(json["status"], "success", "{path}: {}", answer.text());
        json["data"].clone()
    }

    fn query(&self, query: &str) -> Vec<Value> {
        self.ask("/api/v1/query", query)["result"].as_array().cloned().unwrap_or_default()
    }

    fn until(&self, query: &str) -> Vec<Value> {
        let clock = SystemClock::start();
        loop {
            let found = self.query(query);
            if !found.is_empty() {
                return found;
            }
            assert!(clock.now().as_micros() < 60_000_000, "{query} is never true");
            clock.sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every query of the dashboard, with its panel; variables filled in.
fn queries() -> Vec<(String, String)> {
    let text = fs::read_to_string(house().join("config/grafana/amslpr.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let query = query.replace("$instance", ".*").replace("$__rate_interval", "10s");
            queries.push((panel["title"].as_str().unwrap().to_owned(), query));
        }
    }
    assert!(queries.len() > 30, "the dashboard has its panels");
    queries
}

/// What the daemon of this test has nothing of: no NPU, no gate, no broker, no evidence, no sensor, no error.
const NOT_HERE: &[&str] =
    &["hailo", "gate", "mqtt", "evidence", "temperature", "errors_total", "refused_total", "cache_requests"];

#[test]
fn prometheus_scrapes_graphs_and_alerts_on_the_running_daemon() {
    if !is_there("prometheus") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gone = "[[camera]]\nname = \"gone\"\n[camera.v4l2]\ndevice = \"/dev/video-not-there\"\n";
    let daemon = Daemon::start(folder.path(), &format!("{}{gone}", demo_camera("demo")), "");
    daemon.until("a daemon that answers", |daemon| get_maybe(daemon.port) == Some(200));
    let prometheus = Prometheus::start(folder.path(), daemon.port);
    daemon.until("Prometheus", |_| get_maybe_at(prometheus.port, "/-/ready") == Some(200));
    prometheus.until("up{job=\"amslpr\"} == 1");
    // Somebody asks something, so that there is something to graph.
    daemon.get("/api/v1/passages");
    prometheus.until("sum(amslpr_passages_total) > 0");
    prometheus.until("amslpr_reading_seconds_count{camera=\"demo\"} > 0");
    prometheus.until("sum(rate(amslpr_http_requests_total[10s])) > 0");
    for (panel, query) in queries() {
        let found = prometheus.query(&query);
        let may_be_empty = NOT_HERE.iter().any(|word| query.contains(word));
        assert!(!found.is_empty() || may_be_empty, "{panel}: {query} finds nothing");
    }
    let took = prometheus.query("max_over_time(scrape_duration_seconds[1m])");
    println!("longest scrape: {} s", took[0]["value"][1]);
    let samples = prometheus.query("scrape_samples_scraped");
    println!("samples a scrape: {}", samples[0]["value"][1]);

    // Every rule can be evaluated, and the camera that is not there is on its way to be told.
    prometheus.until("ALERTS{alertname=\"AmslprCameraDown\",camera=\"gone\"}");
    let groups = prometheus.ask("/api/v1/rules", "");
    let mut rules = 0;
    for rule in
        groups["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap())
    {
        assert_eq!(rule["health"], "ok", "{rule}");
        rules += 1;
    }
    assert!(rules > 20);
    if is_there("promtool") {
        a_node_that_is_well_raises_no_alert(&prometheus, folder.path());
    }
    daemon.stop();
}

/// The series as they were recorded, gone on with for an hour as they went for some seconds.
fn a_node_that_is_well_raises_no_alert(prometheus: &Prometheus, folder: &Path) {
    let all = "{__name__=~\"amslpr_.*\",camera!=\"gone\"}";
    let sample = || -> BTreeMap<String, f64> {
        let found = prometheus.query(all);
        let one = |found: &Value| {
            let mut labels = found["metric"].as_object().unwrap().clone();
            let name = labels.remove("__name__").unwrap();
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let series = format!("{}{{{}}}", name.as_str().unwrap(), labels.join(","));
            Some((series, found["value"][1].as_str()?.parse().ok()?))
        };
        found.iter().filter_map(one).collect()
    };
    let first = sample();
    SystemClock::start().sleep(Duration::from_secs(5));
    let second = sample();
    assert!(first.len() > 300, "{} series", first.len());
    let rules = house().join("config/prometheus/amslpr.rules.yml");
    let mut text = format!(
        "rule_files: [{rules:?}]\nevaluation_interval: 30s\ntests:\n- interval: 1m\n  input_series:\n"
    );
    text.push_str("  - {series: 'up{job=\"amslpr\",instance=\"a\"}', values: '1x60'}\n");
    for (series, from) in &first {
        let counts = ["_total{", "_bucket{", "_count{", "_sum{"].iter().any(|end| series.contains(end));
        let step = if counts { (second.get(series).unwrap_or(from) - from).max(0.0) * 12.0 } else { 0.0 };
        text.push_str(&format!("  - {{series: '{series}', values: '{from}+{step}x60'}}\n"));
    }
    text.push_str("  promql_expr_test:\n");
    for minute in [2, 15, 50] {
        // The machine of the test may well be busy, or have a full disk.
        let expected = "ALERTS{alertstate=\"firing\",alertname!~\"AmslprProcessorBusy|AmslprDiskFilling|AmslprReadingSlow\"}";
        text.push_str(&format!("  - {{expr: '{expected}', eval_time: {minute}m, exp_samples: []}}\n"));
    }
    let file = folder.join("recorded.test.yml");
    fs::write(&file, text).unwrap();
    promtool(&["test", "rules"], &file);
}

fn promtool(what: &[&str], file: &Path) {
    let output = Command::new("promtool").args(what).arg(file).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_alert_fires_on_its_fault_alone_and_not_too_soon() {
    if is_there("promtool") {
        promtool(&["check", "rules"], &house().join("config/prometheus/amslpr.rules.yml"));
        promtool(&["test", "rules"], &house().join("config/prometheus/amslpr.rules.test.yml"));
    }
}

#[test]
fn rules_and_dashboard_ask_for_nothing_that_is_not_exported() {
    let table = fs::read_to_string(house().join("config/prometheus/metrics.md")).unwrap();
    let rules = fs::read_to_string(house().join("config/prometheus/amslpr.rules.yml")).unwrap();
    let dashboard = fs::read_to_string(house().join("config/grafana/amslpr.json")).unwrap();
    let mut checked = 0;
    for text in [rules, dashboard] {
        for (at, _) in text.match_indices("amslpr_") {
            let name: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
                .collect();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let known = [Some(name.as_str()), family].into_iter().flatten();
            let is_known = known.into_iter().any(|name| table.contains(&format!("| `{name}` |")));
            assert!(is_known, "{name} is not exported");
            checked += 1;
        }
    }
    assert!(checked > 60);
}

fn get_maybe(port: u16) -> Option<u16> {
    get_maybe_at(port, "/healthz")
}

fn get_maybe_at(port: u16, path: &str) -> Option<u16> {
    std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    Some(get(port, path, None).status)
}
