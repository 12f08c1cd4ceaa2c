//! Bodies that come compressed although nobody asked (RFC 9110 section 8.4): decoded as they are read, so that the limit of
//! a body holds for what comes out.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use async_compression::tokio::bufread::{DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use tokio::io::{AsyncBufReadExt as _, AsyncRead};
use tokio_util::io::{ReaderStream, StreamReader};

use super::error::RemoteError;
use super::one_line::one_line;
use super::transport::{BodyStream, Incoming};

/// The bytes that come out at once.
const PIECE: usize = 32 * 1024;

/// The largest window that a zstd body may ask for, as a power of two: 8 MiB (RFC 9659).
const ZSTD_WINDOW: u32 = 23;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
    Deflate,
    Zstd,
    /// Another coding, as it stands in the head.
    Other(String),
}

impl Coding {
    /// Several codings in a row are none that is known: each of them multiplies what a small body becomes.
    fn of(headers: &HeaderMap) -> Coding {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
            .collect();
        let mut names = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        let mut names = names.by_ref().filter(|name| !matches!(*name, "" | "identity"));
        match (names.next(), names.next()) {
            (None, _) => Coding::Plain,
            (Some("gzip" | "x-gzip"), None) => Coding::Gzip,
            (Some("deflate"), None) => Coding::Deflate,
            (Some("zstd"), None) => Coding::Zstd,
            _ => Coding::Other(one_line(&values.join(", "), 40)),
        }
    }
}

/// An answer with its body as it was before it was compressed. What cannot be decoded fails when it is read: many an
/// answer is told by its status.
pub(super) fn decoded(incoming: Incoming) -> Incoming {
    let coding = Coding::of(&incoming.headers);
    if coding == Coding::Plain {
        return incoming;
    }
    let Incoming {
        status,
        mut headers,
        body,
    } = incoming;
    headers.remove(CONTENT_ENCODING);
    // It counts what was sent; that all of it came is for the HTTP library and the coding to tell.
    headers.remove(CONTENT_LENGTH);
    let body = stream::once(decode(body, coding)).try_flatten().boxed();
    Incoming { status, headers, body }
}

async fn decode(body: BodyStream, coding: Coding) -> Result<BodyStream, RemoteError> {
    let ended = Arc::new(AtomicBool::new(false));
    let end = Arc::clone(&ended);
    let body = body.chain(stream::poll_fn(move |_| {
        end.store(true, Ordering::Relaxed);
        Poll::Ready(None)
    }));
    let mut reader = StreamReader::new(body.map_err(io::Error::other));
    // Nothing is nothing in any coding, as in the answer to HEAD.
    let first = match reader.fill_buf().await {
        Ok([]) => return Ok(stream::empty().boxed()),
        Ok([first, ..]) => *first,
        Err(error) => return Err(failed(error, false)),
    };
    let plain: Pin<Box<dyn AsyncRead + Send>> = match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        // By RFC 9110 it has the frame of zlib, whose first byte names the method; many send it without.
        Coding::Deflate if first & 0x0f == 8 => Box::pin(ZlibDecoder::new(reader)),
        Coding::Deflate => Box::pin(DeflateDecoder::new(reader)),
        Coding::Zstd => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW)];
            Box::pin(ZstdDecoder::with_params(reader, &window))
        }
        Coding::Plain => Box::pin(reader),
        Coding::Other(name) => {
            return Err(RemoteError::Malformed {
                reason: format!("the body is compressed as {name}, which was not asked for"),
            });
        }
    };
    let pieces = ReaderStream::with_capacity(plain, PIECE);
    Ok(pieces
        .map_err(move |error| failed(error, ended.load(Ordering::Relaxed)))
        .boxed())
}

/// The failure of the connection, or the fault of the compressed bytes: that more were to come, where they have `ended`.
fn failed(error: io::Error, ended: bool) -> RemoteError {
    match error.downcast::<RemoteError>() {
        Ok(error) => error,
        Err(_) if ended => RemoteError::Interrupted {
            reason: "the compressed body ended early".into(),
        },
        Err(error) => RemoteError::Malformed {
            reason: format!(
                "the compressed body cannot be read: {}",
                one_line(&error.to_string(), 100)
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use bytes::Bytes;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::StatusCode;

    use super::*;

    const TEXT: &str = "what was to be said, what was to be said, what was to be said";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn raw(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        zstd::encode_all(text, 3).unwrap()
    }

    fn answer(coding: &[&str], pieces: Vec<Result<Bytes, RemoteError>>) -> Incoming {
        let mut headers = HeaderMap::new();
        for coding in coding {
            headers.append(CONTENT_ENCODING, coding.parse().unwrap());
        }
        headers.insert(CONTENT_LENGTH, "7".parse().unwrap());
        Incoming {
            status: StatusCode::OK,
            headers,
            body: stream::iter(pieces).boxed(),
        }
    }

    async fn read(incoming: Incoming) -> Result<Vec<u8>, RemoteError> {
        let mut body = incoming.body;
        let mut whole = Vec::new();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    #[tokio::test]
    async fn a_compressed_body_comes_out_however_it_is_cut() {
        let text = TEXT.as_bytes();
        for (coding, body) in [
            (&["gzip"][..], gzip(text)),
            (&["X-GZIP"], gzip(text)),
            (&["identity, gzip"], gzip(text)),
            (&["identity", "gzip"], gzip(text)),
            (
                &["gzip"],
                [
                    gzip(b"what was to be "),
                    gzip(b"said, what was to be said, what was to be said"),
                ]
                .concat(),
            ),
            (&["deflate"], zlib(text)),
            (&["deflate"], raw(text)),
            (&["zstd"], zstd(text)),
        ] {
            for size in [1, 2, body.len()] {
                let pieces = body.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece)));
                let incoming = decoded(answer(coding, pieces.collect()));
                assert!(incoming.headers.is_empty(), "{:?}", incoming.headers);
                assert_eq!(read(incoming).await.unwrap(), text, "{coding:?} by {size}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_nothing_in_any_coding() {
        for coding in ["gzip", "deflate", "zstd", "br"] {
            assert_eq!(read(decoded(answer(&[coding], Vec::new()))).await.unwrap(), b"");
        }
        let plain = decoded(answer(&["identity"], vec![Ok(Bytes::from_static(b"text"))]));
        assert!(plain.headers.contains_key(CONTENT_LENGTH));
        assert_eq!(read(plain).await.unwrap(), b"text");
    }

    #[tokio::test]
    async fn what_cannot_be_decoded_is_an_error_that_says_so() {
        let whole = |bytes: Vec<u8>| vec![Ok(Bytes::from(bytes))];
        let cut = |mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() - 9);
            whole(bytes)
        };
        let broken = RemoteError::Interrupted { reason: "reset".into() };
        for (coding, pieces, said) in [
            ("br", whole(b"x".to_vec()), "compressed as br"),
            ("gzip, gzip", whole(gzip(&gzip(b"x"))), "compressed as gzip, gzip"),
            ("gzip", whole(b"<html>no</html>".to_vec()), "cannot be read"),
            ("deflate", whole(b"\x78\x9c<html>no</html>".to_vec()), "cannot be read"),
            ("zstd", whole(b"<html>no</html>".to_vec()), "cannot be read"),
            ("gzip", cut(gzip(TEXT.as_bytes())), "ended early"),
            ("deflate", cut(zlib(TEXT.as_bytes())), "ended early"),
            ("zstd", cut(zstd(TEXT.as_bytes())), "ended early"),
            (
                "gzip",
                vec![Ok(Bytes::copy_from_slice(&gzip(TEXT.as_bytes())[..12])), Err(broken)],
                "the connection broke: reset",
            ),
        ] {
            let error = read(decoded(answer(&[coding], pieces))).await.unwrap_err();
            assert!(error.to_string().contains(said), "{coding}: {error}");
        }
    }

    #[tokio::test]
    async fn a_window_that_no_body_needs_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(ZSTD_WINDOW + 1).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
        let body = encoder.finish().unwrap();
        let error = read(decoded(answer(&["zstd"], vec![Ok(body.into())])))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }

    #[tokio::test]
    async fn little_comes_out_at_once() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let mut body = decoded(answer(&["gzip"], vec![Ok(bomb.into())])).body;
        for _ in 0..10 {
            assert!(body.next().await.unwrap().unwrap().len() <= PIECE);
        }
    }
}
