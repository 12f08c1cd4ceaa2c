use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::{
    DocumentContent, EvidenceReport, EvidenceRequest, EvidenceStream, EvidenceWindow, Expectation, FindingKind,
    verify_folder,
};

fn document(window: &str, text: &str) -> EvidenceDocument {
    let now: Timestamp = "2026-03-05T22:00:00Z".parse().unwrap();
    EvidenceDocument {
        window: EvidenceWindow {
            name: window.into(),
            fetch: 0,
            from: Some(now),
            to: Some(now),
        },
        content: DocumentContent::Answer,
        request: EvidenceRequest {
            method: "GET".into(),
            target: "/interop/rest/v2/reports?day=1".into(),
            status: Some(200),
            date: None,
        },
        server_clock: Some(now),
        host_clock: now,
        run: "run-1".into(),
        plugin: "ab".repeat(32),
        stream: EvidenceStream {
            id: "cd".repeat(32),
            name: None,
            report: "user-login".into(),
            connection: "epm".into(),
            parameters: Vec::new(),
        },
        bytes: Box::new(std::io::Cursor::new(text.to_owned().into_bytes())),
    }
}

/// A folder with that many documents.
fn filled(documents: usize) -> (tempfile::TempDir, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let root = above.path().join("evidence");
    let folder = EvidenceFolder::open(&root, false).unwrap();
    for number in 0..documents {
        folder
            .put(document(&format!("window-{number}"), &format!("document {number}")))
            .unwrap();
    }
    (above, root)
}

fn verify(root: &Path) -> EvidenceReport {
    verify_folder(root, &Expectation::default()).unwrap()
}

fn kinds(root: &Path) -> Vec<FindingKind> {
    verify(root).findings.iter().map(|finding| finding.kind).collect()
}

/// The one manifest, and its lines.
fn manifest(root: &Path) -> (PathBuf, Vec<String>) {
    let names = manifests(root).unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    let path = root.join(&names[0]);
    let lines = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    (path, lines)
}

fn lines(root: &Path) -> Vec<ManifestLine> {
    let (_, lines) = manifest(root);
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(path: &Path, lines: &[String]) {
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn documents_are_kept_privately_with_all_that_is_known_of_them() {
    let (_above, root) = filled(3);
    let report = verify(&root);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.documents, report.lines, report.under_way), (3, 3, 0));
    let lines = lines(&root);
    assert_eq!(lines[0].prev, crate::BEGINNING);
    assert_eq!(report.last[0].sha256, crate::line::digest(&lines[2].text().unwrap()));
    for (number, line) in lines.iter().enumerate() {
        assert!(
            line.file
                .starts_with(&format!("{}/2026/03/05/window-{number}-0-", "cd".repeat(32)))
        );
        let path = root.join(&line.file);
        assert_eq!(
            zstd::decode_all(&fs::read(&path).unwrap()[..]).unwrap(),
            format!("document {number}").as_bytes()
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    for folder in [
        root.clone(),
        root.join(PENDING),
        root.join(&lines[0].file).parent().unwrap().to_owned(),
    ] {
        assert_eq!(
            fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700,
            "{}",
            folder.display()
        );
    }
    assert_eq!(fs::read_dir(root.join(PENDING)).unwrap().count(), 0);
}

#[test]
fn whatever_is_changed_is_found() {
    let changed = |change: &dyn Fn(&Path)| {
        let (_above, root) = filled(4);
        change(&root);
        kinds(&root)
    };
    let file = |root: &Path| root.join(&lines(root)[1].file);
    assert_eq!(changed(&|_| {}), []);
    let altered = changed(&|root| {
        let mut bytes = fs::read(file(root)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file(root), bytes).unwrap();
    });
    assert_eq!(altered, [FindingKind::Altered]);
    assert_eq!(
        changed(&|root| fs::remove_file(file(root)).unwrap()),
        [FindingKind::Missing]
    );
    let extra = changed(&|root| fs::write(file(root).with_file_name("x.zst"), "x").unwrap());
    assert_eq!(extra, [FindingKind::Extra]);
    assert_eq!(
        changed(&|root| fs::write(root.join("x"), "x").unwrap()),
        [FindingKind::Extra]
    );
    let removed = changed(&|root| {
        let (path, mut lines) = manifest(root);
        lines.remove(1);
        write(&path, &lines);
    });
    assert_eq!(removed, [FindingKind::Broken, FindingKind::Extra]);
    let swapped = changed(&|root| {
        let (path, mut lines) = manifest(root);
        lines.swap(1, 2);
        write(&path, &lines);
    });
    assert!(
        !swapped.is_empty() && swapped.iter().all(|kind| *kind == FindingKind::Broken),
        "{swapped:?}"
    );
    let forged = changed(&|root| {
        let (path, mut lines) = manifest(root);
        let mut line: ManifestLine = serde_json::from_str(&lines[3]).unwrap();
        line.prev = "0".repeat(63) + "1";
        lines[3] = serde_json::to_string(&line).unwrap();
        write(&path, &lines);
    });
    assert_eq!(forged, [FindingKind::Broken]);
    let forked = changed(&|root| {
        let (path, mut lines) = manifest(root);
        let (mut line, second): (ManifestLine, ManifestLine) = (
            serde_json::from_str(&lines[3]).unwrap(),
            serde_json::from_str(&lines[1]).unwrap(),
        );
        line.prev = second.prev;
        lines[3] = serde_json::to_string(&line).unwrap();
        write(&path, &lines);
    });
    assert_eq!(forked, [FindingKind::Forked]);
    let edited = changed(&|root| {
        let (path, mut lines) = manifest(root);
        lines[1] = lines[1].replace("run-1", "run-2");
        write(&path, &lines);
    });
    assert_eq!(edited, [FindingKind::Broken], "the line behind it tells");
    let escaping = changed(&|root| {
        let (path, mut lines) = manifest(root);
        let mut line: ManifestLine = serde_json::from_str(&lines[3]).unwrap();
        fs::remove_file(root.join(&line.file)).unwrap();
        line.file = "../../../../etc.zst".into();
        lines[3] = serde_json::to_string(&line).unwrap();
        write(&path, &lines);
    });
    assert_eq!(escaping, [FindingKind::Altered]);
    let junk = changed(&|root| {
        let (path, mut lines) = manifest(root);
        lines[3] = "junk".into();
        write(&path, &lines);
    });
    assert_eq!(junk, [FindingKind::Altered, FindingKind::Extra]);
}

/// Puts a pipe that nobody writes to in the place of whatever has that name.
fn pipe(path: &Path) {
    let _ = fs::remove_file(path);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
}

#[test]
fn what_is_no_file_is_found_and_waited_for_by_nobody() {
    let changed = |change: &dyn Fn(&Path)| {
        let (_above, root) = filled(3);
        change(&root);
        EvidenceFolder::open(&root, false).unwrap();
        kinds(&root)
    };
    let file = |root: &Path| root.join(&lines(root)[1].file);
    assert_eq!(changed(&|root| pipe(&file(root))), [FindingKind::Altered]);
    let folder = changed(&|root| {
        fs::remove_file(file(root)).unwrap();
        fs::create_dir(file(root)).unwrap();
    });
    assert_eq!(folder[0], FindingKind::Altered);
    let manifest = changed(&|root| pipe(&root.join("manifest-2001-01-01.ndjson")));
    assert_eq!(manifest, [FindingKind::Altered]);
    let pending = changed(&|root| pipe(&root.join(PENDING).join("x.json")));
    assert_eq!(pending, [FindingKind::Extra]);
}

#[test]
fn lines_that_are_missing_at_an_end_are_found_by_what_was_noted() {
    let (_above, root) = filled(3);
    let noted = verify(&root).last[0].sha256.clone();
    let (path, lines_before) = manifest(&root);
    let expected = |after: Option<String>, has: Option<&str>| {
        let has = has.map(str::to_owned);
        let report = verify_folder(&root, &Expectation { after, has }).unwrap();
        report.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(expected(None, Some(&noted)), []);
    let last = lines(&root).pop().unwrap();
    fs::remove_file(root.join(last.file)).unwrap();
    write(&path, &lines_before[..2]);
    assert_eq!(expected(None, None), [], "nothing here says that there was more");
    assert_eq!(expected(None, Some(&noted)), [FindingKind::Lost]);
    // The oldest is purged on purpose.
    let first = lines(&root).remove(0);
    fs::remove_file(root.join(&first.file)).unwrap();
    write(&path, &lines_before[1..2]);
    assert_eq!(expected(None, None), [FindingKind::Broken]);
    assert_eq!(expected(Some(crate::line::digest(&first.text().unwrap())), None), []);
}

#[test]
fn the_chain_goes_on_from_day_to_day_and_where_a_clock_is_set_back() {
    let (_above, root) = filled(1);
    let line = lines(&root).remove(0);
    let (path, _) = manifest(&root);
    fs::remove_file(path).unwrap();
    for day in ["2026-03-05", "2026-03-06", "2026-03-04"] {
        manifest::append(&root, line.clone(), day.parse().unwrap()).unwrap();
    }
    assert_eq!(
        manifests(&root).unwrap(),
        ["manifest-2026-03-05.ndjson", "manifest-2026-03-06.ndjson"]
    );
    // One document three times, and no other finding.
    assert_eq!(kinds(&root), [FindingKind::Repeated, FindingKind::Repeated]);
}

#[test]
fn what_a_process_left_when_it_ended_the_next_one_finishes() {
    let (_above, root) = filled(2);
    let line = |text: &str| {
        let mut document = document("cut-short", text);
        let compressed = compress(&mut *document.bytes, Vec::new(), document.content, false).unwrap();
        ManifestLine::new(new_id(document.host_clock), &document, compressed)
    };
    let left = |line: &ManifestLine, text: &str, place: &Path| {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(
            place,
            zstd::encode_all(text.as_bytes(), zstd::DEFAULT_COMPRESSION_LEVEL).unwrap(),
        )
        .unwrap();
        fs::write(draft::path(&root, &line.id, "json"), line.text().unwrap()).unwrap();
    };
    // Named, without a line; whole, without a name; and with a line that was not cleared away.
    let (named, unnamed) = (line("named"), line("unnamed"));
    left(&named, "named", &root.join(&named.file));
    left(&unnamed, "unnamed", &draft::path(&root, &unnamed.id, "zst"));
    let done = lines(&root).remove(0);
    fs::write(draft::path(&root, &done.id, "json"), done.text().unwrap()).unwrap();
    // Not whole; and a line of which only a part is there.
    fs::write(draft::path(&root, "torn", "json"), "{\"prev\"").unwrap();
    fs::write(draft::path(&root, "torn", "zst"), "x").unwrap();
    let (path, lines_before) = manifest(&root);
    fs::write(&path, lines_before.join("\n") + "\n{\"prev\":\"00").unwrap();
    let found = kinds(&root);
    assert_eq!(found, [FindingKind::Unfinished; 4], "{found:?}");

    EvidenceFolder::open(&root, false).unwrap();
    let report = verify(&root);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.documents, 4);
    assert_eq!(lines(&root).iter().filter(|line| line.healed).count(), 2);
    assert_eq!(fs::read_dir(root.join(PENDING)).unwrap().count(), 0);
}

#[test]
fn what_another_process_is_at_work_on_stays() {
    let (_above, root) = filled(1);
    let mut draft = EvidenceDraft::begin(&root, "20260305T220000-1").unwrap();
    EvidenceFolder::open(&root, false).unwrap();
    assert!(verify(&root).is_whole());
    let mut document = document("window", "x");
    let compressed = compress(&mut *document.bytes, draft.document(), document.content, false).unwrap();
    let line = draft
        .name(ManifestLine::new(draft.id().to_owned(), &document, compressed))
        .unwrap();
    EvidenceFolder::open(&root, false).unwrap();
    let report = verify(&root);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.documents, report.under_way), (1, 1));
    manifest::append(&root, line, today()).unwrap();
    draft.end().unwrap();
    assert_eq!(verify(&root).documents, 2);
}

#[test]
fn many_at_once_make_one_chain() {
    let (_above, root) = filled(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let root = &root;
            scope.spawn(move || {
                let folder = EvidenceFolder::open(root, false).unwrap();
                for number in 0..10 {
                    // Two of them keep the same document of the same window.
                    let window = format!("window-{}-{number}", thread / 2);
                    folder.put(document(&window, &window)).unwrap();
                }
            });
        }
    });
    let report = verify(&root);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.documents, report.lines), (40, 40));
}

#[test]
fn a_folder_that_others_may_write_is_not_used() {
    let above = tempfile::tempdir().unwrap();
    let root = above.path().join("evidence");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
    let error = EvidenceFolder::open(&root, false).unwrap_err();
    assert!(matches!(error, EvidenceError::Open { .. }), "{error}");
    assert!(error.hint().contains("chmod go-w"), "{}", error.hint());
    fs::write(above.path().join("file"), "x").unwrap();
    assert!(EvidenceFolder::open(&above.path().join("file"), false).is_err());
}

#[tokio::test]
async fn a_store_keeps_what_it_is_given_and_masks_it_where_that_is_asked_for() {
    let above = tempfile::tempdir().unwrap();
    let root = above.path().join("evidence");
    let store = EvidenceFolder::open(&root, true).unwrap();
    store
        .keep(document("window", "{\"password\":\"hunter2\"}"))
        .await
        .unwrap();
    let line = lines(&root).remove(0);
    let kept = zstd::decode_all(&fs::read(root.join(&line.file)).unwrap()[..]).unwrap();
    assert_eq!(kept, b"{\"password\":\"***\"}");
    assert!(line.received_sha256.is_some() && verify(&root).is_whole());
}
