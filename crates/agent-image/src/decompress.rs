//! Compressed streams, told apart by their first bytes: media types and file names lie more often than magic numbers.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Largest zstd window, as a power of two: 128 MiB, what the command-line tool accepts too.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Decompresses gzip and zstd; anything else passes through.
pub(crate) fn decompress<'a>(source: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut source = BufReader::with_capacity(128 * 1024, source);
    let magic = source.fill_buf()?;
    if magic.starts_with(GZIP) {
        Ok(Box::new(MultiGzDecoder::new(source)))
    } else if magic.starts_with(ZSTD) {
        let mut decoder = zstd::Decoder::with_buffer(source)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        Ok(Box::new(decoder))
    } else {
        Ok(Box::new(source))
    }
}

/// Whether a stream that starts with these bytes would be decompressed.
pub(crate) fn is_compressed(magic: &[u8]) -> bool {
    magic.starts_with(GZIP) || magic.starts_with(ZSTD)
}
