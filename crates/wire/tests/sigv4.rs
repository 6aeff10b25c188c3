//! SigV4 against the vectors that AWS publishes (aws-sig-v4-test-suite), against signatures made by botocore, and
//! the presigned form.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{HeaderMap, HeaderName, HeaderValue};
use model::{AccountId, Timestamp};
use wire::sigv4::{Credentials, Rejection, Request, sha256_hex, sign, verify};
use wire::{Key, Keys};

/// 2015-08-30T12:36:00Z, the time of all vectors.
const AT: Timestamp = Timestamp(1_440_938_160_000);
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

struct OneKey;

impl Keys for OneKey {
    fn find(&self, id: &str) -> Option<Key> {
        (id == "AKIDEXAMPLE").then(|| Key { secret: SECRET.to_owned(), account: AccountId::from("1") })
    }
}

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: SECRET.to_owned(),
        session_token: session_token.map(str::to_owned),
    }
}

fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

struct Vector<'a> {
    method: &'a str,
    target: &'a str,
    headers: &'a [(&'static str, &'a str)],
    body: &'a str,
    token: Option<&'a str>,
    signature: &'a str,
}

const GET: Vector<'static> =
    Vector { method: "GET", target: "/", headers: &[], body: "", token: None, signature: VANILLA };
const POST: Vector<'static> = Vector { method: "POST", ..GET };
const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

/// Signs, compares, and verifies what was signed.
#[track_caller]
fn check(vector: Vector<'_>) {
    let mut all = headers(vector.headers);
    all.insert("host", HeaderValue::from_static("example.amazonaws.com"));
    let (path, query) = vector.target.split_once('?').unwrap_or((vector.target, ""));
    let body_sha256 = sha256_hex(vector.body.as_bytes());
    let request = Request {
        method: vector.method,
        path,
        query,
        headers: &all,
        authority: None,
        body_sha256: &body_sha256,
    };
    let added = sign(&request, &credentials(vector.token), "us-east-1", "service", AT);
    let authorization = added["authorization"].to_str().unwrap();
    assert_eq!(authorization.rsplit_once('=').unwrap().1, vector.signature, "{authorization}");

    let mut signed = all.clone();
    signed.extend(added);
    let request = Request { headers: &signed, ..request };
    let verified = verify(&request, "service", AT, &OneKey).unwrap();
    assert_eq!((verified.account.as_str(), verified.region.as_str()), ("1", "us-east-1"));
}

#[test]
fn vanilla() {
    check(GET);
    check(Vector { signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", ..POST });
}

#[test]
fn queries() {
    for (target, signature) in [
        ("/?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("/?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
    ] {
        check(Vector { target, signature, ..GET });
    }
    let signature = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11";
    check(Vector { target: "/?Param1=value1", signature, ..POST });
}

#[test]
fn paths() {
    for (target, signature) in [
        ("/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        (
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        ("/example/..", VANILLA),
        ("/example1/example2/../..", VANILLA),
        ("//", VANILLA),
        ("/./", VANILLA),
        ("/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        ("//example//", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        ("/example space/", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ] {
        check(Vector { target, signature, ..GET });
    }
}

#[test]
fn headers_with_many_values_and_spaces() {
    let duplicate = [("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")];
    let signature = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea";
    check(Vector { headers: &duplicate, signature, ..GET });
    let order = [
        ("my-header1", "value4"),
        ("my-header1", "value1"),
        ("my-header1", "value3"),
        ("my-header1", "value2"),
    ];
    let signature = "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01";
    check(Vector { headers: &order, signature, ..GET });
    let trim = [("my-header1", " value1"), ("my-header2", " \"a   b   c\"")];
    let signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736";
    check(Vector { headers: &trim, signature, ..GET });
    let signature = "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c";
    check(Vector { headers: &[("my-header1", "value1")], signature, ..POST });
}

#[test]
fn bodies_and_tokens() {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
    check(Vector { headers: &form, body: "Param1=value1", signature, ..POST });
    let signature = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
    check(Vector { token: Some(TOKEN), signature, ..POST });
}

/// As botocore signs: a path that is encoded on the wire is encoded twice in the canonical request.
#[test]
fn encoded_paths_and_queries_as_botocore_signs_them() {
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ecs/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
        Signature=3cb97b1980b785a7e078573fef26c81fe352dd1c3e76301921f3809006a43e5c";
    let headers = headers(&[
        ("host", "127.0.0.1:4566"),
        ("x-amz-target", "T.Op"),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-date", "20150830T123600Z"),
        ("authorization", authorization),
    ]);
    let body_sha256 = sha256_hex(b"{}");
    let (path, query) = ("/a%20b/c:d", "b=x%20y&a=1%2B2");
    let request = Request {
        method: "POST",
        path,
        query,
        headers: &headers,
        authority: None,
        body_sha256: &body_sha256,
    };
    verify(&request, "ecs", AT, &OneKey).unwrap();
    let replaced = Request { body_sha256: &sha256_hex(b"{ }"), ..request };
    assert!(matches!(verify(&replaced, "ecs", AT, &OneKey), Err(Rejection::Mismatch { .. })));
}

/// Go's URL library writes a space as `+` and AWS's signers for Go sign it as `%20`, so that an ECS agent's link with
/// `dockerVersion=DockerVersion%3A+20.10` verifies. An encoded plus stays one.
#[test]
fn a_plus_in_a_query_is_a_space() {
    let authority = headers(&[("host", "example.amazonaws.com")]);
    let body_sha256 = sha256_hex(b"");
    let signed = Request {
        method: "GET",
        path: "/acs/ws",
        query: "dockerVersion=DockerVersion%3A%2020.10.24%2Bdfsg1",
        headers: &authority,
        authority: None,
        body_sha256: &body_sha256,
    };
    let mut all = authority.clone();
    all.extend(sign(&signed, &credentials(None), "us-east-1", "service", AT));
    let sent = |query| verify(&Request { query, headers: &all, ..signed }, "service", AT, &OneKey);
    assert!(sent("dockerVersion=DockerVersion%3A+20.10.24%2Bdfsg1").is_ok());
    assert!(matches!(sent("dockerVersion=DockerVersion%3A+20.10.24+dfsg1"), Err(Rejection::Mismatch { .. })));
}

fn presigned(query: &str, now: Timestamp) -> Result<(), Rejection> {
    let headers = headers(&[("x-k8s-aws-id", "a b")]);
    let body_sha256 = sha256_hex(b"");
    let authority = Some("sts.amazonaws.com");
    let request =
        Request { method: "GET", path: "/", query, headers: &headers, authority, body_sha256: &body_sha256 };
    verify(&request, "sts", now, &OneKey).map(drop)
}

const PRESIGNED: &str = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z\
    &X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
    &X-Amz-Signature=8d2320f30ad135a275a741437258f530ad8d6d6773a1a680a0230d5207663701";

#[test]
fn presigned_requests() {
    presigned(PRESIGNED, AT).unwrap();
    presigned(PRESIGNED, AT.plus_millis(60_000)).unwrap();
    let rejected = |query: &str, now| presigned(query, now).unwrap_err().to_string();
    assert_eq!(
        rejected(PRESIGNED, AT.plus_millis(61_000)),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 60 s.)"
    );
    let other = PRESIGNED.replace("GetCallerIdentity", "GetSessionToken");
    assert!(rejected(&other, AT).starts_with("The request signature we calculated does not match"));
    for (from, to, message) in [
        ("Expires=60", "Expires=604801", "X-Amz-Expires must be between 1 and 604800 seconds, got '604801'."),
        ("Expires=60", "Expires=-1", "X-Amz-Expires must be between 1 and 604800 seconds, got '-1'."),
        ("&X-Amz-Date", "&Date", "AWS query-string parameters must include 'X-Amz-Date'. "),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "X-Amz-Algorithm must be 'AWS4-HMAC-SHA256'."),
    ] {
        assert_eq!(rejected(&PRESIGNED.replace(from, to), AT), message);
    }
}
