//! The rules of `host/crates/sink/src/README.md` for sinks with a receiver behind them, held to each as users configure it.
//!
//! A [`Subject`] is a sink's configuration and a way to look at its receiver. [`hold`] takes it through every rule and
//! panics at the first that it breaks.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event::{Activity, Event, Outcome, Principal, Product, Provenance};
use setup::config::Config;
use setup::sinks::open_alone as open_sink;
use sink::{Guarantee, Sink, SinkError, Verdict};
use tokio::time::Instant;

/// A sink and its receiver.
pub struct Subject<'a> {
    /// The subject's name, for messages.
    pub label: &'a str,
    /// A configuration with one sink, `it`, whose receiver is up.
    pub up: String,
    /// The configuration with a receiver that nobody has started; none for what has no receiver.
    pub down: Option<String>,
    /// The folder in which relative paths start.
    pub folder: &'a Path,
    /// The ids at the receiver, in the order in which they came where it keeps one.
    pub received: &'a mut dyn FnMut() -> Vec<String>,
    /// True if the receiver keeps an order.
    pub ordered: bool,
    /// True if the receiver never says anything, so that a probe cannot know whether it is there.
    pub silent: bool,
    /// Forgets what the receiver has, between rules.
    pub clear: &'a mut dyn FnMut(),
}

impl Subject<'_> {
    fn open(&self, configuration: &str) -> Box<dyn Sink> {
        let mut config = Config::parse(configuration).unwrap_or_else(|error| panic!("{}: {error}", self.label));
        config.file.folder = self.folder.to_path_buf();
        open_sink(&config, "it", &provenance()).unwrap_or_else(|failure| panic!("{}: {failure:?}", self.label))
    }

    /// The most events in a delivery. What nobody acknowledges must fit into the buffers on its way: 200 datagrams do not.
    fn most(&self) -> usize {
        if self.silent { 10 } else { 200 }
    }

    /// The ids that the receiver has; whoever asks it may wait, perhaps on a runtime of its own.
    fn look(&mut self) -> Vec<String> {
        tokio::task::block_in_place(|| (self.received)())
    }

    fn clear(&mut self) {
        tokio::task::block_in_place(|| (self.clear)());
    }

    /// Waits until the receiver has what it was given: not every one shows it at once.
    async fn expect(&mut self, ids: &[String]) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let received = self.look();
            let equal = match self.ordered {
                true => received == ids,
                false => sorted(&received) == sorted(ids),
            };
            if equal {
                return;
            }
            assert!(Instant::now() < deadline, "{}: {received:?} is not {ids:?}", self.label);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for the ids, where events may be there more than once.
    async fn expect_at_least(&mut self, ids: &[String]) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let received = self.look();
            if set(&received) == set(ids) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{}: {received:?} does not hold {ids:?}",
                self.label
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn sorted(ids: &[String]) -> Vec<&String> {
    let mut ids: Vec<_> = ids.iter().collect();
    ids.sort();
    ids
}

fn set(ids: &[String]) -> BTreeSet<&String> {
    ids.iter().collect()
}

fn provenance() -> Arc<Provenance> {
    Arc::new(Provenance::new(
        "user-login",
        "epm",
        "epm.example.com",
        Product::epm_cloud(),
    ))
}

/// Events with ids that sort as they are numbered, all of one day.
pub fn events(range: std::ops::Range<usize>) -> Vec<Event> {
    range
        .map(|number| Event {
            id: Some(format!("id-{number:06}")),
            // So that receivers are given it as it is.
            id_is_derived: true,
            message: Some(format!("message {number}")),
            ..Event::new(
                1_751_542_473_000 + number as i64,
                Activity::Logon,
                Outcome::Success,
                Principal::named(format!("user-{number}")),
            )
        })
        .collect()
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("id-{number:06}")).collect()
}

/// The texts that attackers type, once in every field.
fn hostile() -> Vec<Event> {
    let texts = [
        "=HYPERLINK(\"http://x\",\"y\")",
        "a\",\"b\n\"c\"\r\n=d",
        "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}1m",
        "\u{202e}txt.exe\u{2066}",
        "\0\u{1}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}\u{fffd}",
        "{\"id\":\"forged\"}\n{\"id\":\"forged\"}",
        "x] [forged@1 a=\"b\"] |CEF:0|a=b\\",
        "../../x",
        "'; DROP TABLE audit_events; --",
        "名前 🦀 \u{301}\u{301}",
        "",
    ];
    let mut events = events(0..texts.len() + 1);
    for (event, text) in events.iter_mut().zip(texts) {
        let some = || Some(text.to_owned());
        event.subject = Principal {
            name: text.into(),
            id: some(),
            display_name: some(),
            ..Principal::named("")
        };
        event.actor = Some(Principal::named(text));
        event.target = some();
        event.source_ip = some();
        event.user_agent = some();
        event.session = some();
        event.service = some();
        event.action = some();
        event.code = some();
        event.message = some();
        event.labels = vec![text.into()];
        event.attributes = vec![(text.into(), text.into()), (text.into(), text.into())];
    }
    if let Some(last) = events.last_mut() {
        last.message = Some("x".repeat(1 << 20));
    }
    events
}

async fn accepted(label: &str, sink: &mut Box<dyn Sink>, events: &[Event]) {
    // A receiver that has just been started may be busy once.
    for _ in 0..50 {
        match within(label, sink.deliver(events)).await {
            Ok(Verdict::Accepted) => return,
            Ok(Verdict::Retry { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            other => panic!("{label}: {other:?}"),
        }
    }
    panic!("{label}: never accepted")
}

/// No call may hang.
async fn within<T>(label: &str, work: impl Future<Output = T>) -> T {
    let work = tokio::time::timeout(Duration::from_secs(60), work).await;
    work.unwrap_or_else(|_| panic!("{label}: a call hangs"))
}

/// Takes a sink through every rule.
pub fn hold(mut subject: Subject<'_>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        order_and_emptiness(&mut subject).await;
        hostile_content(&mut subject).await;
        repetition(&mut subject).await;
        restart(&mut subject).await;
        given_up(&mut subject).await;
        receiver_down(&subject).await;
    });
}

async fn order_and_emptiness(subject: &mut Subject<'_>) {
    subject.clear();
    let mut sink = subject.open(&subject.up);
    assert_eq!(sink.name(), "it");
    assert!(sink.limits().events > 0);
    within(subject.label, sink.probe())
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", subject.label));
    subject.expect(&[]).await;
    let mut next = 0;
    for size in [1, 0, 63, 2, 200].map(|size: usize| size.min(subject.most())) {
        accepted(subject.label, &mut sink, &events(next..next + size)).await;
        next += size;
    }
    within(subject.label, sink.close()).await.unwrap();
    within(subject.label, sink.close()).await.unwrap();
    let after = sink.deliver(&events(0..1)).await;
    assert!(
        matches!(after, Err(SinkError::Ended { .. })),
        "{}: {after:?}",
        subject.label
    );
    subject.expect(&ids(0..next)).await;
}

async fn hostile_content(subject: &mut Subject<'_>) {
    subject.clear();
    let mut sink = subject.open(&subject.up);
    let events = hostile();
    let mut expected = ids(0..events.len());
    // What a receiver cannot hold, such as a message larger than its limit, is refused one by one.
    let mut refused = Vec::new();
    for (place, event) in events.iter().enumerate() {
        match within(subject.label, sink.deliver(std::slice::from_ref(event)))
            .await
            .unwrap()
        {
            Verdict::Accepted => {}
            Verdict::Rejected(_) | Verdict::TooLarge { .. } | Verdict::Refused { .. } => refused.push(place),
            retry => panic!("{}: {retry:?}", subject.label),
        }
    }
    assert!(
        refused.iter().all(|place| *place == events.len() - 1),
        "{}: only the largest may be refused, not {refused:?}",
        subject.label
    );
    if !refused.is_empty() {
        expected.pop();
    }
    within(subject.label, sink.close()).await.unwrap();
    subject.expect(&expected).await;
}

async fn repetition(subject: &mut Subject<'_>) {
    subject.clear();
    let mut sink = subject.open(&subject.up);
    for _ in 0..2 {
        accepted(subject.label, &mut sink, &events(0..5)).await;
    }
    let guarantee = sink.guarantee();
    // Other batches of the same events.
    accepted(subject.label, &mut sink, &events(3..8)).await;
    within(subject.label, sink.close()).await.unwrap();
    match guarantee {
        Guarantee::IdempotentById => subject.expect(&ids(0..8)).await,
        Guarantee::IdempotentByBatch => subject.expect(&[ids(0..5), ids(3..8)].concat()).await,
        Guarantee::AtLeastOnce => subject.expect_at_least(&ids(0..8)).await,
    }
}

async fn restart(subject: &mut Subject<'_>) {
    subject.clear();
    for part in [0..3, 3..6] {
        let mut sink = subject.open(&subject.up);
        accepted(subject.label, &mut sink, &events(part)).await;
        within(subject.label, sink.close()).await.unwrap();
    }
    subject.expect(&ids(0..6)).await;
}

/// A sink whose delivery is given up, sooner or later, is at its end, and harms neither the process nor the next sink.
async fn given_up(subject: &mut Subject<'_>) {
    subject.clear();
    let most = subject.most();
    let events = events(0..most + 3);
    let first = &events[..most];
    for patience in [0, 50, 500, 2_000, 8_000, 30_000] {
        let mut sink = subject.open(&subject.up);
        let delivery = tokio::time::timeout(Duration::from_micros(patience), sink.deliver(first)).await;
        if delivery.is_err() {
            let after = sink.deliver(first).await;
            assert!(
                matches!(after, Err(SinkError::Ended { .. })),
                "{}: {after:?}",
                subject.label
            );
            assert!(within(subject.label, sink.close()).await.is_err(), "{}", subject.label);
        }
        within(subject.label, sink.abort()).await;
        assert!(sink.deliver(first).await.is_err(), "{}", subject.label);
    }
    let mut sink = subject.open(&subject.up);
    accepted(subject.label, &mut sink, first).await;
    accepted(subject.label, &mut sink, &events[most..]).await;
    let guarantee = sink.guarantee();
    within(subject.label, sink.close()).await.unwrap();
    match guarantee {
        Guarantee::IdempotentById | Guarantee::IdempotentByBatch => subject.expect(&ids(0..events.len())).await,
        Guarantee::AtLeastOnce => subject.expect_at_least(&ids(0..events.len())).await,
    }
}

async fn receiver_down(subject: &Subject<'_>) {
    let Some(down) = &subject.down else { return };
    let mut sink = subject.open(down);
    for _ in 0..2 {
        match within(subject.label, sink.deliver(&events(0..3))).await {
            Ok(Verdict::Retry { reason, .. }) => {
                assert!(
                    !reason.is_empty() && !reason.contains('\n'),
                    "{}: {reason:?}",
                    subject.label
                );
            }
            other => panic!("{}: {other:?}", subject.label),
        }
    }
    let probed = within(subject.label, sink.probe()).await;
    assert_eq!(probed.is_ok(), subject.silent, "{}: {probed:?}", subject.label);
    // Events that nobody has taken yet are whoever delivers' to keep: there is nothing left to do.
    within(subject.label, sink.close()).await.unwrap();
}
