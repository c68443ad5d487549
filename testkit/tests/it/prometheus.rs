//! Prometheus for one test.

use underpin_testkit::PrometheusServer;

#[tokio::test]
async fn it_answers_queries_and_names_what_it_refuses() {
    let prometheus = PrometheusServer::start("global: {scrape_interval: 1s}\n").await;
    assert!(prometheus.url().starts_with("http://127.0.0.1:"));
    let answer = prometheus.query(r#"label_replace(vector(7), "a", "b & c", "", "")"#).await;
    assert!(answer.contains(r#""a":"b \u0026 c""#) && answer.contains("\"7\""), "{answer}");
    let refused = prometheus.query("sum(").await;
    assert!(refused.contains("parse error"), "{refused}");
    assert!(PrometheusServer::try_start("nonsense").await.is_err());
}
