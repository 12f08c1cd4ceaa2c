//! A ledger that forgets when the process ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Claim, Document, Ledger, LedgerError, Revision};

/// Documents in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    documents: BTreeMap<String, Document>,
    claims: BTreeSet<String>,
    latest: Revision,
}

impl MemoryLedger {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Held(MemoryLedger, String);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.inner().claims.remove(&self.1);
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn load(&self, key: &str) -> Result<Option<Document>, LedgerError> {
        Ok(self.inner().documents.get(key).cloned())
    }

    async fn swap(&self, key: &str, expected: Option<Revision>, body: Bytes) -> Result<Revision, LedgerError> {
        let mut inner = self.inner();
        if inner.documents.get(key).map(|found| found.revision) != expected {
            return Err(LedgerError::Conflict { key: key.into() });
        }
        inner.latest += 1;
        let revision = inner.latest;
        let document = Document {
            key: key.into(),
            revision,
            body,
        };
        inner.documents.insert(key.into(), document);
        Ok(revision)
    }

    async fn remove(&self, key: &str, expected: Revision) -> Result<(), LedgerError> {
        let mut inner = self.inner();
        if inner.documents.get(key).map(|found| found.revision) != Some(expected) {
            return Err(LedgerError::Conflict { key: key.into() });
        }
        inner.documents.remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Document>, LedgerError> {
        let inner = self.inner();
        let found = inner.documents.values().filter(|found| found.key.starts_with(prefix));
        Ok(found.cloned().collect())
    }

    async fn claim(&self, key: &str) -> Result<Claim, LedgerError> {
        if !self.inner().claims.insert(key.into()) {
            return Err(LedgerError::Claimed {
                what: key.into(),
                holder: None,
            });
        }
        Ok(Box::new(Held(self.clone(), key.into())))
    }
}
