//! Sessions over the bucket.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::fixtures::with_key_ttl;
use super::harness::KeyValueHarness;
use crate::{KeyPattern, KeyValueExt, KeyValueSessions, SessionId, SessionLife, Sessions, StoreError};

/// A session is created, loaded, saved with its version, and destroyed. The bucket never sees its id.
pub async fn a_session_is_kept_under_a_hash(harness: &impl KeyValueHarness) {
    let store = with_key_ttl(harness).await;
    let sessions = KeyValueSessions::new(Arc::clone(&store));
    let id = sessions.create("guest\nof".into(), SessionLife::default()).await.expect("created");
    let session = sessions.load(&id).await.expect("loaded").expect("there");
    assert_eq!((session.data, session.version), ("guest\nof".into(), 1));
    assert!(session.ends > SystemTime::now() + Duration::from_secs(11 * 60 * 60));
    let keys = store.all_keys(&KeyPattern::all()).await.expect("listed");
    assert!(keys.len() == 1 && !keys.iter().any(|key| key.as_str().contains(&id.expose())));
    assert_eq!(sessions.save(&id, "ada".into(), 1).await.expect("saved"), 2);
    let old = sessions.save(&id, "eve".into(), 1).await;
    assert!(matches!(old, Err(StoreError::Conflict { .. })), "{old:?}");
    assert_eq!(sessions.load(&id).await.expect("loaded").expect("there").data, "ada");
    sessions.destroy(&id).await.expect("destroyed");
    sessions.destroy(&id).await.expect("nothing to destroy");
    assert_eq!(sessions.load(&id).await.expect("loaded"), None);
    let late = sessions.save(&id, "eve".into(), 2).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    let unknown = SessionId::random().expect("random");
    assert_eq!(sessions.load(&unknown).await.expect("loaded"), None);
}

/// A rotated session has its data under a new id, and none under the old one.
pub async fn a_rotated_session_has_one_id(harness: &impl KeyValueHarness) {
    let sessions = KeyValueSessions::new(with_key_ttl(harness).await);
    let old = sessions.create("guest".into(), SessionLife::default()).await.expect("created");
    let new = sessions.rotate(&old).await.expect("rotated").expect("there");
    assert_ne!(old, new);
    assert_eq!(sessions.load(&old).await.expect("loaded"), None);
    assert_eq!(sessions.rotate(&old).await.expect("asked"), None);
    let session = sessions.load(&new).await.expect("loaded").expect("there");
    assert_eq!((session.data, session.version), ("guest".into(), 1));
}

/// Saves of one version at once: one wins.
pub async fn one_of_many_saves_wins(harness: &impl KeyValueHarness) {
    let sessions = KeyValueSessions::new(with_key_ttl(harness).await);
    let id = sessions.create("0".into(), SessionLife::default()).await.expect("created");
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let (sessions, id) = (sessions.clone(), id.clone());
        tasks.spawn(async move { sessions.save(&id, format!("{number}").into(), 1).await });
    }
    let saved = tasks.join_all().await;
    assert_eq!(saved.iter().filter(|saved| saved.is_ok()).count(), 1, "{saved:?}");
}

/// A session ends when it is not used for its idle time, and lives on while it is; a life that cannot be kept is refused.
pub async fn an_idle_session_ends(harness: &impl KeyValueHarness) {
    const IDLE: Duration = Duration::from_secs(10);
    let sessions = KeyValueSessions::new(with_key_ttl(harness).await);
    for life in [SessionLife::new(IDLE / 2, IDLE), SessionLife::new(IDLE, IDLE / 2)] {
        let refused = sessions.create("".into(), life).await;
        assert!(matches!(refused, Err(StoreError::InvalidOption { .. })), "{refused:?}");
    }
    let used = sessions.create("".into(), SessionLife::new(IDLE, IDLE * 10)).await.expect("created");
    let unused = sessions.create("".into(), SessionLife::new(IDLE, IDLE * 10)).await.expect("created");
    let ended = sessions.create("".into(), SessionLife::new(IDLE, IDLE)).await.expect("created");
    for _ in 0..6 {
        tokio::time::sleep(IDLE / 5).await;
        assert!(sessions.load(&used).await.expect("loaded").is_some());
        drop(sessions.load(&ended).await.expect("loaded"));
    }
    assert!(sessions.load(&unused).await.expect("loaded").is_none());
    assert!(sessions.load(&ended).await.expect("loaded").is_none(), "its life is over, used or not");
}
