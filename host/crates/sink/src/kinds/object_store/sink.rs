//! An archive of objects: files of a folder, or objects of a bucket of S3.
//!
//! [`ObjectStoreSink`] makes a batch one object for each UTC day in it, below partitions that query engines know
//! (`report=…/connection=…/date=…/`). An object appears complete or not at all, and its name comes from the events in
//! it: the same batch is there once, however often it is delivered.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::config::{batch_bytes, batch_events};
use super::meaning::{self, UploadError};
use super::objects;
use super::place::UploadTarget;
use crate::kinds::file::{FileMode, put_new};
use crate::receiver_error::{ReceiverError, presentable};
use crate::state::SinkState;
use crate::{BatchLimits, Compression, Format, Guarantee, Renderer, Sink, SinkError, Verdict};
use event::{Event, Provenance, Rendering};
use remote::Redactor;

/// The options of an [`ObjectStoreSink`]: what is configured, read and checked.
#[derive(Debug, Clone)]
pub struct ObjectStoreOptions {
    /// The bucket or folder, and the path below it.
    pub place: UploadTarget,
    /// Below what, in it: names between slashes.
    pub prefix: String,
    /// The layout of events in an object.
    pub format: Format,
    /// The encoding of an event.
    pub encoding: Rendering,
    /// The compression of an object.
    pub compression: Compression,
    /// Events in one object, at most. Default 10,000.
    pub batch_events: usize,
    /// Bytes of events in one object, at most, before compression. Default 16 MiB.
    pub batch_bytes: usize,
}

impl ObjectStoreOptions {
    /// The defaults for a place.
    pub fn new(place: UploadTarget) -> ObjectStoreOptions {
        ObjectStoreOptions {
            place,
            prefix: String::new(),
            format: Format::default(),
            encoding: Rendering::default(),
            compression: Compression::Gzip,
            batch_events: batch_events().get(),
            batch_bytes: batch_bytes().get(),
        }
    }

    /// The end of the names of objects, as `.ndjson.gz`.
    fn suffix(&self) -> String {
        format!(".{}{}", self.format.name(), self.compression.suffix())
    }
}

/// Puts batches of events into a folder or a bucket.
pub struct ObjectStoreSink {
    name: String,
    options: ObjectStoreOptions,
    prefix: Path,
    provenance: Arc<Provenance>,
    /// The store of a bucket; none for a folder.
    store: Option<Arc<dyn ObjectStore>>,
    secrets: Arc<Redactor>,
    /// The store has said that it cannot put only what is not there yet.
    unconditional: bool,
    life: SinkState,
}

impl ObjectStoreSink {
    /// A sink for a place. Neither asks nor writes anything yet.
    ///
    /// # Errors
    ///
    /// Where the bucket, the prefix or the way to it cannot be used.
    pub fn new(
        name: impl Into<String>,
        options: ObjectStoreOptions,
        provenance: Arc<Provenance>,
    ) -> Result<ObjectStoreSink, SinkError> {
        let name = name.into();
        let prefix = Path::parse(&options.prefix).map_err(|_| SinkError::Unusable {
            sink: name.clone(),
            problem: format!("{:?} is not a valid prefix", options.prefix),
            hint: Some("write names between slashes".into()),
        })?;
        let opened = options.place.bucket(&name).map_err(|source| SinkError::Remote {
            sink: name.clone(),
            source: Box::new(source),
        })?;
        let (store, secrets) = opened.unzip();
        Ok(ObjectStoreSink {
            name,
            options,
            prefix,
            provenance,
            store,
            secrets: secrets.unwrap_or_default(),
            unconditional: false,
            life: SinkState::default(),
        })
    }

    fn object(&self, events: &[Event]) -> std::io::Result<Vec<u8>> {
        let options = &self.options;
        let mut renderer = Renderer::new(options.format, options.encoding.clone(), Arc::clone(&self.provenance));
        let mut bytes = Vec::with_capacity(events.len() * 1024);
        renderer.render(events, &mut bytes)?;
        renderer.finish(&mut bytes)?;
        options.compression.compress(bytes)
    }

    async fn put(&mut self, key: &Path, bytes: Vec<u8>) -> Result<(), UploadError> {
        if let UploadTarget::Folder(folder, mode) = &self.options.place {
            return put_file(folder, key, bytes, *mode).await.map_err(UploadError::Trouble);
        }
        let Some(store) = self.store.clone() else {
            return Err(UploadError::Trouble(ReceiverError::permanent(
                "the bucket was not opened",
            )));
        };
        let payload = PutPayload::from(bytes);
        if !self.unconditional {
            let create = PutOptions::from(PutMode::Create);
            match store.put_opts(key, payload.clone(), create).await {
                Ok(_) => return Ok(()),
                Err(error) => match meaning::of(&error) {
                    UploadError::There => return Ok(()),
                    // Its name comes from its events: putting them over themselves changes at most when they were collected.
                    UploadError::Unconditional => self.unconditional = true,
                    failure => return Err(failure),
                },
            }
        }
        match store.put(key, payload).await {
            Ok(_) => Ok(()),
            Err(error) => match meaning::of(&error) {
                UploadError::TooLarge(reason) => Err(UploadError::TooLarge(reason)),
                // Without a condition none of these answers the question whether it is there.
                _ => Err(UploadError::Trouble(meaning::trouble(&error))),
            },
        }
    }

    async fn put_all(&mut self, events: &[Event]) -> Result<Result<(), UploadError>, SinkError> {
        for (day, events) in objects::by_day(events) {
            let key = objects::key(&self.prefix, &self.provenance, &day, &events, &self.options.suffix());
            let bytes = self.object(&events);
            let bytes = bytes.map_err(|error| SinkError::write(&self.name, error))?;
            if let Err(failure) = self.put(&key, bytes).await {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    /// Asks for an object that is not there: whoever is told so was let in.
    async fn look(&self, store: &dyn ObjectStore) -> Result<String, ReceiverError> {
        let absent = self.prefix.clone().join(".host-check");
        match store.get(&absent).await {
            Ok(_) => Ok("reached".into()),
            Err(error) => {
                let refusal = meaning::refusal(&error).filter(|refusal| refusal.issuer.is_none());
                let code = refusal.and_then(|refusal| refusal.code.as_deref());
                match (code, refusal.map(|refusal| refusal.status)) {
                    (Some("NoSuchBucket"), _) => Err(meaning::trouble(&error)),
                    (_, Some(StatusCode::NOT_FOUND)) => Ok("reached, the bucket exists".into()),
                    (Some("AccessDenied"), _) => {
                        Ok("reached, but reading is forbidden; only a run can tell whether writing is allowed".into())
                    }
                    _ => Err(meaning::trouble(&error)),
                }
            }
        }
    }
}

/// Makes the object a file below the folder.
async fn put_file(folder: &std::path::Path, key: &Path, bytes: Vec<u8>, mode: FileMode) -> Result<(), ReceiverError> {
    let path = folder.join(key.as_ref());
    let told = path.clone();
    let written = base::blocking(move || put_new(&path, &bytes, mode)).await;
    match written {
        Ok(written) => written.map_err(|error| meaning::of_folder(&told, &error)),
        Err(_) => Err(ReceiverError::transient("the write was given up")),
    }
}

/// Finds out whether the folder, or the nearest one above it that exists, takes a file.
fn look_at_folder(path: &std::path::Path) -> Result<String, ReceiverError> {
    let folder = path
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(std::path::Path::new("."));
    match tempfile::tempfile_in(folder) {
        Ok(_) => Ok(format!("{} can be written", folder.display())),
        Err(error) => Err(ReceiverError::permanent(format!(
            "cannot write to {}: {error}",
            folder.display()
        ))),
    }
}

#[async_trait]
impl Sink for ObjectStoreSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            events: self.options.batch_events,
            bytes: self.options.batch_bytes,
            gather: true,
        }
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::IdempotentByBatch
    }

    async fn probe(&mut self) -> Result<String, SinkError> {
        let looked = match (&self.options.place, &self.store) {
            (UploadTarget::Bucket(_), Some(store)) => self.look(store.as_ref()).await,
            (UploadTarget::Folder(path, _), _) => {
                let path = path.clone();
                let looked = base::blocking(move || look_at_folder(&path)).await;
                looked.unwrap_or_else(|died| Err(ReceiverError::transient(died.to_string())))
            }
            (UploadTarget::Bucket(_), None) => Err(ReceiverError::permanent("the bucket was not opened")),
        };
        looked
            .map(|found| presentable(&self.secrets, &found))
            .map_err(|trouble| trouble.unusable(&self.name, &self.secrets))
    }

    async fn deliver(&mut self, events: &[Event]) -> Result<Verdict, SinkError> {
        self.life.begin(&self.name)?;
        let put = self.put_all(events).await?;
        self.life.answered();
        Ok(match put {
            Ok(()) => Verdict::Accepted,
            Err(UploadError::Trouble(trouble)) => trouble.verdict(&self.secrets),
            Err(UploadError::TooLarge(reason)) => Verdict::TooLarge {
                reason: presentable(&self.secrets, &reason),
            },
            // Both are answered where the object is put.
            Err(UploadError::There | UploadError::Unconditional) => {
                ReceiverError::transient("the store did not say what came of it").verdict(&self.secrets)
            }
        })
    }

    async fn close(&mut self) -> Result<(), SinkError> {
        self.life.close(&self.name)
    }

    async fn abort(&mut self) {
        self.life.give_up();
    }
}
