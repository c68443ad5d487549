//! Spans and metrics of objects.

use std::sync::Arc;

use underpin_logger::testing::CaptureSpans;
use underpin_logger::{Context, RequestId, SpanKind};
use underpin_objects::{
    BucketObjects, ExternalObjects, ObjectBucketSettings, ObjectExpect, ObjectName, Objects, ObjectsExt,
    PutObject, describe_metrics,
};

use crate::recorder::Metrics;

async fn use_everything(files: Arc<dyn Objects>) {
    let name = ObjectName::new("secret-name").unwrap();
    let absent = PutObject::default().expect(ObjectExpect::Absent);
    files.put(&name, "secret-data".into(), absent.clone()).await.unwrap();
    files.put(&name, "secret-data".into(), absent).await.unwrap_err();
    files.read_bytes("secret-name", 100).await.unwrap().unwrap();
    files.delete(&name, ObjectExpect::Anything).await.unwrap();
}

#[tokio::test]
async fn operations_are_spans_without_names_and_data() {
    let spans = CaptureSpans::install();
    let files = Arc::new(BucketObjects::memory(ObjectBucketSettings::new("files")).unwrap());
    let request = Context::new(RequestId::generate()).entry_span("GET /files", SpanKind::Server);
    let trace = request.ctx().trace().unwrap().trace_id().to_owned();
    request.ctx().scope(use_everything(files)).await;
    drop(request);
    assert_eq!(spans.tree(&trace), "GET /files\n  put files\n  put files\n  get files\n  delete files\n");
    let text = format!("{:?}", spans.of_trace(&trace));
    assert!(!text.contains("secret") && text.contains("ALREADY_EXISTS"), "{text}");
}

#[test]
fn operations_and_bytes_are_counted_in_every_backend() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || {
        describe_metrics();
        let memory = BucketObjects::memory(ObjectBucketSettings::new("memory")).unwrap();
        runtime.block_on(use_everything(Arc::new(memory)));
        let folder = ExternalObjects::folder(folder.path().join("folder")).unwrap();
        runtime.block_on(use_everything(Arc::new(folder)));
    });
    for bucket in ["memory", "folder"] {
        for (name, count) in [
            ("operations_total{bucket=B,operation=put,outcome=ok}", 1),
            ("operations_total{bucket=B,operation=put,outcome=conflict}", 1),
            ("operations_total{bucket=B,operation=get,outcome=ok}", 1),
            ("operations_total{bucket=B,operation=delete,outcome=ok}", 1),
            ("bytes_total{bucket=B,operation=put}", 11),
            ("bytes_total{bucket=B,operation=get}", 11),
        ] {
            let name = format!("underpin_objects_{}", name.replace("=B", &format!("={bucket}")));
            assert_eq!(metrics.counter(&name), count, "{name}");
        }
        let duration =
            format!("underpin_objects_operation_duration_seconds{{bucket={bucket},operation=put}}");
        assert_eq!(metrics.recorded(&duration), 2);
    }
    for name in ["operations_total", "operation_duration_seconds", "bytes_total"] {
        assert!(metrics.described().contains(&format!("underpin_objects_{name}")), "{name} is not described");
    }
}
