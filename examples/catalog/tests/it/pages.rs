//! A walk over the pages sees each product once, whatever is inserted and removed meanwhile.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{create, start};

#[test]
fn a_walk_sees_each_product_once_while_others_are_inserted() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    let known: BTreeSet<String> = (0..12).map(|n| create(&service, &format!("tea {n}"), n)).collect();
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = service.get(&format!("/api/v1/products?limit=5{cursor}")).json();
        let products = page["products"].as_array().unwrap();
        seen.extend(products.iter().map(|product| format!("/api/v1/products/{}", id(product))));
        pages += 1;
        // With an offset each of these would push a product of this page into the next one.
        create(&service, "new", 1);
        create(&service, "new", 1);
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        // The product of the cursor itself may go.
        let removed = format!("/api/v1/products/{next}");
        assert_eq!(service.send("DELETE", &removed, &[], "").status, 204);
    }
    assert_eq!((pages, seen.len()), (3, 12), "{seen:?}");
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), known);
    service.stop();
}

fn id(product: &Value) -> &str {
    product["id"].as_str().unwrap()
}

#[test]
fn what_is_no_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    for query in ["limit=0", "limit=101", "cursor=next"] {
        service.get(&format!("/api/v1/products?{query}")).problem(400, "INVALID_QUERY");
    }
    assert_eq!(service.get("/api/v1/products?offset=1").status, 400);
    let empty = service.get("/api/v1/products").json();
    assert_eq!(empty["products"], serde_json::json!([]));
    assert_eq!(empty.get("next_cursor"), None);
    service.stop();
}
