//! The fluentd driver: batches over the forward protocol to Fluentd or Fluent Bit.
//!
//! With `fluentd-request-ack` a batch counts as delivered once the collector has acknowledged it; without, once the
//! kernel has it, and a collector that dies just then loses it. What it is not: a buffer; the spool is.

mod address;
mod message;

use crate::backoff::fnv1a;
use crate::spool::Cursor;
use address::Address;
use agent_driver::{FluentdSpec, LogError, LogEvent, RuntimeId, SinkError};
use futures_util::FutureExt as _;
use message::{Encoder, Message, read_ack};
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;

/// As long as the client library of Docker's driver waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A collector that neither reads nor acknowledges for so long is connected to anew.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// An acknowledgement is shorter.
const ANSWER_BYTES_MAX: usize = 1024;

trait Connection: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Connection for T {}

/// One container's way to its collector.
pub struct Forwarder {
    address: Address,
    connect_async: bool,
    encoder: Encoder,
    connection: Option<Box<dyn Connection>>,
}

impl Forwarder {
    /// Does not connect yet.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(id: &RuntimeId, spec: FluentdSpec) -> Result<Self, LogError> {
        let address = Address::parse(&spec.address).map_err(|reason| initialize_error(&reason))?;
        let connect_async = spec.connect_async;
        Ok(Self { address, connect_async, encoder: Encoder::new(fnv1a(&id.0), spec), connection: None })
    }

    /// Makes sure that somebody listens, unless the spec says that this does not matter yet.
    ///
    /// # Errors
    /// Nobody does: the words of Docker.
    pub async fn prepare(&self) -> Result<(), LogError> {
        if self.connect_async {
            return Ok(());
        }
        connect(&self.address).await.map(drop).map_err(|reason| initialize_error(&reason))
    }

    /// Sends events, which begin at `from` in the spool, once.
    ///
    /// # Errors
    /// They may not have arrived; some of them may have.
    pub async fn send(&mut self, from: Cursor, events: &[LogEvent]) -> Result<(), SinkError> {
        for message in self.encoder.messages(from, events) {
            let mut connection = match self.connection.take().and_then(still_open) {
                Some(connection) => connection,
                None => connect(&self.address).await.map_err(SinkError::Retry)?,
            };
            let sent = timeout(SEND_TIMEOUT, exchange(&mut *connection, &message)).await;
            sent.map_err(|_| SinkError::Retry(format!("{}: i/o timeout", self.address)))?
                .map_err(|error| SinkError::Retry(format!("{}: {error}", self.address)))?;
            self.connection = Some(connection);
        }
        Ok(())
    }
}

fn initialize_error(reason: &str) -> LogError {
    LogError(format!("failed to initialize logging driver: {reason}"))
}

/// # Errors
/// In the words of Go, which are Docker's.
async fn connect(address: &Address) -> Result<Box<dyn Connection>, String> {
    match timeout(CONNECT_TIMEOUT, dial(address)).await {
        Ok(dialled) => dialled,
        Err(_) => Err(format!("dial {address}: i/o timeout")),
    }
}

async fn dial(address: &Address) -> Result<Box<dyn Connection>, String> {
    let failed = |error: io::Error| {
        let reason = match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::NotFound => "no such file or directory".to_owned(),
            _ => error.to_string(),
        };
        format!("dial {address}: connect: {reason}")
    };
    Ok(match address {
        Address::Tcp(host, port) => {
            let found = lookup_host((host.as_str(), *port)).await;
            let found = found.map_err(|_| format!("dial tcp: lookup {host}: no such host"))?;
            Box::new(TcpStream::connect(&found.collect::<Vec<_>>()[..]).await.map_err(failed)?)
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
    })
}

/// The connection, unless the collector has closed its end, as far as is known. It has nothing to say unless asked.
fn still_open(mut connection: Box<dyn Connection>) -> Option<Box<dyn Connection>> {
    let mut byte = [0];
    let is_open = connection.read(&mut byte).now_or_never().is_none();
    is_open.then_some(connection)
}

async fn exchange(connection: &mut dyn Connection, message: &Message) -> io::Result<()> {
    connection.write_all(&message.bytes).await?;
    connection.flush().await?;
    let Some(chunk) = &message.chunk else { return Ok(()) };
    let invalid = |reason: String| io::Error::new(ErrorKind::InvalidData, reason);
    let mut answer = Vec::new();
    loop {
        if answer.len() >= ANSWER_BYTES_MAX {
            return Err(invalid("the collector's answer is too long".to_owned()));
        }
        if connection.read_buf(&mut answer).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match read_ack(&answer).map_err(invalid)? {
            Some(ack) if ack == *chunk => return Ok(()),
            Some(_) => return Err(invalid("the collector acknowledged another chunk".to_owned())),
            None => {}
        }
    }
}
