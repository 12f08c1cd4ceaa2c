//! The events of the identity domain, which the audit log and `AuditEvents` both tell of.

use super::*;

#[tokio::test]
async fn the_log_tells_of_the_same_events_as_the_identity_domain() {
    let running = start("rows=30").await;
    let query = format!("{} | sort by datetime asc", everything(&running));
    let events: Vec<_> = found(&running, &query, 1000).await.iter().map(log_content).collect();
    let events: Vec<_> = events.iter().filter(|event| domain_event(event).is_some()).collect();
    let filter = "timestamp ge \"2025-07-01T00:00:00.000Z\" and timestamp lt \"2025-07-02T00:00:00.000Z\"";
    let filter = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("filter", filter), ("count", "1000")])
        .finish();
    // The domain takes signatures too.
    let resources = signed(&running, "GET", &format!("/admin/v1/AuditEvents?{filter}"), "")
        .await
        .json();
    let resources = resources["Resources"].as_array().unwrap();
    assert_eq!((events.len(), resources.len()), (120, 120));
    let told = running.domain_events(
        "2025-07-01T00:00:00Z".parse().unwrap(),
        "2025-07-02T00:00:00Z".parse().unwrap(),
    );
    assert_eq!(told.len(), 120);
    for ((event, resource), told) in events.iter().zip(resources).zip(told) {
        assert_eq!(
            (&event["id"], &resource["id"]),
            (&told.oci_audit.into(), &told.audit_events.into())
        );
        assert_eq!(resource["eventId"], told.event_id);
        assert_eq!(resource["timestamp"], format!("{:.3}", told.time));
        let details = &event["data"]["additionalDetails"];
        assert_eq!(event["time"], resource["timestamp"]);
        assert_eq!(event["data"]["identity"]["principalName"], resource["actorName"]);
        for name in [
            "eventId",
            "clientIp",
            "ecId",
            "message",
            "adminResourceName",
            "adminRefResourceName",
            "ssoSessionId",
        ] {
            assert_eq!(details[name], resource[name], "{name}");
        }
    }
}

#[tokio::test]
async fn a_domain_that_falls_silent_is_still_in_the_log() {
    let running = start("rows=30,silent-since=2025-07-01T00:00:00Z").await;
    let resources = signed(
        &running,
        "GET",
        "/admin/v1/AuditEvents?count=1000&sortBy=timestamp&sortOrder=descending",
        "",
    )
    .await;
    let newest = resources.json()["Resources"][0]["timestamp"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(newest.starts_with("2025-06-30"), "{newest}");
    let events = found(&running, &everything(&running), 1000).await;
    assert_eq!(
        events
            .iter()
            .filter(|result| domain_event(&log_content(result)).is_some())
            .count(),
        120
    );
}
