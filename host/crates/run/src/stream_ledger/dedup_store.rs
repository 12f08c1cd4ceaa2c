//! The ids of a stream's open days in the ledger: a document a day, written once under a key that follows from what it
//! says, and never changed.
//!
//! A commit writes the new documents first; then the record is changed to name them, in the same change that covers the
//! window; then those that it named before are removed, unless a window that is delivered in part still names them: whoever reads
//! it again takes out the same events. Where the process ends in between, documents are left that no
//! record names: the next process removes them, after it has written the record anew, so that whoever still believes to
//! hold the stream cannot name them any more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

use super::durable::DurableChange;
use ledger::{DayIds, IdSetRef, KnownIds, Ledger, LedgerError, Record, Revision, Stream};

/// The ids that were committed, and their documents.
pub(crate) struct DedupStore {
    ledger: Arc<dyn Ledger>,
    stream: Stream,
    /// Documents that the record names, or is about to name.
    documents: BTreeMap<String, Revision>,
    known: KnownIds,
}

impl DedupStore {
    /// Reads what the record names; `within` is what it had within it, if an older program wrote it. Says what it takes to
    /// change the record now.
    pub(crate) async fn open(
        ledger: Arc<dyn Ledger>,
        record: &Record,
        mut revision: Option<Revision>,
        within: KnownIds,
    ) -> Result<(DedupStore, Option<Revision>), LedgerError> {
        let stream = record.stream.clone();
        // Windows that wait may name many documents, which are read when their turn comes.
        let mut found: BTreeMap<String, Revision> = ledger.keys(&stream.ids_prefix()).await?.into_iter().collect();
        let mut shelf = DedupStore::empty(ledger, stream);
        let moves = !within.is_empty();
        if moves {
            shelf.put(within.days()).await?;
            shelf.known = within;
        } else {
            for (day, noted) in &record.recent {
                let key = shelf.stream.ids_key(*day, noted);
                let (revision, ids) = shelf.read(&key, noted).await?;
                found.remove(&key);
                shelf.documents.insert(key, revision);
                shelf.known.add(*day, &ids);
            }
        }
        for key in shelf.named_by_windows(record) {
            if let Some(revision) = found.remove(&key) {
                shelf.documents.insert(key, revision);
            }
        }
        found.retain(|key, _| !shelf.documents.contains_key(key));
        if moves || !found.is_empty() {
            DurableChange::Renewed.before();
            revision = Some(
                shelf
                    .ledger
                    .swap(&shelf.stream.key(), revision, record.encode()?)
                    .await?,
            );
            DurableChange::Renewed.after();
        }
        for (key, revision) in found {
            shelf.remove(&key, revision).await?;
        }
        Ok((shelf, revision))
    }

    /// One without any ids, of a ledger that is empty.
    pub(super) fn empty(ledger: Arc<dyn Ledger>, stream: Stream) -> DedupStore {
        DedupStore {
            ledger,
            stream,
            documents: BTreeMap::new(),
            known: KnownIds::default(),
        }
    }

    /// The ids that were committed.
    pub(crate) fn known(&self) -> &KnownIds {
        &self.known
    }

    /// The ids that documents of these references hold.
    pub(crate) async fn of(&self, noted: &BTreeMap<Date, IdSetRef>) -> Result<KnownIds, LedgerError> {
        let mut known = KnownIds::default();
        for (day, noted) in noted {
            let (_, ids) = self.read(&self.stream.ids_key(*day, noted), noted).await?;
            known.add(*day, &ids);
        }
        Ok(known)
    }

    async fn read(&self, key: &str, noted: &IdSetRef) -> Result<(Revision, DayIds), LedgerError> {
        let found = self.ledger.load(key).await?;
        let found = found.and_then(|found| Some((found.revision, DayIds::decode(found.body, noted)?)));
        found.ok_or_else(|| missing(key.to_owned()))
    }

    /// The keys of documents that windows name which wait for a sink.
    fn named_by_windows(&self, record: &Record) -> BTreeSet<String> {
        let known = record.windows.iter().filter_map(|window| window.known.as_ref());
        let noted = known.flatten();
        noted.map(|(day, noted)| self.stream.ids_key(*day, noted)).collect()
    }

    /// The ids that are known before anything is added.
    pub(crate) fn base(&self, record: &Record) -> AddedIds {
        let mut recent = self.known.clone();
        // Days that were lost in the meantime.
        recent.retain(|day| record.recent.contains_key(day));
        AddedIds {
            noted: record.recent.clone(),
            recent,
        }
    }

    /// Writes the ids that there will be once these are committed, where they differ from those that there are, and adds
    /// what the record is to say of them.
    pub(crate) async fn add(&mut self, base: &mut AddedIds, ids: &KnownIds) -> Result<(), LedgerError> {
        let mut recent = base.recent.clone();
        recent.extend(ids);
        let changed = recent.days().filter(|(day, ids)| base.recent.of(*day) != Some(*ids));
        let changed: Vec<_> = changed.map(|(day, ids)| (day, ids.clone())).collect();
        let noted = self.put(changed.iter().map(|(day, ids)| (*day, ids))).await?;
        base.noted.extend(noted);
        base.recent = recent;
        Ok(())
    }

    /// Forgets what the record does not name. What cannot be removed now is removed by the next process.
    pub(crate) async fn settle(&mut self, recent: KnownIds, record: &Record) {
        self.known = recent;
        self.known.retain(|day| record.recent.contains_key(day));
        let mut named = self.named_by_windows(record);
        named.extend((record.recent.iter()).map(|(day, noted)| self.stream.ids_key(*day, noted)));
        let (kept, left) = std::mem::take(&mut self.documents)
            .into_iter()
            .partition(|(key, _)| named.contains(key));
        self.documents = kept;
        for (key, revision) in left {
            if let Err(error) = self.remove(&key, revision).await {
                tracing::debug!(%key, %error, "old ids stay in the ledger until the next run");
            }
        }
    }

    async fn put(
        &mut self,
        days: impl Iterator<Item = (Date, &DayIds)>,
    ) -> Result<BTreeMap<Date, IdSetRef>, LedgerError> {
        let mut all = BTreeMap::new();
        for (day, ids) in days {
            let noted = ids.noted();
            let key = self.stream.ids_key(day, &noted);
            DurableChange::Ids.before();
            let revision = match self.ledger.swap(&key, None, ids.encode()).await {
                // Nothing else is ever written under this key.
                Err(LedgerError::Conflict { .. }) => {
                    let found = self.ledger.load(&key).await?;
                    let found = found.filter(|found| found.body == ids.encode());
                    found.map(|found| found.revision).ok_or_else(|| missing(key.clone()))?
                }
                written => written?,
            };
            DurableChange::Ids.after();
            self.documents.insert(key, revision);
            all.insert(day, noted);
        }
        Ok(all)
    }

    async fn remove(&self, key: &str, revision: Revision) -> Result<(), LedgerError> {
        DurableChange::Forget.before();
        self.ledger.remove(key, revision).await?;
        DurableChange::Forget.after();
        Ok(())
    }
}

/// The ids that there will be: those that the record names, and such as are written and that no record names yet.
pub(crate) struct AddedIds {
    /// The entries that the record is to have.
    pub(crate) noted: BTreeMap<Date, IdSetRef>,
    /// The ids that are known once it has them.
    pub(crate) recent: KnownIds,
}

fn missing(key: String) -> LedgerError {
    LedgerError::Document {
        key,
        problem: "it is gone, or not what the stream's record says of it".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream_ledger::{StreamFacts, StreamLedger};
    use ledger::memory::MemoryLedger;
    use ledger::{Document, NewIds, SqliteLedger};

    const DAY: Date = jiff::civil::date(2025, 3, 31);

    fn stream() -> Stream {
        Stream::new("epm", "user-login", &[])
    }

    fn recent(ids: std::ops::Range<u32>) -> KnownIds {
        let mut fresh = NewIds::default();
        ids.for_each(|id| fresh.note(DAY, KnownIds::short(&id.to_string())));
        fresh.collect()
    }

    /// A claim that was lost unnoticed is no protection, so each gets the stream.
    async fn open(ledger: &Arc<dyn Ledger>) -> (DedupStore, Record, Option<Revision>) {
        let found = ledger.load(&stream().key()).await.unwrap();
        let (record, within) = match &found {
            Some(found) => Record::decode_with_ids(&found.key, &found.body).unwrap(),
            None => (Record::new(stream()), KnownIds::default()),
        };
        let revision = found.map(|found| found.revision);
        let (shelf, revision) = DedupStore::open(Arc::clone(ledger), &record, revision, within)
            .await
            .unwrap();
        (shelf, record, revision)
    }

    async fn keys(ledger: &Arc<dyn Ledger>) -> Vec<String> {
        let found = ledger.list("ids.").await.unwrap();
        found.into_iter().map(|document| document.key).collect()
    }

    /// Adds ids and changes the record accordingly.
    async fn commit(
        ledger: &Arc<dyn Ledger>,
        (shelf, record, revision): &mut (DedupStore, Record, Option<Revision>),
        ids: KnownIds,
    ) -> Result<(), LedgerError> {
        let mut added = shelf.base(record);
        shelf.add(&mut added, &ids).await?;
        record.recent.extend(added.noted);
        let body = record.encode()?;
        *revision = Some(ledger.swap(&stream().key(), *revision, body).await?);
        shelf.settle(added.recent, record).await;
        Ok(())
    }

    #[tokio::test]
    async fn ids_are_there_for_the_next_process_and_only_the_latest_document_stays() {
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::default());
        let mut first = open(&ledger).await;
        for end in [10, 20, 30] {
            commit(&ledger, &mut first, recent(0..end)).await.unwrap();
            assert_eq!(keys(&ledger).await.len(), 1);
        }
        let before = ledger.list("").await.unwrap();
        commit(&ledger, &mut first, recent(5..25)).await.unwrap();
        let (next, ..) = open(&ledger).await;
        assert_eq!(*next.known(), recent(0..30));
        // Nothing new is nothing to write.
        let ids = |documents: Vec<Document>| documents.into_iter().find(|found| found.key.starts_with("ids."));
        assert_eq!(ids(before), ids(ledger.list("").await.unwrap()));
    }

    #[tokio::test]
    async fn ids_that_no_record_names_are_no_ids_and_go() {
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::default());
        let mut first = open(&ledger).await;
        commit(&ledger, &mut first, recent(0..10)).await.unwrap();
        let (mut shelf, record, _) = first;
        let mut cut_short = shelf.base(&record);
        shelf.add(&mut cut_short, &recent(0..20)).await.unwrap();
        assert_eq!(keys(&ledger).await.len(), 2);
        let (next, ..) = open(&ledger).await;
        assert_eq!((next.known(), keys(&ledger).await.len()), (&recent(0..10), 1));
    }

    #[tokio::test]
    async fn whoever_lost_the_stream_unnoticed_takes_no_ids_from_the_next() {
        for same in [false, true] {
            let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::default());
            let mut begun = open(&ledger).await;
            commit(&ledger, &mut begun, recent(0..10)).await.unwrap();
            // It has written its ids, and sleeps before it changes the record.
            let (mut lost, mut record, revision) = open(&ledger).await;
            let mut added = lost.base(&record);
            lost.add(&mut added, &recent(0..20)).await.unwrap();
            let mut next = open(&ledger).await;
            commit(&ledger, &mut next, recent(0..if same { 20 } else { 30 }))
                .await
                .unwrap();
            let named = next.1.clone();
            record.recent.extend(added.noted);
            let late = ledger.swap(&stream().key(), revision, record.encode().unwrap()).await;
            assert!(matches!(late, Err(LedgerError::Conflict { .. })));
            let (last, record, _) = open(&ledger).await;
            assert_eq!((record.recent, last.known()), (named.recent, next.0.known()));
            assert_eq!(keys(&ledger).await.len(), 1);
        }
    }

    #[tokio::test]
    async fn ids_within_an_older_program_s_record_move_out_of_it_however_often_that_is_cut_short() {
        let first = r#"{"form":1,"stream":{"connection":"epm","report":"user-login","parameters":[]},"watermark":
            "2025-03-31T15:15:00Z","covered":[],"lost":[],"windows":[],"dead":[],"recent":{"2025-03-31":"LXEWQrcmsEQBYnyp"}}"#;
        let ledger: Arc<dyn Ledger> = Arc::new(MemoryLedger::default());
        let key = stream().key();
        ledger.swap(&key, None, first.into()).await.unwrap();
        // As after a crash between the ids and the record.
        let (record, ids) = Record::decode_with_ids(&key, first.as_bytes()).unwrap();
        let ids = ids.of(DAY).unwrap();
        let document = stream().ids_key(DAY, &record.recent[&DAY]);
        ledger.swap(&document, None, ids.encode()).await.unwrap();
        for _ in 0..2 {
            let spool = tempfile::tempdir().unwrap();
            let book = StreamLedger::open(
                Arc::clone(&ledger),
                stream(),
                StreamFacts::default(),
                spool.path().into(),
            )
            .await
            .unwrap();
            assert!(book.known().await.knows(&KnownIds::short("x")));
            assert_eq!(book.record().watermark, record.watermark);
            assert_eq!(keys(&ledger).await, std::slice::from_ref(&document));
            let kept = ledger.load(&key).await.unwrap().unwrap();
            assert!(kept.body.starts_with(br#"{"form":4,"#));
            assert_eq!(Record::decode(&key, &kept.body).unwrap(), record);
        }
    }

    #[tokio::test]
    async fn ids_that_are_gone_or_damaged_are_an_error_with_a_hint() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let sqlite = || -> Arc<dyn Ledger> { Arc::new(SqliteLedger::open(&path).unwrap()) };
        let spool = folder.path().join("spool");
        let ledger = sqlite();
        let mut begun = open(&ledger).await;
        commit(&ledger, &mut begun, recent(0..2000)).await.unwrap();
        let found = ledger.list("ids.").await.unwrap().remove(0);
        drop((ledger, begun));
        // A bit flips on the disk: as with any other document.
        let whole = std::fs::read(&path).unwrap();
        let part = &found.body[..100];
        // Pages that were left behind may hold it too.
        let places = whole.windows(100).enumerate().filter(|(_, bytes)| *bytes == part);
        let mut bytes = whole.clone();
        places.for_each(|(place, _)| bytes[place + 50] ^= 1);
        assert_ne!(bytes, whole);
        std::fs::write(&path, bytes).unwrap();
        let error = StreamLedger::open(sqlite(), stream(), StreamFacts::default(), spool.clone())
            .await
            .map(|_| ())
            .unwrap_err();
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("backup"), "{error:?}");
        // Gone, or something else that somebody wrote.
        std::fs::write(&path, whole).unwrap();
        let ledger = sqlite();
        let mut revision = found.revision;
        for body in [Some(found.body.slice(12..)), None] {
            match body {
                Some(body) => revision = ledger.swap(&found.key, Some(revision), body).await.unwrap(),
                None => ledger.remove(&found.key, revision).await.unwrap(),
            }
            let error = StreamLedger::open(sqlite(), stream(), StreamFacts::default(), spool.clone())
                .await
                .map(|_| ())
                .unwrap_err();
            assert!(error.to_string().contains(&found.key), "{error}");
            assert!(error.hint().unwrap().contains("reset"), "{error:?}");
        }
    }
}
