//! One port for both, and clients that never come to the point.

use super::*;
use crate::clock::{RandomIds, SystemClock};
use crate::data_dir::DataDir;
use crate::server::{Server, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::client::{Connector, Trust};

/// A served listener, and its authority's certificate.
struct Served {
    address: SocketAddr,
    authority: String,
    _dir: tempfile::TempDir,
    _stop: watch::Sender<bool>,
}

async fn serve() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(Some(dir.path())).unwrap();
    let server = Server::open(&data, ServerConfig::loopback()).await.unwrap();
    let (stop, stopping) = watch::channel(false);
    let address = server.endpoint.listens_on.unwrap();
    tokio::spawn(server.run_apis(stopping));
    let authority = std::fs::read_to_string(data.authority_certificate()).unwrap();
    Served { address, authority, _dir: dir, _stop: stop }
}

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

async fn status_line(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap().lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn one_port_serves_http_and_https() {
    let served = serve().await;
    let plain = TcpStream::connect(served.address).await.unwrap();
    let answer = status_line(plain).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let url = |host: &str| format!("https://{host}:{}", served.address.port()).parse().unwrap();
    for (trust, host) in [
        (Trust::Wharf(&served.authority), "127.0.0.1"),
        (Trust::Authorities(&served.authority), "127.0.0.1"),
        (Trust::Authorities(&served.authority), "localhost"),
        (Trust::Fingerprint(join::fingerprint(&served.authority).unwrap()), "127.0.0.1"),
    ] {
        let stream = Connector::new(trust, Arc::new(SystemClock)).unwrap().connect(url(host)).await.unwrap();
        assert_eq!(status_line(stream).await, answer, "{trust:?}");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_not_talked_to() {
    let (served, other) = (serve().await, serve().await);
    let fingerprint = join::fingerprint(&other.authority).unwrap();
    for trust in [
        Trust::Wharf(&other.authority),
        Trust::Authorities(&other.authority),
        Trust::Fingerprint(fingerprint),
    ] {
        let connector = Connector::new(trust, Arc::new(SystemClock)).unwrap();
        let refused = connector.connect(format!("https://{}", served.address).parse().unwrap()).await;
        let error = refused.expect_err("another authority").to_string();
        // An authority of the same name whose key did not sign.
        assert!(error.contains("invalid peer certificate"), "{error}");
    }
}

#[tokio::test]
async fn a_client_that_never_asks_is_let_go() {
    let served = serve().await;
    let plain = |bytes: &'static [u8]| async move {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    };
    // Nothing; what may become HTTP/2; headers without an end; a TLS record without its rest.
    let silent = [
        plain(b"").await,
        plain(b"PRI * HT").await,
        plain(b"POST / HTTP/1.1\r\nhos").await,
        plain(&[0x16, 3, 1]).await,
    ];
    let connector = Connector::new(Trust::Wharf(&served.authority), Arc::new(SystemClock)).unwrap();
    let mut tls = connector.connect(format!("https://{}", served.address).parse().unwrap()).await.unwrap();
    tokio::time::pause();
    for mut stream in silent {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(2 * HEADERS_TIMEOUT, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the connection is still open");
    }
    let ended = tokio::time::timeout(2 * HEADERS_TIMEOUT, tls.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "the TLS connection is still open");
}

#[tokio::test]
async fn plain_http_from_another_machine_is_refused_unless_it_is_wanted() {
    let way_of = |peer: &str| {
        let peer = peer.parse().unwrap();
        async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            client.write_all(b"P").await.unwrap();
            way(&listener.accept().await.unwrap().0, peer).await.unwrap()
        }
    };
    assert_eq!(way_of("127.0.0.1:1").await, Way::PlainLocal);
    assert_eq!(way_of("[::ffff:127.0.0.1]:1").await, Way::PlainLocal);
    assert_eq!(way_of("10.0.0.7:1").await, Way::PlainRemote);
}

#[tokio::test]
async fn a_token_becomes_a_key_once_it_is_known() {
    use crate::join::{JoinToken, JoinTokens};
    use model::time::{Clock, IdSource};
    let served = serve().await;
    let (dir, agent) = (served._dir.path(), tempfile::tempdir().unwrap());
    let fingerprint = join::fingerprint(&served.authority).unwrap();
    let token = JoinToken::new([(); 3].map(|()| RandomIds.next_u128()), fingerprint);
    let data = DataDir::open(Some(agent.path())).unwrap();
    let server = format!("https://{}", served.address);
    let join = |token: &JoinToken| crate::host::join::Join {
        token: token.clone(),
        server: server.clone(),
        name: "a1".into(),
    };
    let refused = join(&token).ensure(&data).await.expect_err("an unknown token").to_string();
    assert!(refused.contains("not known"), "{refused}");
    assert!(data.find_endpoint().unwrap().is_none(), "a refusal leaves nothing");
    let now = SystemClock.now();
    let tokens = JoinTokens::under(DataDir::open(Some(dir)).unwrap().join_tokens());
    tokens.add(&token, now, model::Timestamp(now.0 + 60_000)).unwrap();
    join(&token).ensure(&data).await.unwrap();
    let joined = data.endpoint().unwrap();
    let caller = joined.client().unwrap().sts().get_caller_identity(&Default::default()).await.unwrap();
    assert_eq!(caller.account.as_deref(), Some(crate::server::ACCOUNT));
    // A restart needs neither the token nor, with the same one, the server.
    tokens.revoke(&token.id).unwrap();
    join(&token).ensure(&data).await.unwrap();
    assert!(data.endpoint().unwrap() == joined);
    let other = serve().await;
    let stranger = JoinToken { fingerprint: join::fingerprint(&other.authority).unwrap(), ..token.clone() };
    let refused = join(&stranger).ensure(&data).await.expect_err("of another Wharf").to_string();
    assert!(refused.contains("belongs to an agent of another Wharf"), "{refused}");
    let fresh = tempfile::tempdir().unwrap();
    let refused = join(&stranger).ensure(&DataDir::open(Some(fresh.path())).unwrap()).await;
    let refused = refused.expect_err("a token of another Wharf").to_string();
    assert!(refused.contains("is not the Wharf that made this token"), "{refused}");
}
