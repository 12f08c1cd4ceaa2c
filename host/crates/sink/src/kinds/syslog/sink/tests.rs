//! The sink and the transport, against receivers in this process.

use std::num::NonZeroUsize;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::ByteTransport as _;
use crate::kinds::syslog::{Carrier, Framing, SyslogTransport};
use event::{Activity, Encoding, Outcome, Principal, samples};

fn config(address: &str, carrier: Carrier) -> SyslogConfig {
    SyslogConfig {
        transport: carrier,
        ..SyslogConfig::new(address.parse().unwrap())
    }
}

fn dialer(config: &SyslogConfig) -> Dialer {
    Dialer::new(config.address.clone(), None).unwrap()
}

fn named(name: &str) -> Event {
    Event::new(0, Activity::Logon, Outcome::Success, Principal::named(name))
}

fn sink(config: &SyslogConfig) -> SyslogSink {
    let rendering = Encoding::Event.into();
    SyslogSink::new("siem", dialer(config), config, rendering, Arc::new(samples::epm()))
}

/// Messages out of an octet-counted stream.
fn counted(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let end = space + 1 + length;
        messages.push(String::from_utf8(bytes[space + 1..end].to_vec()).unwrap());
        bytes = &bytes[end..];
    }
    messages
}

fn subject(message: &str) -> String {
    let (_, body) = message.split_once("] ").unwrap();
    serde_json::from_str::<serde_json::Value>(body).unwrap()["subject"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn newline_framing_gives_each_message_a_line_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&listener.local_addr().unwrap().to_string(), Carrier::Tcp);
    config.framing = Framing::Newline;
    let reader = tokio::spawn(async move {
        let mut texts = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            texts.push(text);
        }
        texts
    });
    let mut sink = sink(&config);
    let hostile = "a\n<0>forged\r\nb\0";
    assert_eq!(
        sink.deliver(&[named("first"), named(hostile)]).await.unwrap(),
        Verdict::Accepted
    );
    sink.close().await.unwrap();
    let mut transport = SyslogTransport::new("arcsight", dialer(&config), &config, &samples::epm());
    transport.write(b"CEF:0|a\rb\0c\nCEF:0|d\n").await.unwrap();
    transport.close().await.unwrap();
    let texts = reader.await.unwrap();
    let lines: Vec<&str> = texts[0].lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        [subject(lines[0]), subject(lines[1])],
        ["first".to_owned(), hostile.to_owned()]
    );
    let lines: Vec<&str> = texts[1].lines().collect();
    assert!(
        lines[0].ends_with("CEF:0|a\\rb\\0c") && lines[1].ends_with("CEF:0|d"),
        "{lines:?}"
    );
}

/// The behaviour of a receiver with a connection.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Reads until there is nothing more.
    Reads,
    /// Reads so much, and closes.
    ClosesAfter(usize),
    /// Reads nothing, and closes.
    ClosesAtOnce,
    /// The receiver says something that nobody asked for, and reads.
    TalksBack,
    /// Reads all of it, and keeps its side open.
    KeepsOpen,
}

/// A receiver that does so with each connection in turn; gives what it has read of each.
async fn receiver(does: &'static [Does]) -> (String, tokio::task::JoinHandle<Vec<Vec<u8>>>) {
    use tokio::io::AsyncWriteExt as _;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let receiving = tokio::spawn(async move {
        let (mut all, mut kept) = (Vec::new(), Vec::new());
        for act in does {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            match act {
                Does::ClosesAtOnce => {}
                Does::ClosesAfter(most) => {
                    bytes.resize(*most, 0);
                    stream.read_exact(&mut bytes).await.unwrap();
                }
                Does::Reads | Does::TalksBack | Does::KeepsOpen => {
                    if matches!(act, Does::TalksBack) {
                        stream.write_all(b"220 welcome\r\n").await.unwrap();
                    }
                    stream.read_to_end(&mut bytes).await.unwrap();
                }
            }
            all.push(bytes);
            if matches!(act, Does::KeepsOpen) {
                kept.push(stream);
            }
        }
        all
    });
    (address, receiving)
}

#[tokio::test]
async fn a_batch_that_a_receiver_did_not_read_to_its_end_is_sent_again_as_a_whole() {
    // More than the system takes for a receiver that does not read.
    let large: Vec<_> = (0..200)
        .map(|number| named(&format!("{number}{}", "x".repeat(100_000))))
        .collect();
    for does in [
        &[Does::Reads][..],
        &[Does::TalksBack],
        &[Does::KeepsOpen],
        &[Does::ClosesAtOnce, Does::Reads],
        &[Does::ClosesAfter(1), Does::Reads],
        &[Does::ClosesAfter(150_000), Does::ClosesAfter(300_000), Does::Reads],
    ] {
        for framing in [Framing::OctetCounting, Framing::Newline] {
            let (address, receiving) = receiver(does).await;
            let mut config = config(&address, Carrier::Tcp);
            config.framing = framing;
            let mut sink = sink(&config);
            for _ in 1..does.len() {
                let verdict = sink.deliver(&large).await.unwrap();
                assert!(matches!(verdict, Verdict::Retry { .. }), "{does:?}: {verdict:?}");
            }
            assert_eq!(sink.deliver(&large).await.unwrap(), Verdict::Accepted, "{does:?}");
            sink.close().await.unwrap();
            let last = receiving.await.unwrap().pop().unwrap();
            let messages = match framing {
                Framing::OctetCounting => counted(&last),
                Framing::Newline => String::from_utf8(last).unwrap().lines().map(str::to_owned).collect(),
            };
            assert_eq!(messages.len(), large.len(), "{does:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_reads_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = sink(&config(&listener.local_addr().unwrap().to_string(), Carrier::Tcp));
    let large: Vec<_> = (0..400).map(|_| named(&"x".repeat(100_000))).collect();
    let Verdict::Retry { reason, .. } = sink.deliver(&large).await.unwrap() else {
        panic!("nobody has read anything");
    };
    assert!(reason.contains("a write took longer"), "{reason}");
}

#[tokio::test]
async fn tcp_carries_counted_messages_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = sink(&config(&listener.local_addr().unwrap().to_string(), Carrier::Tcp));
    let reader = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    });
    assert_eq!(sink.deliver(&[]).await.unwrap(), Verdict::Accepted);
    let names: Vec<String> = (0..500).map(|number| format!("user {number}\n9 x")).collect();
    for batch in names.chunks(100) {
        let events: Vec<Event> = batch.iter().map(|name| named(name)).collect();
        assert_eq!(sink.deliver(&events).await.unwrap(), Verdict::Accepted);
    }
    sink.close().await.unwrap();
    sink.close().await.unwrap();
    assert!(matches!(
        sink.deliver(&[named("late")]).await,
        Err(SinkError::Ended { .. })
    ));
    let messages = counted(&reader.await.unwrap());
    assert!(
        messages
            .iter()
            .all(|message| message.starts_with("<86>1 1970-01-01T00:00:00.000Z epm-acme.example.com host "))
    );
    assert_eq!(
        messages.iter().map(|message| subject(message)).collect::<Vec<_>>(),
        names
    );
}

#[tokio::test]
async fn a_receiver_that_comes_back_gets_the_batch_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut sink = sink(&config(&address.to_string(), Carrier::Tcp));
    drop(listener);
    let verdict = sink.deliver(&[named("a")]).await.unwrap();
    assert!(
        matches!(&verdict, Verdict::Retry { after: None, reason } if reason.contains("refused") && !reason.contains('\n')),
        "{verdict:?}"
    );
    let listener = TcpListener::bind(address).await.unwrap();
    let event = [named("a")];
    let (verdict, accepted) = tokio::join!(sink.deliver(&event), listener.accept());
    assert_eq!(verdict.unwrap(), Verdict::Accepted);
    drop(accepted);
}

#[tokio::test]
async fn a_delivery_given_up_ends_the_sink() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = sink(&config(&listener.local_addr().unwrap().to_string(), Carrier::Tcp));
    let events: Vec<Event> = (0..50).map(|_| named(&"x".repeat(1 << 20))).collect();
    {
        // Nobody reads, so this cannot come to its end.
        let delivery = sink.deliver(&events);
        tokio::pin!(delivery);
        let begun = async {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
        };
        tokio::select! {
            _ = &mut delivery => panic!("it came to its end"),
            () = begun => {}
        }
    }
    assert!(matches!(
        sink.deliver(&[named("a")]).await,
        Err(SinkError::Ended { .. })
    ));
    assert!(matches!(sink.close().await, Err(SinkError::Ended { .. })));
}

#[tokio::test]
async fn udp_sends_a_datagram_each_and_names_what_does_not_fit() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&receiver.local_addr().unwrap().to_string(), Carrier::Udp);
    let big = "x".repeat(20_000);
    let mut sink = sink(&config);
    let Verdict::Rejected(rejections) = sink.deliver(&[named("a"), named(&big), named("b")]).await.unwrap() else {
        panic!("it was taken");
    };
    let [rejection] = rejections.as_slice() else {
        panic!("{rejections:?}");
    };
    assert_eq!(rejection.index, 1);
    assert!(
        rejection.reason.contains("`max-message`, 8192 bytes"),
        "{}",
        rejection.reason
    );
    assert!(!rejection.reason.contains("xxx"));
    config.max_message = Some(NonZeroUsize::MAX);
    sink.close().await.unwrap();

    let mut wide = self::sink(&config);
    assert_eq!(wide.deliver(&[named(&big)]).await.unwrap(), Verdict::Accepted);
    assert!(matches!(
        wide.deliver(&[named(&"x".repeat(70_000))]).await.unwrap(),
        Verdict::Rejected(_)
    ));
    let mut buffer = vec![0; 1 << 16];
    for expected in ["a", "b", big.as_str()] {
        let length = receiver.recv(&mut buffer).await.unwrap();
        assert_eq!(subject(std::str::from_utf8(&buffer[..length]).unwrap()), expected);
    }
}

#[tokio::test]
async fn a_udp_port_that_nobody_listens_at_is_noticed() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut sink = sink(&config(&receiver.local_addr().unwrap().to_string(), Carrier::Udp));
    assert!(sink.probe().await.unwrap().contains("over UDP no receiver answers"));
    drop(receiver);
    let verdict = sink.deliver(&[named("a"), named("b")]).await.unwrap();
    assert!(
        matches!(&verdict, Verdict::Retry { reason, .. } if reason.contains("refused")),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn each_line_of_a_plugin_is_a_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&listener.local_addr().unwrap().to_string(), Carrier::Tcp);
    config.max_message = NonZeroUsize::new(200);
    let mut transport = SyslogTransport::new("cef", dialer(&config), &config, &samples::epm());
    let reader = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        counted(&bytes)
    });
    assert_eq!(
        transport.write(b"CEF:0|a\r\n\nCEF:0|b\n").await.unwrap(),
        Verdict::Accepted
    );
    assert_eq!(transport.write(b"no end").await.unwrap(), Verdict::Accepted);
    let long = format!("before\n{}\n", "x".repeat(200));
    assert!(matches!(
        transport.write(long.as_bytes()).await.unwrap(),
        Verdict::Refused { .. }
    ));
    transport.close().await.unwrap();
    let messages = reader.await.unwrap();
    let bodies: Vec<&str> = messages
        .iter()
        .map(|message| message.split_once(" invalid-login - ").unwrap().1)
        .collect();
    assert_eq!(bodies, ["CEF:0|a", "CEF:0|b", "no end"]);
}
