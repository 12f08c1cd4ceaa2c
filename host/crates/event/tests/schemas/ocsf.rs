//! OCSF 1.8.0.

use std::{collections::BTreeSet, fs, process::Command};

use event::{Activity, Encoding, Event, Outcome, Principal, Rendering};
use schemas::ocsf::{problems as check, schema};
use serde_json::{Value, json};

#[test]
fn every_rendering_fits_the_schema() {
    let schema = schema();
    assert_eq!(schema["version"], "1.8.0");
    super::assert_sound(Encoding::Ocsf, |event| check(&schema, event));
}

#[test]
fn whatever_a_sink_may_leave_out_the_rest_fits_the_schema() {
    let schema = schema();
    let mut paths = BTreeSet::new();
    for name in event::cells::names(Encoding::Ocsf) {
        let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
        paths.extend(ends.map(|end| name[..end].to_owned()));
    }
    let provenance = &super::provenances()[1];
    let mut allowed = 0;
    for path in paths {
        let Ok(rendering) = Rendering::without(Encoding::Ocsf, std::slice::from_ref(&path)) else {
            continue;
        };
        allowed += 1;
        for activity in Activity::ALL {
            let full = super::full(activity, Outcome::Failure);
            let mut of_group = full.clone();
            of_group.labels = vec!["group".into()];
            let bare = Event::new(0, activity, Outcome::Success, Principal::named("jdoe"));
            let untargeted = Event {
                target: None,
                ..full.clone()
            };
            for event in [full, of_group, bare, untargeted] {
                let mut line = Vec::new();
                rendering.write(&event, provenance, &mut line);
                let event: Value = serde_json::from_slice(&line).unwrap();
                let pointer = format!("/{}", path.replace('.', "/"));
                assert_eq!(event.pointer(&pointer), None, "{path}");
                let mut problems = check(&schema, &event);
                // The caption of a number, which the schema does not demand.
                problems.retain(|problem| path != "class_name" || !problem.starts_with("class_name is not"));
                // Calls of an API demand who called, and from where: whoever leaves that out knows what the schema says.
                let demanded = ["actor", "src_endpoint"].map(|name| format!("{name} is required"));
                problems.retain(|problem| event["class_uid"] != 6003 || !demanded.contains(problem));
                assert_eq!(problems, [""; 0], "without {path}: {event}");
            }
        }
    }
    assert!(allowed > 20, "{allowed}");
}

#[test]
fn the_check_finds_each_kind_of_fault() {
    let schema = schema();
    let mut line = Vec::new();
    let event = super::full(Activity::Logon, Outcome::Failure);
    Encoding::Ocsf.write(&event, &super::provenances()[1], &mut line);
    let sound: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(check(&schema, &sound), [""; 0]);
    for (pointer, fault, problem) in [
        ("/user", None, "user is required"),
        ("/metadata/product", None, "metadata.product is required"),
        ("/class_uid", Some(json!(3003)), "no class 3003"),
        (
            "/class_name",
            Some(json!("Login")),
            "class_name is not \"Authentication\"",
        ),
        ("/category_uid", Some(json!(4)), "category_uid has no case 4"),
        ("/activity_id", Some(json!(42)), "activity_id has no case 42"),
        (
            "/type_uid",
            Some(json!(300_202)),
            "type_uid is not class_uid * 100 + activity_id",
        ),
        ("/severity_id", Some(json!("2")), "severity_id is no integer_t: \"2\""),
        (
            "/severity",
            Some(json!("High")),
            "severity_id is \"Low\", its text \"High\"",
        ),
        ("/time", Some(json!(1.5)), "time is no timestamp_t: 1.5"),
        ("/group", Some(json!({"name": "x"})), "group is unknown"),
        ("/user/full", Some(json!("x")), "user.full is unknown"),
        ("/user", Some(json!({})), "user. has none of"),
        ("/cloud", Some(json!({})), "cloud belongs to a profile"),
        (
            "/user/credential_uid",
            Some(json!("x")),
            "user.credential_uid is deprecated",
        ),
        (
            "/metadata/labels",
            Some(json!("x")),
            "metadata.labels is an array or should be one",
        ),
        (
            "/metadata/version",
            Some(json!("1.5.0")),
            "metadata.version is not \"1.8.0\"",
        ),
        (
            "/src_endpoint/ip",
            Some(json!("10.xxx.xxx.x")),
            "src_endpoint.ip is no address",
        ),
        ("/src_endpoint", Some(json!("10.0.0.1")), "src_endpoint. is no object"),
    ] {
        let mut faulty = sound.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = faulty.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match fault {
            Some(fault) => parent.insert(name.into(), fault),
            None => parent.remove(name),
        };
        let problems = check(&schema, &faulty);
        assert!(
            problems.iter().any(|found| found.starts_with(problem)),
            "{pointer}: {problems:?}"
        );
    }
    let mut nowhere = sound;
    nowhere
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "service" && name != "dst_endpoint");
    assert!(check(&schema, &nowhere)[0].contains("has none of"));
}

#[test]
#[ignore = "needs python3 with tests/judges/requirements.txt"]
fn an_independent_judge_accepts_every_rendering_and_refuses_a_faulty_one() {
    let folder = tempfile::tempdir().unwrap();
    let judge = |name: &str, lines: &[Vec<u8>]| {
        let path = folder.path().join(name);
        fs::write(&path, [lines.join(&b'\n'), b"\n".to_vec()].concat()).unwrap();
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/judges/ocsf.py");
        let output = Command::new(python).arg(script).arg(path).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let lines = super::lines(Encoding::Ocsf);
    let (code, said) = judge("sound.ndjson", &lines);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("{} events", lines.len())), "{said}");
    let mut faulty: Value = serde_json::from_slice(&lines[0]).unwrap();
    faulty["severity_id"] = json!(42);
    let (code, said) = judge("faulty.ndjson", &[faulty.to_string().into_bytes()]);
    assert_eq!(code, Some(1), "{said}");
}
