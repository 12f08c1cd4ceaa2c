//! Compressed files, extended ones too.

use base::ErrorKind;
use std::io::Read;

use super::*;

const COMPRESSIONS: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

fn growing(compression: Compression) -> FileOptions {
    FileOptions {
        existing: Existing::Extend,
        compression,
        ..NEVER
    }
}

fn text(path: &Path, compression: Compression) -> String {
    let bytes = fs::read(path).unwrap();
    assert_eq!(Compression::of_content(&bytes), compression);
    let mut text = String::new();
    let mut decoder = compression.decoder(bytes.as_slice()).unwrap();
    decoder.read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn every_run_adds_a_member_without_a_header() {
    for compression in COMPRESSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let mut before = Vec::new();
        for run in 1..=3 {
            let mut sink = create(&path, growing(compression)).unwrap();
            for _ in 0..3 {
                sink.deliver(&events(700)).await.unwrap();
            }
            sink.close().await.unwrap();
            assert_eq!(text(&path, compression).lines().count(), 1 + run * 2100);
            let after = fs::read(&path).unwrap();
            assert!(after.starts_with(&before) && after.len() > before.len());
            before = after;
        }
        // A run without events leaves it as it is.
        create(&path, growing(compression)).unwrap().close().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(names(folder.path()), ["x.csv"]);
    }
}

#[tokio::test]
async fn two_sinks_that_extend_one_file_at_once_lose_nothing_of_each_other() {
    for compression in COMPRESSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        for expected in [1 + 30, 1 + 60] {
            let mut sinks = [
                create(&path, growing(compression)).unwrap(),
                create(&path, growing(compression)).unwrap(),
            ];
            for sink in &mut sinks {
                sink.deliver(&events(15)).await.unwrap();
            }
            for sink in &mut sinks {
                sink.close().await.unwrap();
            }
            let text = text(&path, compression);
            assert_eq!(text.lines().count(), expected);
            assert_eq!(text.matches("id,time,").count(), 1);
        }
    }
}

#[tokio::test]
async fn no_events_are_a_proper_compressed_file() {
    for compression in COMPRESSIONS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let renderer = Renderer::new(Format::Ndjson, Encoding::Event, Arc::new(samples::epm()));
        let mut sink = FileSink::create("archive", &path, renderer, growing(compression)).unwrap();
        sink.close().await.unwrap();
        assert_eq!(text(&path, compression), "");
    }
}

#[tokio::test]
async fn a_file_that_is_compressed_otherwise_is_not_extended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let all = [Compression::None, Compression::Gzip, Compression::Zstd];
    for there in all {
        let options = FileOptions {
            compression: there,
            ..NEVER
        };
        create(&path, options).unwrap().close().await.unwrap();
        let before = fs::read(&path).unwrap();
        for asked in all {
            match create(&path, growing(asked)) {
                Ok(_) => assert_eq!(asked, there),
                Err(error) => {
                    assert_ne!(asked, there);
                    assert_eq!(error.kind(), ErrorKind::Usage);
                }
            }
        }
        // What a plugin writes is its own business.
        let raw = FileOptions {
            raw: true,
            ..growing(Compression::None)
        };
        assert!(create(&path, raw).is_ok());
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    fs::write(&path, "").unwrap();
    assert!(create(&path, growing(Compression::Gzip)).is_ok());
}

#[tokio::test]
async fn of_two_runs_that_make_one_parquet_file_the_later_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let create = || {
        let renderer = Renderer::new(Format::Parquet, Encoding::Event, Arc::new(samples::epm()));
        FileSink::create("archive", &path, renderer, growing(Compression::None)).unwrap()
    };
    let mut sinks = [create(), create()];
    for sink in &mut sinks {
        sink.deliver(&events(3)).await.unwrap();
    }
    sinks[0].close().await.unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(sinks[1].close().await, Err(SinkError::Write { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(names(folder.path()), ["x.parquet"]);
}
