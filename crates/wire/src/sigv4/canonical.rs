//! The canonical request: the one spelling of a request that both sides hash.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Request;

/// Everything but letters, digits, `-`, `.`, `_` and `~` is encoded.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The canonical form of `request`, covering the headers in `signed` (lower case). `None` when one is missing.
pub fn request(request: &Request<'_>, query: &str, signed: &[&str], payload: &str) -> Option<String> {
    let mut headers = String::new();
    for name in signed {
        headers.push_str(&format!("{name}:{}\n", header(request, name)?));
    }
    Some(format!(
        "{}\n{}\n{query}\n{headers}\n{}\n{payload}",
        request.method,
        path(request.path),
        signed.join(";")
    ))
}

/// A header's values, trimmed, inner spaces collapsed, joined by commas.
fn header(request: &Request<'_>, name: &str) -> Option<String> {
    let values: Vec<String> = request
        .headers
        .get_all(name)
        .iter()
        .map(|value| collapse(&String::from_utf8_lossy(value.as_bytes())))
        .collect();
    match values.is_empty() {
        true if name == "host" => request.authority.map(str::to_owned),
        true => None,
        false => Some(values.join(",")),
    }
}

fn collapse(value: &str) -> String {
    value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Dot segments and double slashes are resolved, then the path is encoded as it is: what was encoded on the wire is
/// encoded twice.
fn path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let slash = if !segments.is_empty() && raw.ends_with('/') { "/" } else { "" };
    let path = format!("/{}{slash}", segments.join("/"));
    utf8_percent_encode(&path, PATH).to_string()
}

/// The query's pairs, decoded. A `+` is a space, which the client then signed as `%20`.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        Cow::Owned(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned())
    } else {
        percent_decode_str(text).decode_utf8_lossy()
    }
}

/// The query sorted and encoded, without the pair called `except`.
pub fn query(raw: &str, except: &str) -> String {
    let mut encoded: Vec<(String, String)> = pairs(raw)
        .filter(|(name, _)| name != except)
        .map(|(name, value)| (encode(&name), encode(&value)))
        .collect();
    encoded.sort();
    let pairs: Vec<String> = encoded.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// One name or value of a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}
