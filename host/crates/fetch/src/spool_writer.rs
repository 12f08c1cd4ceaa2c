//! Writes to the spool beside the asynchronous what comes in pieces.

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use super::blocking::blocking;
use super::error::FetchError;
use super::spool::{Charge, Spool, Spooled};

/// Bytes that are gathered before they are written, and written at once.
const BUFFER: usize = 256 * 1024;

/// A file of the spool that is written piece by piece.
pub(super) struct SpoolWriter {
    out: BufWriter<tokio::fs::File>,
    charge: Charge,
    /// Of what is written so far, where it is taken.
    hash: Option<Sha256>,
}

impl SpoolWriter {
    /// A new, empty file.
    pub(super) async fn create(spool: &Spool) -> Result<SpoolWriter, FetchError> {
        let spool = spool.clone();
        let (file, charge, hash) = blocking(move || Ok(spool.create()?)).await?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        // It copies what it is given, and would keep room for 2 MiB.
        file.set_max_buf_size(BUFFER);
        Ok(SpoolWriter {
            out: BufWriter::with_capacity(BUFFER, file),
            charge,
            hash,
        })
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), FetchError> {
        self.charge.add(piece.len())?;
        self.out.write_all(piece).await?;
        if let Some(hash) = &mut self.hash {
            hash.update(piece);
        }
        Ok(())
    }

    /// The file, written completely.
    pub(super) async fn finish(mut self) -> Result<Spooled, FetchError> {
        self.out.flush().await?;
        let file = self.out.into_inner().into_std().await;
        Ok(Spooled::of(file, self.charge, self.hash)?)
    }
}
