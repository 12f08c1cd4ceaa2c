//! Recordings, which hold no credential.

use super::*;

/// A secret that only the server knows.
const FOREIGN: &str = "f0reign-canary";

/// The ways in which a server may repeat a secret.
fn spellings(secret: &str) -> Vec<String> {
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let mut url = url::Url::parse("https://a.example/").unwrap();
    url.path_segments_mut().unwrap().extend(secret.split('/'));
    let path = url.path().trim_start_matches('/').to_owned();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let lower = percent.split('%').enumerate().map(|(n, part)| match n {
        0 => part.to_owned(),
        _ => format!("%{}{}", part[..2].to_lowercase(), &part[2..]),
    });
    let lower = lower.collect();
    vec![
        secret.to_owned(),
        json(secret),
        json(secret).replace('/', "\\/"),
        json(&path).replace('/', "\\/"),
        lower,
        path,
        form,
        percent,
    ]
}

/// Answers with the secrets in every header that a server may have them in, and in the body.
async fn gossip(secrets: Vec<String>) -> Server {
    Server::start(move |seen, _| {
        if seen.path == "/oauth2/v1/token" {
            let token = serde_json::json!({"access_token": secrets[0], "refresh_token": secrets[0], "expires_in": 600});
            return json(200, token.to_string());
        }
        let said: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
        let credential = seen.header("authorization").unwrap_or_default();
        let path = seen.path.split('?').next().unwrap();
        let mut response = json(200, format!("{} {path} {credential} end", said.join(" \n")));
        let headers = response.headers_mut();
        let names = ["x-echo", "location", "link", "server", "refresh"];
        let texts = said.iter().map(String::as_str).chain([credential, path]);
        for (text, name) in texts.zip(names.into_iter().cycle()) {
            if let Ok(value) = axum::http::HeaderValue::from_bytes(text.as_bytes()) {
                headers.append(name, value);
            }
        }
        for (name, value) in [
            ("location", format!("/next?page=2&token={FOREIGN}")),
            (
                "link",
                format!("<https://u:{FOREIGN}@a.example/p?access_token={FOREIGN}&page=2>; rel=\"next\""),
            ),
            ("content-location", format!("/p;jsessionid={FOREIGN}")),
            ("refresh", format!("0; url=/login?to=%2Fp%3Fcode%3D{FOREIGN}")),
            ("x-session-id", FOREIGN.to_owned()),
            ("set-cookie", format!("a={FOREIGN}")),
            ("www-authenticate", format!("Basic realm={FOREIGN}")),
            ("authentication-info", FOREIGN.to_owned()),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        response
    })
    .await
}

#[tokio::test]
async fn a_recording_holds_no_credential_of_any_kind_in_any_spelling() {
    let odd = "c\u{e4}n/ary+5e cret%41&=\"\\<x>";
    let oauth = |client: ClientAuth, grant: GrantType| {
        Auth::OAuth2(Box::new(OAuth2 {
            token_url: None,
            device_url: None,
            client_id: "client".into(),
            client,
            grant,
            scope: None,
        }))
    };
    let state = tempfile::tempdir().unwrap();
    let refresh = GrantType::RefreshToken {
        initial: Some(CANARY.into()),
        store: state.path().join("token.json"),
    };
    let basic = |user: &str, password: &str| BASE64_STANDARD.encode(format!("{user}:{password}"));
    // how, and what must not be seen of it
    let cases = [
        (
            Auth::Basic {
                username: "jdoe".into(),
                password: odd.into(),
            },
            vec![
                odd.to_owned(),
                basic("jdoe", odd),
                basic("jdoe", odd).trim_end_matches('=').to_owned(),
            ],
        ),
        (Auth::Bearer(CANARY.into()), vec![CANARY.to_owned()]),
        (
            Auth::Header {
                name: "x-whatever".into(),
                prefix: "Splunk ".into(),
                value: odd.into(),
            },
            vec![odd.to_owned()],
        ),
        (Auth::Path(odd.into()), vec![odd.to_owned()]),
        (
            Auth::Path("/services/T0/0123456789abcdef-canary".into()),
            vec![
                "services/T0/0123456789abcdef-canary".to_owned(),
                "0123456789abcdef-canary".to_owned(),
            ],
        ),
        (
            oauth(ClientAuth::Basic(odd.into()), GrantType::ClientCredentials),
            vec![
                "issued-canary".to_owned(),
                odd.to_owned(),
                basic("client", &spellings(odd)[6]),
            ],
        ),
        (
            oauth(ClientAuth::Post(odd.into()), GrantType::ClientCredentials),
            vec!["issued-canary".to_owned(), odd.to_owned()],
        ),
        (
            oauth(ClientAuth::Public, refresh),
            vec!["issued-canary".to_owned(), CANARY.to_owned()],
        ),
    ];
    for (auth, secrets) in cases {
        let server = gossip(secrets.clone()).await;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("recording");
        let mut settings = settings(&server.url());
        settings.auth = auth;
        settings.exchange = Exchange::Record {
            folder: folder.clone(),
            notes: Default::default(),
        };
        let shown = format!("{:?}", settings.auth);
        let remote = Remote::new(settings).unwrap();
        let mut url = remote.base().join(["api"]).unwrap();
        url.set_query(Some(&format!("q=1&ticket={FOREIGN}")));
        let answer = remote.exchange(Request::get(url)).await.unwrap();
        let live = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(live.contains(&secrets[0]), "the run itself sees what the server sent");
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            // Also as the JSON of the recording itself escapes it.
            let forms = secrets.iter().flat_map(|secret| spellings(secret));
            let forms = forms.flat_map(|form| [form.clone(), spellings(&form)[1].clone()]);
            for form in forms.chain([FOREIGN.to_owned()]) {
                assert!(!text.contains(&form), "{shown}: {form} in {}: {text}", path.display());
            }
            files += 1;
        }
        assert_eq!(files, 3, "{shown}");

        let mut settings = self::settings(&server.url());
        settings.exchange = Exchange::Replay(folder);
        let remote = Remote::new(settings).unwrap();
        let url = remote.base().join(["api"]).unwrap();
        let answer = remote.exchange(Request::get(url)).await;
        assert!(answer.unwrap().body.ends_with(b" end"), "{shown}");
    }
}
