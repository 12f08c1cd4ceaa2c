//! The name of a batch.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use event::{Event, Provenance};

/// The idempotency key of a batch: 32 hexadecimal digits, the same for the same events of the same stream in the same
/// order wherever and whenever they are delivered.
pub fn idempotency_key(events: &[Event], provenance: &Provenance) -> String {
    let mut hash = Sha256::new();
    for event in events {
        match event.identity(provenance) {
            Some(id) => {
                hash.update(id.len().to_le_bytes());
                hash.update(id.as_bytes());
            }
            // Only events that never went through a run have none.
            None => hash.update(event.time.to_le_bytes()),
        }
    }
    let digest = hash.finalize();
    digest.iter().take(16).fold(String::with_capacity(32), |mut key, byte| {
        let _ = write!(key, "{byte:02x}");
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Activity, Outcome, samples};

    #[test]
    fn the_same_ids_of_two_connections_are_two_batches() {
        let batch = [samples::full(Activity::Logon, Outcome::Success)];
        let epm = samples::epm();
        let other = Provenance::new(&epm.report, "test", &epm.service, epm.product);
        assert_eq!(
            idempotency_key(&batch, &samples::epm()),
            idempotency_key(&batch, &samples::epm())
        );
        assert_ne!(
            idempotency_key(&batch, &samples::epm()),
            idempotency_key(&batch, &other)
        );
    }
}
