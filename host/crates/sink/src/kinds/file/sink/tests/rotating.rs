//! Files that follow each other.

use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use super::*;

/// A clock that stands still until it is set.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn at(time: &str) -> Self {
        let hand = Hand(Arc::default());
        hand.set(time);
        hand
    }

    fn set(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.0.store(time.as_second(), Ordering::Relaxed);
    }
}

fn rotating(path: &Path, format: Format, bytes: u64, every: Option<u64>, hand: &Hand) -> FileSink {
    let rotation = Rotation::new(NonZeroU64::new(bytes), every.map(Duration::from_secs)).unwrap();
    let options = FileOptions {
        rotation: Some(rotation),
        ..NEVER
    };
    let renderer = Renderer::new(format, Encoding::Event, Arc::new(samples::epm()));
    let sink = FileSink::create("archive", path, renderer, options).unwrap();
    let hand = hand.clone();
    sink.with_clock(move || Timestamp::from_second(hand.0.load(Ordering::Relaxed)).unwrap())
}

fn lines(folder: &Path) -> Vec<(String, usize)> {
    let lines = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        assert!(text.ends_with('\n') && text.starts_with("id,time,"));
        (name, text.lines().count())
    };
    names(folder).into_iter().map(lines).collect()
}

#[tokio::test]
async fn a_file_is_completed_when_its_period_ends() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::at("2025-03-10T13:59:59Z");
    let mut sink = rotating(&folder.path().join("x.csv"), Format::Csv, 0, Some(3600), &hand);
    sink.deliver(&events(2)).await.unwrap();
    sink.deliver(&events(1)).await.unwrap();
    assert_eq!(sink.completed(), Completed { files: 0, events: 0 });
    hand.set("2025-03-10T14:00:00Z");
    sink.deliver(&events(5)).await.unwrap();
    assert_eq!(sink.completed(), Completed { files: 1, events: 3 });
    hand.set("2025-03-10T17:30:00Z");
    sink.close().await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(sink.completed(), Completed { files: 2, events: 8 });
    assert!(matches!(sink.deliver(&events(1)).await, Err(SinkError::Ended { .. })));
    assert_eq!(
        lines(folder.path()),
        [
            ("x.2025-03-10T13-00-00Z.000000.csv".into(), 4),
            ("x.2025-03-10T14-00-00Z.000000.csv".into(), 6),
        ]
    );
}

#[tokio::test]
async fn a_file_is_completed_when_it_is_large_enough_within_a_batch_too() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::at("2025-03-10T13:59:59Z");
    let mut sink = rotating(&folder.path().join("x.csv"), Format::Csv, 3000, None, &hand);
    sink.deliver(&events(50)).await.unwrap();
    sink.close().await.unwrap();
    let files = lines(folder.path());
    assert!(files.len() > 3);
    assert_eq!(files.iter().map(|(_, lines)| lines - 1).sum::<usize>(), 50);
    for (number, (name, _)) in files.iter().enumerate() {
        assert_eq!(*name, format!("x.2025-03-10T13-59-59Z.{number:06}.csv"));
        let size = fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size < 4000, "{size}");
        assert!(size >= 3000 || number == files.len() - 1, "{size}");
    }
}

#[tokio::test]
async fn no_file_is_overwritten_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let hand = Hand::at("2025-03-10T13:00:00Z");
    fs::write(folder.path().join("x.2025-03-10T13-00-00Z.000007.csv"), "before").unwrap();
    fs::write(&path, "before").unwrap();
    let mut sinks = [0, 1].map(|_| rotating(&path, Format::Csv, 0, Some(3600), &hand));
    for sink in &mut sinks {
        sink.deliver(&events(1)).await.unwrap();
    }
    for sink in &mut sinks {
        sink.close().await.unwrap();
    }
    assert_eq!(
        names(folder.path()),
        [
            "x.2025-03-10T13-00-00Z.000007.csv",
            "x.2025-03-10T13-00-00Z.000008.csv",
            "x.2025-03-10T13-00-00Z.000009.csv",
            "x.csv",
        ]
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
}

#[tokio::test]
async fn a_number_is_not_used_again_by_a_run_whose_files_are_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::at("2025-03-10T13:00:00Z");
    let mut sink = rotating(&folder.path().join("x.csv"), Format::Csv, 1, None, &hand);
    for number in 0..3 {
        sink.deliver(&events(1)).await.unwrap();
        let name = format!("x.2025-03-10T13-00-00Z.{number:06}.csv");
        assert_eq!(names(folder.path()), std::slice::from_ref(&name));
        fs::remove_file(folder.path().join(name)).unwrap();
    }
}

#[tokio::test]
async fn files_already_complete_stay_when_a_later_one_is_given_up() {
    for abort in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let hand = Hand::at("2025-03-10T13:00:00Z");
        let mut sink = rotating(&folder.path().join("x.csv"), Format::Csv, 0, Some(60), &hand);
        sink.deliver(&events(2)).await.unwrap();
        hand.set("2025-03-10T13:01:00Z");
        sink.deliver(&events(9)).await.unwrap();
        if abort {
            sink.abort().await;
            assert!(matches!(sink.close().await, Err(SinkError::Ended { .. })));
        }
        assert_eq!(sink.completed(), Completed { files: 1, events: 2 });
        drop(sink);
        assert_eq!(lines(folder.path()), [("x.2025-03-10T13-00-00Z.000000.csv".into(), 3)]);
    }
}

#[tokio::test]
async fn without_events_there_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::at("2025-03-10T13:00:00Z");
    let mut sink = rotating(&folder.path().join("x.csv"), Format::Csv, 0, Some(60), &hand);
    sink.deliver(&[]).await.unwrap();
    hand.set("2025-03-10T14:00:00Z");
    sink.deliver(&[]).await.unwrap();
    sink.close().await.unwrap();
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn parquet_files_are_whole_each() {
    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::at("2025-03-10T13:00:00Z");
    let mut sink = rotating(&folder.path().join("x.parquet"), Format::Parquet, 4000, None, &hand);
    sink.deliver(&events(100)).await.unwrap();
    sink.close().await.unwrap();
    let files = names(folder.path());
    assert!(files.len() > 2);
    let rows = |name: &String| {
        let file = fs::File::open(folder.path().join(name)).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        reader.get_row_iter(None).unwrap().map(Result::unwrap).count()
    };
    assert_eq!(files.iter().map(rows).sum::<usize>(), 100);
}

#[tokio::test]
async fn the_pieces_of_a_plugin_are_not_torn() {
    let folder = tempfile::tempdir().unwrap();
    let hand = Hand::at("2025-03-10T13:00:00Z");
    let mut sink = rotating(&folder.path().join("x"), Format::Ndjson, 10, None, &hand);
    use crate::ByteTransport;
    for piece in ["1234567", "89abcdef", "rest"] {
        ByteTransport::write(&mut sink, piece.as_bytes()).await.unwrap();
    }
    ByteTransport::close(&mut sink).await.unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("x.2025-03-10T13-00-00Z.000000"), "123456789abcdef");
    assert_eq!(read("x.2025-03-10T13-00-00Z.000001"), "rest");
    assert_eq!(names(folder.path()).len(), 2);
}

#[tokio::test]
async fn a_link_that_somebody_else_laid_between_two_files_ends_it() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (folder, elsewhere) = (root.path().join("out"), root.path().join("elsewhere"));
    fs::create_dir(&folder).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let hand = Hand::at("2025-03-10T13:00:00Z");
    let mut sink = rotating(&folder.join("x.csv"), Format::Csv, 1, None, &hand);
    sink.deliver(&events(1)).await.unwrap();
    fs::rename(&folder, root.path().join("moved")).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    std::os::unix::fs::lchown(&folder, Some(65_533), None).unwrap();
    let error = sink.deliver(&events(1)).await.unwrap_err();
    assert!(matches!(error, SinkError::Write { .. }), "{error:?}");
    assert_eq!(names(&elsewhere), [""; 0]);
    assert_eq!(sink.completed(), Completed { files: 1, events: 1 });
}
