//! Receivers that are down, busy or unusable.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_busy_receiver_is_asked_again_no_sooner_than_it_says() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = [retry(None), retry(Some(20)), retry(None)].into();
    let begun = Instant::now();
    bench.delivery.deliver(&events(0..4)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(20));
    assert_eq!(bench.counts(), (4, 3, 0, 0));
    assert_eq!(bench.receiver.0.lock().unwrap().taken, names(0..4));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_wants_no_wait_is_not_stormed() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = vec![retry(Some(0)); 1000].into();
    bench.delivery.deliver(&events(0..4)).await.unwrap();
    let (_, retries, dead, _) = bench.counts();
    assert!((5..20).contains(&retries), "{retries}");
    assert_eq!(dead, 4);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_refuses_a_batch_is_not_down() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    let refused = Verdict::Refused { reason: "no".into() };
    bench.receiver.0.lock().unwrap().script = [unusable("closed"), refused, retry(None)].into();
    bench.delivery.deliver(&events(0..4)).await.unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    bench.delivery.deliver(&events(4..8)).await.unwrap();
    bench.delivery.deliver(&events(8..12)).await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().taken, names(8..12));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stays_down_costs_its_budget_once_and_recovers() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = vec![retry(None); 1000].into();
    let begun = Instant::now();
    for batch in 0..100 {
        bench
            .delivery
            .deliver(&events(batch * 10..batch * 10 + 10))
            .await
            .unwrap();
    }
    assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
    let (delivered, _, dead, undelivered) = bench.counts();
    assert_eq!((delivered, dead, undelivered), (0, 1000, 0));
    assert!(bench.reasons().iter().all(|reason| reason.contains("busy")));

    // It is back: the next attempt, due after the longest wait, finds out.
    bench.receiver.0.lock().unwrap().script.clear();
    tokio::time::advance(Duration::from_secs(10)).await;
    bench.delivery.deliver(&events(1000..1010)).await.unwrap();
    bench.delivery.deliver(&events(1010..1020)).await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().taken, names(1000..1020));
    assert_eq!(bench.dead_letters.count(&DeadLetterSelection::default()).unwrap(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_waits_ends_where_the_receiver_is_down_and_sets_nothing_aside() {
    for gather in [false, true] {
        let mut bench = bench(small(10, gather), DeadLetterOptions::default());
        bench.delivery.wait_when_down();
        let mut script = VecDeque::from(vec![Verdict::Accepted; 2]);
        script.extend(vec![retry(None); 1000]);
        bench.receiver.0.lock().unwrap().script = script;
        let begun = Instant::now();
        let error = bench.delivery.deliver(&events(0..100)).await.unwrap_err();
        assert!(
            matches!(&error, SinkError::Down { reason, events: 10 } if reason == "busy"),
            "{error:?}"
        );
        assert!(error.hint().unwrap().contains("next run"));
        assert!(begun.elapsed() <= Duration::from_secs(61), "{:?}", begun.elapsed());
        assert_eq!(bench.delivery.answered(), 20, "where the next run goes on");
        assert_eq!(bench.dead_letters.count(&DeadLetterSelection::default()).unwrap(), 0);
    }
    // What is refused for good would be refused again.
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.delivery.wait_when_down();
    let refused = Verdict::Refused { reason: "400".into() };
    bench.receiver.0.lock().unwrap().script = [refused].into();
    bench.delivery.deliver(&events(0..20)).await.unwrap();
    assert_eq!(bench.counts(), (10, 0, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_waits_ends_where_the_sink_is_unusable_and_does_not_ask_again() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.delivery.wait_when_down();
    bench.receiver.0.lock().unwrap().script = [Verdict::Accepted, unusable("401")].into();
    let error = bench.delivery.deliver(&events(0..30)).await.unwrap_err();
    assert!(
        matches!(&error, SinkError::Shut { reason } if reason == "401"),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("next run"));
    assert_eq!(bench.counts(), (10, 0, 0, 0));
    assert_eq!(bench.receiver.0.lock().unwrap().batches.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unusable_sink_that_nobody_waits_for_is_down_until_it_is_tried_again() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = [unusable("401"), unusable("401")].into();
    bench.delivery.deliver(&events(0..30)).await.unwrap();
    assert_eq!(bench.counts(), (0, 0, 30, 0));
    assert_eq!(
        bench.receiver.0.lock().unwrap().batches.len(),
        1,
        "one refusal is enough"
    );
    tokio::time::advance(Duration::from_secs(10)).await;
    bench.delivery.deliver(&events(30..40)).await.unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    bench.delivery.deliver(&events(40..60)).await.unwrap();
    assert_eq!(bench.receiver.0.lock().unwrap().taken, names(40..60));
    assert_eq!(bench.counts(), (20, 0, 40, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_the_budget_is_not_begun() {
    let mut bench = bench(small(10, false), DeadLetterOptions::default());
    bench.receiver.0.lock().unwrap().script = [retry(Some(3600))].into();
    let begun = Instant::now();
    bench.delivery.deliver(&events(0..2)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(bench.counts(), (0, 0, 2, 0));
}
