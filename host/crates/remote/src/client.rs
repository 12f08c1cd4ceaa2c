//! [`Remote`]: one connection, and the policy that every request over it obeys.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::StatusCode;
use http::header::LOCATION;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use tracing::debug;
use url::Url;

use super::address::{AddressRefused, GuardedResolver};
use super::admission::admit;
use super::allowance::asked_to_wait;
use super::auth::Auth;
use super::authorizer::Authorizer;
use super::channel::{Channel, Retry};
use super::counters::Counters;
use super::credential::Proof;
use super::error::RemoteError;
use super::network::Network;
use super::oci;
use super::origin::BaseUrl;
use super::recording::{self, Recorder, Replay};
use super::redact::Redactor;
use super::request::{Expect, Request};
use super::response::{Answer, ERROR_BODY, Response};
use super::settings::{Exchange, Parallel, Settings};
use super::sign_in;
use super::transport::{Outgoing, Transport};

const MOST_REDIRECTS: u32 = 5;

/// A segment of a secret path that is as long is no word such as `services`, so it is secret by itself.
const LONG_SEGMENT: usize = 16;

/// A connection to one remote service.
pub struct Remote {
    base: BaseUrl,
    channel: Arc<Channel>,
    authorizer: Authorizer,
    parallel: Parallel,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote")
            .field("name", &self.channel.name)
            .field("origin", self.base.origin())
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// Checks the settings; sends nothing.
    pub fn new(settings: Settings) -> Result<Remote, RemoteError> {
        let redactor = Arc::new(match settings.mask_answers {
            true => Redactor::masking(),
            false => Redactor::default(),
        });
        if let Exchange::Replay(folder) = &settings.exchange {
            let replay = Replay::open(folder)?;
            let base = BaseUrl::new(replay.base().clone())?;
            let channel = Arc::new(Channel::new(&settings, Box::new(replay), redactor));
            return Ok(Remote {
                base,
                channel,
                authorizer: Authorizer::Anonymous,
                parallel: settings.parallel,
            });
        }
        let mut base = BaseUrl::new(settings.base.clone())?;
        admit(&settings, &base)?;
        if let Auth::Path(secret) = &settings.auth {
            let secret = secret.expose_secret().trim_matches('/');
            redactor.add(secret);
            // What is wrong with a segment must not be said with the segment.
            let joined = base.join(secret.split('/'));
            let joined = joined.map_err(|_| RemoteError::settings("the secret path is not a path"))?;
            // As it stands in the URL, and what of it a server may say by itself.
            let encoded = joined.path().strip_prefix(base.url().path()).unwrap_or(joined.path());
            redactor.add(encoded.trim_matches('/'));
            for segment in secret.split('/').filter(|segment| segment.len() >= LONG_SEGMENT) {
                redactor.add(segment);
            }
            base = BaseUrl::new(joined)?;
        }
        if let Some((user, password)) = settings.proxy.as_ref().and_then(|proxy| proxy.credentials.as_ref()) {
            redactor.add(password.expose_secret());
            redactor.add_pair(user, password.expose_secret());
        }
        let secure = base.url().scheme() == "https" || settings.auth.has_secure_endpoint();
        let mut transport: Box<dyn Transport> = Box::new(Network::new(&settings, secure)?);
        if let Exchange::Record { folder, notes } = &settings.exchange {
            transport = Box::new(Recorder::create(folder, &base, notes, transport, redactor.clone())?);
        }
        let channel = Arc::new(Channel::new(&settings, transport, redactor));
        let authorizer = Authorizer::new(&settings, &base, &channel)?;
        Ok(Remote {
            base,
            channel,
            authorizer,
            parallel: settings.parallel,
        })
    }

    /// Checks whether a connection could be made from the settings, as far as that can be told without its secrets.
    pub fn check(settings: &Settings) -> Result<(), RemoteError> {
        match &settings.exchange {
            Exchange::Replay(folder) => recording::Recording::read(folder).map(|_| ()),
            _ => admit(settings, &BaseUrl::new(settings.base.clone())?),
        }
    }

    /// Checks whether the name of the connection's server leads to an address that it may reach, as far as the resolver knows
    /// now. Nobody else is asked. What the resolver does not know shows in the first request.
    ///
    /// # Errors
    ///
    /// [`RemoteError::AddressRefused`].
    pub async fn admit_name(settings: &Settings) -> Result<(), RemoteError> {
        // A proxy resolves names itself.
        if settings.proxy.is_some() || settings.allow_private_addresses {
            return Ok(());
        }
        let host = settings.base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let resolver = GuardedResolver::new(false, Default::default());
        let port = settings.base.port_or_known_default().unwrap_or_default();
        let looked_up = tokio::time::timeout(settings.timeouts.connect, resolver.lookup(host, port)).await;
        match looked_up.map(|found| found.map_err(|error| error.downcast::<AddressRefused>())) {
            Ok(Err(Ok(refused))) => Err(RemoteError::AddressRefused {
                host: refused.host,
                address: refused.address,
                kind: refused.kind,
            }),
            _ => Ok(()),
        }
    }

    /// The connection's name.
    pub fn name(&self) -> &str {
        &self.channel.name
    }

    /// The base address of the connection.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The number of requests to send at once where there are several.
    pub fn parallel(&self) -> Parallel {
        self.parallel
    }

    /// The cost of the connection so far.
    pub fn counters(&self) -> Counters {
        self.channel.tally.read()
    }

    /// The time that must be added to this machine's clock to get the server's, by the `Date` of its last answers: right to
    /// about half a second and half of what the quickest answer took. None before the first answer, and for a recording.
    pub fn clock_offset(&self) -> Option<SignedDuration> {
        self.channel.clock.offset()
    }

    /// The number of requests that the server takes, in its own words, where it says so.
    pub fn rate_limit_told(&self) -> Option<String> {
        self.channel.limit_told()
    }

    /// A link that the server handed out, if it stays on the connection's origin.
    pub fn resolve(&self, link: &str) -> Result<Url, RemoteError> {
        self.base.resolve(link)
    }

    /// Like [`Remote::resolve`], relative to the URL that the link was found at.
    pub fn resolve_from(&self, found_at: &Url, link: &str) -> Result<Url, RemoteError> {
        self.base.resolve_from(found_at, link)
    }

    /// From now on the text counts as a secret of the connection, and is said to nobody.
    pub fn keep_secret(&self, text: &str) {
        self.channel.redactor.add(text);
    }

    /// The text without the connection's secrets, on one line, cut to so many characters.
    pub fn presentable(&self, text: &str, most: usize) -> String {
        self.channel.redactor.line(text, most)
    }

    /// Path and query of a URL without secrets, as recordings hold them.
    pub fn recordable_target(&self, url: &Url) -> String {
        recording::recordable_target(&self.channel.redactor, url)
    }

    /// The text without the connection's secrets, however it spells them.
    pub fn without_secrets(&self, text: &str) -> String {
        self.channel.redactor.clean(text)
    }

    /// The bytes without the connection's secrets, however they spell them.
    pub fn bytes_without_secrets(&self, bytes: &[u8]) -> Vec<u8> {
        self.channel.redactor.clean_bytes(bytes)
    }

    /// Gets a credential, as far as that takes asking anybody: for OAuth 2, and for sessions with OCI, a token.
    pub async fn authenticate(&self) -> Result<(), RemoteError> {
        self.authorizer.proof().await.map(|_| ())
    }

    /// Sends a request and returns once the head of the answer is here. What fails up to then is repeated under the
    /// retry policy; what fails while the body is read is not.
    pub async fn send(&self, request: Request) -> Result<Response, RemoteError> {
        self.base.check(&request.url)?;
        let mut retry = self.retry();
        loop {
            match self.attempt(&request).await {
                Ok(response) => return Ok(response),
                Err(error) => retry.again(error, request.repeatable).await?,
            }
        }
    }

    /// Sends a request and reads the whole answer; a failure anywhere is repeated under the retry policy.
    pub async fn exchange(&self, request: Request) -> Result<Answer, RemoteError> {
        let expect = request.expect;
        self.exchange_into(request, |response| async move {
            match expect {
                Expect::Status => Ok(response.brief().await),
                Expect::Readable => response.readable().await,
                Expect::Success | Expect::Any => response.buffered().await,
            }
        })
        .await
    }

    /// Sends a request and has `read` take its answer in, head and body; a failure anywhere is repeated under the retry policy,
    /// and `read` gets the next answer then.
    pub async fn exchange_into<T, F>(&self, request: Request, read: impl Fn(Response) -> F) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, RemoteError>>,
    {
        self.base.check(&request.url)?;
        let mut retry = self.retry();
        loop {
            let outcome = match self.attempt(&request).await {
                Ok(response) => read(response).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(answer) => return Ok(answer),
                Err(error) => retry.again(error, request.repeatable).await?,
            }
        }
    }

    /// The retry policy for something made of several requests.
    pub fn retry(&self) -> Retry<'_> {
        self.channel.retry()
    }

    /// One request, redirects followed.
    async fn attempt(&self, request: &Request) -> Result<Response, RemoteError> {
        let deadline = self.channel.deadline();
        let mut current = None;
        for _ in 0..=MOST_REDIRECTS {
            let first = current.is_none();
            let request = current.as_ref().unwrap_or(request);
            let redirected = |cause: RemoteError| match first || request.repeatable {
                true => cause,
                false => RemoteError::Redirected { cause: Box::new(cause) },
            };
            let response = self.authorized(request, deadline).await.map_err(redirected)?;
            let status = response.status();
            if !is_redirect(status) {
                return self.judge(request, response).await.map_err(redirected);
            }
            let Some(location) = response.header(LOCATION.as_str()) else {
                return Err(RemoteError::Redirect {
                    reason: format!("status {status} without a target"),
                });
            };
            if let Some(page) = self.base.sign_in_place(response.url(), location) {
                return Err(redirected(self.sign_in(page)));
            }
            if self.authorizer.remedy().is_some() {
                return Err(RemoteError::Redirect {
                    reason: format!("status {status} to a signed request, which is for one address"),
                });
            }
            let target = self.base.resolve_from(response.url(), location)?;
            let path = self.channel.redactor.clean(target.path());
            debug!(connection = %self.name(), path, %status, "redirected");
            current = Some(request.redirected(status, target)?);
        }
        Err(RemoteError::Redirect {
            reason: format!("more than {MOST_REDIRECTS} in a row"),
        })
    }

    /// Sends a request with the credential. A token that the server no longer takes is replaced, and a signature made anew, once: a
    /// request answered with 401 has had no effect.
    async fn authorized(&self, request: &Request, deadline: Instant) -> Result<Response, RemoteError> {
        let mut renewed = false;
        loop {
            let mut headers = request.headers.clone();
            let proof = self.authorizer.proof().await?;
            let mut signer = None;
            match &proof {
                Some(Proof::Header(credential)) => {
                    headers.insert(credential.name.clone(), credential.value.clone());
                }
                Some(Proof::Signature(by)) => signer = Some(Arc::clone(by)),
                None => {}
            }
            let outgoing = Outgoing {
                method: request.method.clone(),
                url: request.url.clone(),
                headers,
                body: request.body.clone(),
                confidential: false,
                paced: request.expect == Expect::Success,
                fresh: request.is_proven(),
                redemption: None,
                query: self.authorizer.query(),
                signer,
            };
            let response = self.channel.once(outgoing, request.limit, deadline).await?;
            match proof {
                Some(proof) if response.status() == StatusCode::UNAUTHORIZED && !renewed && proof.is_renewable() => {
                    // The new token is asked for over the same channel.
                    drop(response);
                    self.authorizer.renew(&proof).await;
                    renewed = true;
                }
                _ => return Ok(response),
            }
        }
    }

    /// The answer, or the failure that its status tells.
    async fn judge(&self, request: &Request, mut response: Response) -> Result<Response, RemoteError> {
        let status = response.status();
        if status.is_success() || request.expect != Expect::Success {
            return Ok(response);
        }
        let retry_after = asked_to_wait(response.headers(), SystemTime::now());
        let body = response.beginning(ERROR_BODY).await;
        let detail = self.channel.redactor.detail(&body);
        // Many a gateway repeats the status as its only words.
        let repeats = |said: &String| *said == status.to_string() || Some(said.as_str()) == status.canonical_reason();
        let detail = detail.filter(|said| !repeats(said));
        let refused = |detail: Option<String>, hint: String| RemoteError::Refused {
            connection: self.name().to_owned(),
            status,
            detail,
            hint,
        };
        if let Some(remedy) = self.authorizer.remedy()
            && (matches!(status.as_u16(), 401 | 403) || oci::is_hidden(status, &body))
        {
            let skew = oci::skew_of(response.headers(), Timestamp::now());
            if let Some(hint) = remedy.hint(status, &request.url, skew) {
                return Err(refused(detail, hint));
            }
        }
        Err(match status.as_u16() {
            401 | 403 | 407 => refused(detail, self.authorizer.hint(status)),
            408 | 425 | 429 | 500..=599 => RemoteError::Busy {
                status,
                detail,
                retry_after,
            },
            404 => RemoteError::Status {
                status,
                detail,
                hint: Some(self.address_hint()),
            },
            _ => RemoteError::Status {
                status,
                detail,
                hint: None,
            },
        })
    }

    /// The error for a web page that came as an answer, where it is one to sign in on.
    pub fn sign_in_page(&self, page: &[u8]) -> Option<RemoteError> {
        sign_in::is_page(page).then(|| self.sign_in(self.words_of(page).unwrap_or_else(|| "without a title".into())))
    }

    /// The server's own words in a body that is not what was asked for, fit to be shown.
    pub fn words_of(&self, body: &[u8]) -> Option<String> {
        self.channel.redactor.detail(body)
    }

    /// The remedy where the server does not know the address.
    pub fn address_hint(&self) -> String {
        match self.base.advised() {
            Some(url) => format!(
                "the URL of {} leads to a page or an interface of the server: use {url}, its base address",
                self.name()
            ),
            None => "check the URL of the connection: it must be the environment's base address".to_owned(),
        }
    }

    fn sign_in(&self, page: String) -> RemoteError {
        let mut hint = sign_in::HINT.to_owned();
        if self.base.advised().is_some() {
            hint = format!("{}; if that is not it, {hint}", self.address_hint());
        }
        RemoteError::SignIn {
            connection: self.name().to_owned(),
            page,
            hint,
        }
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
