//! Compressed requests: SDKs compress large ones of operations whose model says so, such as PutMetricData.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::CONTENT_ENCODING;
use http::request::Parts;

use crate::error::{request_too_large, serialization_exception};
use crate::{ApiError, BODY_LIMIT};

/// The body that was compressed; any other as it is. What the signature covers is the compressed one.
pub fn decompress(parts: &Parts, body: Bytes) -> Result<Bytes, ApiError> {
    if parts.headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(&*body).take(BODY_LIMIT as u64 + 1).read_to_end(&mut plain);
    match read {
        Ok(size) if size > BODY_LIMIT => Err(request_too_large()),
        Ok(_) => Ok(Bytes::from(plain)),
        Err(error) => Err(serialization_exception(format!("The body is not gzip: {error}"))),
    }
}
