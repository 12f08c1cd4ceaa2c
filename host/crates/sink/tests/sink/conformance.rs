//! The rules of `host/crates/sink/src/README.md`, held to every sink in every format and encoding.

use std::{
    fs,
    future::Future,
    io::{self, PipeReader, Read},
    num::NonZeroU64,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::JoinHandle,
};

use base::ErrorKind;
use bytes::Bytes;
use event::{Activity, Encoding, Event, Outcome, Principal, Product, Provenance};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use serde_json::Value;
use sink::{Compression, FileOptions, FileSink, Format, Renderer, Rotation, Sink, SinkError, StdoutSink};
use tempfile::TempDir;

/// A sink and the far end of it.
struct Subject {
    sink: Box<dyn Sink>,
    far: Far,
    format: Format,
    encoding: Encoding,
}

enum Far {
    /// A thread that reads until the sink lets go of the stream.
    Stream(JoinHandle<Vec<u8>>),
    File(TempDir, Compression),
    /// Files that follow each other.
    Series(TempDir, Compression),
}

fn renderer(format: Format, encoding: Encoding) -> Renderer {
    let provenance = Provenance::new("invalid-login", "epm", "epm.example.com", Product::epm_cloud());
    Renderer::new(format, encoding, Arc::new(provenance)).with_columns(160)
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("out")
}

fn stream(format: Format, encoding: Encoding) -> (PipeReader, Box<dyn Sink>) {
    let (reader, writer) = io::pipe().unwrap();
    (
        reader,
        Box::new(StdoutSink::to("stream", Box::new(writer), renderer(format, encoding))),
    )
}

/// Every sink in every format and encoding.
fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for format in Format::ALL {
        for encoding in Encoding::ALL {
            let (mut reader, sink) = stream(format, encoding);
            let read = std::thread::spawn(move || {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).unwrap();
                bytes
            });
            subjects.push(Subject {
                sink,
                far: Far::Stream(read),
                format,
                encoding,
            });

            let compressions: &[Compression] = match format {
                Format::Parquet => &[Compression::None],
                _ => &[Compression::None, Compression::Gzip, Compression::Zstd],
            };
            for compression in compressions {
                let options = FileOptions {
                    compression: *compression,
                    ..FileOptions::default()
                };
                let (folder, sink) = file(&format!("file {compression:?}"), format, encoding, options);
                subjects.push(Subject {
                    sink,
                    far: Far::File(folder, *compression),
                    format,
                    encoding,
                });
                let rotation = Rotation::new(NonZeroU64::new(100_000), None).unwrap();
                let options = FileOptions {
                    rotation: Some(rotation),
                    ..options
                };
                let name = format!("rotating file {compression:?}");
                let (folder, sink) = file(&name, format, encoding, options);
                subjects.push(Subject {
                    sink,
                    far: Far::Series(folder, *compression),
                    format,
                    encoding,
                });
            }
        }
    }
    subjects
}

fn file(name: &str, format: Format, encoding: Encoding, options: FileOptions) -> (TempDir, Box<dyn Sink>) {
    let folder = tempfile::tempdir().unwrap();
    let sink = FileSink::create(name, &path(&folder), renderer(format, encoding), options);
    (folder, Box::new(sink.unwrap()))
}

fn decompressed(path: &Path, compression: Compression) -> Vec<u8> {
    let file = fs::File::open(path).unwrap();
    let mut bytes = Vec::new();
    match compression {
        Compression::None => io::BufReader::new(file).read_to_end(&mut bytes),
        Compression::Gzip => flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes),
        Compression::Zstd => zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes),
    }
    .unwrap();
    bytes
}

/// The files in a folder, in the order of their names.
fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

impl Subject {
    fn label(&self) -> String {
        format!("{} {} {}", self.sink.name(), self.format, self.encoding)
    }

    /// Lets go of the sink and reads what is at the far end, one output after the other; a stream is always one.
    fn received(self) -> Vec<Vec<u8>> {
        drop(self.sink);
        match self.far {
            Far::Stream(read) => vec![read.join().unwrap()],
            Far::File(folder, compression) => {
                let files = files(&folder);
                assert!(files.iter().all(|file| *file == path(&folder)));
                files.iter().map(|file| decompressed(file, compression)).collect()
            }
            Far::Series(folder, compression) => {
                let files = files(&folder);
                let named = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("out.2");
                assert!(files.iter().all(named), "{files:?}");
                files.iter().map(|file| decompressed(file, compression)).collect()
            }
        }
    }
}

/// The event's number is in its subject, which every output shows.
fn numbered(number: usize) -> Event {
    let mut event = Event::new(
        number as i64,
        Activity::Logon,
        Outcome::Failure,
        Principal::named(number.to_string()),
    );
    // Of a weight that compression does not take away.
    let mut random = fastrand::Rng::with_seed(number as u64);
    let text = std::iter::repeat_with(|| random.alphanumeric()).take(200).collect();
    event.attributes = vec![("column".into(), text)];
    event
}

fn numbered_range(range: std::ops::Range<usize>) -> Vec<Event> {
    range.map(numbered).collect()
}

/// The subjects in all outputs.
fn subjects_in_all(format: Format, encoding: Encoding, outputs: &[Vec<u8>]) -> Vec<String> {
    let subjects = |output: &Vec<u8>| subjects_in(format, encoding, output);
    outputs.iter().flat_map(subjects).collect()
}

/// The subjects in an output, read as its format says.
fn subjects_in(format: Format, encoding: Encoding, bytes: &[u8]) -> Vec<String> {
    let dotted = match encoding {
        Encoding::Event => "subject",
        Encoding::Ocsf | Encoding::Ecs => "user.name",
    };
    if format == Format::Parquet {
        let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
        let subject = |row: Row| member(&row, dotted);
        return reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| subject(row.unwrap()))
            .collect();
    }
    let text = std::str::from_utf8(bytes).unwrap();
    match format {
        Format::Ndjson => {
            let pointer = format!("/{}", dotted.replace('.', "/"));
            let value = |line| serde_json::from_str::<Value>(line).unwrap();
            text.split_terminator('\n')
                .map(|line| value(line).pointer(&pointer).unwrap().as_str().unwrap().into())
                .collect()
        }
        Format::Csv => {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let column = reader
                .headers()
                .unwrap()
                .iter()
                .position(|name| name == dotted)
                .unwrap();
            reader
                .records()
                .map(|record| record.unwrap()[column].to_owned())
                .collect()
        }
        _ => {
            let mut lines = text.split_terminator('\n');
            let start = lines.next().map_or(0, |header| header.find("SUBJECT").unwrap());
            lines
                .map(|line| line.chars().skip(start).take_while(|c| *c != ' ').collect())
                .collect()
        }
    }
}

/// The text at a dotted name.
fn member(row: &Row, dotted: &str) -> String {
    let (name, rest) = dotted.split_once('.').unwrap_or((dotted, ""));
    match row.get_column_iter().find(|(column, _)| *column == name).unwrap().1 {
        Field::Group(group) => member(group, rest),
        Field::Str(text) => text.clone(),
        other => panic!("{dotted} is {other}"),
    }
}

#[tokio::test]
async fn events_come_out_once_and_in_order() {
    for mut subject in subjects() {
        let mut next = 0;
        // Batches around the size of every buffer.
        for size in [1, 0, 63, 64, 65, 3, 5000, 1] {
            subject.sink.deliver(&numbered_range(next..next + size)).await.unwrap();
            next += size;
        }
        subject.sink.close().await.unwrap();
        let (label, format, encoding) = (subject.label(), subject.format, subject.encoding);
        // Compressed tables, whose columns are all alike, are too small to be several files.
        let several = match &subject.far {
            Far::Series(_, compression) => format != Format::Table || *compression == Compression::None,
            _ => false,
        };
        let outputs = subject.received();
        if several {
            assert!(outputs.len() > 1, "{label}");
        }
        let expected: Vec<_> = (0..next).map(|number| number.to_string()).collect();
        assert!(subjects_in_all(format, encoding, &outputs) == expected, "{label}");
    }
}

#[tokio::test]
async fn a_delivery_waits_for_no_other() {
    // A Parquet file cannot be read before it is complete.
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Parquet) {
        let (mut reader, mut sink) = stream(format, Encoding::Ocsf);
        sink.deliver(&numbered_range(0..3)).await.unwrap();
        // The stream stays open: what can be read now was written by the delivery.
        let mut bytes = vec![0; 1 << 16];
        let length = reader.read(&mut bytes).unwrap();
        assert_eq!(
            subjects_in(format, Encoding::Ocsf, &bytes[..length]),
            ["0", "1", "2"],
            "{format}"
        );
    }
}

#[tokio::test]
async fn hostile_text_stays_data() {
    let texts = [
        "=HYPERLINK(\"http://x\",\"y\")",
        "@SUM(1)",
        "-1",
        "a\",\"b\n\"c\"\r\n=d",
        "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1m",
        "\u{202e}txt.exe\u{2066}",
        "\0\u{1}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}",
        "{\"subject\":\"forged\"}\n{\"subject\":\"forged\"}",
        "名前 🦀 \u{301}\u{301}",
        "",
    ];
    let events = texts.map(|text| {
        let some = || Some(text.to_owned());
        Event {
            id: some(),
            actor: None,
            target: some(),
            source_ip: some(),
            user_agent: some(),
            session: some(),
            service: some(),
            action: some(),
            code: some(),
            message: some(),
            labels: vec![text.into()],
            attributes: vec![(text.into(), text.into()), (text.into(), text.into())],
            ..Event::new(
                0,
                Activity::Logon,
                Outcome::Failure,
                Principal {
                    name: text.into(),
                    id: some(),
                    display_name: some(),
                    ..Principal::named("")
                },
            )
        }
    });
    for mut subject in subjects() {
        subject.sink.deliver(&events).await.unwrap();
        subject.sink.close().await.unwrap();
        let (label, format, encoding) = (subject.label(), subject.format, subject.encoding);
        let [bytes] = subject.received().try_into().unwrap();
        match format {
            Format::Ndjson | Format::Parquet => assert_eq!(subjects_in(format, encoding, &bytes), texts, "{label}"),
            Format::Csv => {
                let read = subjects_in(format, encoding, &bytes);
                assert_eq!(read.len(), texts.len(), "{label}");
                for (read, text) in read.iter().zip(texts) {
                    assert!(
                        !read.starts_with(|c: char| "=+-@".contains(c) || c.is_control()),
                        "{label}: {read:?}"
                    );
                    assert_eq!(read.strip_prefix('\'').unwrap_or(read), text, "{label}");
                }
            }
            Format::Table => {
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(text.lines().count(), texts.len() + 1, "{label}");
                let obeyed =
                    |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{2066}' | '\u{2028}'));
                assert!(!text.contains(obeyed), "{label}: {text:?}");
            }
        }
    }
}

#[tokio::test]
async fn close_completes_and_ends() {
    for mut subject in subjects() {
        subject.sink.deliver(&numbered_range(0..2)).await.unwrap();
        if let Far::File(folder, _) | Far::Series(folder, _) = &subject.far {
            let partial = |file: &PathBuf| file.extension().unwrap() == "partial";
            assert!(files(folder).iter().all(partial), "{}", subject.label());
        }
        subject.sink.close().await.unwrap();
        subject.sink.close().await.unwrap();
        let error = subject.sink.deliver(&numbered_range(2..3)).await.unwrap_err();
        assert!(matches!(error, SinkError::Ended { .. }), "{}", subject.label());
        assert_eq!(error.kind(), ErrorKind::Delivery);
        let (format, encoding) = (subject.format, subject.encoding);
        assert_eq!(subjects_in_all(format, encoding, &subject.received()), ["0", "1"]);
    }
}

#[tokio::test]
async fn no_events_are_a_proper_output() {
    for mut subject in subjects() {
        subject.sink.deliver(&[]).await.unwrap();
        subject.sink.close().await.unwrap();
        let (label, format, encoding) = (subject.label(), subject.format, subject.encoding);
        let rotates = matches!(subject.far, Far::Series(..));
        let outputs = subject.received();
        assert_eq!(outputs.is_empty(), rotates, "{label}");
        let Some(bytes) = outputs.first() else { continue };
        match format {
            Format::Ndjson | Format::Table => assert_eq!(bytes, b"", "{label}"),
            Format::Csv => assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1, "{label}"),
            Format::Parquet => assert!(subjects_in(format, encoding, bytes).is_empty(), "{label}"),
        }
    }
}

#[tokio::test]
async fn abort_leaves_no_trace() {
    for mut subject in subjects() {
        subject.sink.deliver(&numbered_range(0..2)).await.unwrap();
        subject.sink.abort().await;
        assert!(matches!(
            subject.sink.deliver(&numbered_range(2..3)).await,
            Err(SinkError::Ended { .. })
        ));
        assert!(matches!(subject.sink.close().await, Err(SinkError::Ended { .. })));
        let (format, encoding, label) = (subject.format, subject.encoding, subject.label());
        match subject.received().as_slice() {
            // Nothing that could be mistaken for a whole file.
            [bytes] if format == Format::Parquet => {
                assert!(!bytes.ends_with(b"PAR1") || bytes.len() == 4, "{label}")
            }
            [bytes] => assert_eq!(subjects_in(format, encoding, bytes), ["0", "1"], "{label}"),
            outputs => assert!(outputs.is_empty() && label.contains("file"), "{label}"),
        }
    }
    for subject in subjects() {
        let label = subject.label();
        assert!(subject.received().concat().is_empty(), "{label}");
    }
}

#[tokio::test]
async fn a_delivery_given_up_ends_the_sink() {
    for mut subject in subjects() {
        let events = numbered_range(0..5000);
        // A write may be done before it is asked for; then the next delivery is given up.
        loop {
            let mut delivery = pin!(subject.sink.deliver(&events));
            match delivery.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => break,
                Poll::Ready(done) => drop(done.unwrap()),
            }
        }
        assert!(
            matches!(subject.sink.deliver(&events).await, Err(SinkError::Ended { .. })),
            "{}",
            subject.label()
        );
        assert!(
            matches!(subject.sink.close().await, Err(SinkError::Ended { .. })),
            "{}",
            subject.label()
        );
        let (format, encoding, label) = (subject.format, subject.encoding, subject.label());
        match &subject.far {
            Far::Stream(_) => {}
            Far::File(folder, _) => assert!(!path(folder).exists()),
            // What has its name is whole: the events up to one of them, once each and in order. Another file may still
            // be on its way.
            Far::Series(folder, compression) => {
                let named = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with("out.2");
                let read: Vec<_> = files(folder)
                    .iter()
                    .filter(|file| named(file))
                    .flat_map(|file| subjects_in(format, encoding, &decompressed(file, *compression)))
                    .collect();
                let expected = (0..read.len()).map(|number| (number % 5000).to_string());
                assert!(read.iter().cloned().eq(expected), "{label}");
            }
        }
    }
}

#[tokio::test]
async fn a_closed_stream_is_told_apart() {
    for format in Format::ALL {
        for encoding in Encoding::ALL {
            let (reader, mut sink) = stream(format, encoding);
            sink.deliver(&numbered_range(0..1)).await.unwrap();
            drop(reader);
            // What is not written yet meets the closed stream later: a row group, or at last the end of the file.
            let writes = if format == Format::Parquet { 0 } else { 2 };
            for _ in 0..writes {
                let error = sink.deliver(&numbered_range(1..2)).await.unwrap_err();
                assert_eq!((error.kind(), error.hint()), (ErrorKind::Closed, None));
            }
            assert_eq!(sink.close().await.unwrap_err().kind(), ErrorKind::Closed);
        }
    }
}
