//! CloudEvents over JetStream or memory behind one set of traits, with a consumer that recovers by itself.
