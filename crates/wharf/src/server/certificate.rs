//! The certificate authority of a Wharf, and the server's certificate that it signs.
//!
//! The authority is made once and kept: agents know it by its fingerprint. The server's certificate is never on disk; it is
//! made at start, and anew at the first connection after a while, long before it ends.

use crate::data_dir::{DataDir, write_whole};
use anyhow::{Context, Result, bail};
use model::Timestamp;
use model::time::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wire::client::SERVER_NAME;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A new authority is a new Wharf to its agents, so it outlives them.
const AUTHORITY_LIFE: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
const LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How old a certificate becomes, so that the host's present names and addresses are in it.
const RENEWED_AFTER: Duration = DAY;
/// How much other clocks may be behind.
const CLOCKS_BEHIND: Duration = DAY;

/// What a certificate can name ends with the year 9999.
const MOMENT_MAX_MS: u64 = 250_000_000_000_000;
/// Of a host's addresses, so that a handshake stays small.
const ADDRESSES_MAX: usize = 64;

/// The authority: a key, and the certificate that says so.
pub struct CertificateAuthority {
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate of the server with its key.
struct Issued {
    key: Arc<CertifiedKey>,
    from: Timestamp,
    until: Timestamp,
}

impl CertificateAuthority {
    /// The one of the data directory; made when there is none.
    ///
    /// # Errors
    /// What is there is unreadable, or its key is missing.
    pub fn open(data: &DataDir, now: Timestamp) -> Result<Self> {
        let (key_file, certificate_file) = (data.authority_key(), data.authority_certificate());
        let pem = read(&certificate_file)?;
        let key = match (read(&key_file)?, &pem) {
            (Some(key), _) => {
                KeyPair::from_pem(&key).with_context(|| format!("reading {}", key_file.display()))?
            }
            (None, None) => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                write_whole(&key_file, key.serialize_pem().as_bytes(), 0o600)?;
                key
            }
            (None, Some(_)) => bail!(
                "{} is there and its key {} is not; bring the key back, or remove the certificate to have a new \
                 authority, under which every agent has to join again",
                certificate_file.display(),
                key_file.display()
            ),
        };
        let pem = match pem {
            Some(pem) => pem,
            None => {
                let mut params = authority_params();
                set_validity(&mut params, now, AUTHORITY_LIFE);
                let pem = params.self_signed(&key)?.pem();
                write_whole(&certificate_file, pem.as_bytes(), 0o644)?;
                pem
            }
        };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .with_context(|| format!("reading {}", certificate_file.display()))?;
        Ok(Self { key, certificate, pem })
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate for these names and addresses, with a new key.
    fn issue(&self, names: &[String], now: Timestamp) -> Result<Issued> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = named("Wharf");
        set_validity(&mut params, now, LIFE);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let issuer = authority_params();
        let certificate = params.signed_by(&key, &Issuer::from_params(&issuer, &self.key))?;
        // The authority's goes along, for those who know its fingerprint alone.
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?;
        let until = now.0.saturating_add(millis(LIFE));
        Ok(Issued { key: Arc::new(key), from: now, until: Timestamp(until) })
    }
}

impl Issued {
    /// Old enough for the next one; or from the future, because the clock has been set.
    fn is_due(&self, now: Timestamp) -> bool {
        now.0 >= self.from.0.saturating_add(millis(RENEWED_AFTER)) || now < self.from
    }
}

/// Hands each connection a certificate that is valid now.
pub struct ServerCertificate {
    authority: CertificateAuthority,
    /// Names and addresses beside those of the host.
    more_names: Vec<String>,
    clock: Arc<dyn Clock>,
    current: Mutex<Issued>,
}

impl ServerCertificate {
    /// The first certificate.
    ///
    /// # Errors
    /// One of `more_names` can be in no certificate.
    pub fn new(
        authority: CertificateAuthority,
        more_names: Vec<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        if let Some(name) = more_names.iter().find(|name| !is_name(name)) {
            bail!("--tls-san {name:?} is neither the name of a host nor an IP address");
        }
        let first =
            authority.issue(&names(&more_names), clock.now()).context("making the server's certificate")?;
        Ok(Self { authority, more_names, clock, current: Mutex::new(first) })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_due(now) {
            match self.authority.issue(&names(&self.more_names), now) {
                Ok(next) => *current = next,
                Err(error) => {
                    tracing::error!(%error, until_ms = current.until.0, "the server's certificate cannot be renewed");
                }
            }
        }
        current.key.clone()
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").field("more_names", &self.more_names).finish_non_exhaustive()
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Wharf certificate authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// Valid from now on for so long.
fn set_validity(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    let ms = u64::try_from(now.0).unwrap_or(0).min(MOMENT_MAX_MS);
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(ms);
    params.not_before = now - CLOCKS_BEHIND;
    params.not_after = now + life;
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What the server answers to: on this host, by the host's name and addresses, and as an agent asks for it.
fn names(more: &[String]) -> Vec<String> {
    let mut names: Vec<String> = [SERVER_NAME, "localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    names.extend(crate::host::address::hostname().filter(|name| is_name(name)));
    names.extend(crate::host::address::all().iter().take(ADDRESSES_MAX).map(IpAddr::to_string));
    names.extend_from_slice(more);
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// An address, or a host's name; its first label may be a `*`.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let is_host = |name: &str| name.len() <= 253 && name.split('.').all(is_label);
    text.parse::<IpAddr>().is_ok() || is_host(text.strip_prefix("*.").unwrap_or(text))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    const NOW: i64 = 1_800_000_000_000;

    fn data() -> (tempfile::TempDir, DataDir) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(Some(dir.path())).unwrap();
        (dir, data)
    }

    #[test]
    fn an_authority_is_made_once_and_its_key_is_its_owners_alone() {
        let (_dir, data) = data();
        let first = CertificateAuthority::open(&data, Timestamp(NOW)).unwrap();
        let again = CertificateAuthority::open(&data, Timestamp(NOW + 1)).unwrap();
        assert_eq!(first.certificate, again.certificate);
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(data.authority_key()), mode(data.authority_certificate())), (0o600, 0o644));
        // A kill between the two files.
        std::fs::remove_file(data.authority_certificate()).unwrap();
        CertificateAuthority::open(&data, Timestamp(NOW)).unwrap();
        std::fs::remove_file(data.authority_key()).unwrap();
        let refused = CertificateAuthority::open(&data, Timestamp(NOW)).err().expect("no key").to_string();
        assert!(refused.contains("every agent has to join again"), "{refused}");
    }

    #[test]
    fn a_certificate_is_renewed_in_time_and_when_the_clock_was_set_back() {
        let (_dir, data) = data();
        let authority = CertificateAuthority::open(&data, Timestamp(NOW)).unwrap();
        let clock = Arc::new(SetClock(NOW.into()));
        let server = ServerCertificate::new(authority, vec!["wharf.example".into()], clock.clone()).unwrap();
        let at = |ms: i64| {
            clock.0.store(ms, Ordering::Relaxed);
            server.current().cert[0].clone()
        };
        let first = at(NOW);
        assert_eq!(at(NOW + millis(RENEWED_AFTER) - 1), first);
        let second = at(NOW + millis(RENEWED_AFTER));
        assert_ne!(second, first);
        // However long nobody came.
        let third = at(NOW + 10 * millis(LIFE));
        assert_ne!(third, second);
        assert_eq!(at(NOW + 10 * millis(LIFE)), third);
        assert_ne!(at(NOW), third);
    }

    #[test]
    fn a_name_that_is_none_is_refused_by_name() {
        let (_dir, data) = data();
        let open = || CertificateAuthority::open(&data, Timestamp(NOW)).unwrap();
        let clock = || Arc::new(SetClock(NOW.into()));
        for name in ["a b", "", "é.example", "https://x", "10.0.0.1:4566"] {
            let refused =
                ServerCertificate::new(open(), vec![name.into()], clock()).expect_err(name).to_string();
            assert!(refused.contains("--tls-san"), "{refused}");
        }
        for name in ["10.0.0.1", "fd00::1", "wharf.example", "*.wharf.example", "my_host"] {
            ServerCertificate::new(open(), vec![name.into()], clock()).expect(name);
        }
    }
}
