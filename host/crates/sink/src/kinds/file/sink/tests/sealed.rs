//! The steps that a file tells its journal.

use std::{num::NonZeroU64, sync::Mutex};

use async_trait::async_trait;

use super::*;
use crate::{Guarantee, WriteIntent};

/// Remembers every seal, and whether its bytes were there when it was confirmed.
#[derive(Default)]
struct Notes(Mutex<Vec<(WriteIntent, Option<bool>)>>);

#[async_trait]
impl IntentLog for Notes {
    async fn intend(&self, seal: &WriteIntent) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        assert!(!seal.is_there().unwrap(), "too late");
        self.0.lock().unwrap().push((seal.clone(), None));
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut notes = self.0.lock().unwrap();
        let (seal, there) = notes.last_mut().unwrap();
        *there = Some(seal.is_there().unwrap());
        Ok(())
    }
}

impl Notes {
    fn seals(&self) -> Vec<WriteIntent> {
        let notes = self.0.lock().unwrap();
        assert!(notes.iter().all(|(_, there)| *there == Some(true)), "{notes:?}");
        notes.iter().map(|(seal, _)| seal.clone()).collect()
    }
}

fn numbered(ids: std::ops::Range<usize>) -> Vec<Event> {
    let numbered = |id: usize| Event {
        id: Some(id.to_string()),
        ..samples::full(Activity::Logon, Outcome::Failure)
    };
    ids.map(numbered).collect()
}

fn sealing(path: &Path, options: FileOptions) -> (FileSink, Arc<Notes>) {
    let mut sink = create(path, options).unwrap();
    let notes = Arc::<Notes>::default();
    assert!(sink.seal_with(notes.clone()));
    assert_eq!(sink.guarantee(), Guarantee::IdempotentByBatch);
    (sink, notes)
}

const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

fn growing(compression: Compression) -> FileOptions {
    FileOptions {
        existing: Existing::Extend,
        compression,
        ..NEVER
    }
}

#[tokio::test]
async fn a_growing_file_tells_what_it_adds_and_where() {
    for compression in COMPRESSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let mut before = 0;
        for _ in 0..3 {
            let (mut sink, notes) = sealing(&path, growing(compression));
            sink.deliver(&numbered(0..700)).await.unwrap();
            sink.deliver(&numbered(700..703)).await.unwrap();
            assert_eq!(notes.seals(), []);
            sink.close().await.unwrap();
            let [seal] = &notes.seals()[..] else { panic!() };
            assert_eq!(
                (seal.events, seal.last.as_deref(), seal.offset),
                (703, Some("702"), before)
            );
            assert_eq!(seal.path, path);
            before += seal.length;
            assert_eq!(fs::metadata(&path).unwrap().len(), before);
        }
        // A run without events has nothing to tell.
        let (mut sink, notes) = sealing(&path, growing(compression));
        sink.close().await.unwrap();
        assert_eq!(notes.seals(), []);
    }
}

#[tokio::test]
async fn what_one_of_two_runs_has_added_stays_where_it_is() {
    for compression in COMPRESSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        // First both begin the file, then both extend it.
        for round in 0..2 {
            let mut runs = [0, 1, 2].map(|_| sealing(&path, growing(compression)));
            for (sink, _) in &mut runs {
                sink.deliver(&numbered(0..15)).await.unwrap();
            }
            let mut end = fs::metadata(&path).map_or(0, |there| there.len());
            for (sink, notes) in &mut runs {
                sink.close().await.unwrap();
                let [seal] = &notes.seals()[..] else { panic!() };
                assert_eq!(seal.offset, end, "{compression:?}, {round}");
                end += seal.length;
            }
            for (_, notes) in &runs {
                assert!(notes.seals().iter().all(|seal| seal.is_there().unwrap()));
            }
        }
    }
}

#[tokio::test]
async fn every_file_of_a_series_is_told_with_the_events_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        rotation: Some(Rotation::new(NonZeroU64::new(3000), None).unwrap()),
        ..NEVER
    };
    let (mut sink, notes) = sealing(&folder.path().join("x.csv"), options);
    for batch in [0..20, 20..21, 21..50] {
        sink.deliver(&numbered(batch)).await.unwrap();
    }
    let completed = sink.completed();
    let seals = notes.seals();
    assert!(seals.len() > 3);
    assert_eq!(
        seals.last().map(|seal| (seals.len() as u64, seal.events)),
        Some((completed.files, completed.events))
    );
    let mut before = 0;
    for seal in &seals {
        let text = fs::read_to_string(&seal.path).unwrap();
        assert_eq!(text.lines().count() as u64 - 1, seal.events - before);
        assert_eq!((seal.offset, seal.length), (0, text.len() as u64));
        assert_eq!(seal.last, Some((seal.events - 1).to_string()));
        before = seal.events;
    }
    sink.close().await.unwrap();
    assert_eq!(notes.seals().last().map(|seal| seal.events), Some(50));
}

#[tokio::test]
async fn a_name_that_somebody_else_has_taken_is_told_again() {
    /// Another run is faster, once.
    struct Racing(Notes);

    #[async_trait]
    impl IntentLog for Racing {
        async fn intend(&self, seal: &WriteIntent) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            if self.0.0.lock().unwrap().is_empty() {
                fs::write(&seal.path, "of somebody else").unwrap();
            }
            self.0.intend(seal).await
        }

        async fn confirm(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            self.0.confirm().await
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let options = FileOptions {
        rotation: Some(Rotation::new(NonZeroU64::new(1), None).unwrap()),
        ..NEVER
    };
    let mut sink = create(&folder.path().join("x.csv"), options).unwrap();
    let racing = Arc::new(Racing(Notes::default()));
    sink.seal_with(racing.clone());
    sink.deliver(&numbered(0..1)).await.unwrap();
    sink.close().await.unwrap();
    let notes = racing.0.0.lock().unwrap();
    let told: Vec<_> = notes
        .iter()
        .map(|(seal, there)| (seal.is_there().unwrap(), *there))
        .collect();
    assert_eq!(told, [(false, None), (true, Some(true))]);
    assert_eq!(names(folder.path()).len(), 2);
}

#[tokio::test]
async fn what_cannot_be_kept_does_not_appear() {
    struct Full;

    #[async_trait]
    impl IntentLog for Full {
        async fn intend(&self, _: &WriteIntent) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            Err("disk full".into())
        }

        async fn confirm(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            unreachable!()
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut sink = create(&folder.path().join("x.csv"), growing(Compression::None)).unwrap();
    sink.seal_with(Arc::new(Full));
    sink.deliver(&numbered(0..3)).await.unwrap();
    assert!(matches!(sink.close().await, Err(SinkError::Journal { .. })));
    assert!(matches!(sink.close().await, Err(SinkError::Ended { .. })));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_that_is_replaced_seals_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = create(&folder.path().join("x.csv"), NEVER).unwrap();
    assert!(!sink.seal_with(Arc::new(Notes::default())));
}
