//! Files as they look from outside.

mod compressed;
mod rotating;
mod sealed;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    sync::Arc,
    time::Duration,
};

use super::*;
use crate::kinds::file::{Existing, FileMode, Rotation};
use crate::{Compression, Format, Sink};
use base::ErrorKind;
use event::{Activity, Encoding, Outcome, samples};

const NEVER: FileOptions = FileOptions {
    existing: Existing::Replace,
    create_folders: false,
    mode: FileMode::PRIVATE,
    compression: Compression::None,
    rotation: None,
    lock_timeout: None,
    raw: false,
};

fn create(path: &Path, options: FileOptions) -> Result<FileSink, SinkError> {
    let renderer = Renderer::new(Format::Csv, Encoding::Event, Arc::new(samples::epm()));
    FileSink::create("archive", path, renderer, options)
}

fn events(count: usize) -> Vec<Event> {
    vec![samples::full(Activity::Logon, Outcome::Failure); count]
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_name_appears_with_the_last_event_and_nothing_else_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let mut sink = create(&path, NEVER).unwrap();
    sink.deliver(&events(3000)).await.unwrap();
    assert!(!path.exists());
    sink.close().await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(names(folder.path()), ["x.csv"]);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3001);
    assert!(matches!(sink.deliver(&events(1)).await, Err(SinkError::Ended { .. })));
}

#[tokio::test]
async fn two_sinks_that_extend_one_file_at_once_lose_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    for expected in [1 + 30, 1 + 60] {
        let extend = FileOptions {
            existing: Existing::Extend,
            ..NEVER
        };
        let mut sinks = [create(&path, extend).unwrap(), create(&path, extend).unwrap()];
        for sink in &mut sinks {
            sink.deliver(&events(15)).await.unwrap();
        }
        for sink in &mut sinks {
            sink.close().await.unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), expected);
    }
    assert_eq!(names(folder.path()), ["x.csv"]);
}

#[test]
fn files_that_grow_in_one_folder_end_at_once_however_few_threads_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let extend = FileOptions {
        existing: Existing::Extend,
        ..NEVER
    };
    let path = |number: usize| folder.path().join(format!("{}.csv", number % 32));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .max_blocking_threads(4)
        .build()
        .unwrap();
    let ended = runtime.block_on(async {
        let mut sinks = Vec::new();
        for number in 0..64 {
            let mut sink = create(&path(number), extend).unwrap();
            sink.deliver(&events(3)).await.unwrap();
            sinks.push(sink);
        }
        let closed = sinks.into_iter().map(|mut sink| async move { sink.close().await });
        tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(closed)).await
    });
    // Before anything can fail: threads that wait for a lock would keep a runtime from ending.
    runtime.shutdown_background();
    for closed in ended.unwrap() {
        closed.unwrap();
    }
    for number in 0..32 {
        let lines = fs::read_to_string(path(number)).unwrap().lines().count();
        assert_eq!(lines, 1 + 2 * 3, "{number}");
    }
    assert_eq!(
        names(folder.path()).len(),
        32,
        "neither a lock nor a partial file stays"
    );
}

#[tokio::test]
async fn an_aborted_or_dropped_sink_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    fs::write(&path, "before").unwrap();
    let mut sink = create(&path, NEVER).unwrap();
    sink.deliver(&events(1)).await.unwrap();
    sink.abort().await;
    assert!(matches!(sink.close().await, Err(SinkError::Ended { .. })));
    drop(create(&path, NEVER).unwrap());
    assert_eq!(names(folder.path()), ["x.csv"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "before");
}

#[tokio::test]
async fn a_file_already_there_is_replaced_and_keeps_its_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    fs::write(&path, "before").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut sink = create(&path, NEVER).unwrap();
    sink.deliver(&events(1)).await.unwrap();
    sink.close().await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("id,time,"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn an_extended_file_has_one_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let options = FileOptions {
        existing: Existing::Extend,
        ..NEVER
    };
    for _ in 0..3 {
        let mut sink = create(&path, options).unwrap();
        sink.deliver(&events(2)).await.unwrap();
        sink.close().await.unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 7);
    assert_eq!(text.matches("id,time,").count(), 1);
}

#[tokio::test]
async fn a_csv_file_of_an_older_version_grows_under_its_own_columns_and_a_foreign_one_not_at_all() {
    let growing = FileOptions {
        existing: Existing::Extend,
        ..NEVER
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let mut sink = create(&path, NEVER).unwrap();
    sink.deliver(&events(1)).await.unwrap();
    sink.close().await.unwrap();
    let now = fs::read_to_string(&path).unwrap();
    let (header, _) = now.split_once('\n').unwrap();
    let old = header.replace(",tenant,collected,correlation_uid,vendor,product", "");
    assert_ne!(old, header);
    fs::write(&path, format!("{old}\n")).unwrap();
    let mut sink = create(&path, growing).unwrap();
    sink.deliver(&events(2)).await.unwrap();
    sink.close().await.unwrap();
    let mut reader = csv::Reader::from_path(&path).unwrap();
    // Records of another length than the header are errors.
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].iter().next_back(), Some("epm"));

    fs::write(&path, "user,when\njdoe,today\n").unwrap();
    let error = create(&path, growing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("other columns"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "user,when\njdoe,today\n");
}

#[test]
fn a_file_that_cannot_grow_is_not_extended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    fs::write(&path, "before").unwrap();
    let renderer = || Renderer::new(Format::Parquet, Encoding::Event, Arc::new(samples::epm()));
    let options = FileOptions {
        existing: Existing::Extend,
        ..NEVER
    };
    let error = FileSink::create("archive", &path, renderer(), options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(names(folder.path()), ["x.parquet"]);
    assert!(FileSink::create("archive", &path, renderer(), NEVER).is_ok());
}

#[tokio::test]
async fn a_link_stays_and_its_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    let real = folder.path().join("real/x.csv");
    fs::write(&real, "before").unwrap();
    let link = folder.path().join("link.csv");
    symlink("real/x.csv", &link).unwrap();
    let mut sink = create(&link, NEVER).unwrap();
    sink.close().await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().starts_with("id,time,"));
    assert_eq!(names(&folder.path().join("real")), ["x.csv"]);
}

#[test]
fn what_cannot_become_a_file_is_refused_before_any_event() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("file"), "").unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    symlink("folder", at("to-folder")).unwrap();
    symlink("loop", at("loop")).unwrap();
    for (path, problem) in [
        (at("folder"), "it is a folder"),
        (at("to-folder"), "it is a folder"),
        (at(".."), "it is a folder"),
        ("/".into(), "it is a folder"),
        (at("missing/x"), "its folder does not exist"),
        (at("file/x"), "its folder is a file"),
        (at("dangling"), "it is a symbolic link that leads nowhere"),
        (at("loop"), "its symbolic links form a loop"),
        ("/dev/null".into(), "it is not a regular file"),
    ] {
        let error = create(&path, NEVER).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}: {problem}", path.display()));
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.hint().is_some());
    }
    assert_eq!(
        names(folder.path()),
        ["dangling", "file", "folder", "loop", "to-folder"]
    );
}

#[tokio::test]
async fn a_folder_that_goes_while_its_file_is_written_is_an_error_and_no_other_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for (replaced, existing) in [
        (false, Existing::Replace),
        (false, Existing::Extend),
        (true, Existing::Replace),
        (true, Existing::Extend),
    ] {
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let path = inner.join("x.csv");
        let mut sink = create(&path, FileOptions { existing, ..NEVER }).unwrap();
        sink.deliver(&events(3000)).await.unwrap();
        fs::remove_dir_all(&inner).unwrap();
        if replaced {
            fs::write(&inner, "no folder").unwrap();
        }
        let error = sink.close().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Delivery, "{error}");
        assert_eq!(
            names(folder.path()),
            [""; 0]
                .into_iter()
                .chain(replaced.then_some("inner"))
                .collect::<Vec<_>>()
        );
        drop(sink);
        let _ = fs::remove_file(&inner);
    }
}

#[test]
fn a_path_is_examined_without_a_trace_and_as_it_would_be_taken() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink("new.csv", at("dangling")).unwrap();
    fs::create_dir(at("real")).unwrap();
    symlink("real", at("way")).unwrap();
    assert_eq!(
        FileSink::examine(&at("missing/deep/x.csv")).unwrap(),
        at("missing/deep/x.csv")
    );
    assert_eq!(FileSink::examine(&at("way/x.csv")).unwrap(), at("real/x.csv"));
    for path in [at("real"), at("dangling"), "/dev/null".into()] {
        let examined = FileSink::examine(&path).unwrap_err().to_string();
        assert_eq!(examined, create(&path, NEVER).unwrap_err().to_string());
    }
    assert_eq!(names(folder.path()), ["dangling", "real", "way"]);
}

#[tokio::test]
async fn folders_are_made_only_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/x.csv");
    assert!(create(&path, NEVER).is_err());
    assert!(names(folder.path()).is_empty());
    create(
        &path,
        FileOptions {
            create_folders: true,
            ..NEVER
        },
    )
    .unwrap()
    .close()
    .await
    .unwrap();
    assert!(path.exists());
}
