//! The sink and the transport, against receivers in this process.

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::event::{Activity, Outcome, Principal, samples};
use crate::sink::Transport as _;

fn options(address: &str, carrier: Carrier) -> SyslogOptions {
    SyslogOptions {
        dialer: Dialer::new(address.parse().unwrap(), None).unwrap(),
        carrier,
        facility: Facility::default(),
        app_name: SyslogOptions::APP_NAME.into(),
        hostname: None,
        max_message: None,
        encoding: Encoding::Event,
    }
}

fn named(name: &str) -> Event {
    Event::new(0, Activity::Logon, Outcome::Success, Principal::named(name))
}

fn sink(options: &SyslogOptions) -> SyslogSink {
    SyslogSink::new("siem", options, Arc::new(samples::epm()))
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
async fn tcp_carries_counted_messages_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sink = sink(&options(&listener.local_addr().unwrap().to_string(), Carrier::Tcp));
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
    let mut sink = sink(&options(&address.to_string(), Carrier::Tcp));
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
    let mut sink = sink(&options(&listener.local_addr().unwrap().to_string(), Carrier::Tcp));
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
    let mut options = options(&receiver.local_addr().unwrap().to_string(), Carrier::Udp);
    let big = "x".repeat(20_000);
    let mut sink = sink(&options);
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
    options.max_message = Some(usize::MAX);
    sink.close().await.unwrap();

    let mut wide = SyslogSink::new("siem", &options, Arc::new(samples::epm()));
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
    let mut sink = sink(&options(&receiver.local_addr().unwrap().to_string(), Carrier::Udp));
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
    let mut options = options(&listener.local_addr().unwrap().to_string(), Carrier::Tcp);
    options.max_message = Some(200);
    let mut transport = SyslogTransport::new("cef", &options, &samples::epm());
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
